import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelEvent } from '../../src/core/call.ts'
import { call, chatRecordings, chunk, decode, encode, PROVIDERS, SSE, sse, streamCall } from './calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const end = chunk({}, { finish_reason: 'stop' })
const all = (...deltas: readonly unknown[]): readonly ModelEvent[] =>
  decode(streamCall, sse(...deltas.map((delta) => chunk(delta)), end, '[DONE]'))
const tool = (piece: Readonly<Record<string, unknown>>, index: number | null = 0) => ({
  tool_calls: [{ ...(index === null ? {} : { index }), ...piece }],
})
const detail = (piece: Readonly<Record<string, unknown>>, index = 0) => ({ reasoning_details: [{ index, ...piece }] })

describe('what is complete in its event', () => {
  it.each<[string, readonly unknown[]]>([
    ['the id of a tool call', [tool({ id: 'DE893704004' }), tool({ id: '40532013000' })]],
    [
      'the id of a tool call, in one event',
      [
        {
          tool_calls: [
            { index: 0, id: 'a' },
            { index: 0, id: 'b' },
          ],
        },
      ],
    ],
    ['its type', [tool({ type: 'function' }), tool({ type: 'custom' })]],
    ['an id within it', [tool({ function: { id: 'a' } }), tool({ function: { id: 'b' } })]],
    ['a type within it', [tool({ custom: { type: 'a' } }), tool({ custom: { type: 'b' } })]],
    ['the role', [{ role: 'assistant' }, { role: 'assistant2' }]],
    ['the id of the message', [{ id: 'a' }, { id: 'b' }]],
    ['the id of a tool call that it answers', [{ tool_call_id: 'a' }, { tool_call_id: 'b' }]],
    ['a format', [{ audio: { format: 'a' } }, { audio: { format: 'b' } }]],
    ['the id of a sound', [{ audio: { id: 'a' } }, { audio: { transcript: 'x' } }, { audio: { id: 'b' } }]],
    ['the id of a thought', [detail({ id: 'a' }), detail({ id: 'b' })]],
    ['a number', [{ n: 1234 }, { n: 4321 }]],
    ['the same number', [{ n: 1234 }, { n: 1234 }]],
    ['a number as it was written', [{ n: 1 }, { n: 0.5 }]],
    ['a number in a tool call', [tool({ function: { n: 1 } }), tool({ function: { n: 2 } })]],
    ['an item before the first', [detail({ text: 'a' }, 5), detail({ text: 'b' }, 0)]],
    ['an item with a number after one without', [{ list: [{ t: 'a' }] }, { list: [{ index: 0, t: 'b' }] }]],
    ['an item without a number after one with', [{ list: [{ index: 0, t: 'a' }] }, { list: [{ t: 'b' }] }]],
    ['an item with one left out', [detail({ text: 'a' }), detail({ text: 'b' }, 2)]],
  ])('is refused where it comes again as another: %s', (_, deltas) => {
    expect(() => all(...deltas)).toThrow(MALFORMED)
  })

  it.each<[string, readonly unknown[]]>([
    [
      'the same',
      [
        { role: 'assistant', ...tool({ id: 'a', type: 'function' }) },
        { role: 'assistant', ...tool({ id: 'a' }) },
      ],
    ],
    [
      'nothing',
      [
        { role: 'assistant', ...tool({ id: 'a' }) },
        { role: '', ...tool({ id: '', type: null }) },
      ],
    ],
    ['of another call', [tool({ id: 'a' }), tool({ id: 'b' }, 1), tool({ function: { arguments: '{' } })]],
    ['of a call without a number', [tool({ id: 'a' }, null), tool({ id: 'b' }, null)]],
    [
      'the type of a thought, which SDKs replace',
      [detail({ type: 'reasoning.text' }), detail({ type: 'reasoning.encrypted' })],
    ],
    [
      'of chunks without a number',
      [{ content: [{ type: 'thinking', thinking: [] }] }, { content: [{ type: 'text', text: 'x' }] }],
    ],
    [
      'numbers in a list',
      [
        { content: [{ type: 'reference', reference_ids: [1, 2] }] },
        { content: [{ type: 'reference', reference_ids: [3] }] },
      ],
    ],
    ['true', [{ closed: true }, { closed: true }]],
  ])('may come again: %s', (_, deltas) => expect(all(...deltas)).toHaveLength(deltas.length + 1))

  it('another choice is another', () => {
    const other = { choices: [{ index: 1, delta: { id: 'b', n: 2 }, finish_reason: 'stop' }] }
    expect(decode(call({ stream: true, n: 2 }), sse(chunk({ id: 'a', n: 1 }), other, end))).toHaveLength(3)
  })
})

describe('the numbers of tool calls', () => {
  /** As openai-python puts the items of a list together: at their place, else at the end. */
  function python(body: string): string[] {
    const list: string[] = []
    for (const line of body.split('\n')) {
      if (!line.startsWith('data: {')) continue
      for (const { index, function: called } of JSON.parse(line.slice(6)).choices[0].delta.tool_calls ?? []) {
        if (index < list.length) list[index] += called.arguments
        else list.splice(index, 0, called.arguments)
      }
    }
    return list
  }

  it.each<[string, readonly (number | null)[], readonly number[]]>([
    ['in order', [0, 0, 1], [0, 0, 1]],
    ['from one on', [1, 1, 2], [0, 0, 1]],
    ['backwards', [5, 0, 5], [0, 1, 0]],
    ['with one left out', [0, 5, 1], [0, 1, 2]],
    ['none', [null, null], [0, 1]],
  ])('count from nought, in the order in which the calls begin: %s', (_, given, expected) => {
    const events = all(
      ...given.map((index, at) => tool({ id: `c${index ?? at}`, function: { arguments: 'x' } }, index)),
    )
    const lanes = events.flatMap(({ parts }) =>
      parts.map(({ lane }) => lane).filter((lane) => lane.endsWith('arguments')),
    )
    expect(lanes).toEqual(expected.map((index) => `choices/0/tool_calls/${index}/function/arguments`))
  })

  it('what an SDK puts together was one lane', () => {
    const piece = fc.record({ index: fc.nat(4), text: fc.stringMatching(/^[a-z]{1,3}$/) })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const events = all(...pieces.map(({ index, text }) => tool({ function: { arguments: text } }, index)))
        const lanes = new Map<string, string>()
        for (const { lane, text } of events.flatMap(({ parts }) => parts)) {
          if (lane.includes('tool_calls')) lanes.set(lane, (lanes.get(lane) ?? '') + text)
        }
        expect(python(encode(streamCall, events))).toEqual([...lanes.values()])
      }),
    )
  })
})

const recorded = chatRecordings(...PROVIDERS)
it.skipIf(recorded === null)(
  'the calls of every recorded stream are left as they are (skipped without fixtures)',
  () => {
    let found = 0
    for (const { file, response } of recorded ?? []) {
      if (response.framing !== 'sse') continue
      for (const { parts } of decode(streamCall, response.bytes, 200, SSE)) {
        for (const { lane, text } of parts) {
          if (!lane.endsWith('/function/name')) continue
          found++
          const index = Number(lane.split('/')[3])
          const line = response.bytes
            .toString()
            .split('\n')
            .find((one) => one.includes(`"name":"${text}"`) || one.includes(`"name": "${text}"`))
          const [given] = JSON.parse(line?.slice(6) ?? '').choices[0].delta.tool_calls
          expect(given.index ?? 0, file).toBe(index)
        }
      }
    }
    expect(found).toBeGreaterThan(5)
  },
)
