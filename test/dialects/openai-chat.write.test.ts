import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assignment, Edit, ModelCall } from '../../src/core/call.ts'
import { type JsonTree, NumberLexeme } from '../../src/core/json.ts'
import { writeTree } from '../../src/core/tree.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { call, chatRecordings, PROVIDERS, read, TARGET } from './calls.ts'

function written(of: ModelCall, edits: readonly Edit[] = [], assign: readonly Assignment[] = []): string {
  const before = writeTree(of.body)
  const text = Buffer.from(openaiChat.write(of, TARGET, edits, assign).body).toString()
  expect(writeTree(of.body)).toBe(before)
  return text
}

const parsed = (of: ModelCall, edits?: readonly Edit[], assign?: readonly Assignment[]): unknown =>
  JSON.parse(written(of, edits, assign))

describe('the message', () => {
  it('has a path, two headers, and nothing of the client', () => {
    const whole = openaiChat.write(
      read({ model: 'a', messages: [{ role: 'user' }] }, { 'openai-beta': 'x' }),
      TARGET,
      [],
      [],
    )
    expect(whole.path).toBe('/chat/completions')
    expect(whole.headers).toEqual({ 'content-type': 'application/json', accept: 'application/json' })
    const { headers } = openaiChat.write(call({ stream: true }), TARGET, [], [])
    expect(headers).toEqual({ 'content-type': 'application/json', accept: 'text/event-stream' })
  })

  it('is the tree as it was read, but for the model: order, lexemes, unknown members, odd names', () => {
    const text =
      '{"2":0,"seed":9007199254740993,"model":"MODEL","temperature":1.0,"messages":[{"content":"ä😀\\ud800","role":"user","__proto__":1e400}],"1":[-0,1E5],"x":{}}'
    expect(written(read(text.replace('MODEL', 'auto')))).toBe(text.replace('MODEL', TARGET.model))
  })

  const recorded = chatRecordings(...PROVIDERS)
  it.skipIf(recorded === null)('is every recorded request again (skipped without fixtures)', () => {
    for (const { file, request } of recorded ?? []) {
      const of = read(request.body)
      const text = JSON.stringify(request.body).replace(/"model":"[^"]*"/, `"model":"${TARGET.model}"`)
      const options = of.stream ? [{ pointer: '/stream_options', value: new Map([['include_usage', true]]) }] : []
      if (of.stream) expect(written(of, [], options), file).toBe(written(of))
      else expect(written(of), file).toBe(text)
    }
  })

  it('keeps any member of any value', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).map((name) => `x_${name}`),
          value,
        ),
        (extra) => {
          const body = { model: 'a', messages: [{ role: 'user', content: 'x' }], ...extra }
          expect(written(read(JSON.stringify(body)))).toBe(JSON.stringify({ ...body, model: TARGET.model }))
        },
      ),
    )
  })
})

describe('stream_options.include_usage', () => {
  it.each<[string, unknown, unknown]>([
    ['absent', undefined, { include_usage: true }],
    ['null', null, { include_usage: true }],
    ['empty', {}, { include_usage: true }],
    ['false', { include_usage: false }, { include_usage: true }],
    ['asked for', { include_usage: true }, { include_usage: true }],
    [
      'with others',
      { include_obfuscation: false, include_usage: false },
      { include_obfuscation: false, include_usage: true },
    ],
  ])('%s', (_, given, expected) => {
    const of = call({ stream: true, ...(given === undefined ? {} : { stream_options: given }) })
    expect(parsed(of)).toMatchObject({ stream: true, stream_options: expected })
  })

  it('is left alone in a whole call', () => {
    expect(parsed(call())).not.toHaveProperty('stream_options')
    expect(parsed(call({ stream: false, stream_options: null }))).toMatchObject({ stream_options: null })
  })
})

describe('edits', () => {
  const of = call({
    messages: [{ role: 'user', content: 'abcdefghij' }],
    user: 'jane',
    metadata: { jane: 'x', 'c#': 'y' },
  })
  const at = (start: number, end: number, text: string, pointer = '/messages/0/content'): Edit => ({
    pointer,
    start,
    end,
    text,
  })

  it.each<[string, Edit[], string]>([
    ['one', [at(2, 4, 'X')], 'abXefghij'],
    ['at both ends', [at(0, 1, ''), at(9, 10, '!')], 'bcdefghi!'],
    ['in any order', [at(8, 9, '2'), at(1, 2, '1')], 'a1cdefgh2j'],
    ['side by side', [at(2, 4, 'X'), at(4, 6, 'Y')], 'abXYghij'],
    ['an insertion', [at(5, 5, '++')], 'abcde++fghij'],
    ['an insertion where another begins', [at(5, 6, 'X'), at(5, 5, '+')], 'abcde+Xghij'],
    ['everything', [at(0, 10, '')], ''],
    ['what must be escaped', [at(0, 10, '"\n\u0000😀\ud800')], '"\n\u0000😀\ud800'],
    ['none', [], 'abcdefghij'],
  ])('%s', (_, edits, text) => expect(parsed(of, edits)).toMatchObject({ messages: [{ content: text }] }))

  it.each<[string, Edit[]]>([
    ['overlapping', [at(1, 4, 'x'), at(3, 5, 'y')]],
    ['one within another', [at(1, 8, 'x'), at(3, 5, 'y')]],
    ['twice the same', [at(1, 4, 'x'), at(1, 4, 'x')]],
    ['beyond the end', [at(5, 11, 'x')]],
    ['before the start', [at(-1, 2, 'x')]],
    ['backwards', [at(4, 2, 'x')]],
    ['half a unit', [at(0.5, 2, 'x')]],
    ['of a member name', [at(0, 1, 'x', '/metadata/jane#')]],
    ['of a member whose name ends as names do', [at(0, 1, 'x', '/metadata/c#')]],
    ['of nothing', [at(0, 0, 'x', '/messages/1/content')]],
    ['of an object', [at(0, 0, 'x', '/messages/0')]],
  ])('%s is a fault, and not lost', (_, edits) => {
    expect(() => written(of, edits)).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }))
  })

  it('of several segments, assignments after them', () => {
    const edits = [at(0, 4, '[name]', '/user'), at(0, 10, 'edited')]
    const assign: Assignment[] = [
      { pointer: '/max_tokens', value: 5 },
      { pointer: '/metadata', value: undefined },
      { pointer: '/messages/0/content', value: 'assigned' },
      {
        pointer: '/messages/-',
        value: new Map<string, JsonTree>([
          ['role', 'user'],
          ['n', new NumberLexeme('1.0')],
        ]),
      },
    ]
    expect(written(of, edits, assign)).toBe(
      '{"model":"model-1","messages":[{"role":"user","content":"assigned"},{"role":"user","n":1.0}],"user":"[name]","max_tokens":5}',
    )
  })

  it('equal the same replacements made from the end', () => {
    const cuts = fc.uniqueArray(fc.nat(30), { maxLength: 8 }).map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(fc.string({ minLength: 31, maxLength: 31 }), cuts, fc.string(), (text, bounds, put) => {
        const one = call({ messages: [{ role: 'user', content: text }] })
        const edits: Edit[] = []
        for (let i = 0; i + 1 < bounds.length; i += 2) edits.push(at(bounds[i] ?? 0, bounds[i + 1] ?? 0, put))
        const expected = edits.reduceRight((all, { start, end }) => all.slice(0, start) + put + all.slice(end), text)
        expect(parsed(one, edits)).toMatchObject({ messages: [{ content: expected }] })
      }),
    )
  })
})

describe('assignments', () => {
  it.each<[string, Assignment]>([
    ['without a parent', { pointer: '/a/b', value: 1 }],
    ['of the body', { pointer: '', value: 1 }],
    ['that end the stream', { pointer: '/stream', value: false }],
    ['that remove the stream', { pointer: '/stream', value: undefined }],
    ['of what is no number', { pointer: '/seed', value: Number.NaN }],
    ['of a false lexeme', { pointer: '/seed', value: new NumberLexeme('1,"model":"x"') }],
  ])('%s are a fault', (_, assign) => {
    expect(() => written(call({ stream: true }), [], [assign])).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
    )
  })

  it('of the model and of include_usage do not win over the target and the ledger', () => {
    const assign: Assignment[] = [
      { pointer: '/model', value: 'other' },
      { pointer: '/stream_options', value: new Map([['include_usage', false]]) },
    ]
    expect(parsed(call({ stream: true }), [], assign)).toMatchObject({
      model: TARGET.model,
      stream_options: { include_usage: true },
    })
  })
})
