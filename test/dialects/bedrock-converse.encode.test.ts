import {
  AccessDeniedException,
  BedrockRuntimeServiceException,
  ConverseCommand,
  type ConverseStreamOutput,
  CountTokensCommand,
  InternalServerException,
  ModelStreamErrorException,
  ModelTimeoutException,
  ResourceNotFoundException,
  ServiceUnavailableException,
  ThrottlingException,
  ValidationException,
} from '@aws-sdk/client-bedrock-runtime'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError, ERROR_CODES, type ErrorCode } from '../../src/core/errors.ts'
import { bedrockConverse, bedrockCountTokens } from '../../src/dialects/bedrock-converse/index.ts'
import { encodeException, encodeMessage } from '../../src/dialects/eventstream.ts'
import {
  bedrockRecordings,
  countCall,
  decode,
  delta,
  encode,
  frames,
  ID,
  isStream,
  JSON_TYPE,
  MESSAGE_START,
  MESSAGE_STOP,
  METADATA,
  MODEL,
  payloadsOf,
  sdk,
  sdkStream,
  sdkWhole,
  stop,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'

const STREAM = 'application/vnd.amazon.eventstream'
const spoken = (events: readonly ConverseStreamOutput[]): string =>
  events.map(({ contentBlockDelta }) => contentBlockDelta?.delta?.text ?? '').join('')

/** What comes of these events when the parts of these texts are replaced. */
function edited(of: ModelCall, events: readonly ModelEvent[], texts: Readonly<Record<string, string>>): Buffer {
  const encoder = bedrockConverse.encode(of)
  return Buffer.concat(
    events.map((event) =>
      encoder.event(
        event,
        event.parts.map(({ text }) => texts[text] ?? text),
      ),
    ),
  )
}

describe('answers', () => {
  it('are fresh messages of the same trees, without padding', () => {
    const bytes = frames(MESSAGE_START, delta(0, { text: 'hello' }), stop(0), MESSAGE_STOP, METADATA)
    const again = payloadsOf(encode(streamCall, decode(streamCall, bytes)))
    expect(again).toEqual(payloadsOf(bytes).map(({ type, payload: { p: _, ...payload } }) => ({ type, payload })))
    expect(bedrockConverse.encode(streamCall).contentType).toBe(STREAM)
    expect(bedrockConverse.encode(streamCall).end()).toHaveLength(0)
  })

  it('are whole as they were read: order and lexemes', () => {
    const text =
      '{"stopReason":"end_turn","output":{"message":{"content":[{"toolUse":{"input":{"2":1e400,"1":1.0,"__proto__":"\\ud800"}}}],"role":"assistant"}},"usage":{}}'
    expect(encode(wholeCall, decode(wholeCall, text)).toString()).toBe(text)
    expect(bedrockConverse.encode(wholeCall).contentType).toBe('application/json')
    expect(encode(countCall, decode(countCall, '{"inputTokens":11}')).toString()).toBe('{"inputTokens":11}')
  })

  it('of nothing, a whole error to a call for a stream, are JSON', () => {
    const encoder = bedrockConverse.encode(streamCall)
    const [event] = decode(streamCall, '{"message":"m"}', 400, JSON_TYPE)
    if (event === undefined) throw new Error('no event')
    expect(Buffer.from(encoder.event(event, undefined)).toString()).toBe('{"message":"m"}')
    expect(encoder.contentType).toBe('application/json')
  })

  const all = bedrockRecordings()
  it.skipIf(all === null)('are to the SDK what they are without the gateway (skipped without fixtures)', async () => {
    let streams = 0
    for (const recording of all ?? []) {
      const { bytes, status, headers } = recording.response
      if (isStream(recording)) {
        const before = await sdkStream(bytes)
        const after = await sdkStream(encode(streamCall, decode(streamCall, bytes)))
        expect(before.error, recording.file).toBeNull()
        expect(before.events.length).toBeGreaterThan(3)
        expect(after, recording.file).toEqual(before)
        streams++
      } else {
        const types = {
          ...JSON_TYPE,
          ...(headers['x-amzn-errortype'] ? { 'x-amzn-errortype': headers['x-amzn-errortype'] } : {}),
        }
        const [before, after] = await Promise.all(
          [bytes, encode(wholeCall, decode(wholeCall, bytes, status, types))].map((body) =>
            sdkWhole({ status, headers: types, body }).catch((error: unknown) => String(error)),
          ),
        )
        expect(metaless(after), recording.file).toEqual(metaless(before))
      }
    }
    expect(streams).toBe(26)
  })

  const counted = bedrockRecordings('bedrock-count-tokens')
  it.skipIf(counted === null)('to a count, too (skipped without fixtures)', async () => {
    for (const { response } of counted ?? []) {
      const { bytes: body, status } = response
      const answer = encode(countCall, decode(countCall, body, status, JSON_TYPE))
      const ask = (bytes: Uint8Array) =>
        sdk(() => ({ status, headers: JSON_TYPE, body: bytes }))
          .client.send(new CountTokensCommand({ modelId: 'auto', input: { converse: { messages: MODEL.messages } } }))
          .catch((error: unknown) => String(error))
      expect(metaless(await ask(answer))).toEqual(metaless(await ask(body)))
    }
  })
})

describe('edited texts', () => {
  it('stand where the others stood', async () => {
    const events = decode(
      streamCall,
      frames(MESSAGE_START, delta(0, { text: 'Jane' }), delta(0, { text: '!' }), stop(0), MESSAGE_STOP),
    )
    const { events: read } = await sdkStream(edited(streamCall, events, { Jane: 'NAME_1' }))
    expect(spoken(read)).toBe('NAME_1!')
  })

  it('take with them what repeats them in pieces, in that event and in all later ones', () => {
    const trace = { guardrail: { modelOutput: ['Jane'] }, promptRouter: { invokedModelId: 'm' } }
    const more = { additionalModelResponseFields: { stop_sequence: 'Jane' } }
    const events = decode(
      streamCall,
      frames(
        MESSAGE_START,
        delta(0, { text: 'Jane' }),
        stop(0),
        ['messageStop', { stopReason: 'end_turn', ...more }],
        ['metadata', { usage: { inputTokens: 1 }, trace }],
      ),
    )
    const [, , , end, metadata] = payloadsOf(edited(streamCall, events, { Jane: '*' }))
    expect(end?.payload).toEqual({ stopReason: 'end_turn' })
    expect(metadata?.payload).toEqual({ usage: { inputTokens: 1 }, trace: { promptRouter: { invokedModelId: 'm' } } })
    expect(payloadsOf(encode(streamCall, events)).at(-1)?.payload).toMatchObject({ trace })

    const content = [{ text: 'Jane' }]
    const whole = {
      output: { message: { role: 'assistant', content } },
      stopReason: 'end_turn',
      usage: {},
      trace,
      ...more,
    }
    const [event] = decode(wholeCall, JSON.stringify(whole))
    if (event === undefined) throw new Error('no event')
    const texts = event.parts.map(({ pointer, text }) => (pointer.includes('/content/') ? '*' : text))
    expect(JSON.parse(Buffer.from(bedrockConverse.encode(wholeCall).event(event, texts)).toString())).toEqual({
      output: { message: { role: 'assistant', content: [{ text: '*' }] } },
      stopReason: 'end_turn',
      usage: {},
      trace: { promptRouter: { invokedModelId: 'm' } },
    })
  })

  it.each<[string, ModelCall, Buffer | string, string]>([
    ['signed reasoning', streamCall, frames(delta(0, { reasoningContent: { text: 'x' } }), MESSAGE_STOP), 'x'],
    ['a signature', streamCall, frames(delta(0, { reasoningContent: { signature: 'x' } }), MESSAGE_STOP), 'x'],
    ['a member name', streamCall, frames(delta(0, { odd: { x: 1 } }), MESSAGE_STOP), 'odd'],
  ])('of %s are a fault', (_, of, bytes, text) => {
    expect(() => edited(of, decode(of, bytes), { [text]: '*' })).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
    )
  })

  it('must be as many as the parts; frames of another codec are none', () => {
    const [event] = decode(streamCall, frames(MESSAGE_START, MESSAGE_STOP))
    if (event === undefined) throw new Error('no event')
    for (const [given, texts] of [
      [event, []],
      [{ ...event, frame: { form: 'chunk', tree: new Map() } }, undefined],
    ] as const) {
      expect(() => bedrockConverse.encode(streamCall).event(given, texts)).toThrow(
        expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
      )
    }
  })
})

describe('errors of the provider, through the real SDK', () => {
  it.each<[string, new (...args: never[]) => Error]>([
    ['internalServerException', InternalServerException],
    ['modelStreamErrorException', ModelStreamErrorException],
    ['throttlingException', ThrottlingException],
    ['serviceUnavailableException', ServiceUnavailableException],
    ['validationException', ValidationException],
  ])('%s passes through a stream', async (type, kind) => {
    const bytes = Buffer.concat([
      frames(MESSAGE_START, delta(0, { text: 'hello' })),
      encodeException(type, Buffer.from('{"message":"of the provider"}')),
    ])
    const { events, error } = await sdkStream(encode(streamCall, decode(streamCall, bytes)))
    expect(spoken(events)).toBe('hello')
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ message: 'of the provider' })
  })

  // The type is no part, so nobody inspects it.
  it.each<[string, string, string]>([
    ['exception', 'throttlingException', 'throttlingException'],
    ['exception', 'ThrottlingException', 'ThrottlingException'],
    ['exception', 'modelTimeoutException', 'modelTimeoutException'],
    ['exception', 'DE89370400440532013000', 'modelStreamErrorException'],
    ['exception', 'Erika.Mustermann', 'modelStreamErrorException'],
    ['exception', '', 'modelStreamErrorException'],
    ['error', 'InternalFailure', 'InternalFailure'],
    ['error', 'DE89370400440532013000', 'modelStreamErrorException'],
  ])('an %s of the type %j goes to the client as %s', (kind, type, told) => {
    const named = kind === 'error' ? ':error-code' : ':exception-type'
    const frame = encodeMessage({ ':message-type': kind, [named]: type }, Buffer.from('{"message":"m"}'))
    const events = decode(streamCall, Buffer.concat([frames(MESSAGE_START), frame]))
    expect(events.at(-1)).toMatchObject({ kind: 'fault', code: told === type ? type : 'unknown' })
    const bytes = encode(streamCall, events)
    expect(bytes.includes(told)).toBe(true)
    if (told !== type && type !== '') expect(bytes.includes(type)).toBe(false)
  })

  it('keep their class without the header', async () => {
    const provided = { status: 400, headers: { ...JSON_TYPE, 'x-amzn-errortype': 'ValidationException:http://x/' } }
    const events = decode(wholeCall, '{"message":"m"}', provided.status, provided.headers)
    const body = encode(wholeCall, events)
    expect(JSON.parse(body.toString())).toEqual({ message: 'm', __type: 'ValidationException' })
    for (const headers of [JSON_TYPE, provided.headers]) {
      await expect(sdkWhole({ status: 400, headers, body })).rejects.toBeInstanceOf(ValidationException)
    }
  })
})

describe('refusals, through the real SDK', () => {
  it.each<[ErrorCode, new (...args: never[]) => Error, number, string, number]>([
    ['ERR_CALL_MALFORMED', ValidationException, 400, 'ValidationException', 1],
    ['ERR_CALL_UNSUPPORTED', ValidationException, 400, 'ValidationException', 1],
    ['ERR_CALL_TOO_LARGE', ValidationException, 413, 'ValidationException', 1],
    ['ERR_CALL_UNKNOWN_ROUTE', BedrockRuntimeServiceException, 404, 'UnknownOperationException', 1],
    ['ERR_CALL_UNKNOWN_MODEL', ResourceNotFoundException, 404, 'ResourceNotFoundException', 1],
    ['ERR_CALL_TIMEOUT', BedrockRuntimeServiceException, 408, 'RequestTimeoutException', 3],
    ['ERR_IDENTITY_MISSING', BedrockRuntimeServiceException, 401, 'MissingAuthenticationTokenException', 1],
    ['ERR_IDENTITY_INVALID', BedrockRuntimeServiceException, 401, 'UnrecognizedClientException', 1],
    ['ERR_POLICY_DENIED', AccessDeniedException, 403, 'AccessDeniedException', 1],
    ['ERR_POLICY_THREW', AccessDeniedException, 403, 'AccessDeniedException', 1],
    ['ERR_QUOTA_EXHAUSTED', ThrottlingException, 429, 'ThrottlingException', 3],
    ['ERR_PROVIDER_UNREACHABLE', ServiceUnavailableException, 502, 'ServiceUnavailableException', 3],
    ['ERR_PROVIDER_TIMEOUT', ModelTimeoutException, 504, 'ModelTimeoutException', 3],
    ['ERR_LEDGER_UNAVAILABLE', ServiceUnavailableException, 503, 'ServiceUnavailableException', 3],
    ['ERR_GATEWAY_INTERNAL', InternalServerException, 500, 'InternalServerException', 3],
  ])('%s', async (code, kind, status, name, attempts) => {
    const refusal = bedrockConverse.refuse(ID, new CustomhouseError(code, 'what, where, and how to mend it'))
    const { client, attempts: asked } = sdk(() => refusal)
    const error: unknown = await client.send(new ConverseCommand(MODEL)).catch((raised: unknown) => raised)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({
      name,
      message: 'what, where, and how to mend it',
      $metadata: { httpStatusCode: status, requestId: ID },
    })
    expect(asked()).toBe(attempts)
  })

  it('every code has an answer of its own status, in the native shape', () => {
    const codes = Object.keys(ERROR_CODES).filter((name): name is ErrorCode => name in ERROR_CODES)
    for (const code of codes) {
      const { status, headers, body } = bedrockCountTokens.refuse(ID, new CustomhouseError(code, 'm'))
      expect(status).toBeGreaterThanOrEqual(400)
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-amzn-requestid': ID })
      expect(headers['x-amzn-errortype']).toMatch(/^[A-Z][A-Za-z]+Exception$/)
      expect(JSON.parse(Buffer.from(body).toString())).toEqual({ message: 'm' })
      if (status >= 500) expect(code).not.toMatch(/DENIED|QUOTA|IDENTITY_(?!UNAVAILABLE)|CALL/)
    }
  })

  it.each<[unknown, string | undefined, string | undefined]>([
    [1.2, '2', '2000'],
    [0, '0', '0'],
    [86_400, '86400', '86400000'],
    [undefined, undefined, undefined],
    ['soon', undefined, undefined],
    [-5, undefined, undefined],
  ])('say when to come back, in seconds and in milliseconds: %j', (seconds, after, millis) => {
    const detail = typeof seconds === 'number' || typeof seconds === 'string' ? { retry_after_seconds: seconds } : {}
    const { headers } = bedrockConverse.refuse(ID, new CustomhouseError('ERR_QUOTA_EXHAUSTED', 'm', { detail }))
    expect([headers['retry-after'], headers['x-amz-retry-after']]).toEqual([after, millis])
    expect(headers).not.toHaveProperty('x-should-retry')
  })

  it('a status of the error itself goes before its code; what is none is 500', () => {
    const refuse = (code: ErrorCode, status: number) => {
      const { status: is, headers } = bedrockConverse.refuse(ID, new CustomhouseError(code, 'm', { status }))
      return [is, headers['x-amzn-errortype']]
    }
    expect(refuse('ERR_CALL_MALFORMED', 415)).toEqual([415, 'ValidationException'])
    expect(refuse('ERR_CALL_MALFORMED', 200)).toEqual([500, 'InternalServerException'])
    expect(refuse('ERR_PROVIDER_MALFORMED', 529)).toEqual([529, 'InternalServerException'])
  })
})

describe('a cut in the middle of a stream, through the real SDK', () => {
  it.each<ErrorCode>(['ERR_POLICY_DENIED', 'ERR_PROVIDER_TRUNCATED', 'ERR_LEDGER_UNAVAILABLE', 'ERR_GATEWAY_DRAINING'])(
    '%s raises; a stream that only stops does not',
    async (code) => {
      const events = decode(
        streamCall,
        frames(MESSAGE_START, delta(0, { text: 'hel' }), delta(0, { text: 'lo' }), stop(0), MESSAGE_STOP),
      )
      const encoder = bedrockConverse.encode(streamCall)
      const begun = Buffer.concat(events.slice(0, 3).map((event) => encoder.event(event, undefined)))
      const cut = await sdkStream(Buffer.concat([begun, encoder.cutOff(new CustomhouseError(code, 'cut off ü'))]))
      expect(spoken(cut.events)).toBe('hello')
      expect(cut.error).toBeInstanceOf(ValidationException)
      expect(cut.error).toMatchObject({ message: 'cut off ü' })
      expect(encoder.end()).toHaveLength(0)
      expect((await sdkStream(begun)).error).toBeNull()
    },
  )

  it('is no verb for a whole answer', () => {
    expect(() => bedrockConverse.encode(wholeCall).cutOff(new CustomhouseError('ERR_POLICY_DENIED', 'm'))).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
    )
  })
})

function metaless(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null ? { ...answer, $metadata: null } : answer
}
