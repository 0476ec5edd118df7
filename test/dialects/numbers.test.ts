import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { call, chatRecordings, chunk, decode, message, PROVIDERS, read, SSE, sse, streamCall, TARGET } from './calls.ts'
import { isObject, planted, pointerOf, type Step } from './leaves.ts'

/** A number is as good a hiding place as a string: what is long enough to say something must be seen by inspectors. */

const CARD = 4111111111111111
const FAULT = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })

const tool = (parameters: unknown) => ({
  tools: [{ type: 'function', function: { name: 'f', parameters } }],
})

describe('calls', () => {
  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['metadata', { metadata: { card: CARD } }, '/metadata/card'],
    ['a schema constant', tool({ const: CARD }), '/tools/0/function/parameters/const'],
    ['a schema list', tool({ enum: [1, CARD] }), '/tools/0/function/parameters/enum/1'],
    ['a schema default', tool({ default: { a: [CARD] } }), '/tools/0/function/parameters/default/a/0'],
    [
      'the form of the answer',
      { response_format: { type: 'json_schema', json_schema: { schema: { const: CARD } } } },
      '/response_format/json_schema/schema/const',
    ],
    ['a prediction', { prediction: { type: 'content', content: CARD } }, '/prediction/content'],
    ['what nobody knows', { extra: { deep: [[CARD]] } }, '/extra/deep/0/0'],
    ['a member of the dialect', { seed: CARD }, '/seed'],
    ['a message', { messages: [{ ...message, extra: CARD }] }, '/messages/0/extra'],
    [
      'a part of a message',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'x', extra: CARD }] }] },
      '/messages/0/content/0/extra',
    ],
    [
      'the arguments of a tool, where they are no string',
      {
        messages: [{ role: 'assistant', tool_calls: [{ id: 't', type: 'function', function: { arguments: CARD } }] }],
      },
      '/messages/0/tool_calls/0/function/arguments',
    ],
  ])('in %s', (_, given, pointer) => {
    const found = call(given).segments.filter(({ text }) => text === String(CARD))
    expect(found).toEqual([
      {
        pointer: `${pointer}~#`,
        role: pointer.startsWith('/messages') || pointer.startsWith('/prediction') ? expect.any(String) : 'none',
        channel: 'data',
        text: String(CARD),
      },
    ])
  })

  it('as content they are unread besides', () => {
    const { segments, unread } = call({ messages: [{ role: 'user', content: CARD }] })
    expect([segments.some(({ text }) => text === String(CARD)), unread]).toEqual([true, ['/messages/0/content']])
  })

  it.each<[string, string | null]>([
    ['4111111111111111', '4111111111111111'],
    ['41111111111111110000', '41111111111111110000'],
    ['9007199254740993', '9007199254740993'],
    ['-123456', '-123456'],
    ['123456', '123456'],
    ['100000', '100000'],
    ['0.4111111111111111', '0.4111111111111111'],
    ['411111111111.1111', '411111111111.1111'],
    ['4.111111111111111e15', '4111111111111111'],
    ['41111111111111110e-1', '4111111111111111'],
    ['4111111111111111E0', '4111111111111111'],
    ['1.23456e-7', '1.23456e-7'],
    ['99999', null],
    ['-99999', null],
    ['0', null],
    ['0.7', null],
    ['1e3', null],
    ['1.0', null],
  ])('%s is seen as %s', (lexeme, text) => {
    const { segments } = read(`{"model":"a","messages":[{"role":"user","content":"x"}],"seed":${lexeme}}`)
    const found = segments.filter(({ pointer }) => pointer.startsWith('/seed'))
    expect(found.map((segment) => segment.text)).toEqual(text === null ? [] : [text])
  })

  it('six digits or more are always among the texts, however they are written', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^-?[1-9][0-9]{5,24}(\.[0-9]{1,8})?$/), (lexeme) => {
        const { segments } = read(`{"model":"a","messages":[{"role":"user","content":"x"}],"a":[{"b":${lexeme}}]}`)
        expect(segments).toContainEqual({ pointer: '/a/0/b~#', role: 'none', channel: 'data', text: lexeme })
      }),
    )
  })

  it('short ones are seen below names of the sender, and not as options of the dialect', () => {
    const given = { metadata: { pin: 8371, deep: { id: [837, 12], far: Array(33).fill(7), rows: [[1, 2]] } }, seed: 12 }
    const found = call(given).segments.filter(({ pointer }) => pointer.endsWith('~#'))
    expect(found.map(({ pointer, text }) => `${pointer} ${text}`)).toEqual([
      '/metadata/pin~# 8371',
      '/metadata/deep/id/0~# 837',
      '/metadata/deep/id/1~# 12',
    ])
  })

  it('an edit of one is a fault, and not lost', () => {
    const of = call({ metadata: { card: CARD } })
    for (const pointer of ['/metadata/card~#', '/metadata/card']) {
      const edit = { pointer, start: 0, end: 4, text: 'x' }
      expect(() => openaiChat.write(of, TARGET, [edit], [])).toThrow(FAULT)
    }
  })

  it('no name makes an equal pointer', () => {
    const { segments } = call({ extra: { a: CARD, 'a~': 'x', 'a~#': 'y', 'a#': 'z' } })
    const pointers = segments.map(({ pointer }) => pointer).filter((pointer) => pointer === '/extra/a~#')
    expect(pointers).toHaveLength(1)
  })
})

describe('answers', () => {
  const parts = (delta: unknown, more: Readonly<Record<string, unknown>> = {}) =>
    decode(streamCall, sse({ ...chunk(delta), ...more }, chunk({}, { finish_reason: 'stop' }), '[DONE]')).flatMap(
      (event) => event.parts.filter(({ text }) => text === String(CARD)),
    )

  it.each<[string, unknown, Readonly<Record<string, unknown>>, string]>([
    ['a delta', { extra: CARD }, {}, '/choices/0/delta/extra'],
    ['content', { content: CARD }, {}, '/choices/0/delta/content'],
    [
      'a tool call',
      { tool_calls: [{ index: 0, function: { arguments: CARD } }] },
      {},
      '/choices/0/delta/tool_calls/0/function/arguments',
    ],
    ['a chunk', {}, { extra: [CARD] }, '/extra/0'],
    ['the time of a chunk', {}, { created: CARD }, '/created'],
  ])('in %s', (_, delta, more, pointer) => {
    expect(parts(delta, more)).toEqual([
      expect.objectContaining({ lane: `@0#${pointer}~`, pointer: `${pointer}~#`, channel: 'data' }),
    ])
  })

  it('in a whole answer, and in an error', () => {
    const whole = { choices: [{ index: 0, message: { content: 'x', extra: CARD }, finish_reason: 'stop' }] }
    const error = { error: { message: 'no', code: CARD } }
    for (const [body, status] of [
      [whole, 200],
      [error, 400],
    ] as const) {
      const [event] = decode(call(), JSON.stringify(body), status, { 'content-type': 'application/json' })
      expect(event?.parts.map(({ text }) => text)).toContain(String(CARD))
    }
  })

  it('an edit of one is a fault, and not lost', () => {
    const [event] = decode(streamCall, sse(chunk({ extra: CARD }), chunk({}, { finish_reason: 'stop' }), '[DONE]'))
    if (event === undefined) throw new Error('no event')
    const texts = event.parts.map(({ text }) => (text === String(CARD) ? '[card]' : text))
    expect(() => openaiChat.encode(streamCall).event(event, texts)).toThrow(FAULT)
  })

  it('the time of an ordinary answer is none', () => {
    const ordinary = { ...chunk({ content: 'x' }), created: 1_750_000_000 }
    const [event] = openaiChat.decode(streamCall, 200, SSE).push(Buffer.from(sse(ordinary)))
    expect(event?.parts.map(({ text }) => text)).toEqual(['c1', 'chat.completion.chunk', 'model-1', 'x'])
  })
})

const all = chatRecordings(...PROVIDERS)
describe.skipIf(all === null)('recordings (skipped without fixtures)', () => {
  it('a card in the place of any number, and of any flag, of a call is seen or the call is refused', () => {
    let seen = 0
    for (const { file, request } of all ?? []) {
      for (const path of scalarsOf(request.body)) {
        const pointer = pointerOf(path)
        let segments: readonly { readonly pointer: string; readonly text: string }[]
        try {
          segments = read(planted(request.body, path, CARD)).segments
        } catch (error) {
          expect(error, `${file} ${pointer}`).toMatchObject({ code: 'ERR_CALL_MALFORMED' })
          continue
        }
        expect(segments, `${file} ${pointer}`).toContainEqual(
          expect.objectContaining({ pointer: `${pointer}~#`, text: String(CARD) }),
        )
        seen++
      }
    }
    expect(seen).toBeGreaterThan(80)
  })

  it('a card in the place of any number of a stream is seen or the stream is refused', () => {
    let seen = 0
    const chunks = (all ?? [])
      .filter(({ response }) => response.framing === 'sse')
      .flatMap(({ response }) => /^data: (\{.*\})$/m.exec(response.bytes.toString())?.[1] ?? [])
    for (const first of new Set(chunks)) {
      const json: unknown = JSON.parse(first)
      for (const path of scalarsOf(json)) {
        if (path.at(-1) === 'index') continue
        const events = openaiChat.decode(streamCall, 200, SSE).push(Buffer.from(sse(planted(json, path, CARD))))
        const found = events.flatMap((event) => event.parts.map(({ pointer, text }) => `${pointer} ${text}`))
        expect(found).toContain(`${pointerOf(path)}~# ${CARD}`)
        seen++
      }
    }
    expect(seen).toBeGreaterThan(20)
  })
})

/** Paths of all numbers, flags and nulls. */
function scalarsOf(json: unknown, path: readonly Step[] = []): readonly (readonly Step[])[] {
  if (Array.isArray(json)) return json.flatMap((item, index) => scalarsOf(item, [...path, index]))
  if (isObject(json)) return Object.keys(json).flatMap((name) => scalarsOf(json[name], [...path, name]))
  return typeof json === 'string' ? [] : [path]
}
