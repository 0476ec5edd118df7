import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bedrockConverse, bedrockCountTokens } from '../../src/dialects/bedrock-converse/index.ts'
import { modelOf, modelPath, operationOf } from '../../src/dialects/model-id.ts'
import { hello, inbound, read } from './bedrock-converse-calls.ts'

const MALFORMED = { code: 'ERR_CALL_MALFORMED' }
const UNSUPPORTED = { code: 'ERR_CALL_UNSUPPORTED' }

const block = (...content: readonly unknown[]) => ({ messages: [{ role: 'user', content }] })
const fields = (additionalModelRequestFields: unknown) => ({ ...hello, additionalModelRequestFields })

describe('the path', () => {
  it.each<[string, string, string, boolean]>([
    ['POST', '/model/m/converse', 'chat', false],
    ['POST', '/model/m/converse-stream', 'chat', true],
    ['POST', '/model/m/count-tokens', 'count_tokens', false],
  ])('%s %s', (method, path, operation, stream) => {
    const body = operation === 'chat' ? hello : { input: { converse: hello } }
    expect(bedrockConverse.matches(method, path)).toBe(operation === 'chat')
    expect(bedrockCountTokens.matches(method, path)).toBe(operation !== 'chat')
    expect(read(body, path)).toMatchObject({ dialect: 'bedrock.converse', operation, stream, model: 'm' })
  })

  it.each([
    ['GET', '/model/m/converse'],
    ['POST', '/model/m/invoke'],
    ['POST', '/model/m/converse/'],
    ['POST', '/model/m/Converse'],
    ['POST', '/model/m/conver%73e'],
    ['POST', '/model/converse'],
    ['POST', '/models/m/converse'],
    ['POST', '//model/m/converse'],
    ['POST', '/guardrail/m/version/1/apply'],
  ])('%s %s is none of ours', (method, path) => {
    expect(bedrockConverse.matches(method, path) || bedrockCountTokens.matches(method, path)).toBe(false)
  })

  const ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2'
  it.each([
    ['anthropic.claude-3-sonnet-20240229-v1:0', 'anthropic.claude-3-sonnet-20240229-v1:0'],
    ['anthropic.claude-3-sonnet-20240229-v1%3A0', 'anthropic.claude-3-sonnet-20240229-v1:0'],
    ['anthropic.claude-3-sonnet-20240229-v1%3a0', 'anthropic.claude-3-sonnet-20240229-v1:0'],
    [ARN, ARN],
    [ARN.replace('/', '%2F'), ARN],
    [encodeURIComponent(ARN), ARN],
    ['%C3%A4', 'ä'],
    ['a+b', 'a+b'],
    ['converse', 'converse'],
    ['m'.repeat(2048), 'm'.repeat(2048)],
  ])('names the model: %s', (id, model) => {
    expect(modelOf(`/model/${id}/converse`)).toBe(model)
    expect(read(hello, `/model/${id}/converse`).model).toBe(model)
  })

  it.each([
    '',
    '.',
    '..',
    '%2e',
    '%2E%2e',
    'a/../b',
    'a%2F..%2Fb',
    'a//b',
    'a%2F',
    '%2Fa',
    '/a',
    'a/',
    'a/./b',
    'm%253A0',
    'm%25',
    'm%',
    'm%3',
    'm%zz',
    'm%00',
    'm%0A',
    'm%7F',
    'm%C2%85',
    'm%ff',
    'm%C3',
    'm%C0%AF',
    'm%ED%A0%80',
    'm%5Cn',
    'm\\n',
    'm n',
    'mä',
    'm'.repeat(2049),
    '%C3%A4'.repeat(2049),
  ])('refuses the model %j', (id) => {
    expect(() => modelOf(`/model/${id}/converse`)).toThrow(expect.objectContaining(MALFORMED))
  })

  it('for a target is read as its model again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (model) => {
        const sound =
          !/[%\\\p{Cc}]/u.test(model) && model.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
        if (!sound) {
          expect(() => modelPath(model, 'converse')).toThrow(expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }))
          return
        }
        const path = modelPath(model, 'converse')
        expect(path.split('/')).toHaveLength(4)
        expect(modelOf(path)).toBe(model)
        expect(operationOf(path)).toBe('converse')
      }),
    )
  })
})

describe('the envelope', () => {
  it.each<[string, Parameters<typeof inbound>, object]>([
    ['a query', [hello, '/model/m/converse', {}, 'a=b'], UNSUPPORTED],
    ['another type', [hello, '/model/m/converse', { 'content-type': 'application/octet-stream' }], MALFORMED],
    ['compression', [hello, '/model/m/converse', { 'content-encoding': 'gzip' }], UNSUPPORTED],
    ['no JSON', ['x'], MALFORMED],
    ['a list', [[]], MALFORMED],
    ['a name twice', ['{"messages":[],"messages":[]}'], MALFORMED],
    ['messages that are no list', [{ messages: {} }], MALFORMED],
    ['no message', [{ messages: [] }], MALFORMED],
    ['a message that is none', [{ messages: ['x'] }], MALFORMED],
    ['a message without a role', [{ messages: [{ content: [{ text: 'x' }] }] }], UNSUPPORTED],
    ['a role of another dialect', [{ messages: [{ role: 'tool', content: [{ text: 'x' }] }] }], UNSUPPORTED],
    ['content that is a string', [{ messages: [{ role: 'user', content: 'x' }] }], MALFORMED],
    ['a message without content', [{ messages: [{ role: 'user', content: [] }] }], MALFORMED],
    ['a limit that is none', [{ ...hello, inferenceConfig: { maxTokens: 1.5 } }], MALFORMED],
    ['a tool without a name', [{ ...hello, toolConfig: { tools: [{ toolSpec: {} }] } }], MALFORMED],
    ['a tool named in prose', [{ ...hello, toolConfig: { tools: [{ toolSpec: { name: 'a b' } }] } }], MALFORMED],
    ['a task in prose', [hello, '/model/m/converse', { 'x-customhouse-task': 'two words' }], MALFORMED],
  ])('refuses %s', (_, request, error) => {
    expect(() => bedrockConverse.read(inbound(...request))).toThrow(expect.objectContaining(error))
  })

  it.each(['model', 'modelId', 'stream', 'tools', 'fallbacks', 'endpoint', 'region'])(
    'refuses the unknown member %s with its pointer',
    (name) => {
      expect(() => read({ ...hello, [name]: 'x' })).toThrow(
        expect.objectContaining({ ...UNSUPPORTED, message: expect.stringContaining(`/${name}: leave it out`) }),
      )
    },
  )

  it('shows no name that could be prose, since messages are logged', () => {
    for (const body of [{ ...hello, 'Jane Doe': 1 }, fields({ 'Jane Doe': 1 }), { ...hello, jane1234: 1 }]) {
      const run = () => read(body)
      expect(run).toThrow(expect.objectContaining({ ...UNSUPPORTED, message: expect.stringContaining('/*: leave it') }))
      expect(run).not.toThrow(/jane/i)
    }
  })

  it('facts come from the path, the body and the headers', () => {
    const body = {
      ...hello,
      inferenceConfig: { maxTokens: 300 },
      toolConfig: {
        tools: [{ toolSpec: { name: 'weather', inputSchema: { json: {} } } }, { systemTool: { name: 'nova_code' } }],
      },
    }
    const headers = { 'x-customhouse-task': 'summary', 'x-customhouse-meta-team': 'claims', accept: '*/*' }
    const call = bedrockConverse.read(inbound(body, '/model/auto/converse', headers))
    expect(call).toMatchObject({
      task: 'summary',
      metadata: { team: 'claims' },
      headers: {},
      tools: ['weather', 'nova_code'],
      estimate: { inputTokens: 7, maxOutputTokens: 300 },
      unread: [],
    })
    expect(read(hello).estimate).toEqual({ inputTokens: 3, maxOutputTokens: null })
  })
})

describe('segments', () => {
  const shape = (body: unknown) =>
    read(body).segments.map(({ pointer, role, channel, text, signed }) =>
      signed === true ? [pointer, role, channel, text, 'signed'] : [pointer, role, channel, text],
    )
  const at = '/messages/0/content/0'

  it.each<[string, unknown, unknown[]]>([
    ['text', { text: 'x' }, [[`${at}/text`, 'user', 'text', 'x']]],
    [
      'a document of text',
      { document: { format: 'txt', name: 'n', context: 'c', source: { text: 'x' }, citations: { enabled: true } } },
      [
        [`${at}/document/format`, 'user', 'data', 'txt'],
        [`${at}/document/name`, 'user', 'data', 'n'],
        [`${at}/document/context`, 'user', 'text', 'c'],
        [`${at}/document/source/text`, 'user', 'text', 'x'],
      ],
    ],
    [
      'a document in pieces',
      { document: { name: 'n', source: { content: [{ text: 'x' }, { text: 'y' }] } } },
      [
        [`${at}/document/name`, 'user', 'data', 'n'],
        [`${at}/document/source/content/0/text`, 'user', 'text', 'x'],
        [`${at}/document/source/content/1/text`, 'user', 'text', 'y'],
      ],
    ],
    [
      'a tool call',
      { toolUse: { toolUseId: 't', name: 'f', input: { city: 'Paris', text: 'x', n: 4111111111111111 } } },
      [
        [`${at}/toolUse/toolUseId`, 'user', 'tool', 't'],
        [`${at}/toolUse/name`, 'user', 'tool', 'f'],
        [`${at}/toolUse/input/city#`, 'user', 'data', 'city'],
        [`${at}/toolUse/input/city`, 'user', 'tool', 'Paris'],
        [`${at}/toolUse/input/text#`, 'user', 'data', 'text'],
        [`${at}/toolUse/input/text`, 'user', 'tool', 'x'],
        [`${at}/toolUse/input/n#`, 'user', 'data', 'n'],
        [`${at}/toolUse/input/n~#`, 'user', 'data', '4111111111111111'],
      ],
    ],
    [
      'a tool result',
      { toolResult: { toolUseId: 't', content: [{ text: 'x' }, { json: { secret: 'y' } }], status: 'success' } },
      [
        [`${at}/toolResult/toolUseId`, 'user', 'tool', 't'],
        [`${at}/toolResult/content/0/text`, 'user', 'tool', 'x'],
        [`${at}/toolResult/content/1/json/secret#`, 'user', 'data', 'secret'],
        [`${at}/toolResult/content/1/json/secret`, 'user', 'tool', 'y'],
        [`${at}/toolResult/status`, 'user', 'tool', 'success'],
      ],
    ],
    [
      'guarded text',
      { guardContent: { text: { text: 'x', qualifiers: ['query'] } } },
      [
        [`${at}/guardContent/text/text`, 'user', 'text', 'x'],
        [`${at}/guardContent/text/qualifiers/0`, 'user', 'data', 'query'],
      ],
    ],
    [
      'signed reasoning',
      { reasoningContent: { reasoningText: { text: 'x', signature: 's' } } },
      [
        [`${at}/reasoningContent/reasoningText/text`, 'user', 'reasoning', 'x', 'signed'],
        [`${at}/reasoningContent/reasoningText/signature`, 'user', 'reasoning', 's', 'signed'],
      ],
    ],
    [
      'reasoning that nobody signed',
      { reasoningContent: { reasoningText: { text: 'x' } } },
      [[`${at}/reasoningContent/reasoningText/text`, 'user', 'reasoning', 'x']],
    ],
    [
      'redacted reasoning',
      { reasoningContent: { redactedContent: 'AAAA' } },
      [[`${at}/reasoningContent/redactedContent`, 'user', 'reasoning', 'AAAA', 'signed']],
    ],
    [
      'citations',
      { citationsContent: { content: [{ text: 'x' }], citations: [{ title: 't', sourceContent: [{ text: 'y' }] }] } },
      [
        [`${at}/citationsContent/content/0/text`, 'user', 'text', 'x'],
        [`${at}/citationsContent/citations/0/title`, 'user', 'text', 't'],
        [`${at}/citationsContent/citations/0/sourceContent/0/text`, 'user', 'text', 'y'],
      ],
    ],
    [
      'a search result',
      { searchResult: { source: 'https://a.example', title: 't', content: [{ text: 'x' }] } },
      [
        [`${at}/searchResult/source`, 'user', 'data', 'https://a.example'],
        [`${at}/searchResult/title`, 'user', 'text', 't'],
        [`${at}/searchResult/content/0/text`, 'user', 'text', 'x'],
      ],
    ],
    ['a cache point', { cachePoint: { type: 'default' } }, [[`${at}/cachePoint/type`, 'user', 'data', 'default']]],
    [
      'a member that nobody knows',
      { image: { format: 'png', source: { bytes: 'AAAA' }, odd: { deep: ['x'] } } },
      [
        [`${at}/image/format`, 'user', 'data', 'png'],
        [`${at}/image/source/bytes`, 'user', 'data', 'AAAA'],
        [`${at}/image/odd#`, 'user', 'data', 'odd'],
        [`${at}/image/odd/deep#`, 'user', 'data', 'deep'],
        [`${at}/image/odd/deep/0`, 'user', 'data', 'x'],
      ],
    ],
  ])('of %s', (_, content, expected) => {
    expect(shape(block(content))).toEqual([['/messages/0/role', 'user', 'data', 'user'], ...expected])
    expect(read(block(content)).unread).toEqual([])
  })

  it('of what stands beside the messages', () => {
    expect(
      shape({
        system: [{ text: 'x' }, { guardContent: { text: { text: 'y' } } }],
        inferenceConfig: { stopSequences: ['stop'], maxTokens: 1 },
        toolConfig: {
          tools: [{ toolSpec: { name: 'f', description: 'd', inputSchema: { json: { properties: { a: {} } } } } }],
          toolChoice: { tool: { name: 'f' } },
        },
        promptVariables: { who: { text: 'Jane' } },
        requestMetadata: { team: 'claims' },
        outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{}', name: 'n' } } } },
        additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 2000000 } },
        additionalModelResponseFieldPaths: ['/stop_sequence'],
        guardrailConfig: { guardrailIdentifier: 'g' },
        serviceTier: { type: 'flex' },
        performanceConfig: { latency: 'optimized' },
      }),
    ).toEqual([
      ['/system/0/text', 'system', 'text', 'x'],
      ['/system/1/guardContent/text/text', 'system', 'text', 'y'],
      ['/inferenceConfig/stopSequences/0', 'none', 'data', 'stop'],
      ['/toolConfig/tools/0/toolSpec/name', 'none', 'tool', 'f'],
      ['/toolConfig/tools/0/toolSpec/description', 'none', 'tool', 'd'],
      ['/toolConfig/tools/0/toolSpec/inputSchema/json/properties/a#', 'none', 'data', 'a'],
      ['/toolConfig/toolChoice/tool/name', 'none', 'tool', 'f'],
      ['/promptVariables/who#', 'user', 'data', 'who'],
      ['/promptVariables/who/text', 'user', 'text', 'Jane'],
      ['/requestMetadata/team#', 'none', 'data', 'team'],
      ['/requestMetadata/team', 'none', 'data', 'claims'],
      ['/outputConfig/textFormat/type', 'none', 'tool', 'json_schema'],
      ['/outputConfig/textFormat/structure/jsonSchema/schema', 'none', 'tool', '{}'],
      ['/outputConfig/textFormat/structure/jsonSchema/name', 'none', 'tool', 'n'],
      ['/additionalModelRequestFields/thinking/type', 'none', 'data', 'enabled'],
      ['/additionalModelRequestFields/thinking/budget_tokens~#', 'none', 'data', '2000000'],
      ['/additionalModelResponseFieldPaths/0', 'none', 'data', '/stop_sequence'],
      ['/guardrailConfig/guardrailIdentifier', 'none', 'data', 'g'],
      ['/serviceTier/type', 'none', 'data', 'flex'],
      ['/performanceConfig/latency', 'none', 'data', 'optimized'],
    ])
  })

  it('keep the roles', () => {
    const roles = ['system', 'user', 'assistant'].map((role) => ({ role, content: [{ text: role }] }))
    const found = read({ messages: roles }).segments.filter(({ channel }) => channel === 'text')
    expect(found.map(({ role, text }) => [role, text])).toEqual(roles.map(({ role }) => [role, role]))
  })
})

describe('unread', () => {
  const at = '/messages/0/content/0'
  it.each<[string, unknown, string[]]>([
    ['a block that AWS has added since', { hologram: { text: 'x' } }, [at]],
    ['a block of nothing', {}, [at]],
    ['a block of null', { text: null }, [at]],
    ['a block of two kinds', { text: 'x', image: { format: 'png', source: { bytes: 'AAAA' } } }, [at]],
    ['a known block beside an unknown one', { text: 'x', hologram: 'y' }, [at]],
    ['a block that is a string', 'x', [at]],
    ['text that is none', { text: ['x'] }, [`${at}/text`]],
    ['an image of an unknown source', { image: { source: { url: 'https://a.example' } } }, [`${at}/image/source`]],
    ['bytes that are none', { image: { source: { bytes: { a: 'x' } } } }, [`${at}/image/source/bytes`]],
    ['a document that is none', { document: 'x' }, [`${at}/document`]],
    [
      'a document of unknown pieces',
      { document: { source: { content: [{ image: 'x' }] } } },
      [`${at}/document/source/content/0`],
    ],
    ['a tool result of an unknown kind', { toolResult: { content: [{ url: 'x' }] } }, [`${at}/toolResult/content/0`]],
    ['a tool result that is no list', { toolResult: { content: 'x' } }, [`${at}/toolResult/content`]],
    ['reasoning of an unknown kind', { reasoningContent: { other: 'x' } }, [`${at}/reasoningContent`]],
    ['guarded content of an unknown kind', { guardContent: { audio: 'x' } }, [`${at}/guardContent`]],
  ])('%s, and seen all the same', (_, content, expected) => {
    const call = read(block(content))
    expect(call.unread).toEqual(expected)
    expect(call.segments.some(({ text }) => text === 'x')).toBe(JSON.stringify(content).includes('"x"'))
  })

  it.each<[string, unknown, string[]]>([
    ['a tool', { toolConfig: { tools: [{ mcp: { url: 'x' } }] } }, ['/toolConfig/tools/0']],
    ['a system block', { system: [{ image: 'x' }] }, ['/system/0']],
    ['a system prompt that is a string', { system: 'x' }, ['/system']],
    ['a choice of tools', { toolConfig: { toolChoice: { odd: {} } } }, ['/toolConfig/toolChoice']],
  ])('%s of an unknown kind', (_, more, expected) => {
    expect(read({ ...hello, ...(more as object) }).unread).toEqual(expected)
  })

  it('is nothing where a member is null', () => {
    const nothing = {
      system: null,
      inferenceConfig: null,
      toolConfig: null,
      additionalModelRequestFields: null,
      guardrailConfig: null,
    }
    expect(read({ ...hello, ...nothing })).toMatchObject({ unread: [], references: [], tools: [] })
  })
})
