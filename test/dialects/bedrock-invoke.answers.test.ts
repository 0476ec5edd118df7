import { APIError, PermissionDeniedError } from '@anthropic-ai/sdk'
import { AccessDeniedException, BedrockRuntimeClient, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { encodeEvent, encodeException, encodeMessage } from '../../src/dialects/eventstream.ts'
import { blockStart, blockStop, delta, finish, start, stop, text } from './anthropic-calls.ts'
import { call, chunk, chunks, decode, encode, JSON_TYPE, streamCall } from './bedrock-invoke-calls.ts'
import { bySdk, eventsOf, messages, sdk } from './bedrock-invoke-clients.ts'

const ID = '0197f2d0-0000-7000-8000-000000000000'
const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const INTERNAL = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })
const TALK = [start(), blockStart(0), text(0, 'he'), text(0, 'llo'), blockStop(0), finish(), stop]

describe('answers', () => {
  it('whole are one finish; errors are the service’s', () => {
    expect(decode(call(), '{"type":"message","content":[],"stop_reason":"end_turn"}')).toMatchObject([
      { kind: 'finish', reason: 'end_turn' },
    ])
    const headers = { ...JSON_TYPE, 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/' }
    for (const of of [call(), streamCall]) {
      const [event] = decode(of, '{"message":"no"}', 429, headers)
      expect(event).toMatchObject({ kind: 'fault', code: 'ThrottlingException' })
      expect(event?.parts.map(({ text }) => text)).toContain('no')
      expect(encode(of, event === undefined ? [] : [event]).toString()).toContain('"message":"no"')
    }
    expect(() => decode(call(), '{"outputText":"x"}')).toThrow(MALFORMED)
  })

  it('streamed are the events within, without padding; usage is also what the service counted', () => {
    const metrics = { inputTokenCount: 37, outputTokenCount: 8, cacheReadInputTokenCount: 2, invocationLatency: 460 }
    const events = decode(
      streamCall,
      chunks(...TALK.slice(0, -1), { ...stop, 'amazon-bedrock-invocationMetrics': metrics }),
    )
    expect(events.map(({ kind }) => kind)).toEqual(['delta', 'delta', 'delta', 'delta', 'delta', 'finish', 'delta'])
    expect(events.at(-1)?.usage).toEqual({ inputTokens: 37, outputTokens: 8, cachedInputTokens: 2 })
    expect(events[2]?.parts).toContainEqual(expect.objectContaining({ lane: 'content/0/text', text: 'he' }))
    const [first] = messages(encode(streamCall, events))
    expect(first?.headers).toEqual({
      ':event-type': 'chunk',
      ':content-type': 'application/json',
      ':message-type': 'event',
    })
    expect(Object.keys(Object(first?.payload))).toEqual(['bytes'])
  })

  it.each<[string, Uint8Array]>([
    ['something beside the event', chunk(start(), { p: '', q: 'x' })],
    ['no event', encodeEvent('chunk', Buffer.from('{"p":"x"}'))],
    ['an event that is not base64', encodeEvent('chunk', Buffer.from('{"bytes":"{}"}'))],
    [
      'base64 that is not plain',
      encodeEvent('chunk', Buffer.from(`{"bytes":"${Buffer.from(JSON.stringify(start())).toString('base64')}\\n"}`)),
    ],
    ['an event that is no JSON', encodeEvent('chunk', Buffer.from('{"bytes":"AAAA"}'))],
    ['an event of another name', encodeEvent('messageStart', Buffer.from('{}'))],
    ['a message of no type', encodeMessage({ ':event-type': 'chunk' }, Buffer.from('{}'))],
    ['a wrong checksum', chunk(start()).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte))],
    ['an event out of its order', chunk(text(0, 'x'))],
    ['an event without a type', chunk({ x: 1 })],
  ])('with %s are malformed', (_, bytes) => {
    expect(() => decode(streamCall, bytes)).toThrow(MALFORMED)
  })

  it('that stop early are truncated, wherever', () => {
    const bytes = chunks(...TALK)
    for (let at = 0; at < bytes.length; at++) {
      expect(() => decode(streamCall, bytes.subarray(0, at)), `at ${at}`).toThrow(TRUNCATED)
    }
    expect(decode(streamCall, bytes)).toHaveLength(TALK.length)
  })

  it.each<[string, Uint8Array, string]>([
    [
      'an exception',
      encodeException('modelStreamErrorException', Buffer.from('{"message":"no"}')),
      'modelStreamErrorException',
    ],
    [
      'an error',
      encodeMessage(
        { ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': 'no' },
        Buffer.alloc(0),
      ),
      'InternalFailure',
    ],
    [
      'an error of Anthropic’s',
      chunk({ type: 'error', error: { type: 'overloaded_error', message: 'no' } }),
      'overloaded_error',
    ],
  ])('%s is a fault, and the SDK raises it', async (_, bytes, code) => {
    const given = Buffer.concat([chunks(start(), blockStart(0), text(0, 'x')), bytes, chunks(text(0, 'never'))])
    const events = decode(streamCall, given)
    expect(events.at(-1)).toMatchObject({ kind: 'fault', code })
    expect(events).toHaveLength(4)
    expect(events.at(-1)?.parts.map(({ text }) => text)).toContain('no')
    const { text: got, error } = await bySdk(encode(streamCall, events))
    expect(got).toBe('x')
    expect(error).toBeInstanceOf(APIError)
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
    const events = decode(streamCall, Buffer.concat([chunks(start()), frame]))
    expect(events.at(-1)).toMatchObject({ kind: 'fault', code: told === type ? type : 'unknown' })
    const bytes = encode(streamCall, events)
    expect(bytes.includes(told)).toBe(true)
    if (told !== type && type !== '') expect(bytes.includes(type)).toBe(false)
  })

  it('after a fault nothing is read any more, whatever comes and wherever it stops', () => {
    const fault = chunk({ type: 'error', error: { type: 'overloaded_error', message: 'no' } })
    const more = [
      encodeException('validationException', Buffer.from('{}')),
      encodeEvent('x', Buffer.from('{}')),
      Buffer.from([0, 0]),
    ]
    expect(decode(streamCall, Buffer.concat([chunks(start()), fault, ...more])).map(({ kind }) => kind)).toEqual([
      'delta',
      'fault',
    ])
  })
})

describe('edits, cuts and refusals', () => {
  it('an edited text stands where it stood; what is signed is not edited', () => {
    const events = decode(
      streamCall,
      chunks(
        start(),
        blockStart(0),
        text(0, 'x'),
        blockStop(0),
        blockStart(1, { type: 'thinking', thinking: '' }),
        delta(1, { type: 'thinking_delta', thinking: 'y' }),
        finish(),
        stop,
      ),
    )
    const write = (replace: Readonly<Record<string, string>>) => {
      const encoder = bedrockInvoke.encode(streamCall)
      return Buffer.concat(
        events.map((event) =>
          encoder.event(
            event,
            event.parts.map(({ lane, text }) => replace[lane] ?? text),
          ),
        ),
      )
    }
    expect(eventsOf(write({ 'content/0/text': 'ü' }))[2]).toEqual(text(0, 'ü'))
    expect(() => write({ 'content/1/thinking': 'z' })).toThrow(INTERNAL)
  })

  it('a cut raises in the client; a whole answer cannot be cut', async () => {
    const events = decode(streamCall, chunks(...TALK))
    const encoder = bedrockInvoke.encode(streamCall)
    const begun = events.slice(0, 4).map((event) => encoder.event(event, undefined))
    const cut = encoder.cutOff(new CustomhouseError('ERR_POLICY_DENIED', 'cut off'))
    const { text: got, error } = await bySdk(Buffer.concat([...begun, cut]))
    expect(got).toBe('hello')
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ type: 'validationException', message: expect.stringContaining('cut off') })
    expect(await bySdk(encode(streamCall, events))).toMatchObject({ text: 'hello', error: null })
    expect(() => bedrockInvoke.encode(call()).cutOff(new CustomhouseError('ERR_POLICY_DENIED', 'm'))).toThrow(INTERNAL)
  })

  it('a refusal is of its class to both clients', async () => {
    const { status, headers, body } = bedrockInvoke.refuse(ID, new CustomhouseError('ERR_POLICY_DENIED', 'no'))
    expect(headers).toMatchObject({
      'x-amzn-errortype': 'AccessDeniedException',
      'x-amzn-requestid': ID,
      'request-id': ID,
    })
    const client = sdk(async () => new Response(Buffer.from(body), { status, headers }))
    await expect(
      client.messages.create({ model: 'auto', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }),
    ).rejects.toBeInstanceOf(PermissionDeniedError)
    const aws = new BedrockRuntimeClient({
      region: 'eu-central-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: {
        handle: async () => ({ response: { statusCode: status, headers: { ...headers }, body: Buffer.from(body) } }),
      },
    })
    const asked = aws.send(new InvokeModelCommand({ modelId: 'auto', body: '{}' }))
    await expect(asked).rejects.toBeInstanceOf(AccessDeniedException)
    await expect(asked).rejects.toMatchObject({ $metadata: { requestId: ID } })
  })
})
