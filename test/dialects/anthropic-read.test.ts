import { describe, expect, it } from 'vitest'
import type { Segment } from '../../src/core/call.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { call, count, inbound, message, messageRecordings, read } from './anthropic-calls.ts'

type Body = Readonly<Record<string, unknown>>
const body = (more: Body = {}): Body => ({ model: 'auto', max_tokens: 16, messages: [message], ...more })
const said = (content: unknown, role = 'user'): Body => ({ messages: [{ role, content }] })
const of = (code: string, where: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(`^${where.replaceAll('/', '\\/')}: .+`)) })

describe('routes', () => {
  it.each([
    ['POST', '/v1/messages', true, false],
    ['POST', '/v1/messages/count_tokens', false, true],
    ['GET', '/v1/messages', false, false],
    ['POST', '/v1/messages/', false, false],
    ['POST', '/v1/messages/batches', false, false],
    ['POST', '/v1/Messages', false, false],
    ['POST', '/v1/complete', false, false],
  ])('%s %s', (method, path, messages, counts) => {
    expect(anthropicMessages.matches(method, path)).toBe(messages)
    expect(anthropicCountTokens.matches(method, path)).toBe(counts)
  })

  it('only the query of older SDKs is taken', () => {
    expect(anthropicMessages.read(inbound(body(), {}, 'beta=true')).model).toBe('auto')
    for (const query of ['beta=false', 'beta=true&x=1', 'x', 'beta=true&beta=true']) {
      expect(() => anthropicMessages.read(inbound(body(), {}, query))).toThrow(
        of('ERR_CALL_UNSUPPORTED', 'the query string'),
      )
    }
  })
})

describe('what is malformed is said with its place', () => {
  it.each<[string, unknown, string]>([
    ['no object', [], 'the body'],
    ['no model', { messages: [message] }, '/model'],
    ['a model that is empty', body({ model: '' }), '/model'],
    ['no messages', { model: 'a' }, '/messages'],
    ['messages that are none', body({ messages: [] }), '/messages'],
    ['messages in an object', body({ messages: {} }), '/messages'],
    ['a message in words', body({ messages: ['hello'] }), '/messages/0'],
    ['a message without a role', body({ messages: [{ content: 'x' }] }), '/messages/0/role'],
    ['a stream in words', body({ stream: 'yes' }), '/stream'],
    ['max_tokens in words', body({ max_tokens: '1' }), '/max_tokens'],
    [
      'max_tokens with a point',
      '{"model":"a","max_tokens":1.0,"messages":[{"role":"user","content":"x"}]}',
      '/max_tokens',
    ],
    ['tools that are no list', body({ tools: {} }), '/tools'],
    ['a tool without a name', body({ tools: [{ input_schema: {} }] }), '/tools/0/name'],
    ['a tool of a type in prose', body({ tools: [{ type: 'two words' }] }), '/tools/0/type'],
    ['a server tool with a name in prose', body({ tools: [{ type: 'bash_20250124', name: 'a b' }] }), '/tools/0/name'],
    ['a place that is no word', body({ inference_geo: 1 }), '/inference_geo'],
  ])('%s', (_, given, where) => {
    expect(() => read(given)).toThrow(of('ERR_CALL_MALFORMED', where))
  })

  it('a name twice, and bad UTF-8', () => {
    expect(() => read('{"model":"a","model":"b","messages":[]}')).toThrow(
      expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }),
    )
    const bytes = Buffer.from([...Buffer.from('{"model":"'), 0xff, ...Buffer.from('"}')])
    expect(() => anthropicMessages.read({ ...inbound(''), body: bytes })).toThrow(
      expect.objectContaining({ code: 'ERR_CALL_MALFORMED' }),
    )
  })
})

describe('what is not known is refused', () => {
  it.each<[string, Body, string]>([
    ['a member', body({ plugins: [] }), '/plugins'],
    ['a member whose name could be prose', body({ 'Jane Doe, 1970': 1 }), '/*'],
    ['a role', body({ messages: [{ role: 'developer', content: 'x' }] }), '/messages/0/role'],
    ['other models to fall back to', body({ fallbacks: [{ model: 'x' }] }), '/fallbacks'],
    ['the default fallbacks', body({ fallbacks: 'default' }), '/fallbacks'],
    ['who pays', body({ billing_policy: { type: 'billing_policy', bill_to: 'user_profile' } }), '/billing_policy'],
    ['a profile', body({ user_profile_id: 'u' }), '/user_profile_id'],
    ['a place elsewhere', body({ inference_geo: 'eu' }), '/inference_geo'],
    ['any place', body({ inference_geo: 'global' }), '/inference_geo'],
    ['a tier', body({ service_tier: 'priority' }), '/service_tier'],
    ['a speed', body({ speed: 'ludicrous' }), '/speed'],
    ['a speed with a price, without its beta', body({ speed: 'fast' }), '/speed'],
    [
      'a tool that asks another model',
      body({ tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'x' }] }),
      '/tools/0/model',
    ],
    [
      'the same, added in a message',
      body({
        messages: [
          {
            role: 'system',
            content: [
              {
                type: 'tool_addition',
                tool: {
                  type: 'tool_definition',
                  definition: { type: 'advisor_20260301', name: 'advisor', model: 'x' },
                },
              },
            ],
          },
        ],
      }),
      '/messages/0/content/0/tool/definition/model',
    ],
  ])('%s', (_, given, where) => {
    expect(() => read(given)).toThrow(of('ERR_CALL_UNSUPPORTED', where.replace('*', '\\*')))
  })

  it('what narrows, and what has its beta, goes on', () => {
    expect(call({ inference_geo: 'us', service_tier: 'standard_only', speed: 'standard' }).unread).toEqual([])
    expect(call({ inference_geo: null, service_tier: null, speed: null }).unread).toEqual([])
    expect(read(body({ speed: 'fast' }), { 'anthropic-beta': 'fast-mode-2026-02-01' }).headers).toMatchObject({
      'anthropic-beta': 'fast-mode-2026-02-01',
    })
  })

  it('a count is no stream', () => {
    expect(() => count({ model: 'a', messages: [message], stream: true })).toThrow(
      of('ERR_CALL_UNSUPPORTED', '/stream'),
    )
    expect(count({ model: 'a', messages: [message] })).toMatchObject({ operation: 'count_tokens', stream: false })
  })
})

describe('headers', () => {
  it.each<[string, Readonly<Record<string, string>>, string, string]>([
    ['a version of another form', { 'anthropic-version': '2023-6-1' }, 'ERR_CALL_MALFORMED', 'anthropic-version'],
    ['a version twice', { 'anthropic-version': '2023-06-01, 2023-06-01' }, 'ERR_CALL_MALFORMED', 'anthropic-version'],
    [
      'a version that nobody has read',
      { 'anthropic-version': '2099-01-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-version',
    ],
    ['an unknown beta', { 'anthropic-beta': 'mind-reading-2027-01-01' }, 'ERR_CALL_UNSUPPORTED', 'anthropic-beta'],
    [
      'one among known ones',
      { 'anthropic-beta': 'skills-2025-10-02,x-2027-01-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-beta',
    ],
    [
      'another model as a beta',
      { 'anthropic-beta': 'server-side-fallback-2026-07-01' },
      'ERR_CALL_UNSUPPORTED',
      'anthropic-beta',
    ],
    ['a beta in prose', { 'anthropic-beta': 'my beta' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['an empty beta', { 'anthropic-beta': '' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['an empty one among others', { 'anthropic-beta': 'skills-2025-10-02,,' }, 'ERR_CALL_MALFORMED', 'anthropic-beta'],
    ['another type', { 'content-type': 'text/plain' }, 'ERR_CALL_MALFORMED', 'content-type'],
    ['a compressed body', { 'content-encoding': 'gzip' }, 'ERR_CALL_UNSUPPORTED', 'content-encoding'],
    ['a task in prose', { 'x-customhouse-task': 'two words' }, 'ERR_CALL_MALFORMED', 'x-customhouse-task'],
  ])('%s is refused', (_, headers, code, where) => {
    expect(() => read(body(), headers)).toThrow(of(code, where))
  })

  it('a beta that is refused is named; one that could be prose is not', () => {
    expect(() => read(body(), { 'anthropic-beta': 'x-2027-01-01' })).toThrow(/leave out x-2027-01-01/)
    expect(() => read(body(), { 'anthropic-beta': 'Jane Doe' })).not.toThrow(/Jane/)
  })

  it('the version is demanded, as by the API', () => {
    const { 'anthropic-version': _, ...headers } = inbound(body()).headers
    expect(() => anthropicMessages.read({ ...inbound(body()), headers })).toThrow(
      of('ERR_CALL_MALFORMED', 'anthropic-version'),
    )
  })

  it('version and betas are facts, each beta once; nothing else is', () => {
    const { headers, task, metadata } = read(body(), {
      'anthropic-beta': 'skills-2025-10-02, files-api-2025-04-14,skills-2025-10-02',
      'anthropic-version': '2026-10-21',
      'anthropic-dangerous-direct-browser-access': 'true',
      'x-customhouse-task': 'billing',
      'x-customhouse-meta-case': '7',
      'user-agent': 'x',
    })
    expect(headers).toEqual({
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'skills-2025-10-02,files-api-2025-04-14',
    })
    expect({ task, metadata }).toEqual({ task: 'billing', metadata: { case: '7' } })
  })
})

describe('segments', () => {
  const at = (given: Body, pointer: string): Segment | undefined =>
    call(given).segments.find((segment) => segment.pointer === pointer)

  it.each<[string, Body, string, string, string, boolean]>([
    ['what a user says', said('x'), '/messages/0/content', 'user', 'text', false],
    [
      'what is said in a block',
      said([{ type: 'text', text: 'x' }]),
      '/messages/0/content/0/text',
      'user',
      'text',
      false,
    ],
    ['what the system says at the top', { system: 'x' }, '/system', 'system', 'text', false],
    ['the same in a block', { system: [{ type: 'text', text: 'x' }] }, '/system/0/text', 'system', 'text', false],
    ['what it says among messages', said('x', 'system'), '/messages/0/content', 'system', 'text', false],
    [
      'a thought',
      said([{ type: 'thinking', thinking: 'x', signature: 's' }], 'assistant'),
      '/messages/0/content/0/thinking',
      'assistant',
      'reasoning',
      true,
    ],
    [
      'its signature',
      said([{ type: 'thinking', thinking: 'a', signature: 'x' }], 'assistant'),
      '/messages/0/content/0/signature',
      'assistant',
      'reasoning',
      true,
    ],
    [
      'a thought that is hidden',
      said([{ type: 'redacted_thinking', data: 'x' }], 'assistant'),
      '/messages/0/content/0/data',
      'assistant',
      'reasoning',
      true,
    ],
    [
      'a value that a tool is given',
      said([{ type: 'tool_use', id: 'i', name: 'n', input: { a: ['x'] } }], 'assistant'),
      '/messages/0/content/0/input/a/0',
      'assistant',
      'tool',
      false,
    ],
    [
      'a name among them',
      said([{ type: 'tool_use', id: 'i', name: 'n', input: { x: 1 } }], 'assistant'),
      '/messages/0/content/0/input/x#',
      'assistant',
      'data',
      false,
    ],
    [
      'a signature among them',
      said([{ type: 'tool_use', id: 'i', name: 'n', input: { signature: 'x' } }], 'assistant'),
      '/messages/0/content/0/input/signature',
      'assistant',
      'tool',
      false,
    ],
    [
      'what a tool says',
      said([{ type: 'tool_result', tool_use_id: 'i', content: 'x' }]),
      '/messages/0/content/0/content',
      'tool',
      'tool',
      false,
    ],
    [
      'the same in a block',
      said([{ type: 'tool_result', tool_use_id: 'i', content: [{ type: 'text', text: 'x' }] }]),
      '/messages/0/content/0/content/0/text',
      'tool',
      'tool',
      false,
    ],
    [
      'text of a document',
      said([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }]),
      '/messages/0/content/0/source/data',
      'user',
      'text',
      false,
    ],
    [
      'text of a document of blocks',
      said([{ type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } }]),
      '/messages/0/content/0/source/content/0/text',
      'user',
      'text',
      false,
    ],
    [
      'its title',
      said([{ type: 'document', title: 'x', source: { type: 'text', data: 'a' } }]),
      '/messages/0/content/0/title',
      'user',
      'text',
      false,
    ],
    [
      'a search result',
      said([{ type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] }]),
      '/messages/0/content/0/content/0/text',
      'user',
      'text',
      false,
    ],
    [
      'a citation',
      said([{ type: 'text', text: 'a', citations: [{ type: 'char_location', cited_text: 'x' }] }], 'assistant'),
      '/messages/0/content/0/citations/0/cited_text',
      'assistant',
      'text',
      false,
    ],
    [
      'a sealed citation',
      said([{ type: 'text', text: 'a', citations: [{ cited_text: 'x', encrypted_index: 'e' }] }], 'assistant'),
      '/messages/0/content/0/citations/0/cited_text',
      'assistant',
      'text',
      true,
    ],
    [
      'the text beside it',
      said([{ type: 'text', text: 'x', citations: [{ cited_text: 'a', encrypted_index: 'e' }] }], 'assistant'),
      '/messages/0/content/0/text',
      'assistant',
      'text',
      false,
    ],
    [
      'a hit of a search',
      said([{ type: 'web_search_tool_result', content: [{ type: 'web_search_result', title: 'x' }] }], 'assistant'),
      '/messages/0/content/0/content/0/title',
      'tool',
      'tool',
      true,
    ],
    [
      'output that is sealed',
      said([{ type: 'code_execution_tool_result', content: { stdout: 'x', encrypted_stdout: 'e' } }], 'assistant'),
      '/messages/0/content/0/content/stdout',
      'tool',
      'tool',
      true,
    ],
    [
      'output that is not',
      said([{ type: 'code_execution_tool_result', content: { stdout: 'x' } }], 'assistant'),
      '/messages/0/content/0/content/stdout',
      'tool',
      'tool',
      false,
    ],
    [
      'a summary',
      said([{ type: 'compaction', content: 'x', encrypted_content: 'e' }], 'assistant'),
      '/messages/0/content/0/content',
      'assistant',
      'text',
      true,
    ],
    [
      'what a tool is for',
      { tools: [{ name: 'n', description: 'x', input_schema: {} }] },
      '/tools/0/description',
      'none',
      'tool',
      false,
    ],
    [
      'a name of its schema',
      { tools: [{ name: 'n', input_schema: { properties: { x: {} } } }] },
      '/tools/0/input_schema/properties/x#',
      'none',
      'data',
      false,
    ],
    [
      'a form for the answer',
      { output_config: { format: { type: 'json_schema', schema: { title: 'x' } } } },
      '/output_config/format/schema/title',
      'none',
      'tool',
      false,
    ],
    [
      'how to summarise',
      { compaction: { type: 'summarize', instructions: 'x' } },
      '/compaction/instructions',
      'none',
      'text',
      false,
    ],
    ['a sequence that stops', { stop_sequences: ['x'] }, '/stop_sequences/0', 'none', 'data', false],
    ['who the client says it is', { metadata: { user_id: 'x' } }, '/metadata/user_id', 'none', 'data', false],
    [
      'the key of a tool server',
      { mcp_servers: [{ type: 'url', url: 'u', name: 'n', authorization_token: 'x' }] },
      '/mcp_servers/0/authorization_token',
      'none',
      'tool',
      false,
    ],
  ])('%s', (_, given, pointer, role, channel, signed) => {
    const segment = at(given, pointer)
    expect(segment).toMatchObject({ role, channel, text: 'x' })
    expect(segment?.signed ?? false).toBe(signed)
  })

  it('a long number is one, wherever it stands', () => {
    expect(
      at(
        said([{ type: 'tool_use', id: 'i', name: 'n', input: { card: 4111111111111111 } }], 'assistant'),
        '/messages/0/content/0/input/card~#',
      ),
    ).toMatchObject({ text: '4111111111111111' })
  })
})

describe('unread', () => {
  it.each<[string, Body, string]>([
    ['content that is a number', said(7), '/messages/0/content'],
    ['content that is an object', said({ type: 'text', text: 'x' }), '/messages/0/content'],
    ['a block in words', said(['x']), '/messages/0/content/0'],
    ['a block of an unknown type', said([{ type: 'hologram', text: 'x' }]), '/messages/0/content/0'],
    ['a block without a type', said([{ text: 'x' }]), '/messages/0/content/0'],
    ['a text that is none', said([{ type: 'text', text: { a: 'x' } }]), '/messages/0/content/0'],
    [
      'an unknown block in what a tool says',
      said([{ type: 'tool_result', content: [{ type: 'hologram' }] }]),
      '/messages/0/content/0/content/0',
    ],
    ['an unknown source', said([{ type: 'image', source: { type: 's3', uri: 'x' } }]), '/messages/0/content/0/source'],
    ['a source in words', said([{ type: 'image', source: 'x' }]), '/messages/0/content/0/source'],
    ['an unknown block of the system', { system: [{ type: 'hologram' }] }, '/system/0'],
  ])('%s', (_, given, pointer) => {
    expect(call(given).unread).toEqual([pointer])
  })
})

describe('references', () => {
  const image = (source: Body): Body => said([{ type: 'image', source }])
  it.each<[string, Body, readonly (readonly [string, string, string])[]]>([
    [
      'an image',
      image({ type: 'base64', media_type: 'image/png', data: 'AAAA' }),
      [['image', 'inline', '/messages/0/content/0/source/data']],
    ],
    [
      'an address',
      image({ type: 'url', url: 'https://a.example/x.png' }),
      [['image', 'remote', '/messages/0/content/0/source/url']],
    ],
    ['a file', image({ type: 'file', file_id: 'f' }), [['file', 'stored', '/messages/0/content/0/source/file_id']]],
    [
      'an address in disguise',
      image({ type: 'file', file_id: 'f', url: 'https://a.example' }),
      [
        ['image', 'remote', '/messages/0/content/0/source/url'],
        ['file', 'stored', '/messages/0/content/0/source/file_id'],
      ],
    ],
    [
      'a document',
      said([{ type: 'document', source: { type: 'url', url: 'u' } }]),
      [['file', 'remote', '/messages/0/content/0/source/url']],
    ],
    [
      'an image in what a tool says',
      said([{ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'u' } }] }]),
      [['image', 'remote', '/messages/0/content/0/content/0/source/url']],
    ],
    ['text', said([{ type: 'document', source: { type: 'text', data: 'x' } }]), []],
    [
      'a file for a container',
      said([{ type: 'container_upload', file_id: 'f' }]),
      [['file', 'stored', '/messages/0/content/0/file_id']],
    ],
    ['a container', { container: 'c' }, [['container', 'stored', '/container']]],
    [
      'its skills',
      { container: { id: 'c', skills: [{ type: 'custom', skill_id: 's' }] } },
      [
        ['container', 'stored', '/container'],
        ['skill', 'stored', '/container/skills/0'],
      ],
    ],
    [
      'a tool server',
      { mcp_servers: [{ type: 'url', url: 'u', name: 'n' }] },
      [['tool_server', 'remote', '/mcp_servers/0']],
    ],
    [
      'what the provider keeps',
      { thread: { type: 'continue', previous_message_id: 'm' } },
      [['thread', 'stored', '/thread']],
    ],
    ['what it compares with', { diagnostics: { previous_message_id: 'm' } }, [['stored', 'stored', '/diagnostics']]],
    ['null', { container: null, thread: null, diagnostics: null, mcp_servers: null }, []],
    [
      'a tool that it runs',
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      [['server_tool', 'remote', '/tools/0']],
    ],
    [
      "one that looks like the client's",
      { tools: [{ type: 'memory_web_20250305', name: 'x' }] },
      [['server_tool', 'remote', '/tools/0']],
    ],
    [
      'tools of the client',
      {
        tools: [
          { name: 'a', input_schema: {} },
          { type: 'custom', name: 'b' },
          { type: 'bash_20250124', name: 'bash' },
          { type: 'text_editor_20250728', name: 'e' },
          { type: 'computer_20251124', name: 'c' },
          { type: 'memory_20250818', name: 'm' },
        ],
      },
      [],
    ],
    [
      'one added in a message',
      said(
        [
          {
            type: 'tool_addition',
            tool: { type: 'tool_definition', definition: { type: 'web_fetch_20260318', name: 'f' } },
          },
        ],
        'system',
      ),
      [['server_tool', 'remote', '/messages/0/content/0/tool/definition']],
    ],
    [
      'a name that the sender chose',
      said([{ type: 'tool_result', content: [{ type: 'text', text: 'x', 'Jane Doe': { file_id: 'f' } }] }]),
      [['file', 'stored', '/messages/0/content/0/content/0']],
    ],
    [
      'what a tool is given is none',
      said([{ type: 'tool_use', id: 'i', name: 'n', input: { file_id: 'f', source: { url: 'u' } } }], 'assistant'),
      [],
    ],
  ])('%s', (_, given, expected) => {
    expect(call(given).references.map(({ kind, where, pointer }) => [kind, where, pointer])).toEqual(expected)
  })
})

describe('facts', () => {
  it('model, stream, tools', () => {
    const tools = [
      { name: 'a', input_schema: {} },
      { type: 'web_search_20250305', name: 'web_search' },
      { type: 'mcp_toolset', mcp_server_name: 'n' },
    ]
    expect(call({ stream: true, tools })).toMatchObject({
      dialect: 'anthropic.messages',
      operation: 'chat',
      model: 'auto',
      stream: true,
      tools: ['a', 'web_search', 'mcp_toolset'],
    })
  })

  it('the estimate: bytes of text / 4, without pictures', () => {
    const words = call({ messages: [{ role: 'user', content: 'x'.repeat(400) }] }).estimate
    expect(words.maxOutputTokens).toBe(16)
    expect(words.inputTokens).toBeGreaterThanOrEqual(100)
    expect(words.inputTokens).toBeLessThan(110)
    const picture = call(
      said([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(4000) } }]),
    )
    expect(picture.estimate.inputTokens).toBeLessThan(20)
  })

  it.skipIf(messageRecordings() === null)('of the recordings: server tools are told (skipped without fixtures)', () => {
    const kinds = new Set(
      (messageRecordings() ?? []).flatMap(({ request }) => read(request.body).references.map(({ kind }) => kind)),
    )
    expect([...kinds].sort()).toEqual(['container', 'file', 'server_tool', 'tool_server'])
  })
})
