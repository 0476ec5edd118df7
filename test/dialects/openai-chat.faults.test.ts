import OpenAI, { APIError } from 'openai'
import { describe, expect, it } from 'vitest'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { call, chunk, decode, encode, JSON_TYPE, SSE, sse, streamCall } from './calls.ts'
import { isObject, leavesOf } from './leaves.ts'

/** Errors of Azure and Mistral, and of what stands before them, as an OpenAI SDK behind the gateway sees them. */
type Row = readonly [what: string, status: number, body: unknown, code: string, said: string]

const FILTERED = {
  error: {
    message: 'The response was filtered',
    type: null,
    param: 'prompt',
    code: 'content_filter',
    status: 400,
    innererror: {
      code: 'ResponsibleAIPolicyViolation',
      content_filter_result: { hate: { filtered: true, severity: 'high' } },
    },
  },
}

const ROWS: readonly Row[] = [
  ['Azure: no subscription', 401, { error: { code: '401', message: 'Access denied' } }, '401', 'Access denied'],
  ['Azure: its content filter', 400, FILTERED, 'content_filter', 'The response was filtered'],
  ['API management', 401, { statusCode: 401, message: 'Access denied' }, '401', 'Access denied'],
  [
    'Mistral',
    400,
    { object: 'error', message: 'Invalid model: x', type: 'invalid_model', param: null, code: '1500' },
    '1500',
    'Invalid model: x',
  ],
  [
    'Mistral, without a code',
    429,
    { object: 'error', message: 'Slow down', type: 'rate_limited' },
    'rate_limited',
    'Slow down',
  ],
  [
    'the gateway before Mistral',
    401,
    { message: 'Unauthorized', request_id: 'r-1' },
    'authentication_error',
    'Unauthorized',
  ],
  ['Mistral: 422', 422, detail(), 'invalid_request_error', 'body.top_p: must be less than 1; body.messages.0: missing'],
  [
    'Mistral: 422 within an error',
    422,
    { object: 'error', message: detail(), type: 'invalid_request_error', param: null, code: null },
    'invalid_request_error',
    'body.top_p: must be less than 1; body.messages.0: missing',
  ],
  ['in a word', 404, { detail: 'Not Found' }, 'not_found_error', 'Not Found'],
  ['of a problem (RFC 9457)', 500, { title: 'Broken', detail: 'Badly', status: 500 }, 'server_error', 'Badly'],
  ['without any text', 503, { object: 'error' }, 'server_error', 'status 503'],
]

function detail(): unknown {
  return {
    detail: [
      { type: 'less_than', loc: ['body', 'top_p'], msg: 'must be less than 1', input: 2, ctx: { lt: 1 } },
      { type: 'missing', loc: ['body', 'messages', 0], msg: 'missing' },
    ],
  }
}

describe('errors of other shapes', () => {
  it.each(ROWS)('%s: an OpenAI SDK sees message and code', async (_, status, body, code, said) => {
    const [event, ...none] = decode(call(), JSON.stringify(body), status, JSON_TYPE)
    if (event === undefined) throw new Error('there is no event')
    expect(none).toEqual([])
    expect(event).toMatchObject({ kind: 'fault', code })
    const written = encode(call(), [event])
    const client = new OpenAI({
      apiKey: 'k',
      baseURL: 'http://gateway.invalid',
      maxRetries: 0,
      fetch: async () => new Response(written, { status, headers: { 'content-type': 'application/json' } }),
    })
    const raised = await client.chat.completions.create({ model: 'm', messages: [] }).catch((error: unknown) => error)
    if (!(raised instanceof APIError)) throw new Error('nothing of the SDK was raised')
    expect(raised.status).toBe(status)
    expect(raised.message).toContain(said)
    expect([raised.code, raised.type]).toContain(code)
  })

  it.each(ROWS)('%s: every text of it is a part, and so is every text that leaves', (_, status, body) => {
    const events = decode(call(), JSON.stringify(body), status, JSON_TYPE)
    const seen = new Set(events.flatMap(({ parts }) => parts.map(({ text }) => text)))
    for (const { path, text } of leavesOf(body)) if (path.at(-1) !== 'object') expect(seen).toContain(text)
    const left = leavesOf(JSON.parse(encode(call(), events)))
    expect(
      events.flatMap(({ parts }) => parts.filter(({ pointer }) => !pointer.endsWith('#'))).map(({ text }) => text),
    ).toEqual(left.map(({ text }) => text))
  })

  it.each(ROWS)('%s: what is edited in it is edited for the client', (_, status, body) => {
    const [event] = decode(call(), JSON.stringify(body), status, JSON_TYPE)
    if (event === undefined) throw new Error('there is no event')
    const at = event.parts.findIndex(({ pointer }) => pointer === '/error/message')
    const texts = event.parts.map(({ text }, index) => (index === at ? 'EDITED' : text))
    const written: unknown = JSON.parse(Buffer.from(openaiChat.encode(call()).event(event, texts)).toString())
    expect(isObject(written) && isObject(written.error) ? written.error.message : undefined).toBe('EDITED')
  })

  it.each(ROWS)('%s: within a stream it ends it, and the SDK raises', async (_, __, body, code) => {
    const events = decode(streamCall, sse(chunk({ content: 'x' }), body, chunk({ content: 'y' })))
    expect(events.map(({ kind }) => kind)).toEqual(['delta', 'fault'])
    const client = new OpenAI({
      apiKey: 'k',
      baseURL: 'http://gateway.invalid',
      fetch: async () => new Response(encode(streamCall, events), { headers: SSE }),
    })
    const got: unknown[] = []
    const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true })
    await expect(
      (async () => {
        for await (const piece of stream) got.push(piece.choices[0]?.delta.content)
      })(),
    ).rejects.toThrow(APIError)
    expect(got).toEqual(['x'])
    if (/^\d+$|content_filter|rate/.test(code)) expect(events.at(-1)).toMatchObject({ code })
  })

  it('a 200 that calls itself an error is one', () => {
    const body = { object: 'error', message: 'no', type: 'invalid_model', code: '1500' }
    expect(decode(call(), JSON.stringify(body))).toMatchObject([{ kind: 'fault', code: '1500' }])
  })
})

describe('finish reasons of other servers', () => {
  it.each(['model_length', 'error', 'content_filter', 'eos'])('%s is a finish', (reason) => {
    const whole = {
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message: { content: 'x' }, finish_reason: reason }],
    }
    expect(decode(call(), JSON.stringify(whole))).toMatchObject([{ kind: 'finish', reason }])
    const events = decode(streamCall, sse(chunk({ content: 'x' }, { finish_reason: reason }), '[DONE]'))
    expect(events).toMatchObject([{ kind: 'finish', reason }])
  })
})

describe('usage of other servers', () => {
  it.each<[string, unknown, unknown]>([
    ['Mistral, 2025', { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, num_cached_tokens: 2 }, 2],
    [
      'Mistral, 2026',
      { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: { cached_tokens: 2 } },
      2,
    ],
    [
      'both',
      {
        prompt_tokens: 3,
        completion_tokens: 4,
        total_tokens: 7,
        num_cached_tokens: 1,
        prompt_tokens_details: { cached_tokens: 2 },
      },
      2,
    ],
    [
      'with seconds of sound',
      { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_audio_seconds: 9 },
      undefined,
    ],
  ])('%s', (_, usage, cached) => {
    const events = decode(
      streamCall,
      sse(chunk({ content: '' }, { finish_reason: 'stop' }), { choices: [], usage }, '[DONE]'),
    )
    expect(events.at(-1)?.usage).toEqual({
      inputTokens: 3,
      outputTokens: 4,
      totalTokens: 7,
      ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    })
  })
})
