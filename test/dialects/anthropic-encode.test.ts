import Anthropic, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from '@anthropic-ai/sdk'
import Anthropic0, { PermissionDeniedError as PermissionDeniedError0 } from 'anthropic-sdk-0'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError, ERROR_CODES, type ErrorCode } from '../../src/core/errors.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import {
  answers,
  blockStart,
  blockStop,
  call,
  decode,
  delta,
  encode,
  finish,
  inbound,
  JSON_TYPE,
  sse,
  start,
  stop,
  streamCall,
  text,
} from './anthropic-calls.ts'

const ID = '0197f2d0-0000-7000-8000-000000000000'
const INTERNAL = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })
const TALK = sse(start(), blockStart(0), text(0, 'he'), text(0, 'llo'), blockStop(0), finish(), stop)
const ASK = { model: 'auto', max_tokens: 16, messages: [{ role: 'user' as const, content: 'hello' }] }

const client = (answer: () => Response): Anthropic =>
  new Anthropic({
    apiKey: 'k',
    baseURL: 'http://gateway.invalid/anthropic',
    maxRetries: 2,
    fetch: async () => answer(),
  })
const streamed = (bytes: string | Uint8Array): Response =>
  new Response(Buffer.from(bytes), {
    headers: { 'content-type': anthropicMessages.encode(streamCall).contentType, 'request-id': ID },
  })

/** The events and the message that the SDK makes of a stream, and what it raised. */
async function bySdk(bytes: string | Uint8Array): Promise<{ events: unknown[]; message: unknown; error: unknown }> {
  const events: unknown[] = []
  const stream = client(() => streamed(bytes)).beta.messages.stream(ASK)
  try {
    for await (const event of stream) events.push(structuredClone(event))
    return { events, message: await stream.finalMessage(), error: null }
  } catch (error) {
    return { events, message: null, error }
  }
}

describe('a stream, written anew', () => {
  it('names its events, and has none of the padding', () => {
    const given = `: hello\nevent: message_start\r\ndata: ${JSON.stringify(start())}        \r\n\r\n${sse(finish(), stop)}`
    expect(encode(streamCall, decode(streamCall, given)).toString()).toBe(sse(start(), finish(), stop))
  })

  it('keeps lexemes and unknown members', () => {
    const odd = 'event: ping\ndata: {"type":"ping","n":9007199254740993,"1":1e400,"x":1.0}\n\n'
    expect(encode(streamCall, decode(streamCall, odd + TALK)).toString()).toBe(odd + TALK)
  })

  it('says what it is, and ends with its own last event', () => {
    expect(anthropicMessages.encode(streamCall).contentType).toBe('text/event-stream; charset=utf-8')
    expect(anthropicMessages.encode(call()).contentType).toBe('application/json')
    expect(anthropicMessages.encode(streamCall).end()).toHaveLength(0)
    expect(anthropicMessages.encode(call()).end()).toHaveLength(0)
  })

  const kept = answers()
  it.skipIf(kept === null)('is the same to the SDK, every recorded one (skipped without fixtures)', async () => {
    let messages = 0
    for (const { file, stream, bytes } of kept ?? []) {
      if (!stream || file.startsWith('duplicate-message-start')) continue
      const given = await bySdk(bytes)
      expect(await bySdk(encode(streamCall, decode(streamCall, bytes))), file).toEqual(given)
      expect(given.events.length, file).toBeGreaterThan(1)
      if (given.message !== null) messages++
    }
    expect(messages).toBeGreaterThan(40)
  })

  it.skipIf(kept === null)('a whole answer is the same tree (skipped without fixtures)', () => {
    for (const { file, stream, bytes } of kept ?? []) {
      if (stream) continue
      const written = encode(call(), decode(call(), bytes)).toString()
      expect(written, file).toBe(JSON.stringify(JSON.parse(bytes.toString())))
    }
  })
})

describe('edited texts', () => {
  const edited = (events: readonly ModelEvent[], replace: Readonly<Record<string, string>>): string => {
    const encoder = anthropicMessages.encode(streamCall)
    const bytes = events.map((event) =>
      encoder.event(
        event,
        event.parts.map(({ lane, pointer, text }) => replace[lane] ?? replace[pointer] ?? text),
      ),
    )
    return Buffer.concat(bytes).toString()
  }

  it('stand where they stood', () => {
    const events = decode(
      streamCall,
      sse(
        start(),
        blockStart(0),
        text(0, 'x'),
        delta(0, { type: 'citations_delta', citation: { type: 'char_location', cited_text: 'y' } }),
        blockStop(0),
        finish(),
        stop,
      ),
    )
    const changed = edited(events, { 'content/0/text': 'a "\n', '/delta/citation/cited_text': 'b' })
    expect(changed).toBe(
      sse(
        start(),
        blockStart(0, { type: 'text', text: 'a "\n' }),
        text(0, 'a "\n'),
        delta(0, { type: 'citations_delta', citation: { type: 'char_location', cited_text: 'b' } }),
        blockStop(0),
        finish(),
        stop,
      ),
    )
  })

  it('that are the same change nothing', () => {
    expect(edited(decode(streamCall, TALK), {})).toBe(TALK)
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a thought', { 'content/0/thinking': 'X' }],
    ['its signature', { 'content/0/signature': 'X' }],
    ['a thought that is hidden', { '/content_block/data': 'X' }],
    ['a name', { '@2#/delta/oops': 'X' }],
  ])('of %s are a fault of ours: the gate denies before', (_, replace) => {
    const events = decode(
      streamCall,
      sse(
        start(),
        blockStart(0, { type: 'thinking', thinking: '', signature: '' }),
        delta(0, { type: 'thinking_delta', thinking: 'hm', oops: 1 }),
        delta(0, { type: 'signature_delta', signature: 'sig' }),
        blockStop(0),
        blockStart(1, { type: 'redacted_thinking', data: 'r' }),
        blockStop(1),
        finish(),
        stop,
      ),
    )
    expect(() => edited(events, replace)).toThrow(INTERNAL)
  })

  it('as many as there are parts, of a frame of this codec', () => {
    const encoder = anthropicMessages.encode(streamCall)
    const [event] = decode(streamCall, TALK)
    if (event === undefined) throw new Error('nothing was read')
    expect(() => encoder.event(event, ['x'])).toThrow(INTERNAL)
    expect(() => encoder.event({ kind: 'delta', parts: [], frame: { form: 'chunk', tree: new Map() } }, [])).toThrow(
      INTERNAL,
    )
  })
})

describe('faults', () => {
  it('of a whole answer are JSON, even where a stream was asked for; nothing comes after', () => {
    const encoder = anthropicMessages.encode(streamCall)
    const body = '{"type":"error","error":{"type":"overloaded_error","message":"no"}}'
    const [event] = decode(streamCall, body, 529, JSON_TYPE)
    if (event === undefined) throw new Error('nothing was read')
    expect(Buffer.from(encoder.event(event, undefined)).toString()).toBe(body)
    expect(encoder.contentType).toBe('application/json')
    expect(encoder.end()).toHaveLength(0)
  })

  it.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'no' } }],
    [{ error: { type: 'overloaded_error', message: 'no' } }],
  ])('within a stream make the SDK raise: %j', async (error) => {
    const given = `${sse(start(), blockStart(0), text(0, 'x'))}event: error\ndata: ${JSON.stringify(error)}\n\n`
    const raised = await bySdk(encode(streamCall, decode(streamCall, given)))
    expect(raised.error).toBeInstanceOf(APIError)
    expect(raised.error).toMatchObject({ type: 'overloaded_error' })
  })
})

describe('a cut in the middle of a stream, through the real SDK', () => {
  it.each<[ErrorCode, string]>([
    ['ERR_POLICY_DENIED', 'permission_error'],
    ['ERR_PROVIDER_TRUNCATED', 'api_error'],
    ['ERR_LEDGER_UNAVAILABLE', 'overloaded_error'],
    ['ERR_GATEWAY_DRAINING', 'overloaded_error'],
  ])('%s raises', async (code, type) => {
    const events = decode(streamCall, TALK)
    const encoder = anthropicMessages.encode(streamCall)
    const begun = Buffer.concat(events.slice(0, 4).map((event) => encoder.event(event, undefined)))
    const cut = Buffer.from(encoder.cutOff(new CustomhouseError(code, 'cut off')))
    expect(cut.toString()).toBe(
      `event: error\ndata: {"type":"error","error":{"type":"${type}","message":"cut off"},"request_id":"${ID}"}\n\n`,
    )
    const { events: got, error } = await bySdk(Buffer.concat([begun, cut]))
    expect(got).toHaveLength(4)
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ type, error: { request_id: ID } })
    expect((await bySdk(encode(streamCall, events))).error).toBeNull()
  })

  it('is no verb for a whole answer', () => {
    const error = new CustomhouseError('ERR_POLICY_DENIED', 'm')
    expect(() => anthropicMessages.encode(call()).cutOff(error)).toThrow(INTERNAL)
  })
})

describe('calls of the real SDKs are read as they come', () => {
  type Sent = Readonly<{ path: string; query: string; call: ModelCall }>
  const taking = (sent: Sent[]) => async (url: string | URL | Request, init?: RequestInit) => {
    const { pathname, search } = new URL(String(url))
    const path = pathname.replace(/^\/anthropic/, '')
    const codec = [anthropicMessages, anthropicCountTokens].find((codec) => codec.matches('POST', path))
    if (codec === undefined) throw new Error(`nobody reads ${path}`)
    const request = {
      ...inbound(String(init?.body), Object.fromEntries(new Headers(init?.headers)), search.slice(1), path),
    }
    sent.push({ path, query: search, call: codec.read(request) })
    return new Response('{"type":"message","content":[],"usage":{},"input_tokens":1}', { headers: JSON_TYPE })
  }

  const BETAS: string[] = ['files-api-2025-04-14', 'skills-2025-10-02']
  type Fetch = ReturnType<typeof taking>

  async function since1(fetch: Fetch): Promise<void> {
    const { messages, beta } = new Anthropic({ apiKey: 'k', baseURL: 'http://gateway.invalid/anthropic', fetch })
    await messages.create(ASK)
    await messages.create({ ...ASK, stream: true })
    await messages.countTokens({ model: 'auto', messages: ASK.messages })
    await beta.messages.create({ ...ASK, betas: BETAS })
  }

  async function before1(fetch: Fetch): Promise<void> {
    const { messages, beta } = new Anthropic0({ apiKey: 'k', baseURL: 'http://gateway.invalid/anthropic', fetch })
    await messages.create(ASK)
    await messages.create({ ...ASK, stream: true })
    await messages.countTokens({ model: 'auto', messages: ASK.messages })
    await beta.messages.create({ ...ASK, betas: BETAS })
  }

  it.each<[string, string, (fetch: Fetch) => Promise<void>]>([
    ['since 1.0', '2026-10-21', since1],
    ['before 1.0', '2023-06-01', before1],
  ])('%s', async (_, version, ask) => {
    const sent: Sent[] = []
    await ask(taking(sent))
    expect(sent.map(({ call: { operation, stream, headers } }) => [operation, stream, headers])).toEqual([
      ['chat', false, { 'anthropic-version': version }],
      ['chat', true, { 'anthropic-version': version }],
      ['count_tokens', false, { 'anthropic-version': version }],
      ['chat', false, { 'anthropic-version': version, 'anthropic-beta': BETAS.join(',') }],
    ])
    expect(sent.map(({ query }) => query).filter((query) => query !== '' && query !== '?beta=true')).toEqual([])
  })
})

describe('refusals, through the real SDKs', () => {
  async function caught(error: CustomhouseError): Promise<{ error: unknown; attempts: number }> {
    let attempts = 0
    const sdk = client(() => {
      attempts++
      const { status, headers, body } = anthropicMessages.refuse(ID, error)
      return new Response(Buffer.from(body), { status, headers: { ...headers, 'retry-after-ms': '1' } })
    })
    try {
      await sdk.messages.create(ASK)
    } catch (raised) {
      return { error: raised, attempts }
    }
    throw new Error('the SDK took a refusal for an answer')
  }

  it.each<[ErrorCode, new (...args: never[]) => APIError, number, string, number]>([
    ['ERR_CALL_MALFORMED', BadRequestError, 400, 'invalid_request_error', 1],
    ['ERR_CALL_UNSUPPORTED', BadRequestError, 400, 'invalid_request_error', 1],
    ['ERR_CALL_TOO_LARGE', APIError, 413, 'request_too_large', 1],
    ['ERR_CALL_UNKNOWN_ROUTE', NotFoundError, 404, 'not_found_error', 1],
    ['ERR_CALL_UNKNOWN_MODEL', NotFoundError, 404, 'not_found_error', 1],
    ['ERR_CALL_TIMEOUT', APIError, 408, 'timeout_error', 3],
    ['ERR_IDENTITY_MISSING', AuthenticationError, 401, 'authentication_error', 1],
    ['ERR_POLICY_DENIED', PermissionDeniedError, 403, 'permission_error', 1],
    ['ERR_QUOTA_EXHAUSTED', RateLimitError, 429, 'rate_limit_error', 1],
    ['ERR_PROVIDER_UNREACHABLE', InternalServerError, 502, 'api_error', 3],
    ['ERR_PROVIDER_TIMEOUT', InternalServerError, 504, 'timeout_error', 3],
    ['ERR_LEDGER_UNAVAILABLE', InternalServerError, 503, 'overloaded_error', 3],
    ['ERR_GATEWAY_INTERNAL', InternalServerError, 500, 'api_error', 1],
  ])('%s', async (code, kind, status, type, attempts) => {
    const raised = await caught(new CustomhouseError(code, 'what, where, and how to mend it'))
    expect(raised.error).toBeInstanceOf(kind)
    expect(raised.error).toMatchObject({
      status,
      type,
      requestID: ID,
      message: expect.stringContaining('what, where, and how to mend it'),
    })
    expect(raised.attempts).toBe(attempts)
  })

  it('the SDK before 1.0 raises the same class', async () => {
    const { status, headers, body } = anthropicMessages.refuse(ID, new CustomhouseError('ERR_POLICY_DENIED', 'no'))
    const sdk = new Anthropic0({
      apiKey: 'k',
      baseURL: 'http://gateway.invalid/anthropic',
      fetch: async () => new Response(Buffer.from(body), { status, headers }),
    })
    await expect(sdk.messages.create(ASK)).rejects.toBeInstanceOf(PermissionDeniedError0)
  })

  it('every code has an answer of its own status, in the native shape; a quota says when', () => {
    for (const code of Object.keys(ERROR_CODES).filter((name): name is ErrorCode => name in ERROR_CODES)) {
      const { status, headers, body } = anthropicCountTokens.refuse(ID, new CustomhouseError(code, 'm'))
      expect(status).toBe(ERROR_CODES[code] || 500)
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'request-id': ID })
      expect(JSON.parse(Buffer.from(body).toString())).toEqual({
        type: 'error',
        error: { type: expect.stringMatching(/^[a-z_]+$/), message: 'm' },
        request_id: ID,
      })
    }
    const error = new CustomhouseError('ERR_QUOTA_EXHAUSTED', 'm', { detail: { retry_after_seconds: 7 } })
    expect(anthropicMessages.refuse(ID, error).headers).toMatchObject({ 'retry-after': '7' })
  })
})
