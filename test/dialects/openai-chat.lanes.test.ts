import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelEvent } from '../../src/core/call.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import { call, chatRecordings, chunk, decode, drain, PROVIDERS, SSE, sse, streamCall } from './calls.ts'

/** What an inspector needs to see at once; the name of the tool is shorter, so that as long as it may go on it holds everything. */
const HOLD = 32

const tool = (piece: Readonly<Record<string, unknown>>, index = 0): Readonly<Record<string, unknown>> =>
  chunk({ tool_calls: [{ index, ...piece }] })
const named = (name: string, given = '', index = 0) =>
  tool({ id: `call_${index}`, type: 'function', function: { name, arguments: given } }, index)
const argued = (given: string, index = 0) => tool({ function: { arguments: given } }, index)
const finish = chunk({}, { finish_reason: 'tool_calls' })

/** How many events have left after each, with an inspector at work that finds nothing. */
function released(events: readonly ModelEvent[]): readonly number[] {
  const lanes = new Lanes()
  let out = 0
  return events.map((event) => {
    lanes.add(event)
    lanes.found([])
    lanes.settle([], HOLD, false)
    out += lanes.release().length
    return out
  })
}

describe('the arguments of a tool', () => {
  const fragments = Array.from({ length: 20 }, (_, at) => argued(`{"fragment": ${at}}`))

  it.each<[string, readonly unknown[], number]>([
    ['after the name', [named('lookup'), ...fragments], 2],
    ['from the event of the name on', [named('lookup', '{"first":1}'), ...fragments], 1],
    ['of a name in pieces', [named('look'), tool({ function: { name: 'up' } }), ...fragments], 3],
    ['of a custom tool', [tool({ id: 'c', type: 'custom', custom: { name: 'sql', input: '' } }), ...custom()], 2],
    ['of the legacy function call', [chunk({ function_call: { name: 'f', arguments: '' } }), ...legacy()], 2],
  ])('%s are released while they stream', (_, chunks) => {
    const events = decode(streamCall, sse(...chunks, finish, '[DONE]'))
    const counts = released(events.slice(0, -1))
    // Of each fragment only what an inspector still needs is held: 32 units are two fragments and a bit.
    expect(counts.at(-1)).toBeGreaterThanOrEqual(chunks.length - 3)
    expect(counts.at(-1)).toBeLessThan(chunks.length)
  })

  function custom(): readonly unknown[] {
    return Array.from({ length: 20 }, (_, at) => tool({ custom: { input: `select ${at} + 123456` } }))
  }
  function legacy(): readonly unknown[] {
    return Array.from({ length: 20 }, (_, at) => chunk({ function_call: { arguments: `{"fragment": ${at}}` } }))
  }

  it('a name that may go on holds everything behind it', () => {
    const events = decode(
      streamCall,
      sse(named('lookup'), ...Array(5).fill(tool({ function: { arguments: '' } })), finish, '[DONE]'),
    )
    expect(released(events.slice(0, -1)).at(-1)).toBe(0)
  })

  it('each call of several ends its own name', () => {
    const events = decode(
      streamCall,
      sse(named('a'), argued('{', 0), named('b', '', 1), argued('{', 1), argued('}', 0), finish, '[DONE]'),
    )
    expect(events.map(({ closes }) => closes ?? [])).toEqual([
      [],
      ['choices/0/tool_calls/0/function/name'],
      [],
      ['choices/0/tool_calls/1/function/name'],
      [],
      [],
    ])
  })
})

describe('a name after its arguments', () => {
  it.each<[string, readonly unknown[]]>([
    ['a later piece', [named('look'), argued('{'), tool({ function: { name: 'up' } })]],
    ['the same once more', [named('look', '{'), named('look', '}')]],
    [
      'in one event',
      [
        chunk({
          tool_calls: [
            { index: 0, function: { name: 'a', arguments: '{' } },
            { index: 0, function: { name: 'b' } },
          ],
        }),
      ],
    ],
    ['of a custom tool', [tool({ custom: { name: 'a', input: 'x' } }), tool({ custom: { name: 'b' } })]],
    [
      'of the legacy call',
      [chunk({ function_call: { name: 'a', arguments: 'x' } }), chunk({ function_call: { name: 'b' } })],
    ],
  ])('is malformed: %s', (_, chunks) => {
    expect(() =>
      drain(
        openaiChat.decode(streamCall, 200, SSE),
        chunks.map((one) => Buffer.from(sse(one))),
      ),
    ).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }))
  })

  it.each([[''], [null]])('%j says nothing', (name) => {
    const events = decode(
      streamCall,
      sse(named('look', '{'), tool({ function: { name, arguments: '}' } }), finish, '[DONE]'),
    )
    const lanes = new Set(events.slice(1).flatMap(({ parts }) => parts.map(({ lane }) => lane)))
    expect(lanes).not.toContain('choices/0/tool_calls/0/function/name')
    expect(lanes).toContain('choices/0/tool_calls/0/function/arguments')
  })

  it('another choice, another name', () => {
    const other = { id: 'x', choices: [{ index: 1, delta: { tool_calls: [{ index: 0, function: { name: 'b' } }] } }] }
    expect(decode(call({ stream: true, n: 2 }), sse(named('a', '{'), other, finish, '[DONE]'))).toHaveLength(3)
  })
})

describe('lanes that end', () => {
  const all = chatRecordings(...PROVIDERS)
  it.skipIf(all === null)('no recording names one again (skipped without fixtures)', () => {
    let closed = 0
    for (const { file, response } of all ?? []) {
      if (response.framing !== 'sse') continue
      const over = new Set<string>()
      for (const { parts, closes } of decode(streamCall, response.bytes, 200, SSE)) {
        for (const { lane } of parts) expect(over, file).not.toContain(lane)
        for (const lane of closes ?? []) over.add(lane)
      }
      closed += over.size
    }
    expect(closed).toBeGreaterThan(5)
  })

  it('whatever the pieces, no lane is named after its end, or the stream is refused', () => {
    const piece = fc.record({
      index: fc.constantFrom(0, 1),
      name: fc.constantFrom('', 'a', undefined),
      given: fc.constantFrom('', '{', undefined),
    })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const over = new Set<string>()
        const decoder = openaiChat.decode(streamCall, 200, SSE)
        const spent = new Set<number>()
        for (const { index, name, given } of pieces) {
          const bytes = Buffer.from(sse(tool({ function: { name, arguments: given } }, index)))
          if (spent.has(index) && name === 'a') {
            expect(() => decoder.push(bytes)).toThrow()
            return
          }
          if (given === '{') spent.add(index)
          for (const { parts, closes } of decoder.push(bytes)) {
            for (const { lane } of parts) expect(over).not.toContain(lane)
            for (const lane of closes ?? []) over.add(lane)
          }
        }
        expect(over.size).toBe(spent.size)
      }),
    )
  })
})

describe('content in chunks', () => {
  const thought = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] })
  const text = (words: string) => ({ type: 'text', text: words })

  it('continues where it is one text for the client, whatever form its pieces have', () => {
    const events = decode(
      streamCall,
      sse(
        chunk({ content: [thought('to ')] }),
        chunk({ content: [thought('add'), text('fo')] }),
        chunk({ content: 'ur' }),
        chunk({ content: [{ type: 'reference', reference_ids: ['r-1'] }, text('!')] }, { finish_reason: 'stop' }),
        '[DONE]',
      ),
    )
    const lanes = new Map<string, string>()
    for (const { lane, text, channel } of events.flatMap(({ parts }) => parts)) {
      if (lane.startsWith('choices')) lanes.set(`${channel} ${lane}`, (lanes.get(`${channel} ${lane}`) ?? '') + text)
    }
    expect(Object.fromEntries(lanes)).toEqual({
      'reasoning choices/0/content/thinking': 'to add',
      'text choices/0/content': 'four!',
      'data choices/0/content/0/reference_ids/0': 'r-1',
    })
  })
})
