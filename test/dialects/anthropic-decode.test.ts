import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent, Usage } from '../../src/core/call.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import {
  blockStart,
  blockStop,
  call,
  count,
  decode,
  delta,
  drain,
  finish,
  JSON_TYPE,
  SSE,
  sse,
  start,
  stop,
  streamCall,
  text,
} from './anthropic-calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const usageOf = (events: readonly ModelEvent[]): Usage => Object.assign({}, ...events.map(({ usage }) => usage))
type Event = Readonly<Record<string, unknown>>

/** What an event is to the pipeline and to the client. */
const seen = (of: ModelCall, events: readonly ModelEvent[]): unknown =>
  events.map((event) => [
    { ...event, frame: null },
    Buffer.from(anthropicMessages.encode(of).event(event, undefined)).toString(),
  ])

describe('which answers are read', () => {
  const whole = '{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}'
  it.each<[string, ModelCall, number, Record<string, string>, string]>([
    ['no content type', call(), 200, {}, whole],
    ['text', call(), 200, { 'content-type': 'text/html' }, whole],
    ['something like JSON', call(), 200, { 'content-type': 'application/jsonl' }, whole],
    ['a stream nobody asked for', call(), 200, SSE, sse(start(), finish(), stop)],
    ['a whole answer where a stream was asked for', streamCall, 200, JSON_TYPE, whole],
    ['a compressed answer', call(), 200, { ...JSON_TYPE, 'content-encoding': 'gzip' }, whole],
    ['a redirect', call(), 307, JSON_TYPE, whole],
    ['an error in HTML', call(), 502, { 'content-type': 'text/html' }, '<h1>Bad Gateway</h1>'],
    ['an error as a stream', streamCall, 500, SSE, sse({ type: 'error', error: {} })],
    ['a list', call(), 200, JSON_TYPE, '[]'],
    ['no message', call(), 200, JSON_TYPE, '{"content":[]}'],
    ['a message without content', call(), 200, JSON_TYPE, '{"type":"message"}'],
    ['content in words', call(), 200, JSON_TYPE, '{"type":"message","content":"x"}'],
    ['a name twice', call(), 200, JSON_TYPE, '{"type":"message","type":"message","content":[]}'],
    ['half an answer', call(), 200, JSON_TYPE, whole.slice(0, -3)],
    ['usage below nothing', call(), 200, JSON_TYPE, '{"type":"message","content":[],"usage":{"input_tokens":-1}}'],
    [
      'usage beyond all',
      call(),
      200,
      JSON_TYPE,
      '{"type":"message","content":[],"usage":{"output_tokens":1000000000001}}',
    ],
    ['usage beyond numbers', call(), 200, JSON_TYPE, '{"type":"message","content":[],"usage":{"output_tokens":1e300}}'],
    ['an error that is no JSON', call(), 400, JSON_TYPE, 'Bad Request'],
  ])('not %s', (_, of, status, headers, body) => {
    expect(() => decode(of, body, status, headers)).toThrow(MALFORMED)
  })

  it('no body at all is a truncated one; bad UTF-8 is malformed', () => {
    expect(() => drain(anthropicMessages.decode(call(), 200, JSON_TYPE), [])).toThrow(TRUNCATED)
    const bad = Buffer.concat([Buffer.from('{"type":"message","content":["'), Buffer.from([0xff]), Buffer.from('"]}')])
    expect(() => decode(call(), bad)).toThrow(MALFORMED)
  })
})

describe('whole answers', () => {
  it('are one finish, with every text in its lane', () => {
    const [event, ...rest] = decode(
      call(),
      JSON.stringify({
        id: 'm',
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'a', signature: 's' },
          { type: 'text', text: 'b', citations: [{ type: 'char_location', cited_text: 'c' }] },
          { type: 'tool_use', id: 't', name: 'n', input: { x: 'd', card: 4111111111111111 } },
          { type: 'hologram', text: 'e' },
        ],
        stop_reason: 'tool_use',
        usage: {
          input_tokens: 5,
          output_tokens: 7,
          cache_read_input_tokens: 3,
          cache_creation_input_tokens: 2,
          output_tokens_details: { thinking_tokens: 4 },
        },
      }),
    )
    expect(rest).toEqual([])
    expect(event).toMatchObject({
      kind: 'finish',
      reason: 'tool_use',
      usage: { inputTokens: 5, outputTokens: 7, cachedInputTokens: 3, reasoningTokens: 4 },
    })
    const parts = event?.parts.map(({ lane, role, channel, text, signed }) => [lane, role, channel, text, signed])
    for (const part of [
      ['@0/content/0/thinking', 'assistant', 'reasoning', 'a', true],
      ['@0/content/0/signature', 'assistant', 'reasoning', 's', true],
      ['@0/content/1/text', 'assistant', 'text', 'b', undefined],
      ['@0/content/1/citations/0/cited_text', 'assistant', 'text', 'c', undefined],
      ['@0/content/2/name', 'assistant', 'tool', 'n', undefined],
      ['@0#/content/2/input/x', 'assistant', 'data', 'x', undefined],
      ['@0/content/2/input/x', 'assistant', 'tool', 'd', undefined],
      ['@0#/content/2/input/card~', 'assistant', 'data', '4111111111111111', undefined],
      ['@0/content/3/text', 'assistant', 'text', 'e', undefined],
    ]) {
      expect(parts).toContainEqual(part)
    }
  })

  it('without a stop_reason are finished all the same', () => {
    expect(decode(call(), '{"type":"message","content":[]}')).toMatchObject([{ kind: 'finish', reason: 'unknown' }])
  })

  it('to a count are a finish without usage; anything but a count is malformed', () => {
    const of = count({ model: 'a', messages: [{ role: 'user', content: 'x' }] })
    const read = (body: string, status = 200) => decode(of, body, status, JSON_TYPE, anthropicCountTokens)
    const [event] = read('{"input_tokens":12}')
    expect(event).toMatchObject({ kind: 'finish', reason: 'count_tokens' })
    expect(event?.usage).toBeUndefined()
    expect(Buffer.from(anthropicCountTokens.encode(of).event(event ?? fail(), undefined)).toString()).toBe(
      '{"input_tokens":12}',
    )
    for (const body of ['{}', '{"input_tokens":-1}', '{"input_tokens":"12"}', '{"input_tokens":1.5}']) {
      expect(() => read(body)).toThrow(MALFORMED)
    }
    expect(read('{"type":"error","error":{"type":"not_found_error","message":"no"}}', 404)).toMatchObject([
      { kind: 'fault', code: 'not_found_error' },
    ])
    expect(() => decode(of, '{"input_tokens":1}', 200, SSE, anthropicCountTokens)).toThrow(MALFORMED)
  })
})

const fail = (): never => {
  throw new Error('nothing was read')
}

describe('streams', () => {
  it('are deltas, then a finish; what a block says continues in its lanes, which close with it', () => {
    const events = decode(
      streamCall,
      sse(
        start(),
        { type: 'ping' },
        blockStart(0, { type: 'thinking', thinking: '', signature: '' }),
        delta(0, { type: 'thinking_delta', thinking: 'hm', estimated_tokens: 2 }),
        delta(0, { type: 'signature_delta', signature: 'sig' }),
        blockStop(0),
        blockStart(1, { type: 'text', text: 'he' }),
        text(1, 'llo'),
        delta(1, { type: 'citations_delta', citation: { type: 'char_location', cited_text: 'c' } }),
        blockStop(1),
        blockStart(2, { type: 'tool_use', id: 't', name: 'n', input: {} }),
        delta(2, { type: 'input_json_delta', partial_json: '{"a\\' }),
        delta(2, { type: 'input_json_delta', partial_json: 'u0062"' }),
        blockStop(2),
        finish('tool_use', { output_tokens: 9 }),
        stop,
      ),
    )
    const told = events.map((event) => [
      event.kind,
      event.parts
        .filter(({ lane }) => !lane.startsWith('@'))
        .map(({ lane, channel, text, signed }) => [lane, channel, text, signed]),
      event.closes,
    ])
    expect(told).toEqual([
      ['delta', [], undefined],
      ['delta', [], undefined],
      [
        'delta',
        [
          ['content/0/thinking', 'reasoning', '', true],
          ['content/0/signature', 'reasoning', '', true],
        ],
        undefined,
      ],
      ['delta', [['content/0/thinking', 'reasoning', 'hm', true]], undefined],
      ['delta', [['content/0/signature', 'reasoning', 'sig', true]], undefined],
      ['delta', [], ['content/0/thinking', 'content/0/signature']],
      ['delta', [['content/1/text', 'text', 'he', undefined]], undefined],
      ['delta', [['content/1/text', 'text', 'llo', undefined]], undefined],
      ['delta', [], undefined],
      ['delta', [], []],
      ['delta', [], ['content/1/text']],
      ['delta', [['content/2/input', 'tool', '{"a\\', undefined]], undefined],
      ['delta', [['content/2/input', 'tool', 'u0062"', undefined]], undefined],
      ['delta', [], ['content/2/input']],
      ['finish', [], undefined],
      ['delta', [], undefined],
    ])
    expect(events.at(-2)).toMatchObject({ reason: 'tool_use' })
    expect(events[8]?.parts).toContainEqual(
      expect.objectContaining({ lane: '@8/delta/citation/cited_text', channel: 'text', text: 'c' }),
    )
  })

  it('what a server tool has done stands in the start of its block', () => {
    const block = {
      type: 'web_search_tool_result',
      tool_use_id: 'i',
      content: [{ type: 'web_search_result', title: 'x', encrypted_content: 'e' }],
    }
    const events = decode(streamCall, sse(start(), blockStart(0, block), blockStop(0), finish(), stop))
    expect(events[1]?.parts).toContainEqual({
      lane: '@1/content_block/content/0/title',
      pointer: '/content_block/content/0/title',
      role: 'tool',
      channel: 'tool',
      text: 'x',
      signed: true,
    })
  })

  it('a summary is sealed in all of its lanes', () => {
    const block = { type: 'compaction', content: null, encrypted_content: null }
    const said = delta(0, { type: 'compaction_delta', content: 'all', encrypted_content: 'e' })
    const events = decode(
      streamCall,
      sse(start(), blockStart(0, block), said, blockStop(0), finish('compaction'), stop),
    )
    expect(events[2]?.parts.filter(({ lane }) => !lane.startsWith('@'))).toEqual([
      expect.objectContaining({ lane: 'content/0/content', channel: 'text', text: 'all', signed: true }),
      expect.objectContaining({ lane: 'content/0/encrypted_content', channel: 'data', text: 'e', signed: true }),
    ])
  })

  it('an unknown delta is seen, and its strings continue', () => {
    const said = (words: string) =>
      delta(0, { type: 'hologram_delta', text: words, deep: [{ er: words }], citation: 'c' })
    const events = decode(
      streamCall,
      sse(start(), blockStart(0, { type: 'hologram' }), said('a'), said('b'), blockStop(0), finish(), stop),
    )
    for (const [at, words] of [
      [2, 'a'],
      [3, 'b'],
    ] as const) {
      expect(events[at]?.parts).toContainEqual(expect.objectContaining({ lane: 'content/0/text', text: words }))
      expect(events[at]?.parts).toContainEqual(expect.objectContaining({ lane: 'content/0/deep/0/er', text: words }))
      expect(events[at]?.parts).toContainEqual(expect.objectContaining({ pointer: '/delta/deep/0/er#', text: 'er' }))
    }
    expect(events[4]?.closes).toEqual(['content/0/text', 'content/0/deep/0/er'])
  })

  it('a thought in a block of an unknown type is signed from its start on', () => {
    const block = { type: 'hologram', thinking: 'a', signature: 'b' }
    const said = [
      delta(0, { type: 'thinking_delta', thinking: 'c' }),
      delta(0, { type: 'signature_delta', signature: 'd' }),
    ]
    const events = decode(streamCall, sse(start(), blockStart(0, block), ...said, blockStop(0), finish(), stop))
    const parts = events.flatMap(({ parts }) => parts.filter(({ lane }) => lane.startsWith('content/')))
    expect(parts.map(({ lane, text, channel, signed }) => [lane, text, channel, signed])).toEqual([
      ['content/0/thinking', 'a', 'reasoning', true],
      ['content/0/signature', 'b', 'data', true],
      ['content/0/thinking', 'c', 'reasoning', true],
      ['content/0/signature', 'd', 'data', true],
    ])
  })

  it('what a message starts with takes its place', () => {
    const begun = start([{ type: 'tool_use', id: 'i', name: 'n', input: {} }])
    expect(decode(streamCall, sse(begun, blockStart(1), text(1, 'x'), blockStop(1), finish(), stop))).toHaveLength(6)
    expect(() => decode(streamCall, sse(begun, blockStart(0), blockStop(0), finish(), stop))).toThrow(MALFORMED)
  })

  it('the first thing that tells a client "finished" is the finish, whatever it is', () => {
    const kinds = (...events: readonly Event[]) => decode(streamCall, sse(...events)).map(({ kind }) => kind)
    expect(kinds(start(), finish(), stop)).toEqual(['delta', 'finish', 'delta'])
    expect(kinds(start([], { stop_reason: 'tool_use' }), stop)).toEqual(['finish', 'delta'])
    expect(kinds(start(), stop)).toEqual(['delta', 'finish'])
    expect(kinds(start(), { type: 'message_delta', delta: {} }, finish(), stop)).toEqual([
      'delta',
      'delta',
      'finish',
      'delta',
    ])
  })

  it('a tool’s input that was broken off ends with the answer', () => {
    const json = delta(0, { type: 'input_json_delta', partial_json: '{"a' })
    const events = decode(
      streamCall,
      sse(start(), blockStart(0, { type: 'tool_use', input: {} }), json, finish('max_tokens'), stop),
    )
    expect(events[3]).toMatchObject({ kind: 'finish', reason: 'max_tokens', closes: ['content/0/input'] })
  })

  it('give usage field by field, each time they name it', () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 4, cache_creation_input_tokens: 1, output_tokens: 1 }
    const events = decode(
      streamCall,
      sse(
        start([], { usage }),
        finish('end_turn', { output_tokens: 30, input_tokens: null, output_tokens_details: { thinking_tokens: 8 } }),
        stop,
      ),
    )
    expect(usageOf(events)).toEqual({ inputTokens: 10, cachedInputTokens: 4, outputTokens: 30, reasoningTokens: 8 })
  })

  const open = [start(), blockStart(0)]
  it.each<[string, readonly Event[]]>([
    ['an event of an unknown type', [start(), { type: 'message_pause' }]],
    ['an event without a type', [start(), { x: 1 }]],
    ['a block before the message', [blockStart(0)]],
    ['an end before the message', [stop]],
    ['a message twice', [start(), start()]],
    ['a message that is none', [{ type: 'message_start', message: 'x' }]],
    ['a message without content', [{ type: 'message_start', message: { type: 'message' } }]],
    ['a block twice', [...open, blockStart(0)]],
    ['a block twice, once it has ended', [...open, blockStop(0), blockStart(0)]],
    ['a block out of its place', [start(), blockStart(1)]],
    ['a block before the first', [start(), blockStart(-1)]],
    ['a block whose place is written oddly', [start(), { ...blockStart(0), index: '0' }]],
    ['a block of no type', [start(), blockStart(0, { text: 'x' })]],
    ['a block in words', [start(), { ...blockStart(0), content_block: 'x' }]],
    ['a delta of a block that never began', [start(), text(0, 'x')]],
    ['a delta of a block that has ended', [...open, blockStop(0), text(0, 'x')]],
    ['a delta of another place', [...open, text(-1, 'x')]],
    ['a delta in words', [...open, { ...text(0, 'x'), delta: 'x' }]],
    ['an end of a block that never began', [start(), blockStop(0)]],
    ['an end of a block twice', [...open, blockStop(0), blockStop(0)]],
    ['a block after the stop_reason', [start(), finish(), blockStart(0)]],
    ['a delta after the stop_reason', [...open, finish(), text(0, 'x')]],
    ['a stop_reason in numbers', [start(), finish(7)]],
    ['a message_delta without one', [start(), { type: 'message_delta' }]],
    ['anything after the end', [start(), finish(), stop, { type: 'ping' }]],
    ['a second end', [start(), finish(), stop, stop]],
    ['a count that is none', [start([], { usage: { input_tokens: 1.5 } })]],
  ])('%s is malformed', (_, events) => {
    expect(() => decode(streamCall, sse(...events))).toThrow(MALFORMED)
  })

  it.each<[string, string]>([
    [
      'an index with a point',
      sse(start()) +
        'event: content_block_start\ndata: {"type":"content_block_start","index":0.0,"content_block":{"type":"text"}}\n\n',
    ],
    [
      'a name that is not the type',
      sse(start()) +
        'event: ping\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}\n\n',
    ],
    ['data that is no JSON', `${sse(start())}data: [DONE]\n\n`],
    ['data that is a list', `${sse(start())}event: ping\ndata: []\n\n`],
    ['a name twice', `${sse(start())}event: ping\ndata: {"type":"ping","type":"ping"}\n\n`],
  ])('%s is malformed', (_, given) => {
    expect(() => decode(streamCall, given)).toThrow(MALFORMED)
  })

  it.each<[string, string]>([
    ['before anything', ''],
    ['after the start', sse(start())],
    ['in a block', sse(...open, text(0, 'x'))],
    ['after a block', sse(...open, blockStop(0))],
    ['after the stop_reason: no SDK has a message then', sse(start(), finish())],
    ['in the middle of an event', sse(start(), finish(), stop).slice(0, -1)],
    ['in the middle of its data', `${sse(start(), finish())}event: message_stop\ndata: {"type":"mess`],
  ])('that end %s are truncated', (_, given) => {
    expect(() => decode(streamCall, given)).toThrow(TRUNCATED)
  })

  it('give out what came before a malformed event, and nothing ever after', () => {
    const decoder = anthropicMessages.decode(streamCall, 200, SSE)
    expect(decoder.push(Buffer.from(sse(...open, text(0, 'x'), { type: 'y' }, text(0, 'z'))))).toHaveLength(3)
    expect(() => decoder.push(Buffer.from(sse(text(0, 'x'))))).toThrow(MALFORMED)
    expect(() => decoder.end()).toThrow(MALFORMED)
  })

  it('without the names of events are read by their types', () => {
    const given = sse(start(), ...[blockStart(0), text(0, 'x'), blockStop(0)], finish(), stop)
    expect(seen(streamCall, decode(streamCall, given.replaceAll(/^event: .*\n/gm, '')))).toEqual(
      seen(streamCall, decode(streamCall, given)),
    )
  })
})

describe('faults of the provider', () => {
  it.each<[string, Event, string]>([
    ['by type', { type: 'error', error: { type: 'overloaded_error', message: 'no' } }, 'overloaded_error'],
    ['without a type of their own', { error: { type: 'api_error', message: 'no' } }, 'api_error'],
    ['in words', { type: 'error', error: 'no' }, 'unknown'],
    ['by a type that could be text', { type: 'error', error: { type: 'Jane Doe', message: 'no' } }, 'unknown'],
    ['of another shape', { type: 'error', message: 'no' }, 'unknown'],
  ])('%s', (_, body, code) => {
    for (const of of [call(), streamCall]) {
      const [event] = decode(of, JSON.stringify(body), 400, JSON_TYPE)
      expect(event).toMatchObject({ kind: 'fault', code })
      expect(event?.parts.map(({ text }) => text)).toContain('no')
      expect(decode(of, JSON.stringify(body), 200, JSON_TYPE)).toMatchObject([{ kind: 'fault', code }])
    }
    const events = decode(
      streamCall,
      `${sse(start())}event: error\ndata: ${JSON.stringify(body)}\n\n${sse(text(0, 'x'), stop)}`,
    )
    expect(events.map(({ kind }) => kind)).toEqual(['delta', 'fault'])
    expect(events[1]).toMatchObject({ code })
  })

  it('the message is text; an error before the message is one too', () => {
    const error = { type: 'error', error: { type: 'api_error', message: 'no' } }
    const [event] = decode(streamCall, sse(error))
    expect(event?.parts).toContainEqual(expect.objectContaining({ pointer: '/error/message', channel: 'text' }))
  })
})
