import { describe, expect, it } from 'vitest'
import type { Segment } from '../../src/core/call.ts'
import { call, messageRecordings, read } from './anthropic-calls.ts'

type Body = Readonly<Record<string, unknown>>
const said = (content: unknown, role = 'user'): Body => ({ messages: [{ role, content }] })

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
  const tool = { type: 'tool_definition', definition: { type: 'web_search_20250305', name: 'web_search' } }
  const ADDED = { type: 'tool_addition', tool }
  it('is no tool that is added where tools are looked for', () => {
    const given = call(said([ADDED, { type: 'compaction', content: 'x', tool_changes: [ADDED] }]))
    expect(given).toMatchObject({ unread: [], tools: ['web_search', 'web_search'] })
    expect(given.references.map(({ kind }) => kind)).toEqual(['server_tool', 'server_tool'])
  })

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
    ['a tool added by the system', { system: [ADDED] }, '/system/0'],
    [
      'a tool added by what a tool says',
      said([{ type: 'tool_result', content: [ADDED] }]),
      '/messages/0/content/0/content/0',
    ],
    [
      'a tool added by a document',
      said([{ type: 'document', source: { type: 'content', content: [ADDED] } }]),
      '/messages/0/content/0/source/content/0',
    ],
    [
      'tools added by a summary of the system',
      { system: [{ type: 'compaction', tool_changes: [ADDED] }] },
      '/system/0',
    ],
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
