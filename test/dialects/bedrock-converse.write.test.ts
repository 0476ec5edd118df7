import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assignment, Edit, ModelCall } from '../../src/core/call.ts'
import { writeTree } from '../../src/core/tree.ts'
import {
  BEDROCK_TARGET,
  bedrockRecordings,
  codecOf,
  countCall,
  hello,
  inbound,
  pathOf,
  read,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { leavesOf, planted, pointerOf } from './leaves.ts'

const COUNT = '/model/auto/count-tokens'

function write(of: ModelCall, edits: readonly Edit[] = [], assign: readonly Assignment[] = []) {
  const before = writeTree(of.body)
  const codec = codecOf(of.operation === 'count_tokens' ? COUNT : '/model/auto/converse')
  const message = codec.write(of, BEDROCK_TARGET, edits, assign)
  expect(writeTree(of.body)).toBe(before)
  return message
}

const written = (...args: Parameters<typeof write>): string => Buffer.from(write(...args).body).toString()
const at = (pointer: string, start = 0, end = 1, text = '*'): Edit => ({ pointer, start, end, text })

describe('the message', () => {
  it.each([
    [wholeCall, 'converse', 'application/json'],
    [streamCall, 'converse-stream', 'application/vnd.amazon.eventstream'],
    [countCall, 'count-tokens', 'application/json'],
  ])('has the path of the target, two headers, and nothing of the client', (of, operation, accept) => {
    expect(write(of)).toMatchObject({ path: `/model/m.model-1%3A0/${operation}` })
    expect(write(of).headers).toEqual({ 'content-type': 'application/json', accept })
  })

  it('names an ARN in one segment', () => {
    const model = 'arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.m-1:0'
    const { path } = codecOf('/model/auto/converse').write(wholeCall, { ...BEDROCK_TARGET, model }, [], [])
    expect(path).toBe(`/model/${encodeURIComponent(model)}/converse`)
    expect(path.split('/')).toHaveLength(4)
  })

  it('is the tree as it was read: order, lexemes, odd names', () => {
    const text =
      '{"inferenceConfig":{"temperature":1.0,"x":9007199254740993},"messages":[{"content":[{"text":"ä😀\\ud800"},{"toolUse":{"input":{"2":1e400,"1":-0,"__proto__":[]}}}],"role":"user"}],"requestMetadata":{}}'
    expect(written(read(text))).toBe(text)
  })

  const all = [...(bedrockRecordings() ?? []), ...(bedrockRecordings('bedrock-count-tokens') ?? [])]
  it.skipIf(all.length === 0)('is every recorded request again (skipped without fixtures)', () => {
    for (const recording of all) {
      const path = pathOf(recording)
      const of = codecOf(path).read(inbound(recording.request.body, path))
      expect(written(of), recording.file).toBe(JSON.stringify(recording.request.body))
    }
  })
})

describe('edits and assignments', () => {
  it('replace a text, then a member', () => {
    const of = read({ ...hello, inferenceConfig: { maxTokens: 9 } })
    const changed = written(
      of,
      [at('/messages/0/content/0/text', 0, 5, 'bye')],
      [{ pointer: '/inferenceConfig/maxTokens', value: 5 }],
    )
    expect(JSON.parse(changed)).toEqual({
      messages: [{ role: 'user', content: [{ text: 'bye' }] }],
      inferenceConfig: { maxTokens: 5 },
    })
  })

  it('of any texts, in any order, change these and nothing else', () => {
    const text = fc.string({ maxLength: 8 })
    const block = fc.oneof(
      fc.record({ text }),
      fc.record({ toolUse: fc.record({ input: fc.dictionary(text, fc.oneof(text, fc.array(text), fc.integer())) }) }),
    )
    const message = fc.record({ role: fc.constant('user'), content: fc.array(block, { minLength: 1 }) })
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat(3)), (messages, dice) => {
        const of = read({ messages })
        const chosen = of.segments.filter(({ pointer, channel }) => !pointer.endsWith('#') && channel !== 'data')
        const edits = chosen
          .filter(() => dice.next().value !== 0)
          .map(({ pointer, text }) => ({ pointer, start: 0, end: text.length, text: `<${text}>` }))
        const paths = new Map(leavesOf({ messages }).map(({ path, text }) => [pointerOf(path), { path, text }]))
        const expected = edits.reduce<unknown>(
          (json, { pointer }) => {
            const leaf = paths.get(pointer)
            return leaf === undefined ? json : planted(json, leaf.path, `<${leaf.text}>`)
          },
          JSON.parse(JSON.stringify({ messages })),
        )
        expect(JSON.parse(written(of, edits.toReversed()))).toEqual(expected)
      }),
    )
  })

  it.each(['/messages/0/content/0/toolUse/input/a#', '/messages/0/content/0/toolUse/input/a~#', '/nothing'])(
    'cannot be made at %s',
    (pointer) => {
      const of = read({ messages: [{ role: 'assistant', content: [{ toolUse: { input: { a: 123456 } } }] }] })
      expect(() => write(of, [at(pointer)])).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }))
    },
  )

  it('of a body within a body reach it, and nothing else does', () => {
    const body = {
      anthropic_version: 'bedrock-2023-05-31',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'hello' }],
    }
    const base64 = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64')
    const of = read({ input: { invokeModel: { body: base64(body) } } }, COUNT)
    const inner = '/input/invokeModel/body'
    const edits = [at(`${inner}/messages/0/content`, 0, 5, 'bye')]
    const changed = written(of, edits, [{ pointer: `${inner}/max_tokens`, value: 1 }])
    const expected = { ...body, max_tokens: 1, messages: [{ role: 'user', content: 'bye' }] }
    expect(JSON.parse(changed)).toEqual({ input: { invokeModel: { body: base64(expected) } } })
    for (const pointer of ['/input', inner, '/input/invokeModel/x']) {
      expect(() => write(of, [], [{ pointer, value: 'x' }])).toThrow(
        expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
      )
    }
  })
})

describe('signed reasoning', () => {
  const reasoning = (text: string, signature: string | null = 's') => ({
    reasoningContent: { reasoningText: { text, ...(signature === null ? {} : { signature }) } },
  })
  const sealed = { reasoningContent: { redactedContent: 'AAAA' } }
  const assistant = (...content: readonly unknown[]) => ({ role: 'assistant', content })
  const user = (text: string) => ({ role: 'user', content: [{ text }] })
  const path = (message: number, block: number, rest = 'reasoningText/text') =>
    `/messages/${message}/content/${block}/reasoningContent/${rest}`

  const earlier = [
    user('a'),
    assistant(reasoning('x'), sealed, { text: 'y' }),
    user('b'),
    assistant({ text: 'z' }),
    user('c'),
  ]

  it.each<[string, readonly Edit[], unknown]>([
    ['the text', [at(path(1, 0))], assistant(sealed, { text: 'y' })],
    ['the signature', [at(path(1, 0, 'reasoningText/signature'))], assistant(sealed, { text: 'y' })],
    ['both', [at(path(1, 0)), at(path(1, 0, 'reasoningText/signature'))], assistant(sealed, { text: 'y' })],
    ['what is redacted', [at(path(1, 1, 'redactedContent'))], assistant(reasoning('x'), { text: 'y' })],
    ['two blocks', [at(path(1, 0)), at(path(1, 1, 'redactedContent'))], assistant({ text: 'y' })],
    [
      'a block and the text beside it',
      [at(path(1, 0)), at('/messages/1/content/2/text')],
      assistant(sealed, { text: '*' }),
    ],
    ['the text beside it', [at('/messages/1/content/2/text')], assistant(reasoning('x'), sealed, { text: '*' })],
  ])('goes as a whole when an edit meets %s of an earlier turn', (_, edits, expected) => {
    const of = read({ messages: earlier })
    expect(JSON.parse(written(of, edits))).toEqual({ messages: earlier.toSpliced(1, 1, expected as never) })
  })

  it('goes with what else was to be edited in it', () => {
    const odd = { reasoningContent: { reasoningText: { text: 'x', signature: 's', note: 'n' } } }
    const of = read({ messages: [user('a'), assistant(odd, { text: 'y' }), ...earlier.slice(2)] })
    const edits = [at(path(1, 0)), at(path(1, 0, 'reasoningText/note'))]
    expect(JSON.parse(written(of, edits)).messages[1]).toEqual(assistant({ text: 'y' }))
  })

  it('that nobody signed is edited like any text', () => {
    const of = read({ messages: [user('a'), assistant(reasoning('x', null))] })
    expect(JSON.parse(written(of, [at(path(1, 0))])).messages[1]).toEqual(assistant(reasoning('*', null)))
  })

  it.each<[string, readonly unknown[], readonly Edit[]]>([
    [
      'in the last assistant message',
      [user('a'), assistant(reasoning('x'), { text: 'y' }), user('b')],
      [at(path(1, 0))],
    ],
    ['in a message of nothing else', [user('a'), assistant(reasoning('x')), ...earlier.slice(2)], [at(path(1, 0))]],
    [
      'in a message of nothing else but a cache point',
      [user('a'), assistant(reasoning('x'), { cachePoint: { type: 'default' } }), ...earlier.slice(2)],
      [at(path(1, 0))],
    ],
    [
      'in a message of which nothing would be left',
      [user('a'), assistant(reasoning('x'), sealed), ...earlier.slice(2)],
      [at(path(1, 0)), at(path(1, 1, 'redactedContent'))],
    ],
  ])('denies the call when an edit meets it %s', (_, messages, edits) => {
    expect(() => write(read({ messages }), edits)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_DENIED' }))
    const counted = read({ input: { converse: { messages } } }, COUNT)
    const below = edits.map((edit) => ({ ...edit, pointer: `/input/converse${edit.pointer}` }))
    expect(() => write(counted, below)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_DENIED' }))
  })

  it('takes nothing from what is assigned behind it; what moves blocks is a fault', () => {
    const messages = earlier.with(
      1,
      assistant(reasoning('x'), { text: 'y' }, { cachePoint: { type: 'default', ttl: '1h' } }),
    )
    const of = read({ messages })
    const short = { pointer: '/messages/1/content/2/cachePoint/ttl', value: '5m' }
    const left = messages.with(1, assistant({ text: 'y' }, { cachePoint: { type: 'default', ttl: '5m' } }))
    expect(JSON.parse(Buffer.from(write(of, [at(path(1, 0))], [short]).body).toString())).toMatchObject({
      messages: left,
    })
    for (const pointer of ['/messages', '/messages/1', '/messages/1/content', '/messages/1/content/1']) {
      const move = { pointer, value: pointer.endsWith('s') ? [] : undefined }
      expect(() => write(of, [at(path(1, 0))], [move]), pointer).toThrow(
        expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
      )
    }
  })
})
