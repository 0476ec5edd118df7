import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent, Usage } from '../../src/core/call.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import {
  call,
  chatRecordings,
  chunk,
  decode,
  drain,
  encode,
  JSON_TYPE,
  PROVIDERS,
  SSE,
  sse,
  streamCall,
  usageCall,
} from './calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const end = chunk({}, { finish_reason: 'stop' })
const usageOf = (events: readonly ModelEvent[]): Usage => Object.assign({}, ...events.map(({ usage }) => usage))

/** What an event is to the pipeline and to the client. */
const seen = (of: ModelCall, events: readonly ModelEvent[]): unknown =>
  events.map((event) => [
    { ...event, frame: null },
    Buffer.from(openaiChat.encode(of).event(event, undefined)).toString(),
  ])

describe('which answers are read', () => {
  const whole = '{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'
  it.each<[string, ModelCall, number, Record<string, string>, string]>([
    ['no content type', call(), 200, {}, whole],
    ['text', call(), 200, { 'content-type': 'text/html' }, whole],
    ['something like JSON', call(), 200, { 'content-type': 'application/jsonl' }, whole],
    ['a stream nobody asked for', call(), 200, SSE, sse(chunk({ content: 'x' }), end, '[DONE]')],
    ['a whole answer where a stream was asked for', streamCall, 200, JSON_TYPE, whole],
    ['a compressed answer', call(), 200, { ...JSON_TYPE, 'content-encoding': 'br' }, whole],
    ['a redirect', call(), 302, JSON_TYPE, whole],
    ['an early hint', call(), 103, JSON_TYPE, whole],
    ['an error in HTML', call(), 502, { 'content-type': 'text/html' }, '<h1>Bad Gateway</h1>'],
    ['an error as a stream', streamCall, 500, SSE, sse({ error: {} })],
    ['a list', call(), 200, JSON_TYPE, '[]'],
    ['no choices', call(), 200, JSON_TYPE, '{}'],
    ['choices that are no list', call(), 200, JSON_TYPE, '{"choices":{"0":{"index":0}}}'],
    ['a choice without an index', call(), 200, JSON_TYPE, '{"choices":[{"message":{"content":"x"}}]}'],
    ['a name twice', call(), 200, JSON_TYPE, '{"choices":[],"choices":[]}'],
    ['half an answer', call(), 200, JSON_TYPE, whole.slice(0, -3)],
    ['an error that is no JSON', call(), 400, JSON_TYPE, 'Bad Request'],
    ['an error that is a list', call(), 400, JSON_TYPE, '[{"error":"x"}]'],
    ['usage below nothing', call(), 200, JSON_TYPE, '{"choices":[],"usage":{"prompt_tokens":-1}}'],
    [
      'usage of more tokens than there are',
      call(),
      200,
      JSON_TYPE,
      '{"choices":[],"usage":{"total_tokens":1000000000001}}',
    ],
    ['usage as great as can be', call(), 200, JSON_TYPE, '{"choices":[],"usage":{"prompt_tokens":9007199254740991}}'],
    ['usage in words', call(), 200, JSON_TYPE, '{"choices":[],"usage":{"completion_tokens":"many"}}'],
  ])('not %s', (_, of, status, headers, body) => {
    expect(() => decode(of, body, status, headers)).toThrow(MALFORMED)
  })

  it('no body at all is a truncated one', () => {
    expect(() => drain(openaiChat.decode(call(), 200, JSON_TYPE), [])).toThrow(TRUNCATED)
  })

  it('not bad UTF-8, whole or streamed', () => {
    const bad = Buffer.concat([Buffer.from('{"choices":[{"index":0,"x":"'), Buffer.of(0xff), Buffer.from('"}]}')])
    expect(() => decode(call(), bad)).toThrow(MALFORMED)
    expect(() => decode(streamCall, Buffer.concat([Buffer.from('data: '), bad, Buffer.from('\n\n')]))).toThrow(
      MALFORMED,
    )
  })
})

describe('whole answers', () => {
  it('are one finish, with every text in its lane', () => {
    const body = {
      id: 'c1',
      model: 'model-1',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'hello',
            refusal: null,
            reasoning_content: 'hm',
            annotations: [{ type: 'url_citation', url_citation: { url: 'https://a.example', title: 'A' } }],
            tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{}' } }],
            audio: { id: 'a', data: 'AAAA', transcript: 'said' },
          },
          logprobs: { content: [{ token: 'hello', bytes: [104] }] },
          finish_reason: 'tool_calls',
        },
        { index: 1, message: { role: 'assistant', content: 'bye' }, finish_reason: 'stop' },
      ],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 7,
        total_tokens: 12,
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    }
    const [event, ...more] = decode(call({ n: 2 }), JSON.stringify(body))
    expect(more).toEqual([])
    expect(event).toMatchObject({
      kind: 'finish',
      reason: 'tool_calls',
      usage: { inputTokens: 5, outputTokens: 7, totalTokens: 12, reasoningTokens: 3 },
    })
    const lanes = event?.parts.map(({ lane, role, channel, text }) => [lane, role, channel, text])
    expect(lanes).toEqual([
      ['@0/id', 'none', 'data', 'c1'],
      ['@0/model', 'none', 'data', 'model-1'],
      ['@0/choices/0/message/role', 'assistant', 'data', 'assistant'],
      ['choices/0/content', 'assistant', 'text', 'hello'],
      ['choices/0/reasoning_content', 'assistant', 'reasoning', 'hm'],
      ['@0/choices/0/message/annotations/0/type', 'assistant', 'data', 'url_citation'],
      ['choices/0/annotations/0/url_citation/url', 'assistant', 'data', 'https://a.example'],
      ['choices/0/annotations/0/url_citation/title', 'assistant', 'text', 'A'],
      ['@0/choices/0/message/tool_calls/0/id', 'assistant', 'tool', 't'],
      ['@0/choices/0/message/tool_calls/0/type', 'assistant', 'tool', 'function'],
      ['choices/0/tool_calls/0/function/name', 'assistant', 'tool', 'f'],
      ['choices/0/tool_calls/0/function/arguments', 'assistant', 'tool', '{}'],
      ['@0/choices/0/message/audio/id', 'assistant', 'data', 'a'],
      ['choices/0/audio/data', 'assistant', 'data', 'AAAA'],
      ['choices/0/audio/transcript', 'assistant', 'text', 'said'],
      ['@0/choices/0/logprobs/content/0/token', 'assistant', 'data', 'hello'],
      ['@0/choices/0/finish_reason', 'assistant', 'data', 'tool_calls'],
      ['@0/choices/1/message/role', 'assistant', 'data', 'assistant'],
      ['choices/1/content', 'assistant', 'text', 'bye'],
      ['@0/choices/1/finish_reason', 'assistant', 'data', 'stop'],
    ])
  })

  it('without a finish_reason are finished all the same', () => {
    expect(decode(call(), '{"choices":[]}')).toMatchObject([{ kind: 'finish', reason: 'unknown' }])
    expect(decode(call(), '{"choices":[{"index":0,"finish_reason":null}]}')).toMatchObject([{ reason: 'unknown' }])
  })
})

describe('streams', () => {
  it('are deltas, then finishes; text continues in its lane', () => {
    const events = decode(
      streamCall,
      sse(
        chunk({ role: 'assistant', content: '' }),
        chunk({ content: 'he' }),
        chunk({ content: 'llo', reasoning: 'hm', extra: 'x' }),
        chunk({ tool_calls: [{ index: 1, id: 't', type: 'function', function: { name: 'f', arguments: '' } }] }),
        chunk({ tool_calls: [{ index: 1, function: { arguments: '{}' } }] }),
        end,
        { id: 'c1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
        '[DONE]',
      ),
    )
    expect(events.map(({ kind }) => kind)).toEqual(['delta', 'delta', 'delta', 'delta', 'delta', 'finish', 'delta'])
    expect(events[5]).toMatchObject({ reason: 'stop' })
    const lanes = new Map<string, string>()
    for (const { lane, text } of events.flatMap(({ parts }) => parts)) {
      if (!lane.startsWith('@')) lanes.set(lane, (lanes.get(lane) ?? '') + text)
    }
    expect(Object.fromEntries(lanes)).toEqual({
      'choices/0/content': 'hello',
      'choices/0/reasoning': 'hm',
      'choices/0/extra': 'x',
      'choices/0/tool_calls/0/function/name': 'f',
      'choices/0/tool_calls/0/function/arguments': '{}',
    })
    const whole = events.flatMap(({ parts }) => parts.map(({ lane }) => lane)).filter((lane) => lane.startsWith('@'))
    expect(new Set(whole).size).toBe(whole.length)
    expect(usageOf(events)).toEqual({ inputTokens: 3, outputTokens: 2, totalTokens: 5 })
  })

  it('of several choices: lanes apart by index, not by place; the first finish is one', () => {
    const two = (index: number, delta: unknown, finish_reason: string | null = null) => ({
      choices: [{ index, delta, finish_reason }],
    })
    const events = decode(
      call({ stream: true, n: 2 }),
      sse(
        two(1, { content: 'b' }),
        two(0, { content: 'a' }),
        two(1, {}, 'length'),
        two(0, { content: 'a' }),
        two(0, {}, 'stop'),
        '[DONE]',
      ),
    )
    expect(events.map((event) => (event.kind === 'finish' ? event.reason : event.kind))).toEqual([
      'delta',
      'delta',
      'length',
      'delta',
      'stop',
    ])
    expect(events.flatMap(({ parts }) => parts.map(({ lane }) => lane))).toContain('choices/1/content')
  })

  it('give usage field by field, each time they name it', () => {
    const events = decode(
      streamCall,
      sse(
        { choices: [], usage: { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 1 } } },
        chunk({ content: 'x' }, {}),
        { ...end, usage: { completion_tokens: 2, prompt_tokens_details: null } },
        { choices: [], usage: { total_tokens: 5, completion_tokens_details: { reasoning_tokens: 0 } } },
        '[DONE]',
      ),
    )
    expect(events[0]?.usage).toEqual({ inputTokens: 3, cachedInputTokens: 1 })
    expect(events[1]).not.toHaveProperty('usage')
    expect(usageOf(events)).toEqual({
      inputTokens: 3,
      cachedInputTokens: 1,
      outputTokens: 2,
      totalTokens: 5,
      reasoningTokens: 0,
    })
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['comments only', ': x\n\n'],
    ['no finish', sse(chunk({ content: 'x' }))],
    ['[DONE] without a finish', sse(chunk({ content: 'x' }), '[DONE]')],
    ['[DONE] only', sse('[DONE]')],
    ['in an event', `${sse(chunk({ content: 'x' }), end)}data: {"choices":[`],
    ['before the blank line', `${sse(chunk({ content: 'x' }))}data: ${JSON.stringify(end)}\n`],
    ['an empty finish_reason', sse(chunk({ content: 'x' }, { finish_reason: '' }))],
  ])('are truncated: %s', (_, body) => expect(() => decode(streamCall, body)).toThrow(TRUNCATED))

  it.each<[string, string]>([
    ['with [DONE]', sse(chunk({ content: 'x' }), end, '[DONE]')],
    ['without [DONE]', sse(chunk({ content: 'x' }), end)],
    ['without [DONE], with usage', sse(chunk({ content: 'x' }), end, { choices: [], usage: { total_tokens: 1 } })],
    ['with half a line end', sse(chunk({ content: 'x' }), end, '[DONE]').slice(0, -1)],
    ['with no line end', sse(chunk({ content: 'x' }), end, '[DONE]').slice(0, -2)],
    ['with a last comment', `${sse(chunk({ content: 'x' }), end, '[DONE]')}: bye\n\n`],
  ])('are complete: %s', (_, body) =>
    expect(decode(streamCall, body).filter(({ kind }) => kind === 'finish')).toHaveLength(1),
  )

  it.each<[string, string]>([
    ['no JSON', sse('hello')],
    ['empty data', 'data:\n\n'],
    ['a list', sse([])],
    ['no choices', sse({ id: 'c1' })],
    ['choices that are no list', sse({ choices: { index: 0 } })],
    ['a choice that is none', sse({ choices: ['x'] })],
    ['a choice without an index', sse({ choices: [{ delta: { content: 'x' } }] })],
    ['an index below nothing', sse({ choices: [{ index: -1, delta: { content: 'x' } }] })],
    ['an index that is 1.0', `data: {"choices":[{"index":1.0,"delta":{"content":"x"}}]}\n\n`],
    ...['1.0', '1e0', '-1', '0.5', '"1"', 'true', '9007199254740993'].map((index): [string, string] => [
      `a tool call whose index is ${index}`,
      `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":${index},"function":{"arguments":"x"}}]}}]}\n\n`,
    ]),
    ['text after [DONE]', sse(chunk({ content: 'x' }), end, '[DONE]', chunk({ content: 'y' }))],
    ['a name twice', 'data: {"choices":[],"usage":{},"choices":[]}\n\n'],
    ['usage in words', sse({ choices: [], usage: { prompt_tokens: 'many' } })],
    ['usage as great as can be', sse({ choices: [], usage: { completion_tokens: Number.MAX_SAFE_INTEGER } })],
    ['half a number', 'data: {"choices":[],"usage":{"prompt_tokens":1.5}}\n\n'],
  ])('are malformed: %s', (_, body) => expect(() => decode(streamCall, body)).toThrow(MALFORMED))

  it.each<[string, number, readonly number[], boolean, boolean]>([
    ['one of two', 2, [0], false, false],
    ['two of two', 2, [0, 1], false, true],
    ['two of three', 3, [1, 2], false, false],
    // A server that knows no n answers one, and says itself that it is done.
    ['one of two, and [DONE]', 2, [0], true, true],
  ])('of several choices, %s has finished: complete or not', (_, n, finished, done, complete) => {
    const of = call({ stream: true, n })
    const chunks = finished.flatMap((index) => [
      chunk({}, { index, delta: { content: 'x' } }),
      chunk({}, { index, finish_reason: 'stop' }),
    ])
    const read = () => decode(of, sse(...chunks, ...(done ? ['[DONE]'] : [])))
    if (complete) expect(read().filter(({ kind }) => kind === 'finish')).toHaveLength(finished.length)
    else expect(read).toThrow(TRUNCATED)
  })

  it("a tool's name that comes in pieces is one text", () => {
    const piece = (name: string) => chunk({ tool_calls: [{ index: 0, type: 'function', function: { name } }] })
    const events = decode(streamCall, sse(piece('pay_4111'), piece('111111111111'), end, '[DONE]'))
    const lane = 'choices/0/tool_calls/0/function/name'
    const texts = events.flatMap(({ parts }) => parts.filter((part) => part.lane === lane).map(({ text }) => text))
    expect(texts.join('')).toBe('pay_4111111111111111')
  })

  it('of more values than a chunk can need are malformed', () => {
    const many = `{"choices":[{"index":0,"delta":{"x":[${'{},'.repeat(100_000)}{}]}}]}`
    expect(() => decode(streamCall, `data: ${many}\n\n`)).toThrow(MALFORMED)
    // A whole answer may bring the probabilities of its tokens.
    const whole = many.replace('"delta"', '"message"').slice(0, -1)
    expect(decode(call(), `${whole}}`)).toHaveLength(1)
    expect(() => decode(call(), `{"choices":[],"x":[${'{},'.repeat(1_000_000)}{}]}`)).toThrow(MALFORMED)
  })

  it('give out what came before a malformed event, and nothing ever after', () => {
    const decoder = openaiChat.decode(streamCall, 200, SSE)
    const events = decoder.push(Buffer.from(sse(chunk({ content: 'x' }), 'broken', chunk({ content: 'y' }))))
    expect(events).toHaveLength(1)
    expect(() => decoder.push(Buffer.from(sse(end)))).toThrow(MALFORMED)
    expect(() => decoder.end()).toThrow(MALFORMED)
  })
})

it('a usage of a million million tokens is one', () => {
  expect(usageOf(decode(call(), '{"choices":[],"usage":{"total_tokens":1000000000000}}'))).toEqual({
    totalTokens: 1e12,
  })
})

describe('faults of the provider', () => {
  it.each<[string, unknown, string]>([
    ['by code', { error: { message: 'no', type: 't', param: null, code: 'model_not_found' } }, 'model_not_found'],
    ['by type', { error: { message: 'no', type: 'server_error', code: null } }, 'server_error'],
    ['by number', { error: { message: 'no', code: 429 } }, '429'],
    ['in words', { error: 'no' }, 'unknown'],
    ['of no kind', { error: { message: 'no' } }, 'unknown'],
    ['by a code that could be text', { error: { message: 'no', code: 'Jane Doe' } }, 'unknown'],
    ['by another shape', { message: 'no' }, 'invalid_request_error'],
  ])('%s', (_, body, code) => {
    const [event] = decode(call(), JSON.stringify(body), 400, JSON_TYPE)
    expect(event).toMatchObject({ kind: 'fault', code })
    expect(event?.parts.map(({ text }) => text)).toContain('no')
    // The same in the middle of a stream, where an error that names no kind has no status to be told by.
    const [first, fault, ...rest] = decode(
      streamCall,
      sse(chunk({ content: 'x' }), body, chunk({ content: 'y' }), '[DONE]'),
    )
    expect(first).toMatchObject({ kind: 'delta' })
    expect(fault).toMatchObject({ kind: 'fault', code: code === 'invalid_request_error' ? 'server_error' : code })
    expect(rest).toEqual([])
  })

  it('the message is text', () => {
    const [event] = decode(call(), '{"error":{"message":"no","code":"x"}}', 500, JSON_TYPE)
    expect(event?.parts.map(({ pointer, channel }) => [pointer, channel])).toEqual([
      ['/error/message', 'text'],
      ['/error/code', 'data'],
    ])
  })

  it('as an SSE event of that type, and as a 200 in JSON', () => {
    expect(decode(streamCall, `event: error\n${sse({ message: 'no' })}`)).toMatchObject([{ kind: 'fault' }])
    expect(decode(streamCall, '{"error":{"code":"x"}}', 200, JSON_TYPE)).toMatchObject([{ kind: 'fault', code: 'x' }])
    expect(decode(call(), '{"error":{"code":"x"}}')).toMatchObject([{ kind: 'fault', code: 'x' }])
    expect(decode(call(), '{"error":null,"choices":[]}')).toMatchObject([{ kind: 'finish' }])
  })
})

const recorded = chatRecordings(...PROVIDERS)
describe.skipIf(recorded === null)('recordings (skipped without fixtures)', () => {
  const streams = recorded?.filter(({ response }) => response.framing === 'sse') ?? []

  it('all of them are read', () => {
    const kinds = (recorded ?? []).map(({ response }) => {
      const of = response.framing === 'sse' ? usageCall : call()
      return decode(of, response.bytes, response.status, of.stream ? SSE : JSON_TYPE).at(-1)?.kind
    })
    // One of them is an error that was recorded with status 200.
    const errors = recorded?.filter(({ response }) => response.bytes.toString().startsWith('{"error":'))
    expect(kinds.filter((kind) => kind === 'fault')).toHaveLength(errors?.length ?? 0)
    expect(kinds).not.toContain(undefined)
  })

  it('in single bytes, in two and in many pieces: the same events', () => {
    for (const { file, response } of streams) {
      const { bytes } = response
      const expected = seen(usageCall, decode(usageCall, bytes))
      const cut = (bounds: readonly number[]) => {
        const all = [0, ...bounds, bytes.length]
        const pieces = all.slice(1).map((to, i) => bytes.subarray(all[i], to))
        return seen(usageCall, drain(openaiChat.decode(usageCall, 200, SSE), pieces))
      }
      expect(cut([...bytes.keys()].slice(1)), `${file} in bytes`).toEqual(expected)
      if (bytes.length < 4096)
        for (let at = 1; at < bytes.length; at++) expect(cut([at]), `${file} at ${at}`).toEqual(expected)
      else {
        fc.assert(
          fc.property(fc.uniqueArray(fc.nat(bytes.length - 1), { maxLength: 40 }), (bounds) => {
            expect(cut(bounds.sort((a, b) => a - b))).toEqual(expected)
          }),
          { numRuns: 20 },
        )
      }
    }
  }, 180_000)

  it('read, written and read again: the same events', () => {
    for (const { file, response } of streams) {
      const events = decode(usageCall, response.bytes)
      const again = decode(usageCall, encode(usageCall, events))
      expect(seen(usageCall, again), file).toEqual(seen(usageCall, events))
    }
  })
})
