import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent, Usage } from '../../src/core/call.ts'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import { encodeMessage } from '../../src/dialects/eventstream.ts'
import { fixturesFolder, split } from '../kit/index.ts'
import {
  bedrockRecordings,
  decode,
  delta,
  type Event,
  frames,
  headersOf,
  isStream,
  MESSAGE_START,
  MESSAGE_STOP,
  METADATA,
  STREAM_TYPE,
  start,
  stop,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { drain } from './calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const usageOf = (events: readonly ModelEvent[]): Usage => Object.assign({}, ...events.map(({ usage }) => usage))

/** What an event is to the pipeline and to the client. */
const seen = (of: ModelCall, events: readonly ModelEvent[]): unknown => {
  const encoder = bedrockConverse.encode(of)
  return events.map((event) => [
    { ...event, frame: null },
    Buffer.from(encoder.event(event, undefined)).toString('hex'),
  ])
}

const lanes = (event: ModelEvent | undefined) =>
  event?.parts.map(({ lane, role, channel, text, signed }) =>
    signed === true ? [lane, role, channel, text, 'signed'] : [lane, role, channel, text],
  )

const complete = frames(MESSAGE_START, delta(0, { text: 'hello' }), stop(0), MESSAGE_STOP, METADATA)

describe('streams', () => {
  it('are deltas, then a finish, then what it cost; text continues in its lane and ends with its block', () => {
    const events = decode(
      streamCall,
      frames(
        MESSAGE_START,
        delta(0, { reasoningContent: { text: 'h' } }),
        delta(0, { reasoningContent: { text: 'm' } }),
        delta(0, { reasoningContent: { signature: 'sig' } }),
        stop(0),
        delta(1, { text: 'hel' }),
        delta(1, {
          citation: { title: 'T', source: 'S', sourceContent: [{ text: 'q' }], location: { web: { url: 'u' } } },
        }),
        stop(1),
        start(2, { toolUse: { toolUseId: 't', name: 'f' } }),
        delta(2, { toolUse: { input: '{"a"' } }),
        stop(2),
        start(3, { toolResult: { toolUseId: 't', status: 'success' } }),
        delta(3, { toolResult: [{ text: 'a' }, { text: 'b' }, { json: { c: 'd' } }] }),
        stop(3),
        ['messageStop', { stopReason: 'tool_use', additionalModelResponseFields: { stop_sequence: 'x' } }],
        METADATA,
      ),
    )
    expect(events.map(({ kind }) => kind).join(' ')).toBe(`${'delta '.repeat(14)}finish delta`)
    expect(events.map(lanes)).toEqual([
      [['@0/role', 'none', 'data', 'assistant']],
      [['content/0/reasoningContent/text', 'assistant', 'reasoning', 'h', 'signed']],
      [['content/0/reasoningContent/text', 'assistant', 'reasoning', 'm', 'signed']],
      [['content/0/reasoningContent/signature', 'assistant', 'reasoning', 'sig', 'signed']],
      [],
      [['content/1/text', 'assistant', 'text', 'hel']],
      [
        ['@6/delta/citation/title', 'assistant', 'text', 'T'],
        ['@6/delta/citation/source', 'assistant', 'text', 'S'],
        ['content/1/citation/sourceContent/text', 'assistant', 'text', 'q'],
        ['@6/delta/citation/location/web/url', 'assistant', 'text', 'u'],
      ],
      [],
      [
        ['@8/start/toolUse/toolUseId', 'assistant', 'tool', 't'],
        ['@8/start/toolUse/name', 'assistant', 'tool', 'f'],
      ],
      [['content/2/toolUse/input', 'assistant', 'tool', '{"a"']],
      [],
      [
        ['@11/start/toolResult/toolUseId', 'assistant', 'tool', 't'],
        ['@11/start/toolResult/status', 'assistant', 'tool', 'success'],
      ],
      [
        ['content/3/toolResult/text', 'assistant', 'tool', 'a'],
        ['content/3/toolResult/text', 'assistant', 'tool', 'b'],
        ['@12#/delta/toolResult/2/json/c', 'assistant', 'data', 'c'],
        ['@12/delta/toolResult/2/json/c', 'assistant', 'tool', 'd'],
      ],
      [],
      [
        ['@14/stopReason', 'none', 'data', 'tool_use'],
        ['@14#/additionalModelResponseFields/stop_sequence', 'none', 'data', 'stop_sequence'],
        ['@14/additionalModelResponseFields/stop_sequence', 'none', 'data', 'x'],
      ],
      [],
    ])
    expect(events[4]?.closes).toContain('content/0/reasoningContent/text')
    expect(events[7]?.closes).toEqual(['content/1/citation/sourceContent/text'])
    expect(events[8]?.closes).toEqual(['content/1/text'])
    expect(events[10]?.closes).toEqual(['content/2/toolUse/input'])
    expect(events[13]?.closes).toEqual(['content/3/toolResult/text'])
    expect(events[14]).toMatchObject({ kind: 'finish', reason: 'tool_use' })
    expect(usageOf(events)).toEqual({ inputTokens: 3, outputTokens: 5, totalTokens: 8 })
  })

  it('hide no text that AWS has added since: an unknown string continues in a lane', () => {
    const events = decode(
      streamCall,
      frames(
        MESSAGE_START,
        start(0, { hologram: { text: 'a' } }),
        delta(0, { hologram: { text: 'b', deep: [['c']] } }),
        stop(0),
        MESSAGE_STOP,
      ),
    )
    const texts = events.flatMap(({ parts }) => parts.map(({ lane, text }) => [lane, text]))
    expect(texts).toEqual([
      ['@0/role', 'assistant'],
      ['@1#/start/hologram', 'hologram'],
      ['content/0/hologram/text', 'a'],
      ['@2#/delta/hologram', 'hologram'],
      ['content/0/hologram/text', 'b'],
      ['@2#/delta/hologram/deep', 'deep'],
      ['content/0/hologram/deep', 'c'],
      ['@4/stopReason', 'end_turn'],
    ])
  })

  it.each<[string, readonly Event[]]>([
    ['without metadata', [MESSAGE_START, delta(0, { text: 'x' }), stop(0), MESSAGE_STOP]],
    ['with metadata before the end', [MESSAGE_START, delta(0, { text: 'x' }), stop(0), METADATA, MESSAGE_STOP]],
    ['without messageStart', [delta(0, { text: 'x' }), stop(0), MESSAGE_STOP]],
    ['with a block that never stops', [MESSAGE_START, delta(0, { text: 'x' }), MESSAGE_STOP]],
    ['with a block of nothing', [MESSAGE_START, stop(0), MESSAGE_STOP]],
    ['with a start that says nothing', [MESSAGE_START, start(0, {}), delta(0, { text: 'x' }), stop(0), MESSAGE_STOP]],
    [
      'with two blocks at once',
      [MESSAGE_START, delta(0, { text: 'x' }), delta(1, { text: 'y' }), stop(1), stop(0), MESSAGE_STOP],
    ],
    ['of nothing', [MESSAGE_START, MESSAGE_STOP]],
  ])('are complete %s', (_, events) => {
    expect(decode(streamCall, frames(...events)).filter(({ kind }) => kind === 'finish')).toHaveLength(1)
  })

  it.each<[string, readonly Event[]]>([
    ['an event of another type', [MESSAGE_START, ['contentBlockReplace', { contentBlockIndex: 0 }]]],
    ['an event without a type', [['', {}]]],
    ['two messages', [MESSAGE_START, MESSAGE_START]],
    ['a messageStart after a block', [delta(0, { text: 'x' }), MESSAGE_START]],
    ['a message of the user', [['messageStart', { role: 'user' }]]],
    ['a message of nobody', [['messageStart', {}]]],
    ['a delta without an index', [MESSAGE_START, delta(undefined, { text: 'x' })]],
    ['a delta below nothing', [MESSAGE_START, delta(-1, { text: 'x' })]],
    ['a delta at half an index', [MESSAGE_START, delta(0.5, { text: 'x' })]],
    ['a delta at an index in words', [MESSAGE_START, delta('0', { text: 'x' })]],
    ['a delta without a delta', [MESSAGE_START, ['contentBlockDelta', { contentBlockIndex: 0 }]]],
    ['a delta of two kinds', [MESSAGE_START, delta(0, { text: 'x', toolUse: { input: 'y' } })]],
    ['a block of two kinds', [MESSAGE_START, delta(0, { text: 'x' }), delta(0, { toolUse: { input: 'y' } })]],
    ['a block of another kind than its start', [MESSAGE_START, start(0, { toolUse: {} }), delta(0, { text: 'x' })]],
    ['text that is a number', [MESSAGE_START, delta(0, { text: 4111 })]],
    ['tool input that is an object', [MESSAGE_START, delta(0, { toolUse: { input: {} } })]],
    ['a tool that is a string', [MESSAGE_START, delta(0, { toolUse: 'x' })]],
    ['reasoning that is a list', [MESSAGE_START, delta(0, { reasoningContent: { text: ['x'] } })]],
    ['a block that begins twice', [MESSAGE_START, start(0, { toolUse: {} }), start(0, { toolUse: {} })]],
    ['a block that begins after its delta', [MESSAGE_START, delta(0, { text: 'x' }), start(0, {})]],
    ['a block that goes on after its end', [MESSAGE_START, delta(0, { text: 'x' }), stop(0), delta(0, { text: 'y' })]],
    ['a block that ends twice', [MESSAGE_START, delta(0, { text: 'x' }), stop(0), stop(0)]],
    ['an end without a reason', [MESSAGE_START, ['messageStop', {}]]],
    ['two ends', [MESSAGE_START, MESSAGE_STOP, MESSAGE_STOP]],
    ['text after the end', [MESSAGE_START, MESSAGE_STOP, delta(0, { text: 'x' })]],
    ['metadata twice', [MESSAGE_START, MESSAGE_STOP, METADATA, METADATA]],
    ['usage below nothing', [MESSAGE_START, MESSAGE_STOP, ['metadata', { usage: { outputTokens: -1 } }]]],
    ['usage beyond all', [MESSAGE_START, MESSAGE_STOP, ['metadata', { usage: { outputTokens: 1_000_000_000_001 } }]]],
    ['a payload that is a list', [['messageStart', []]]],
  ])('are refused for %s', (_, events) => {
    expect(() => decode(streamCall, frames(...events))).toThrow(MALFORMED)
  })

  it.each<[string, Uint8Array]>([
    ['a message of another type', encodeMessage({ ':message-type': 'ping' }, Buffer.from('{}'))],
    ['a message without a type', encodeMessage({ ':event-type': 'messageStart' }, Buffer.from('{}'))],
    [
      'an index as 1.0',
      encodeMessage(
        { ':message-type': 'event', ':event-type': 'contentBlockStop' },
        Buffer.from('{"contentBlockIndex":1.0}'),
      ),
    ],
    [
      'a name twice',
      encodeMessage(
        { ':message-type': 'event', ':event-type': 'messageStart' },
        Buffer.from('{"role":"assistant","role":"user"}'),
      ),
    ],
    [
      'bad UTF-8',
      encodeMessage(
        { ':message-type': 'event', ':event-type': 'messageStart' },
        Buffer.from('{"role":"\xff"}', 'latin1'),
      ),
    ],
    ['server-sent events', Buffer.from('data: {"type":"message_start"}\n\n')],
  ])('are refused for %s', (_, bytes) => {
    expect(() => decode(streamCall, bytes)).toThrow(MALFORMED)
  })

  it('that end before messageStop are truncated, wherever', () => {
    const end = complete.length - frames(MESSAGE_STOP, METADATA).length
    for (let length = 0; length < complete.length; length++) {
      const run = () => decode(streamCall, complete.subarray(0, length))
      if (length === end + frames(MESSAGE_STOP).length) expect(run().at(-1)).toMatchObject({ kind: 'finish' })
      else expect(run, `${length} bytes`).toThrow(TRUNCATED)
    }
  })

  it('of which one bit was turned are never taken for whole', () => {
    for (let bit = 0; bit < complete.length * 8; bit += 3) {
      const bytes = Buffer.from(complete)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => decode(streamCall, bytes), `bit ${bit}`).toThrow(MALFORMED)
    }
  })

  it('give out what stood before a failure, then the failure, however they are cut', () => {
    const bytes = Buffer.concat([frames(MESSAGE_START, delta(0, { text: 'x' })), frames(['odd', {}]), frames(stop(0))])
    for (const size of [1, 50, 10_000]) {
      const decoder = bedrockConverse.decode(streamCall, 200, STREAM_TYPE)
      const events: ModelEvent[] = []
      let failure: unknown
      for (const chunk of split(bytes, size)) {
        try {
          events.push(...decoder.push(chunk))
        } catch (error) {
          failure ??= error
        }
      }
      expect(events).toHaveLength(2)
      if (size < 10_000) expect(failure).toEqual(MALFORMED)
      expect(() => decoder.end()).toThrow(MALFORMED)
    }
  })
})

const all = bedrockRecordings()
describe.skipIf(all === null)('recordings (skipped without fixtures)', () => {
  it('are all read, to a finish or a fault', () => {
    const endings = new Map<string, number>()
    for (const recording of all ?? []) {
      const { file, response } = recording
      const events = decode(
        isStream(recording) ? streamCall : wholeCall,
        response.bytes,
        response.status,
        headersOf(recording),
      )
      const ending = events.find(({ kind }) => kind !== 'delta')?.kind ?? 'none'
      endings.set(ending, (endings.get(ending) ?? 0) + 1)
      if (ending === 'finish') expect(usageOf(events), file).toHaveProperty('outputTokens')
    }
    expect(Object.fromEntries(endings)).toEqual({ finish: 46, fault: 3 })
  })

  it('are the same events and bytes for every split of small ones, and for random ones of all', () => {
    let small = 0
    for (const recording of all ?? []) {
      const { bytes, status } = recording.response
      const of = isStream(recording) ? streamCall : wholeCall
      const run = (chunks: readonly Uint8Array[]) =>
        seen(of, drain(bedrockConverse.decode(of, status, headersOf(recording)), chunks))
      const expected = run([bytes])
      if (bytes.length <= 1200) {
        small++
        for (let at = 1; at < bytes.length; at++)
          expect(run([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected)
      }
      const cuts = fc.array(fc.integer({ min: 1, max: bytes.length }), { minLength: 2, maxLength: 30 })
      fc.assert(
        fc.property(cuts, (list) => {
          const edges = [0, ...list.toSorted((a, b) => a - b), bytes.length]
          expect(run(edges.slice(1).map((to, index) => bytes.subarray(edges[index], to)))).toEqual(expected)
        }),
        { numRuns: 8 },
      )
    }
    expect(small).toBeGreaterThan(5)
  })
})

/** Answers in the tests of Vercel's AI SDK: a message of a stream a line, `{"<type>": <payload>}`, or a whole answer. */
const root = fixturesFolder()
const folder = root === null ? null : join(root, 'bedrock/_vercel-ai/root')
describe.skipIf(folder === null)('answers that Vercel tests with (skipped without fixtures)', () => {
  const files =
    folder === null ? [] : readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const)
  it.each(files.filter(([name]) => name.endsWith('.chunks.txt')))('%s', (_, text) => {
    const lines = text
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line))
    const bytes = frames(...lines.flatMap((line) => Object.entries(line)))
    const events = decode(streamCall, bytes)
    expect(events.filter(({ kind }) => kind === 'finish')).toHaveLength(1)
    expect(events).toHaveLength(lines.length)
  })
  it.each(files.filter(([name]) => name.endsWith('.json')))('%s', (_, text) => {
    expect(decode(wholeCall, text)).toMatchObject([{ kind: 'finish' }])
  })
})
