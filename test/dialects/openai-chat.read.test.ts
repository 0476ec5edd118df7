import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
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

const M = 'ERR_CALL_MALFORMED'
const U = 'ERR_CALL_UNSUPPORTED'

describe('routes', () => {
  it.each([
    ['POST', '/chat/completions', true],
    ['GET', '/chat/completions', false],
    ['post', '/chat/completions', false],
    ['POST', '/chat/completions/', false],
    ['POST', '/chat%2Fcompletions', false],
    ['POST', '/chat/completions/chatcmpl-1', false],
    ['POST', '/responses', false],
  ])('%s %s', (method, path, ours) => expect(openaiChat.matches(method, path)).toBe(ours))
})

describe('what is malformed is said with its place', () => {
  it.each<[string, unknown, string, string]>([
    ['no object', [], M, 'the body'],
    ['a string', '"x"', M, 'the body'],
    ['no model', { messages: [message] }, M, '/model'],
    ['an empty model', { model: '', messages: [message] }, M, '/model'],
    ['a model that is no string', { model: ['a'], messages: [message] }, M, '/model'],
    ['no messages', { model: 'a' }, M, '/messages'],
    ['messages that are no list', { model: 'a', messages: { 0: message } }, M, '/messages'],
    ['an empty list', { model: 'a', messages: [] }, M, '/messages'],
    ['a message that is no object', { model: 'a', messages: ['hello'] }, M, '/messages/0'],
    ['a null message', { model: 'a', messages: [message, null] }, M, '/messages/1'],
    ['no role', { model: 'a', messages: [{ content: 'x' }] }, M, '/messages/0/role'],
    ['a role that is no string', { model: 'a', messages: [{ role: 1, content: 'x' }] }, M, '/messages/0/role'],
    ['an unknown role', { model: 'a', messages: [{ role: 'root', content: 'x' }] }, U, '/messages/0/role'],
    ['a role in capitals', { model: 'a', messages: [{ role: 'User', content: 'x' }] }, U, '/messages/0/role'],
    ['stream as a string', { model: 'a', messages: [message], stream: 'true' }, M, '/stream'],
    ['stream as a number', { model: 'a', messages: [message], stream: 1 }, M, '/stream'],
    ['stream_options as a list', { model: 'a', messages: [message], stream_options: [] }, M, '/stream_options'],
    [
      'include_usage as a string',
      { model: 'a', messages: [message], stream: true, stream_options: { include_usage: 'yes' } },
      M,
      '/stream_options/include_usage',
    ],
    ['n of nothing', { model: 'a', messages: [message], n: 0 }, M, '/n'],
    ['n as a string', { model: 'a', messages: [message], n: '2' }, M, '/n'],
    ['n as a fraction', '{"model":"a","messages":[{"role":"user"}],"n":2.0}', M, '/n'],
    ['max_tokens below nothing', { model: 'a', messages: [message], max_tokens: -1 }, M, '/max_tokens'],
    ['max_tokens beyond reason', '{"model":"a","messages":[{"role":"user"}],"max_tokens":1e400}', M, '/max_tokens'],
    [
      'max_completion_tokens',
      { model: 'a', messages: [message], max_completion_tokens: '9' },
      M,
      '/max_completion_tokens',
    ],
    ['store as a string', { model: 'a', messages: [message], store: 'false' }, M, '/store'],
    ['tools as an object', { model: 'a', messages: [message], tools: {} }, M, '/tools'],
    ['a tool as a string', { model: 'a', messages: [message], tools: ['f'] }, M, '/tools/0'],
    ['a tool without a type', { model: 'a', messages: [message], tools: [{ name: 'f' }] }, M, '/tools/0/type'],
    [
      'a tool without a name',
      { model: 'a', messages: [message], tools: [{ type: 'function', function: {} }] },
      M,
      '/name',
    ],
    ['a function without a name', { model: 'a', messages: [message], functions: [{}] }, M, '/functions/0/name'],
    ['a name twice', '{"model":"a","messages":[],"model":"b"}', M, '/model'],
    ['a byte order mark', '\ufeff{}', M, 'byte order mark'],
    ['half a body', '{"model":"a"', M, 'byte 12'],
  ])('%s', (_, body, code, where) => {
    const error = refused(() => read(body))
    expect(error.code).toBe(code)
    expect(error.message).toContain(where)
    expect(error.status).toBe(400)
  })

  it('bad UTF-8', () => {
    const request = {
      ...inbound({}),
      body: Buffer.concat([Buffer.from('{"model":"'), Buffer.of(0xc3), Buffer.from('"}')]),
    }
    expect(refused(() => openaiChat.read(request)).code).toBe(M)
  })

  it.each([
    [undefined],
    [''],
    ['text/plain'],
    ['application/jsonp'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=utf-16'],
    ['application/json; charset=utf-8; charset=utf-7'],
    ['application/json, text/plain'],
  ])('content-type %s', (type) => {
    const { 'content-type': _, ...rest } = inbound({}).headers
    const headers = type === undefined ? rest : { ...rest, 'content-type': type }
    expect(refused(() => openaiChat.read({ ...inbound({ model: 'a', messages: [message] }), headers })).code).toBe(M)
  })

  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
  ])('content-type %s is fine', (type) =>
    expect(read({ model: 'a', messages: [message] }, { 'content-type': type }).model).toBe('a'),
  )

  it('a query and a compressed body', () => {
    const body = { model: 'a', messages: [message] }
    expect(refused(() => openaiChat.read(inbound(body, {}, 'api-version=1'))).code).toBe(U)
    expect(refused(() => read(body, { 'content-encoding': 'gzip' })).code).toBe(U)
    expect(read(body, { 'content-encoding': 'identity' }).model).toBe('a')
  })
})

describe('segments', () => {
  const of = (body: Readonly<Record<string, unknown>>) =>
    call(body).segments.map(({ pointer, role, channel, text }) => [pointer, role, channel, text])

  it.each<[string, unknown, string, string]>([
    ['system', { role: 'system', content: 'T' }, 'system', 'text'],
    ['developer', { role: 'developer', content: 'T' }, 'system', 'text'],
    ['user', { role: 'user', content: 'T' }, 'user', 'text'],
    ['assistant', { role: 'assistant', content: 'T' }, 'assistant', 'text'],
    ['tool', { role: 'tool', tool_call_id: 'c', content: 'T' }, 'tool', 'tool'],
    ['function', { role: 'function', name: 'f', content: 'T' }, 'tool', 'tool'],
    ['a part', { role: 'user', content: [{ type: 'text', text: 'T' }] }, 'user', 'text'],
    ['a part of a tool', { role: 'tool', content: [{ type: 'text', text: 'T' }] }, 'tool', 'tool'],
    ['a refusal', { role: 'assistant', refusal: 'T' }, 'assistant', 'text'],
    ['a refusal as a part', { role: 'assistant', content: [{ type: 'refusal', refusal: 'T' }] }, 'assistant', 'text'],
    ['a name', { role: 'user', name: 'T', content: 'x' }, 'user', 'data'],
    ['reasoning_content', { role: 'assistant', reasoning_content: 'T' }, 'assistant', 'reasoning'],
    ['reasoning', { role: 'assistant', reasoning: 'T' }, 'assistant', 'reasoning'],
    ['reasoning_details', { role: 'assistant', reasoning_details: [{ text: 'T' }] }, 'assistant', 'reasoning'],
    [
      'arguments, as the one string they are',
      { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: 'T' } }] },
      'assistant',
      'tool',
    ],
    [
      'the input of a custom tool',
      { role: 'assistant', tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'f', input: 'T' } }] },
      'assistant',
      'tool',
    ],
    ['arguments of old', { role: 'assistant', function_call: { name: 'f', arguments: 'T' } }, 'assistant', 'tool'],
    [
      'arguments as an object',
      { role: 'assistant', tool_calls: [{ function: { arguments: { a: 'T' } } }] },
      'assistant',
      'tool',
    ],
    ['an unknown member', { role: 'user', content: 'x', extra: { deep: ['T'] } }, 'user', 'data'],
    [
      'an unknown member of a part',
      { role: 'user', content: [{ type: 'text', text: 'x', more: 'T' }] },
      'user',
      'data',
    ],
    ['the audio of an answer', { role: 'assistant', audio: { id: 'T' } }, 'assistant', 'data'],
  ])('%s', (_, given, role, channel) => {
    const found = call({ messages: [given] }).segments.filter(({ text }) => text === 'T')
    expect(found).toEqual([expect.objectContaining({ role, channel })])
  })

  it.each<[string, Readonly<Record<string, unknown>>, string, string]>([
    [
      'a tool description',
      { tools: [{ type: 'function', function: { name: 'f', description: 'T' } }] },
      'none',
      'tool',
    ],
    [
      'a schema',
      { tools: [{ type: 'function', function: { name: 'f', parameters: { enum: ['T'] } } }] },
      'none',
      'tool',
    ],
    ['a function of old', { functions: [{ name: 'f', description: 'T' }] }, 'none', 'tool'],
    ['a chosen tool', { tool_choice: { type: 'function', function: { name: 'T' } } }, 'none', 'tool'],
    ['an answer schema', { response_format: { json_schema: { schema: { description: 'T' } } } }, 'none', 'tool'],
    ['a prediction', { prediction: { type: 'content', content: 'T' } }, 'assistant', 'text'],
    ['a stop word', { stop: ['T'] }, 'none', 'data'],
    ['the user', { user: 'T' }, 'none', 'data'],
    ['metadata', { metadata: { a: 'T' } }, 'none', 'data'],
    ['what nobody knows', { documents: [{ page: { text: 'T' } }] }, 'none', 'data'],
  ])('%s', (_, given, role, channel) => {
    expect(call(given).segments.filter(({ text }) => text === 'T')).toEqual([
      expect.objectContaining({ role, channel }),
    ])
  })

  it('names: unknown ones anywhere, and all of them where they are free', () => {
    const names = (given: Readonly<Record<string, unknown>>) =>
      of(given).flatMap(([pointer, , , text]) => (/[^~]#$/.test(String(pointer)) ? [[pointer, text]] : []))
    expect(names({})).toEqual([])
    expect(names({ x_extra: 1 })).toEqual([['/x_extra#', 'x_extra']])
    expect(names({ metadata: { user: 'a', 'a/b~c': 'd' } })).toEqual([
      ['/metadata/user#', 'user'],
      ['/metadata/a~1b~0c#', 'a/b~c'],
    ])
    expect(names({ logit_bias: { '50256': -100 } })).toEqual([['/logit_bias/50256#', '50256']])
    const parameters = { type: 'object', properties: { name: { type: 'string' }, Jane: {} }, required: ['name'] }
    expect(names({ tools: [{ type: 'function', function: { name: 'f', parameters } }] })).toEqual([
      ['/tools/0/function/parameters/properties/name#', 'name'],
      ['/tools/0/function/parameters/properties/Jane#', 'Jane'],
    ])
  })

  it('in document order, names before what they name', () => {
    expect(of({ extra: { b: 'x' }, messages: [message] })).toEqual([
      ['/model', 'none', 'data', 'auto'],
      ['/messages/0/role', 'user', 'data', 'user'],
      ['/messages/0/content', 'user', 'text', 'hello'],
      ['/extra#', 'none', 'data', 'extra'],
      ['/extra/b#', 'none', 'data', 'b'],
      ['/extra/b', 'none', 'data', 'x'],
    ])
  })
})

const MISTRAL = [
  {
    type: 'thinking',
    thinking: [
      { type: 'text', text: 'hm' },
      { type: 'reference', reference_ids: [1, 'r-1'] },
    ],
    closed: true,
  },
  { type: 'text', text: 'x' },
  { type: 'image_url', image_url: 'https://a.example/x.png' },
  { type: 'document_url', document_url: 'https://a.example/x.pdf', document_name: 'x.pdf' },
  { type: 'file', file_id: 'f-1' },
  { type: 'reference', reference_ids: [1, 'r-2'] },
  { type: 'input_audio', input_audio: 'AAAA' },
  { type: 'tool_file', tool: 'code_interpreter', file_id: 'f-2', file_name: 'a.csv' },
]

describe("Mistral's messages", () => {
  const { segments } = call({
    messages: [
      {
        role: 'assistant',
        content: MISTRAL,
        tool_calls: [
          { id: 'QFelWvSLu', function: { name: 'f', arguments: { to: 'Jane', 'my card': 4111111111111111 } } },
        ],
      },
      { role: 'tool', name: 'f', tool_call_id: 'QFelWvSLu', content: [{ type: 'text', text: 'done' }] },
    ],
  })

  it.each([
    ['/messages/0/content/0/thinking/0/text', 'assistant', 'reasoning', 'hm'],
    ['/messages/0/content/0/thinking/1/reference_ids/1', 'assistant', 'reasoning', 'r-1'],
    ['/messages/0/content/1/text', 'assistant', 'text', 'x'],
    ['/messages/0/content/3/document_name', 'assistant', 'data', 'x.pdf'],
    ['/messages/0/content/5/reference_ids/1', 'assistant', 'data', 'r-2'],
    ['/messages/0/tool_calls/0/function/arguments/to', 'assistant', 'tool', 'Jane', 'f'],
    ['/messages/0/tool_calls/0/function/arguments/my card#', 'assistant', 'data', 'my card'],
    ['/messages/0/tool_calls/0/function/arguments/my card~#', 'assistant', 'data', '4111111111111111'],
    ['/messages/1/content/0/text', 'tool', 'tool', 'done', 'f'],
    ['/messages/1/name', 'tool', 'data', 'f'],
  ])('%s is %s, %s', (pointer, role, channel, text, tool?: string) => {
    expect(segments).toContainEqual({ pointer, role, channel, text, ...(tool === undefined ? {} : { tool }) })
  })
})

describe('unread', () => {
  it.each<[string, unknown, string]>([
    ['content that is a number', { role: 'user', content: 4111111111111111 }, '/messages/0/content'],
    ['content that is an object', { role: 'user', content: { text: 'x' } }, '/messages/0/content'],
    ['content that is true', { role: 'user', content: true }, '/messages/0/content'],
    ['a part that is a string', { role: 'user', content: ['x'] }, '/messages/0/content/0'],
    ['a part that is a list', { role: 'user', content: [[{ type: 'text', text: 'x' }]] }, '/messages/0/content/0'],
    ['a part without a type', { role: 'user', content: [{ text: 'x' }] }, '/messages/0/content/0'],
    [
      'a part of an unknown type',
      { role: 'user', content: [{ type: 'hologram', hologram: 'x' }] },
      '/messages/0/content/0',
    ],
    ['a text that is a number', { role: 'user', content: [{ type: 'text', text: 5 }] }, '/messages/0/content/0'],
    ['a text that is a list', { role: 'user', content: [{ type: 'text', text: ['x'] }] }, '/messages/0/content/0'],
    ['an image without one', { role: 'user', content: [{ type: 'image_url' }] }, '/messages/0/content/0'],
    [
      'an image without an address',
      { role: 'user', content: [{ type: 'image_url', image_url: {} }] },
      '/messages/0/content/0',
    ],
    [
      'an address that is a number',
      { role: 'user', content: [{ type: 'audio_url', audio_url: 5 }] },
      '/messages/0/content/0',
    ],
    [
      'sound without one',
      { role: 'user', content: [{ type: 'input_audio', input_audio: { format: 'wav' } }] },
      '/messages/0/content/0',
    ],
    [
      'a file of no known kind',
      { role: 'user', content: [{ type: 'file', file: { path: '/etc/passwd' } }] },
      '/messages/0/content/0',
    ],
    ['a file that is its name', { role: 'user', content: [{ type: 'file', file: 'a.pdf' }] }, '/messages/0/content/0'],
    [
      'a file whose id is false',
      { role: 'user', content: [{ type: 'file', file_id: false }] },
      '/messages/0/content/0',
    ],
    [
      'a thought that is no list',
      { role: 'assistant', content: [{ type: 'thinking', thinking: {} }] },
      '/messages/0/content/0',
    ],
    [
      'a thought of an unknown type',
      { role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'image', image: 'x' }] }] },
      '/messages/0/content/0',
    ],
    ['a document without one', { role: 'user', content: [{ type: 'document_url' }] }, '/messages/0/content/0'],
    ['a file without one', { role: 'user', content: [{ type: 'file', name: 'x' }] }, '/messages/0/content/0'],
    ['a refusal that is a list', { role: 'assistant', refusal: ['x'] }, '/messages/0/refusal'],
    [
      'the second part',
      { role: 'user', content: [{ type: 'text', text: 'x' }, { type: 'y' }] },
      '/messages/0/content/1',
    ],
  ])('%s', (_, given, pointer) => expect(call({ messages: [given] }).unread).toEqual([pointer]))

  it.each<[string, unknown]>([
    ['null', { role: 'assistant', content: null }],
    ['nothing', { role: 'assistant' }],
    ['an empty string', { role: 'assistant', content: '' }],
    ['no parts', { role: 'user', content: [] }],
    ["Mistral's parts", { role: 'assistant', prefix: true, content: MISTRAL }],
  ])('but not %s', (_, given) => expect(call({ messages: [given] }).unread).toEqual([]))
})
