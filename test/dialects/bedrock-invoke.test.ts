import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import { APIError, PermissionDeniedError } from '@anthropic-ai/sdk'
import { AccessDeniedException, BedrockRuntimeClient, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { encodeEvent, encodeException, encodeMessage } from '../../src/dialects/eventstream.ts'
import { blockStart, blockStop, delta, drain, finish, start, stop, text } from './anthropic-calls.ts'
import {
  body,
  call,
  chunk,
  chunks,
  decode,
  encode,
  inbound,
  invokeRecordings,
  JSON_TYPE,
  pathOf,
  STREAM_PATH,
  STREAM_TYPE,
  streamCall,
  TARGET,
  WHOLE_PATH,
} from './bedrock-invoke-calls.ts'
import { leavesOf, objectsOf, planted, pointerOf } from './leaves.ts'

const ID = '0197f2d0-0000-7000-8000-000000000000'
const CANARY = 'canary 4111-1111 ü'
const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const INTERNAL = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })
const TALK = [start(), blockStart(0), text(0, 'he'), text(0, 'llo'), blockStop(0), finish(), stop]

const read = (given: unknown, path?: string, headers?: Readonly<Record<string, string>>): ModelCall =>
  bedrockInvoke.read(inbound(given, path, headers))
const of = (code: string, where: string) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(`^${where.replaceAll(/[/*]/g, '\\$&')}: .+`)),
  })

describe('routes and models', () => {
  it.each<[string, string, boolean]>([
    ['POST', WHOLE_PATH, true],
    ['POST', STREAM_PATH, true],
    ['GET', WHOLE_PATH, false],
    ['POST', '/model/auto/converse', false],
    ['POST', '/model/auto/invoke/', false],
    ['POST', '/model/invoke', false],
    ['POST', '/model/auto/invoke-with-bidirectional-stream', false],
  ])('%s %s: %j', (method, path, ours) => {
    expect(bedrockInvoke.matches(method, path)).toBe(ours)
  })

  it.each([
    ['anthropic.claude-v1:0', 'anthropic.claude-v1:0'],
    ['anthropic.claude-v1%3A0', 'anthropic.claude-v1:0'],
    [
      'arn:aws:bedrock:eu-central-1:123456789012:inference-profile%2Feu.x',
      'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x',
    ],
    ['arn%3Aaws%3Abedrock%3A%3A%3Afoundation-model/x', 'arn:aws:bedrock:::foundation-model/x'],
  ])('%s is %s, whole and streamed', (id, model) => {
    expect(read(body(), `/model/${id}/invoke`)).toMatchObject({ model, stream: false, dialect: 'bedrock.invoke' })
    expect(read(body(), `/model/${id}/invoke-with-response-stream`)).toMatchObject({ model, stream: true })
  })

  it.each(['%252e', '..', 'a%2F..%2Fb', 'a//b', 'a%00', '%', 'a%2', 'a%2F', '%2Fa'])('%s is no model', (id) => {
    expect(() => read(body(), `/model/${id}/invoke`)).toThrow(of('ERR_CALL_MALFORMED', 'the path'))
  })
})

describe('calls', () => {
  it.each<[string, unknown, string, string]>([
    ['no version: another family', { inputText: 'x' }, 'ERR_CALL_UNSUPPORTED', '/anthropic_version'],
    [
      'an unknown version',
      body({ anthropic_version: 'bedrock-2099-01-01' }),
      'ERR_CALL_UNSUPPORTED',
      '/anthropic_version',
    ],
    ['a version in numbers', body({ anthropic_version: 1 }), 'ERR_CALL_MALFORMED', '/anthropic_version'],
    ['a model in the body', body({ model: 'x' }), 'ERR_CALL_UNSUPPORTED', '/model'],
    ['a stream in the body', body({ stream: true }), 'ERR_CALL_UNSUPPORTED', '/stream'],
    ['an unknown beta', body({ anthropic_beta: ['x-2027-01-01'] }), 'ERR_CALL_UNSUPPORTED', '/anthropic_beta'],
    ['betas in words', body({ anthropic_beta: 'skills-2025-10-02' }), 'ERR_CALL_MALFORMED', '/anthropic_beta'],
    ['a beta in numbers', body({ anthropic_beta: [1] }), 'ERR_CALL_MALFORMED', '/anthropic_beta/0'],
    ['a profile', body({ user_profile_id: 'u' }), 'ERR_CALL_UNSUPPORTED', '/user_profile_id'],
    ['an unknown member', body({ plugins: [] }), 'ERR_CALL_UNSUPPORTED', '/plugins'],
  ])('with %s are refused', (_, given, code, where) => {
    expect(() => read(given)).toThrow(of(code, where))
  })

  it('of another family are told where to go', () => {
    expect(() => read({ messages: [], inferenceConfig: {} })).toThrow(/Converse/)
  })

  it.each<[Readonly<Record<string, string>>, boolean]>([
    [{}, true],
    [{ 'content-type': 'application/octet-stream' }, true],
    [{ 'content-type': 'application/json', 'x-amzn-bedrock-accept': '*/*' }, true],
    [{ 'content-type': 'text/plain' }, false],
    [{ 'content-encoding': 'gzip' }, false],
    [{ 'x-amzn-bedrock-guardrailidentifier': 'g', 'x-amzn-bedrock-guardrailversion': '1' }, false],
    [{ 'x-amzn-bedrock-trace': 'ENABLED' }, false],
    [{ 'x-amzn-bedrock-accept': 'text/html' }, false],
  ])('with headers %j: %j', (headers, fine) => {
    const reading = () => read(body(), WHOLE_PATH, headers)
    if (fine) expect(reading().headers).toEqual({})
    else expect(reading).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_CALL_/) }))
  })

  it('with no query, and bytes that are JSON', () => {
    expect(() => bedrockInvoke.read({ ...inbound(body()), query: 'beta=true' })).toThrow(/query/)
    expect(() => read('{"a', WHOLE_PATH, {})).toThrow(expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }))
  })

  it('betas are a fact of the same name as with Anthropic', () => {
    expect(call({ anthropic_beta: ['skills-2025-10-02', 'files-api-2025-04-14'] }).headers).toEqual({
      'anthropic-beta': 'skills-2025-10-02,files-api-2025-04-14',
    })
  })

  it('are written to the path of the target, from the tree, with nothing of the client', () => {
    const of = call({ anthropic_beta: ['skills-2025-10-02'], temperature: 1 })
    const message = bedrockInvoke.write(of, TARGET, [], [])
    expect(message.path).toBe('/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke')
    expect(message.headers).toEqual({ 'content-type': 'application/json', accept: 'application/json' })
    expect(Buffer.from(message.body).toString()).toBe(
      JSON.stringify(body({ anthropic_beta: ['skills-2025-10-02'], temperature: 1 })),
    )
    const streamed = bedrockInvoke.write(streamCall, TARGET, [], [])
    expect(streamed.path).toBe('/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream')
    expect(streamed.headers.accept).toBe('application/vnd.amazon.eventstream')
    for (const pointer of ['/model', '/stream']) {
      expect(() => bedrockInvoke.write(of, TARGET, [], [{ pointer, value: 'x' }])).toThrow(INTERNAL)
    }
  })

  it('signed blocks are dropped or denied as with Anthropic', () => {
    const thought = { type: 'thinking', thinking: 'secret', signature: 's' }
    const talk = (...more: readonly unknown[]) =>
      call({
        messages: [
          { role: 'assistant', content: [thought, { type: 'text', text: 'a' }] },
          { role: 'user', content: 'b' },
          ...more,
        ],
      })
    const edits = [{ pointer: '/messages/0/content/0/thinking', start: 0, end: 6, text: '_' }]
    const later = talk({ role: 'assistant', content: 'c' }, { role: 'user', content: 'd' })
    expect(Buffer.from(bedrockInvoke.write(later, TARGET, edits, []).body).toString()).not.toMatch(/secret|thinking/)
    expect(() => bedrockInvoke.write(talk(), TARGET, edits, [])).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_DENIED' }),
    )
  })

  it('of the Anthropic client are read as they come', async () => {
    const seen: ModelCall[] = []
    const client = sdk(async (url, init) => {
      const { pathname } = new URL(url)
      const headers = Object.fromEntries(new Headers(init.headers))
      seen.push(bedrockInvoke.read(inbound(String(init.body), pathname.replace(/^\/bedrock/, ''), headers)))
      return new Response('{"type":"message","content":[],"usage":{}}', { headers: JSON_TYPE })
    })
    await client.messages.create({
      model: 'eu.anthropic.claude-x-v1:0',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
    })
    await client.beta.messages.create({
      model: 'auto',
      max_tokens: 1,
      betas: ['context-1m-2025-08-07'],
      messages: [{ role: 'user', content: 'x' }],
    })
    expect(seen.map(({ model, headers }) => [model, headers])).toEqual([
      ['eu.anthropic.claude-x-v1:0', {}],
      ['auto', { 'anthropic-beta': 'context-1m-2025-08-07' }],
    ])
  })
})

function sdk(fetch: (url: string, init: RequestInit) => Promise<Response>): AnthropicBedrock {
  return new AnthropicBedrock({
    skipAuth: true,
    awsRegion: 'eu-central-1',
    baseURL: 'http://gateway.invalid/bedrock',
    maxRetries: 0,
    fetch: (url, init) => fetch(String(url), init ?? {}),
  })
}

const seenAs = (events: readonly ModelEvent[]): unknown =>
  events.map((event) => [
    { ...event, frame: null },
    Buffer.from(bedrockInvoke.encode(streamCall).event(event, undefined)).toString('latin1'),
  ])

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
})

/** Text and error that the Anthropic client makes of a stream. */
async function bySdk(bytes: Uint8Array): Promise<{ text: string; events: unknown[]; error: unknown }> {
  const client = sdk(async () => new Response(Buffer.from(bytes), { headers: STREAM_TYPE }))
  const events: unknown[] = []
  let text = ''
  try {
    const stream = await client.messages.create({
      model: 'auto',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    })
    for await (const event of stream) {
      events.push(event)
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
    }
  } catch (error) {
    return { text, events, error }
  }
  return { text, events, error: null }
}

/** Messages as the AWS codec reads them. */
function messages(bytes: Buffer): readonly Readonly<{ headers: unknown; payload: unknown }>[] {
  const codec = new EventStreamCodec(
    (utf8) => Buffer.from(utf8).toString(),
    (text) => Buffer.from(text),
  )
  const found = []
  for (let rest = bytes; rest.length > 0; rest = rest.subarray(rest.readUInt32BE(0))) {
    const { headers, body } = codec.decode(rest.subarray(0, rest.readUInt32BE(0)))
    const named = Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]))
    const payload: unknown = JSON.parse(Buffer.from(body).toString())
    found.push({ headers: named, payload })
  }
  return found
}

const eventsOf = (bytes: Buffer): readonly unknown[] =>
  messages(bytes).map(({ payload }): unknown =>
    JSON.parse(Buffer.from(String(Object(payload).bytes), 'base64').toString()),
  )

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
    expect(headers).toMatchObject({ 'x-amzn-errortype': 'AccessDeniedException', [bedrockInvoke.idHeader]: ID })
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

const recorded = invokeRecordings(true)
describe.skipIf(recorded === null)('recordings (skipped without fixtures)', () => {
  const streams = recorded?.filter(({ response }) => response.framing !== 'json') ?? []

  it('of Anthropic’s models: every leaf a segment, the same tree upstream, a canary seen or refused', () => {
    let seen = 0
    const refused = new Set<string>()
    for (const recording of recorded ?? []) {
      const { body } = recording.request
      const of = read(body, pathOf(recording))
      expect(of.unread).toEqual([])
      const strings = of.segments.filter(({ pointer }) => !pointer.endsWith('#'))
      expect(strings.map(({ pointer, text }) => [pointer, text])).toEqual(
        leavesOf(body).map(({ path, text }) => [pointerOf(path), text]),
      )
      expect(Buffer.from(bedrockInvoke.write(of, TARGET, [], []).body).toString()).toBe(JSON.stringify(body))
      for (const { path } of leavesOf(body)) {
        try {
          const { segments } = read(planted(body, path, CANARY), pathOf(recording))
          expect(segments).toContainEqual(expect.objectContaining({ pointer: pointerOf(path), text: CANARY }))
          seen++
        } catch (error) {
          if (!(error instanceof CustomhouseError)) throw error
          refused.add(String(path.at(-1)))
        }
      }
    }
    expect(seen).toBeGreaterThan(90)
    expect([...refused].sort()).toEqual(['anthropic_version', 'name', 'role'])
  })

  it('of other families: refused', () => {
    const others = invokeRecordings(false) ?? []
    expect(others.length).toBeGreaterThan(5)
    for (const recording of others) {
      expect(() => read(recording.request.body, pathOf(recording))).toThrow(
        of('ERR_CALL_UNSUPPORTED', '/anthropic_version'),
      )
    }
  })

  it('a canary of its own in every leaf of an answer is a part', () => {
    let seen = 0
    for (const { file, response } of recorded ?? []) {
      const trees = response.framing === 'json' ? [JSON.parse(response.bytes.toString())] : eventsOf(response.bytes)
      const isKind = (path: string) => /^(?:type|content_block\/type|stop_reason|delta\/stop_reason)$/.test(path)
      const given = trees.map((tree, at) => {
        const names = objectsOf(tree).reduceRight<unknown>(
          (json, path) => planted(json, [...path, `${CANARY}${at}`], 1),
          tree,
        )
        return leavesOf(tree)
          .filter(({ path }) => !isKind(path.join('/')))
          .reduce<unknown>((json, { path }) => planted(json, path, `c${at}${pointerOf(path)}`), names)
      })
      const events =
        response.framing === 'json' ? decode(call(), JSON.stringify(given[0])) : decode(streamCall, chunks(...given))
      const parts = events.flatMap(({ parts }) => parts)
      const expected = given.flatMap((tree) => leavesOf(tree).map(({ text }) => text))
      const texts = parts.filter(({ pointer }) => !pointer.endsWith('#')).map(({ text }) => text)
      expect(texts.toSorted(), file).toEqual(expected.toSorted())
      expect(parts.filter(({ text }) => text.startsWith(CANARY)).length).toBe(
        trees.flatMap((tree) => objectsOf(tree)).length,
      )
      seen += expected.length
    }
    expect(seen).toBeGreaterThan(300)
  })

  it('are the same to the SDK, and to us when they are read again', async () => {
    for (const { file, response } of streams) {
      const events = decode(streamCall, response.bytes)
      const written = encode(streamCall, events)
      expect(await bySdk(written), file).toEqual(await bySdk(response.bytes))
      expect(seenAs(decode(streamCall, written))).toEqual(seenAs(events))
      expect(eventsOf(written)).toEqual(eventsOf(response.bytes))
    }
  })

  it('in single bytes, in two and in many pieces: the same events, and the same bytes of ours', () => {
    for (const { file, response } of streams) {
      const { bytes } = response
      const expected = seenAs(decode(streamCall, bytes))
      const cut = (bounds: readonly number[]) => {
        const all = [0, ...bounds, bytes.length]
        const pieces = all.slice(1).map((to, i) => bytes.subarray(all[i], to))
        return seenAs(drain(bedrockInvoke.decode(streamCall, 200, STREAM_TYPE), pieces))
      }
      expect(cut([...bytes.keys()].slice(1)), file).toEqual(expected)
      if (bytes.length < 3000) for (let at = 1; at < bytes.length; at++) expect(cut([at]), `${at}`).toEqual(expected)
      fc.assert(
        fc.property(fc.uniqueArray(fc.nat(bytes.length - 1), { maxLength: 40 }), (bounds) => {
          expect(cut(bounds.sort((a, b) => a - b))).toEqual(expected)
        }),
        { numRuns: 10 },
      )
    }
  })
})
