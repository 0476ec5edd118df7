import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from 'openai'
import { describe, expect, it } from 'vitest'
import { CustomhouseError, ERROR_CODES, type ErrorCode } from '../../src/core/errors.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { call, chunk, decode, encode, sse, streamCall } from './calls.ts'

const ID = '0197f2d0-0000-7000-8000-000000000001'

/** What a developer's `catch` gets of a refusal, and how often the SDK asked. */
async function caught(error: CustomhouseError): Promise<{ error: APIError; attempts: number }> {
  let attempts = 0
  const client = new OpenAI({
    apiKey: 'k',
    baseURL: 'http://gateway.invalid/openai/v1',
    maxRetries: 2,
    fetch: async () => {
      attempts++
      const { status, headers, body } = openaiChat.refuse(ID, error)
      return new Response(Uint8Array.from(body), { status, headers: { ...headers, 'retry-after-ms': '1' } })
    },
  })
  try {
    await client.chat.completions.create({ model: 'auto', messages: [{ role: 'user', content: 'hello' }] })
  } catch (raised) {
    if (raised instanceof APIError) return { error: raised, attempts }
    throw raised
  }
  throw new Error('the SDK took a refusal for an answer')
}

describe('refusals, through the real SDK', () => {
  it.each<[ErrorCode, new (...args: never[]) => APIError, number, string, string, number]>([
    ['ERR_CALL_MALFORMED', BadRequestError, 400, 'invalid_request_error', 'call_malformed', 1],
    ['ERR_CALL_UNSUPPORTED', BadRequestError, 400, 'invalid_request_error', 'call_unsupported', 1],
    ['ERR_CALL_TOO_LARGE', APIError, 413, 'invalid_request_error', 'call_too_large', 1],
    ['ERR_CALL_UNKNOWN_ROUTE', NotFoundError, 404, 'not_found_error', 'unknown_url', 1],
    ['ERR_CALL_UNKNOWN_MODEL', NotFoundError, 404, 'not_found_error', 'model_not_found', 1],
    ['ERR_CALL_TIMEOUT', APIError, 408, 'timeout_error', 'call_timeout', 3],
    ['ERR_IDENTITY_MISSING', AuthenticationError, 401, 'authentication_error', 'invalid_api_key', 1],
    ['ERR_IDENTITY_INVALID', AuthenticationError, 401, 'authentication_error', 'invalid_api_key', 1],
    ['ERR_POLICY_DENIED', PermissionDeniedError, 403, 'permission_error', 'policy_denied', 1],
    ['ERR_POLICY_OUT_OF_FUEL', PermissionDeniedError, 403, 'permission_error', 'policy_denied', 1],
    ['ERR_QUOTA_EXHAUSTED', RateLimitError, 429, 'rate_limit_error', 'rate_limit_exceeded', 1],
    ['ERR_PROVIDER_UNREACHABLE', InternalServerError, 502, 'server_error', 'provider_unreachable', 3],
    ['ERR_PROVIDER_TIMEOUT', InternalServerError, 504, 'timeout_error', 'provider_timeout', 3],
    ['ERR_LEDGER_UNAVAILABLE', InternalServerError, 503, 'server_error', 'ledger_unavailable', 3],
    ['ERR_GATEWAY_INTERNAL', InternalServerError, 500, 'server_error', 'gateway_internal', 1],
    ['ERR_POLICY_BUNDLE', InternalServerError, 500, 'server_error', 'policy_bundle', 3],
  ])('%s', async (code, kind, status, type, native, attempts) => {
    const raised = await caught(new CustomhouseError(code, 'what, where, and how to mend it'))
    expect(raised.error).toBeInstanceOf(kind)
    expect(raised.error).toMatchObject({ status, type, code: native, param: null, requestID: ID })
    expect(raised.error.message).toContain('what, where, and how to mend it')
    expect(raised.attempts).toBe(attempts)
  })

  it('every code has an answer of its own status, in the native shape', () => {
    for (const code of Object.keys(ERROR_CODES)) {
      if (!(code in ERROR_CODES)) continue
      const { status, headers, body } = openaiChat.refuse(ID, new CustomhouseError(toCode(code), 'm'))
      expect(status).toBeGreaterThanOrEqual(400)
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-request-id': ID })
      const { error } = JSON.parse(Buffer.from(body).toString())
      expect(Object.keys(error)).toEqual(['message', 'type', 'param', 'code'])
      if (status >= 500) expect(code).not.toMatch(/DENIED|QUOTA|IDENTITY_(?!UNAVAILABLE)|CALL/)
    }
  })

  it.each<[string, unknown, string | undefined, string | undefined, number]>([
    ['soon', 1.2, '2', undefined, 3],
    ['at once', 0, '0', undefined, 3],
    ['within the patience of an SDK', 60, '60', undefined, 3],
    ['tomorrow', 86_400, '86400', 'false', 1],
    ['nobody knows when', undefined, undefined, 'false', 1],
    ['in words', 'soon', undefined, 'false', 1],
    ['yesterday', -5, undefined, 'false', 1],
  ])('a quota that is free again %s', async (_, seconds, after, repeat, attempts) => {
    const detail = typeof seconds === 'number' || typeof seconds === 'string' ? { retry_after_seconds: seconds } : {}
    const error = new CustomhouseError('ERR_QUOTA_EXHAUSTED', 'm', { detail })
    const { headers } = openaiChat.refuse(ID, error)
    expect([headers['retry-after'], headers['x-should-retry']]).toEqual([after, repeat])
    expect((await caught(error)).attempts).toBe(attempts)
  })

  it('a status of the error itself goes before its code; what is none is 500', () => {
    expect(openaiChat.refuse(ID, new CustomhouseError('ERR_CALL_MALFORMED', 'm', { status: 415 })).status).toBe(415)
    expect(openaiChat.refuse(ID, new CustomhouseError('ERR_CONFIG_INVALID', 'm')).status).toBe(500)
    expect(openaiChat.refuse(ID, new CustomhouseError('ERR_CALL_MALFORMED', 'm', { status: 200 })).status).toBe(500)
  })
})

describe('a cut in the middle of a stream, through the real SDK', () => {
  async function read(bytes: string): Promise<{ text: string; error: unknown }> {
    const client = new OpenAI({
      apiKey: 'k',
      baseURL: 'http://gateway.invalid/openai/v1',
      fetch: async () =>
        new Response(bytes, { headers: { 'content-type': openaiChat.encode(streamCall).contentType } }),
    })
    let text = ''
    try {
      const stream = await client.chat.completions.create({
        model: 'auto',
        messages: [{ role: 'user', content: 'hello' }],
        stream: true,
      })
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    } catch (error) {
      return { text, error }
    }
    return { text, error: null }
  }

  it.each<[ErrorCode, string, string]>([
    ['ERR_POLICY_DENIED', 'permission_error', 'policy_denied'],
    ['ERR_PROVIDER_TRUNCATED', 'server_error', 'provider_truncated'],
    ['ERR_LEDGER_UNAVAILABLE', 'server_error', 'ledger_unavailable'],
    ['ERR_GATEWAY_DRAINING', 'server_error', 'gateway_draining'],
  ])('%s raises; a stream that only stops does not', async (code, type, native) => {
    const events = decode(
      streamCall,
      sse(chunk({ content: 'he' }), chunk({ content: 'llo' }), chunk({}, { finish_reason: 'stop' }), '[DONE]'),
    )
    const encoder = openaiChat.encode(streamCall)
    const begun = events.slice(0, 2).map((event) => Buffer.from(encoder.event(event, undefined)).toString())
    const cut = Buffer.from(encoder.cutOff(new CustomhouseError(code, 'cut off'))).toString()
    const { text, error } = await read(begun.join('') + cut)
    expect(text).toBe('hello')
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ type, code: native, message: 'cut off' })
    expect(encoder.end()).toHaveLength(0)
    expect(await read(begun.join(''))).toEqual({ text: 'hello', error: null })
    expect(await read(encode(streamCall, events))).toEqual({ text: 'hello', error: null })
  })

  it('is no verb for a whole answer', () => {
    expect(() => openaiChat.encode(call()).cutOff(new CustomhouseError('ERR_POLICY_DENIED', 'm'))).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
    )
  })
})

function toCode(name: string): ErrorCode {
  const isCode = (text: string): text is ErrorCode => text in ERROR_CODES
  if (isCode(name)) return name
  throw new Error(name)
}
