import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assignment, Edit, ModelCall, Target } from '../../src/core/call.ts'
import { writeTree } from '../../src/core/tree.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { call, count, message, messageRecordings, read, TARGET } from './anthropic-calls.ts'

function written(
  of: ModelCall,
  edits: readonly Edit[] = [],
  assign: readonly Assignment[] = [],
  target: Target = TARGET,
): string {
  const before = writeTree(of.body)
  const text = Buffer.from(anthropicMessages.write(of, target, edits, assign).body).toString()
  expect(writeTree(of.body)).toBe(before)
  return text
}

const DENIED = expect.objectContaining({ code: 'ERR_POLICY_DENIED' })
const INTERNAL = expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' })

describe('the message', () => {
  it('has a path, its headers, and nothing else of the client', () => {
    const headers = {
      'anthropic-beta': 'skills-2025-10-02, files-api-2025-04-14',
      'x-customhouse-task': 't',
      cookie: 'c',
    }
    const whole = anthropicMessages.write(read({ model: 'a', messages: [message] }, headers), TARGET, [], [])
    expect(whole.path).toBe('/v1/messages')
    expect(whole.headers).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'skills-2025-10-02,files-api-2025-04-14',
    })
    expect(anthropicMessages.write(call({ stream: true }), TARGET, [], []).headers).toEqual({
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'anthropic-version': '2023-06-01',
    })
    const counted = anthropicCountTokens.write(count({ model: 'a', messages: [message] }), TARGET, [], [])
    expect(counted.path).toBe('/v1/messages/count_tokens')
    expect(Buffer.from(counted.body).toString()).toBe(
      '{"model":"claude-1","messages":[{"role":"user","content":"hello"}]}',
    )
  })

  it('is the tree as it was read, but for the model: order, lexemes, odd names', () => {
    const text =
      '{"top_p":1.0,"model":"MODEL","metadata":{"2":9007199254740993,"1":1e400},"messages":[{"content":"ä😀\\ud800","role":"user","__proto__":-0}]}'
    expect(written(read(text.replace('MODEL', 'auto')))).toBe(text.replace('MODEL', TARGET.model))
  })

  const recorded = messageRecordings()
  it.skipIf(recorded === null)('is every recorded call again (skipped without fixtures)', () => {
    for (const { file, request } of recorded ?? []) {
      const text = JSON.stringify(request.body).replace(/"model":"[^"]*"/, `"model":"${TARGET.model}"`)
      expect(written(read(request.body)), file).toBe(text)
    }
  })
})

const thought = (of: string) => ({ type: 'thinking', thinking: of, signature: `sealed ${of}` })
const hidden = (of: string) => ({ type: 'redacted_thinking', data: of })
const text = (of: string) => ({ type: 'text', text: of })
const assistant = (...content: readonly unknown[]) => ({ role: 'assistant', content })
const user = (content: unknown) => ({ role: 'user', content })

const TALK = [
  user('one'),
  assistant(thought('first'), text('two'), hidden('second'), text('three')),
  user('four'),
  assistant(thought('third'), text('five')),
  user('six'),
]
const talk = call({ messages: TALK })
const edit = (pointer: string, to = 'X'): Edit => ({ pointer, start: 0, end: 1, text: to })
const messagesOf = (edits: readonly Edit[], of = talk): unknown => {
  const body: unknown = JSON.parse(written(of, edits))
  return typeof body === 'object' && body !== null && 'messages' in body ? body.messages : null
}

describe('edits of what is signed', () => {
  it.each<[string, readonly string[], unknown]>([
    ['none', [], TALK],
    [
      'drop the whole thought',
      ['/messages/1/content/0/thinking'],
      TALK.with(1, assistant(text('two'), hidden('second'), text('three'))),
    ],
    [
      'by its signature too',
      ['/messages/1/content/0/signature'],
      TALK.with(1, assistant(text('two'), hidden('second'), text('three'))),
    ],
    [
      'and one that is hidden',
      ['/messages/1/content/2/data'],
      TALK.with(1, assistant(thought('first'), text('two'), text('three'))),
    ],
    [
      'twice in one',
      ['/messages/1/content/0/thinking', '/messages/1/content/0/signature'],
      TALK.with(1, assistant(text('two'), hidden('second'), text('three'))),
    ],
    [
      'two of them, and what stands between',
      [
        '/messages/1/content/2/data',
        '/messages/1/content/1/text',
        '/messages/1/content/0/thinking',
        '/messages/1/content/3/text',
      ],
      TALK.with(1, assistant(text('Xwo'), text('Xhree'))),
    ],
  ])('%s', (_, pointers, expected) => {
    expect(messagesOf(pointers.map((pointer) => edit(pointer)))).toEqual(expected)
  })

  const sealed = (content: unknown, role = 'assistant') =>
    call({ messages: [{ role, content: [content, text('x')] }, user('y'), assistant('z')] })
  it.each<[string, ModelCall, ...string[]]>([
    ['the last message of the assistant', talk, '/messages/3/content/0/thinking'],
    [
      'a message of which nothing would be left',
      call({ messages: [assistant(thought('a'), hidden('b')), user('c'), assistant('d')] }),
      '/messages/0/content/0/thinking',
      '/messages/0/content/1/data',
    ],
    ['a thought that is not the assistant’s', sealed(thought('a'), 'user'), '/messages/0/content/0/thinking'],
    [
      'a summary',
      sealed({ type: 'compaction', content: 'a', encrypted_content: 'e' }),
      '/messages/0/content/0/content',
    ],
    [
      'what a search found',
      sealed({ type: 'web_search_tool_result', tool_use_id: 'i', content: [{ title: 'a' }] }),
      '/messages/0/content/0/content/0/title',
    ],
    [
      'a sealed citation',
      sealed({ type: 'text', text: 'a', citations: [{ cited_text: 'b', encrypted_index: 'e' }] }),
      '/messages/0/content/0/citations/0/cited_text',
    ],
    [
      'sealed output',
      sealed({ type: 'code_execution_tool_result', content: { stdout: 'a', encrypted_stdout: 'e' } }),
      '/messages/0/content/0/content/stdout',
    ],
    [
      'a thought in what a tool says',
      sealed({ type: 'tool_result', content: [thought('a')] }, 'user'),
      '/messages/0/content/0/content/0/thinking',
    ],
  ])('cannot be made in %s', (_, of, ...pointers) => {
    for (const pointer of pointers) {
      expect(of.segments.find((segment) => segment.pointer === pointer)).toMatchObject({ signed: true })
    }
    expect(() =>
      written(
        of,
        pointers.map((pointer) => edit(pointer)),
      ),
    ).toThrow(DENIED)
  })

  it('a thought in a loop of tools is the last one’s while it goes on, and an earlier one’s afterwards', () => {
    const loop = [
      user('a'),
      assistant(thought('b'), { type: 'tool_use', id: 'i', name: 'n', input: {} }),
      user([{ type: 'tool_result', tool_use_id: 'i', content: 'c' }]),
    ]
    const pointer = '/messages/1/content/0/thinking'
    expect(() => written(call({ messages: loop }), [edit(pointer)])).toThrow(DENIED)
    const later = call({ messages: [...loop, assistant(text('d')), user('e')] })
    expect(written(later, [edit(pointer)])).not.toContain('thinking')
  })

  it('what is said stands in no error, and neither does a name', () => {
    const of = sealed({ type: 'web_search_tool_result', content: [{ 'Jane Doe': 'secret' }] })
    const pointer = '/messages/0/content/0/content/0/Jane Doe'
    expect(() => written(of, [edit(pointer)])).toThrow(DENIED)
    expect(() => written(of, [edit(pointer)])).not.toThrow(/Jane|secret/)
  })

  it('never leave a signed block changed: whatever is edited, each is as it was or gone', () => {
    const block = fc.oneof(
      fc.string({ minLength: 1 }).map(thought),
      fc.string({ minLength: 1 }).map(hidden),
      fc.string({ minLength: 1 }).map(text),
    )
    const turns = fc.array(fc.array(block, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 })
    let dropped = 0
    let denied = 0
    fc.assert(
      fc.property(turns, fc.infiniteStream(fc.boolean()), (turns, chosen) => {
        const of = call({ messages: turns.flatMap((content) => [user('q'), assistant(...content)]) })
        const edits = of.segments
          .filter(({ pointer, text }) => /\/(?:text|thinking|data|signature)$/.test(pointer) && text !== '')
          .filter(() => chosen.next().value)
          .map(({ pointer }) => edit(pointer, '\u{1F6C3}'))
        let body: string
        try {
          body = written(of, edits)
        } catch (error) {
          expect(error).toEqual(DENIED)
          denied++
          return
        }
        const before = turns.flat().map((block) => JSON.stringify(block))
        const after: unknown = JSON.parse(body)
        const blocks = Object(after).messages.flatMap(({ content }: { content: unknown }) =>
          Array.isArray(content) ? content : [],
        )
        for (const block of blocks) {
          if (Object(block).type === 'text') continue
          expect(before).toContain(JSON.stringify(block))
          expect(JSON.stringify(block)).not.toContain('\u{1F6C3}')
        }
        if (blocks.length < before.length) dropped++
      }),
      { numRuns: 400 },
    )
    expect(dropped).toBeGreaterThan(10)
    expect(denied).toBeGreaterThan(10)
  })
})

describe('edits and assignments', () => {
  it('inference_geo that is null, which asks for nothing, is left out; one that is assigned stays', () => {
    expect(JSON.parse(written(call({ inference_geo: null })))).not.toHaveProperty('inference_geo')
    const assigned = written(call({ inference_geo: null }), [], [{ pointer: '/inference_geo', value: 'us' }])
    expect(JSON.parse(assigned)).toMatchObject({ inference_geo: 'us' })
  })

  it('of what is open are made, then the assignments', () => {
    const of = call({ messages: [user('abc')], metadata: { user_id: 'u' } })
    const changed = written(
      of,
      [{ pointer: '/messages/0/content', start: 1, end: 2, text: '_' }],
      [
        { pointer: '/metadata', value: undefined },
        { pointer: '/max_tokens', value: 8 },
        { pointer: '/inference_geo', value: 'us' },
      ],
    )
    expect(JSON.parse(changed)).toEqual({
      model: TARGET.model,
      max_tokens: 8,
      messages: [user('a_c')],
      inference_geo: 'us',
    })
  })

  it('assigned behind a thought that is dropped: the same place, wherever it then stands', () => {
    const cache = (ttl: string) => ({ type: 'text', text: 'b', cache_control: { type: 'ephemeral', ttl } })
    const thought = { type: 'thinking', thinking: 'secret', signature: 's' }
    const of = call({
      messages: [
        user('a'),
        { role: 'assistant', content: [thought, cache('1h')] },
        user('c'),
        { role: 'assistant', content: 'd' },
        user('e'),
      ],
    })
    const short = { pointer: '/messages/1/content/1/cache_control/ttl', value: '5m' }
    const changed = JSON.parse(written(of, [edit('/messages/1/content/0/thinking')], [short]))
    expect(changed.messages[1]).toEqual({ role: 'assistant', content: [cache('5m')] })
  })

  it.each<[string, readonly Edit[], readonly Assignment[]]>([
    ['an edit of a name', [edit('/messages/1/content/0/x#')], []],
    ['an edit of nothing', [edit('/nothing')], []],
    ['an assignment that asks for a stream', [], [{ pointer: '/stream', value: true }]],
    ['an assignment of the body', [], [{ pointer: '', value: [] }]],
    [
      'an assignment that takes a block out where another is dropped',
      [edit('/messages/1/content/0/thinking')],
      [{ pointer: '/messages/1/content/1', value: undefined }],
    ],
    ['an assignment of all of them', [edit('/messages/1/content/0/thinking')], [{ pointer: '/messages', value: [] }]],
  ])('%s is a fault of ours', (_, edits, assign) => {
    expect(() => written(talk, edits, assign)).toThrow(INTERNAL)
  })

  it.each<[readonly string[] | null, boolean]>([
    [['US'], true],
    [['*'], true],
    [['DE', 'US'], true],
    [['DE'], false],
    [[], false],
    [null, false],
  ])('inference_geo us at a target judged to be in %j', (processing, fine) => {
    const target: Target = { ...TARGET, residency: { ...TARGET.residency, processing } }
    const write = () => written(call({ inference_geo: 'us' }), [], [], target)
    if (fine) expect(JSON.parse(write())).toMatchObject({ inference_geo: 'us' })
    else expect(write).toThrow(DENIED)
    expect(written(call(), [], [], target)).not.toContain('inference_geo')
  })
})
