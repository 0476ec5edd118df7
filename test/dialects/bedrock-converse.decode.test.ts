import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import { encodeException, encodeMessage } from '../../src/dialects/eventstream.ts'
import {
  countCall,
  decode,
  delta,
  frames,
  JSON_TYPE,
  MESSAGE_START,
  MESSAGE_STOP,
  METADATA,
  STREAM_TYPE,
  stop,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { drain } from './calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const TRUNCATED = expect.objectContaining({ code: 'ERR_PROVIDER_TRUNCATED' })
const lanes = (event: ModelEvent | undefined) =>
  event?.parts.map(({ lane, role, channel, text, signed }) =>
    signed === true ? [lane, role, channel, text, 'signed'] : [lane, role, channel, text],
  )

const whole = {
  metrics: { latencyMs: 12 },
  output: { message: { role: 'assistant', content: [{ text: 'hello' }] } },
  stopReason: 'end_turn',
  usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8, cacheReadInputTokens: 2, cacheWriteInputTokens: 0 },
}
const json = JSON.stringify(whole)
const complete = frames(MESSAGE_START, delta(0, { text: 'hello' }), stop(0), MESSAGE_STOP, METADATA)

describe('which answers are read', () => {
  it.each<[string, ModelCall, number, Record<string, string>, string | Uint8Array]>([
    ['no content type', wholeCall, 200, {}, json],
    ['text', wholeCall, 200, { 'content-type': 'text/html' }, json],
    ['a stream nobody asked for', wholeCall, 200, STREAM_TYPE, complete],
    ['a whole answer where a stream was asked for', streamCall, 200, JSON_TYPE, json],
    ['server-sent events', streamCall, 200, { 'content-type': 'text/event-stream' }, 'data: {}\n\n'],
    ['a compressed answer', wholeCall, 200, { ...JSON_TYPE, 'content-encoding': 'gzip' }, json],
    ['a redirect', wholeCall, 307, JSON_TYPE, json],
    ['an early hint', wholeCall, 103, JSON_TYPE, json],
    ['an error in HTML', wholeCall, 503, { 'content-type': 'text/html' }, '<h1>'],
    ['an error that is a list', wholeCall, 400, JSON_TYPE, '[]'],
    ['a list', wholeCall, 200, JSON_TYPE, '[]'],
    ['an answer of another operation', wholeCall, 200, JSON_TYPE, '{"inputTokens":5}'],
    ['no message', wholeCall, 200, JSON_TYPE, JSON.stringify({ ...whole, output: {} })],
    [
      'content that is no list',
      wholeCall,
      200,
      JSON_TYPE,
      JSON.stringify({ ...whole, output: { message: { content: 'x' } } }),
    ],
    [
      'text that is a number',
      wholeCall,
      200,
      JSON_TYPE,
      JSON.stringify({ ...whole, output: { message: { content: [{ text: 41111 }] } } }),
    ],
    ['no reason to stop', wholeCall, 200, JSON_TYPE, JSON.stringify({ ...whole, stopReason: null })],
    ['usage below nothing', wholeCall, 200, JSON_TYPE, JSON.stringify({ ...whole, usage: { inputTokens: -1 } })],
    ['a name twice', wholeCall, 200, JSON_TYPE, `{"stopReason":"x",${json.slice(1)}`],
    ['half an answer', wholeCall, 200, JSON_TYPE, json.slice(0, -3)],
    ['a count that is none', countCall, 200, JSON_TYPE, '{"inputTokens":"11"}'],
    ['a count that is text', countCall, 200, { 'content-type': 'text/plain' }, '{"inputTokens":11}'],
  ])('not %s', (_, of, status, headers, body) => {
    expect(() => decode(of, body, status, headers)).toThrow(MALFORMED)
  })

  it('no body at all is a truncated one', () => {
    expect(() => drain(bedrockConverse.decode(wholeCall, 200, JSON_TYPE), [])).toThrow(TRUNCATED)
    expect(() => drain(bedrockConverse.decode(streamCall, 200, STREAM_TYPE), [])).toThrow(TRUNCATED)
  })
})

describe('whole answers', () => {
  it('are one finish, with every text complete', () => {
    const content = [
      { reasoningContent: { reasoningText: { text: 'hm', signature: 'sig' } } },
      { reasoningContent: { reasoningText: { text: 'ha' } } },
      { reasoningContent: { redactedContent: 'AAAA' } },
      { text: 'hello' },
      { toolUse: { toolUseId: 't', name: 'f', input: { city: 'Paris' } } },
      {
        citationsContent: { content: [{ text: 'said' }], citations: [{ title: 'T', sourceContent: [{ text: 'q' }] }] },
      },
    ]
    const [event, ...more] = decode(
      wholeCall,
      JSON.stringify({ ...whole, output: { message: { role: 'assistant', content } } }),
    )
    expect(more).toEqual([])
    expect(event).toMatchObject({
      kind: 'finish',
      reason: 'end_turn',
      usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8, cachedInputTokens: 2 },
    })
    const at = '@0/output/message/content'
    expect(lanes(event)).toEqual([
      ['@0/output/message/role', 'assistant', 'data', 'assistant'],
      [`${at}/0/reasoningContent/reasoningText/text`, 'assistant', 'reasoning', 'hm', 'signed'],
      [`${at}/0/reasoningContent/reasoningText/signature`, 'assistant', 'reasoning', 'sig', 'signed'],
      [`${at}/1/reasoningContent/reasoningText/text`, 'assistant', 'reasoning', 'ha'],
      [`${at}/2/reasoningContent/redactedContent`, 'assistant', 'reasoning', 'AAAA', 'signed'],
      [`${at}/3/text`, 'assistant', 'text', 'hello'],
      [`${at}/4/toolUse/toolUseId`, 'assistant', 'tool', 't'],
      [`${at}/4/toolUse/name`, 'assistant', 'tool', 'f'],
      ['@0#/output/message/content/4/toolUse/input/city', 'assistant', 'data', 'city'],
      [`${at}/4/toolUse/input/city`, 'assistant', 'tool', 'Paris'],
      [`${at}/5/citationsContent/content/0/text`, 'assistant', 'text', 'said'],
      [`${at}/5/citationsContent/citations/0/title`, 'assistant', 'text', 'T'],
      [`${at}/5/citationsContent/citations/0/sourceContent/0/text`, 'assistant', 'text', 'q'],
      ['@0/stopReason', 'none', 'data', 'end_turn'],
    ])
  })

  it('of a count have no usage: nothing was used', () => {
    expect(decode(countCall, '{"inputTokens":11}')).toMatchObject([
      { kind: 'finish', reason: 'count_tokens', parts: [] },
    ])
    expect(decode(countCall, '{"inputTokens":11}')[0]).not.toHaveProperty('usage')
  })
})

describe('errors', () => {
  it.each<[string, Record<string, string>, unknown, string]>([
    ['the header', { 'x-amzn-errortype': 'ThrottlingException' }, { message: 'm' }, 'ThrottlingException'],
    [
      'the header, with an address',
      { 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/' },
      {},
      'ThrottlingException',
    ],
    ['the header, with a name space', { 'x-amzn-errortype': 'a.b#ThrottlingException' }, {}, 'ThrottlingException'],
    ['the body', {}, { __type: 'com.amazon#ValidationException', message: 'm' }, 'ValidationException'],
    ['a code', {}, { code: 'ValidationException' }, 'ValidationException'],
    ['the header before the body', { 'x-amzn-errortype': 'ConflictException' }, { __type: 'B' }, 'ConflictException'],
    ['the body, where nobody knows the header', { 'x-amzn-errortype': 'Mustermann' }, { __type: 'B' }, 'B'],
    ['nothing', {}, { message: 'm' }, 'unknown'],
    ['prose', { 'x-amzn-errortype': 'no such thing' }, {}, 'unknown'],
    ['an account', { 'x-amzn-errortype': 'DE89370400440532013000' }, {}, 'unknown'],
  ])('have the code of %s', (_, headers, body, code) => {
    expect(decode(wholeCall, JSON.stringify(body), 400, { ...JSON_TYPE, ...headers })).toMatchObject([
      { kind: 'fault', code },
    ])
    expect(decode(streamCall, JSON.stringify(body), 400, { ...JSON_TYPE, ...headers })).toMatchObject([
      { kind: 'fault', code },
    ])
    expect(decode(countCall, JSON.stringify(body), 400, { ...JSON_TYPE, ...headers })).toMatchObject([
      { kind: 'fault', code },
    ])
  })

  it('say their message as text', () => {
    const [event] = decode(wholeCall, '{"message":"m","Message":"n","other":"o"}', 500, {
      'content-type': 'application/x-amz-json-1.1',
    })
    expect(lanes(event)).toEqual([
      ['@0/message', 'none', 'text', 'm'],
      ['@0#/Message', 'none', 'data', 'Message'],
      ['@0/Message', 'none', 'text', 'n'],
      ['@0#/other', 'none', 'data', 'other'],
      ['@0/other', 'none', 'data', 'o'],
    ])
  })

  it('in a stream may say nothing', () => {
    const bytes = encodeException('internalServerException', new Uint8Array(0))
    expect(decode(streamCall, bytes)).toMatchObject([{ kind: 'fault', code: 'internalServerException', parts: [] }])
  })

  it.each<[string, Uint8Array, string]>([
    ['an exception', encodeException('throttlingException', Buffer.from('{"message":"m"}')), 'throttlingException'],
    [
      'an error',
      encodeMessage(
        { ':message-type': 'error', ':error-code': 'InternalError', ':error-message': 'm' },
        new Uint8Array(0),
      ),
      'InternalError',
    ],
  ])('in a stream: %s ends it, and nothing after it is read', (_, frame, code) => {
    const bytes = Buffer.concat([
      frames(MESSAGE_START, delta(0, { text: 'x' })),
      frame,
      frames(delta(0, { text: 'y' })),
      Buffer.from('junk'),
    ])
    const events = decode(streamCall, bytes.subarray(0, -4))
    expect(events).toHaveLength(3)
    expect(events.at(-1)).toMatchObject({ kind: 'fault', code })
    expect(lanes(events.at(-1))).toEqual([['@2/message', 'none', 'text', 'm']])
  })
})
