import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { writeTree } from '../../src/core/tree.ts'
import { fixturesFolder } from '../kit/index.ts'
import { call, inbound, message, read } from './calls.ts'

function refused(of: () => unknown): CustomhouseError {
  try {
    of()
  } catch (error) {
    if (error instanceof CustomhouseError) return error
    throw error
  }
  throw new Error('the call was read')
}

describe('references', () => {
  const part = (given: Readonly<Record<string, unknown>>) => ({ messages: [{ role: 'user', content: [given] }] })

  it.each<[string, Readonly<Record<string, unknown>>, string, string, string]>([
    [
      'an image in the body',
      part({ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }),
      'image',
      'inline',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'in capitals, after space',
      part({ type: 'image_url', image_url: { url: ' DATA:image/png;base64,A' } }),
      'image',
      'inline',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'an image elsewhere',
      part({ type: 'image_url', image_url: { url: 'https://a.example/x.png' } }),
      'image',
      'remote',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'an image in a bucket',
      part({ type: 'image_url', image_url: { url: 'gs://bucket/x.png' } }),
      'image',
      'remote',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'an image as a string',
      part({ type: 'image_url', image_url: 'http://a.example/x' }),
      'image',
      'remote',
      '/messages/0/content/0/image_url',
    ],
    [
      'bare base64',
      part({ type: 'image_url', image_url: { url: 'AAAA' } }),
      'image',
      'inline',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'a film',
      part({ type: 'video_url', video_url: { url: 'https://a.example/x.mp4' } }),
      'video',
      'remote',
      '/messages/0/content/0/video_url/url',
    ],
    [
      'sound',
      part({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }),
      'audio',
      'inline',
      '/messages/0/content/0/input_audio',
    ],
    [
      'sound in a string',
      part({ type: 'input_audio', input_audio: 'AAAA' }),
      'audio',
      'inline',
      '/messages/0/content/0/input_audio',
    ],
    [
      'sound at an address',
      part({ type: 'input_audio', input_audio: 'https://a.example/x.mp3' }),
      'audio',
      'remote',
      '/messages/0/content/0/input_audio',
    ],
    [
      'a document',
      part({ type: 'document_url', document_url: 'https://a.example/x.pdf', document_name: 'x' }),
      'document',
      'remote',
      '/messages/0/content/0/document_url',
    ],
    [
      'a document in the body',
      part({ type: 'document_url', document_url: 'data:application/pdf;base64,AA' }),
      'document',
      'inline',
      '/messages/0/content/0/document_url',
    ],
    [
      'a file of a tool',
      part({ type: 'tool_file', tool: 't', file_id: 'f-1' }),
      'file',
      'stored',
      '/messages/0/content/0/file_id',
    ],
    ['an agent kept there', { agent_id: 'ag_1' }, 'stored', 'stored', '/agent_id'],
    ["Azure's search", { data_sources: [{ type: 'azure_search' }] }, 'data_source', 'remote', '/data_sources'],
    [
      'a file in the body',
      part({ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA' } }),
      'file',
      'inline',
      '/messages/0/content/0/file/file_data',
    ],
    [
      'a file kept there',
      part({ type: 'file', file: { file_id: 'file-1' } }),
      'file',
      'stored',
      '/messages/0/content/0/file/file_id',
    ],
    [
      'a file at an address, where bytes belong',
      part({ type: 'file', file: { filename: 'a.pdf', file_data: 'https://a.example/a.pdf' } }),
      'file',
      'remote',
      '/messages/0/content/0/file/file_data',
    ],
    [
      'a file at an address, where an id belongs',
      part({ type: 'file', file: { file_id: 'gs://bucket/a.pdf' } }),
      'file',
      'remote',
      '/messages/0/content/0/file/file_id',
    ],
    [
      'a file in bare base64',
      part({ type: 'file', file: { file_data: 'AAAA' } }),
      'file',
      'inline',
      '/messages/0/content/0/file/file_data',
    ],
    [
      'a file at an address',
      part({ type: 'file', file: { file_url: 'https://a.example/a.pdf' } }),
      'file',
      'remote',
      '/messages/0/content/0/file/file_url',
    ],
    [
      'sound at an address, where bytes belong',
      part({ type: 'input_audio', input_audio: { data: 'https://a.example/x.mp3', format: 'mp3' } }),
      'audio',
      'remote',
      '/messages/0/content/0/input_audio',
    ],
    [
      'sound at an address beside its bytes',
      part({ type: 'input_audio', input_audio: { data: 'AAAA', url: 'file:///etc/passwd' } }),
      'audio',
      'remote',
      '/messages/0/content/0/input_audio',
    ],
    ['a live search', { search_parameters: { mode: 'on' } }, 'web_search', 'remote', '/search_parameters'],
    ['a search', { enable_search: true }, 'web_search', 'remote', '/enable_search'],
    ['a cache kept there', { extra_body: { google: { cached_content: 'c/1' } } }, 'stored', 'stored', ''],
    ['a session kept there', { session_params: { id: 's' } }, 'stored', 'stored', '/session_params'],
    [
      'an earlier answer in sound',
      { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] },
      'audio',
      'stored',
      '/messages/0/audio',
    ],
    ['keeping the call', { store: true }, 'call', 'stored', '/store'],
    ['an earlier call', { previous_response_id: 'resp_1' }, 'stored', 'stored', '/previous_response_id'],
    ['a conversation', { conversation: { id: 'conv_1' } }, 'stored', 'stored', '/conversation'],
    ['a prompt kept there', { prompt: { id: 'pmpt_1' } }, 'stored', 'stored', '/prompt'],
    ['searching the web', { web_search_options: {} }, 'web_search', 'remote', '/web_search_options'],
    ['a tool that the provider runs', { tools: [{ type: 'code_interpreter' }] }, 'server_tool', 'remote', '/tools/0'],
    [
      'a library that the provider searches',
      { tools: [{ type: 'document_library' }] },
      'server_tool',
      'remote',
      '/tools/0',
    ],
    ['an answer in sound', { modalities: ['text', 'audio'] }, 'audio', 'inline', '/modalities/1'],
    ['deep in what nobody knows', { extra_body: { rag: [{ file_id: 'f' }] } }, 'file', 'stored', ''],
    [
      'below a name of the sender',
      part({ type: 'text', text: 'x', 'Jane Doe': { image_url: { url: 'https://a.example' } } }),
      'image',
      'remote',
      '/messages/0/content/0',
    ],
    [
      'with a line end in the scheme',
      part({ type: 'image_url', image_url: { url: '\u0001ht\ntps://a.example/x' } }),
      'image',
      'remote',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'without a scheme',
      part({ type: 'image_url', image_url: { url: '//a.example/x' } }),
      'image',
      'remote',
      '/messages/0/content/0/image_url/url',
    ],
    [
      'with a line end before data:',
      part({ type: 'image_url', image_url: { url: '\nda\tta:image/png;base64,AA' } }),
      'image',
      'inline',
      '/messages/0/content/0/image_url/url',
    ],
  ])('%s', (_, given, kind, where, pointer) => expect(call(given).references).toEqual([{ kind, where, pointer }]))

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['nothing', {}],
    ['store false', { store: false }],
    ['store null', { store: null }],
    ['no search', { enable_search: false }],
    ['text only', { modalities: ['text'] }],
    [
      'plain tools',
      { tools: [{ type: 'function', function: { name: 'f', parameters: { properties: { file_id: {} } } } }] },
    ],
    ['metadata that is only named so', { metadata: { file_id: 'x', conversation: 'y' } }],
  ])('none: %s', (_, given) => expect(call(given).references).toEqual([]))

  it('whatever a part of pictures, sound or files holds: it is named, or the call is not read', () => {
    const named = ['image_url', 'video_url', 'audio_url', 'document_url', 'input_audio', 'file', 'file_id', 'tool_file']
    const member = fc.constantFrom(...named, 'url', 'data', 'file_data', 'file_url', 'format')
    const leaf = fc.constantFrom<unknown>('x', '', 'https://a.example', null, false, 5, [])
    const value = fc.oneof(leaf, fc.dictionary(member, leaf, { maxKeys: 2 }))
    const given = fc.tuple(fc.constantFrom(...named), fc.dictionary(member, value, { maxKeys: 3 }))
    fc.assert(
      fc.property(given, ([type, members]) => {
        const { unread, references } = call(part({ ...members, type }))
        expect(unread.length + references.length).toBeGreaterThan(0)
      }),
      { numRuns: 2000 },
    )
  })

  it('of a tool server: both that it runs there, and where', () => {
    const { references, tools } = call({
      tools: [{ type: 'mcp', server_url: 'https://mcp.example', server_label: 'x' }],
    })
    expect(references).toEqual([
      { kind: 'tool_server', where: 'remote', pointer: '/tools/0/server_url' },
      { kind: 'server_tool', where: 'remote', pointer: '/tools/0' },
    ])
    expect(tools).toEqual(['mcp'])
  })
})

describe('facts', () => {
  it('names, stream, tools', () => {
    const given = call({
      stream: true,
      tools: [
        { type: 'function', function: { name: 'pay' } },
        { type: 'custom', custom: { name: 'sql' } },
      ],
      functions: [{ name: 'old' }],
    })
    expect(given).toMatchObject({ dialect: 'openai.chat', operation: 'chat', model: 'auto', stream: true, task: null })
    expect(given.tools).toEqual(['pay', 'sql', 'old'])
    expect(call({ stream: null }).stream).toBe(false)
    expect(given.principal.tenant).toBe('t')
    expect(given.id).toBe(inbound({}).id)
  })

  it.each<[string, Readonly<Record<string, unknown>>, number | null]>([
    ['none', {}, null],
    ['null', { max_tokens: null }, null],
    ['max_tokens', { max_tokens: 100 }, 100],
    ['max_completion_tokens first', { max_tokens: 100, max_completion_tokens: 50 }, 50],
    ['for each choice', { max_tokens: 100, n: 3 }, 300],
    ['nothing at all', { max_tokens: 0 }, 0],
  ])('output: %s', (_, given, tokens) => expect(call(given).estimate.maxOutputTokens).toBe(tokens))

  it('input: bytes of text / 4; pictures and sound are no text', () => {
    const plain = call().estimate.inputTokens
    expect(plain).toBe(Math.ceil(('auto'.length + 'user'.length + 'hello'.length) / 4))
    expect(call({ messages: [{ role: 'user', content: 'ä'.repeat(400) }] }).estimate.inputTokens).toBe(202)
    expect(call({ documents: ['x'.repeat(4000)] }).estimate.inputTokens).toBeGreaterThan(1000)
    const data = `data:image/png;base64,${'A'.repeat(40_000)}`
    const image = [
      { type: 'image_url', image_url: { url: data } },
      { type: 'input_audio', input_audio: { data, format: 'wav' } },
    ]
    expect(call({ messages: [{ role: 'user', content: image }] }).estimate.inputTokens).toBeLessThan(50)
  })

  it('of the real SDKs (skipped without fixtures)', (context) => {
    const root = fixturesFolder()
    if (root === null) return context.skip('the recordings are absent')
    const folder = join(root, 'sdk-requests')
    const files = readdirSync(folder).filter((name) => /^(?:OpenAI|langchain|vercel)-_v1_chat_completions/.test(name))
    expect(files).toHaveLength(4)
    for (const file of files) {
      const { body, headers } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
      const given = read(body, headers)
      expect(given).toMatchObject({ model: body.model, stream: body.stream ?? false, unread: [], references: [] })
      expect(given.headers).toEqual({})
    }
  })

  it.each(['two words', 'jane@example.com', '', 'x'.repeat(129)])('a tool named %j is refused', (name) => {
    expect(refused(() => call({ tools: [{ type: 'function', function: { name } }] })).code).toBe('ERR_CALL_MALFORMED')
    expect(refused(() => call({ tools: [{ type: name }] })).code).toBe('ERR_CALL_MALFORMED')
    expect(refused(() => call({ functions: [{ name }] })).code).toBe('ERR_CALL_MALFORMED')
  })

  it('task, metadata, headers', () => {
    const given = read(
      { model: 'a', messages: [message] },
      {
        'x-customhouse-task': 'claims/triage',
        'x-customhouse-meta-case': 'C-2026:7@x',
        'x-customhouse-meta-__proto__': 'y',
        'openai-beta': 'assistants=v2, other',
        'x-other': 'z',
        authorization: 'Bearer gone-before',
      },
    )
    expect(given.task).toBe('claims/triage')
    expect(Object.entries(given.metadata)).toEqual([
      ['case', 'C-2026:7@x'],
      ['__proto__', 'y'],
    ])
    expect(given.headers).toEqual({ 'openai-beta': 'assistants=v2, other' })
  })

  it.each([
    ['x-customhouse-task', ''],
    ['x-customhouse-task', 'two words'],
    ['x-customhouse-task', 'a, b'],
    ['x-customhouse-task', 'x'.repeat(129)],
    ['x-customhouse-task', 'ä'],
    ['x-customhouse-meta-a', 'jane doe'],
    ['x-customhouse-meta-', 'x'],
    ['x-customhouse-meta-a+b', 'x'],
    ['openai-beta', 'a\tb'],
    ['openai-beta', 'x'.repeat(257)],
  ])('%s: %j is refused', (name, value) => {
    expect(refused(() => read({ model: 'a', messages: [message] }, { [name]: value })).code).toBe('ERR_CALL_MALFORMED')
  })

  it('keeps the body as it came', () => {
    const text =
      '{"seed":9007199254740993,"model":"a","temperature":1.0,"messages":[{"role":"user"}],"x":{"2":1e400,"1":-0}}'
    expect(writeTree(read(text).body)).toBe(text)
  })
})
