import { describe, expect, it } from 'vitest'
import { bedrockRecordings, codecOf, hello, inbound, pathOf, read } from './bedrock-converse-calls.ts'

const MALFORMED = { code: 'ERR_CALL_MALFORMED' }
const UNSUPPORTED = { code: 'ERR_CALL_UNSUPPORTED' }

const block = (...content: readonly unknown[]) => ({ messages: [{ role: 'user', content }] })
const fields = (additionalModelRequestFields: unknown) => ({ ...hello, additionalModelRequestFields })

describe('additionalModelRequestFields', () => {
  it.each([
    { thinking: { type: 'enabled', budget_tokens: 1024 } },
    { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' } },
    { reasoning_config: { type: 'enabled', budget_tokens: 1024 } },
    { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'low' } },
    { reasoning_effort: 'medium' },
    { reasoning: { effort: 'low' } },
    { inferenceConfig: { topK: 10 } },
    { top_k: 5, temperature: 1, seed: 7 },
    { anthropic_beta: ['interleaved-thinking-2025-05-14', 'context-1m-2025-08-07'] },
    { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    {},
  ])('lets %j through', (given) => {
    expect(read(fields(given)).unread).toEqual([])
  })

  it.each<[unknown, string]>([
    [{ messages: [] }, '/messages'],
    [{ system: 'x' }, '/system'],
    [{ prompt: 'x' }, '/prompt'],
    [{ inputText: 'x' }, '/inputText'],
    [{ tools: [] }, '/tools'],
    [{ mcp_servers: [] }, '/mcp_servers'],
    [{ container: 'x' }, '/container'],
    [{ documents: [] }, '/documents'],
    [{ context_management: {} }, '/context_management'],
    [{ model: 'x' }, '/model'],
    [{ max_tokens: 5 }, '/max_tokens'],
    [{ n: 5 }, '/n'],
    [{ store: true }, '/store'],
    [{ anthropic_version: 'x' }, '/anthropic_version'],
    [{ inferenceConfig: { maxTokens: 5 } }, '/inferenceConfig/maxTokens'],
    [{ inferenceConfig: { max_new_tokens: 5 } }, '/inferenceConfig/max_new_tokens'],
  ])('refuses %j with its pointer', (given, pointer) => {
    expect(() => read(fields(given))).toThrow(
      expect.objectContaining({
        ...UNSUPPORTED,
        message: expect.stringContaining(`/additionalModelRequestFields${pointer}: leave it out`),
      }),
    )
  })

  it.each([
    'x',
    ['messages'],
    { inferenceConfig: 'x' },
    { anthropic_beta: 'context-1m-2025-08-07' },
    { anthropic_beta: [7] },
    { anthropic_beta: ['two words'] },
  ])('refuses %j as malformed', (given) => {
    expect(() => read(fields(given))).toThrow(expect.objectContaining(MALFORMED))
  })
})

describe('anthropic_beta', () => {
  it('is a fact, by the allow-list of Anthropic’s own dialect', () => {
    const betas = ['interleaved-thinking-2025-05-14', 'context-1m-2025-08-07']
    expect(read(fields({ anthropic_beta: betas })).headers).toEqual({ 'anthropic-beta': betas.join(',') })
    expect(() => read(fields({ anthropic_beta: ['server-side-fallback-2026-01-01'] }))).toThrow(
      expect.objectContaining(UNSUPPORTED),
    )
  })
})

describe('references', () => {
  const s3 = { s3Location: { uri: 's3://bucket/key' } }
  const bytes = { bytes: 'AAAA' }
  const at = '/messages/0/content/0'
  it.each<[string, unknown, unknown[]]>([
    ['an image', { image: { source: bytes } }, [['image', 'inline', `${at}/image/source/bytes`]]],
    ['an image in S3', { image: { source: s3 } }, [['image', 'remote', `${at}/image/source/s3Location`]]],
    ['a video', { video: { source: bytes } }, [['video', 'inline', `${at}/video/source/bytes`]]],
    ['a video in S3', { video: { source: s3 } }, [['video', 'remote', `${at}/video/source/s3Location`]]],
    ['sound', { audio: { source: bytes } }, [['audio', 'inline', `${at}/audio/source/bytes`]]],
    ['sound in S3', { audio: { source: s3 } }, [['audio', 'remote', `${at}/audio/source/s3Location`]]],
    ['a document', { document: { source: bytes } }, [['file', 'inline', `${at}/document/source/bytes`]]],
    ['a document in S3', { document: { source: s3 } }, [['file', 'remote', `${at}/document/source/s3Location`]]],
    ['a document of text', { document: { source: { text: 'x' } } }, []],
    [
      'a guarded image',
      { guardContent: { image: { source: bytes } } },
      [['image', 'inline', `${at}/guardContent/image/source/bytes`]],
    ],
    [
      'what a tool brought',
      { toolResult: { content: [{ image: { source: bytes } }, { document: { source: s3 } }] } },
      [
        ['image', 'inline', `${at}/toolResult/content/0/image/source/bytes`],
        ['file', 'remote', `${at}/toolResult/content/1/document/source/s3Location`],
      ],
    ],
    [
      'a tool of a server',
      { toolAddition: { tool: { name: 'f', serverName: 's' } } },
      [['tool_server', 'remote', `${at}/toolAddition/tool/serverName`]],
    ],
    ['nothing', { text: 'x' }, []],
  ])('%s', (_, content, expected) => {
    expect(read(block(content)).references.map(({ kind, where, pointer }) => [kind, where, pointer])).toEqual(expected)
  })

  it('beside the messages', () => {
    const { references } = read({
      ...hello,
      toolConfig: { tools: [{ systemTool: { name: 'nova_code_interpreter' } }] },
      guardrailConfig: { guardrailIdentifier: 'g' },
      promptVariables: { a: { text: 'x' } },
    })
    expect(references).toEqual([
      { kind: 'server_tool', where: 'remote', pointer: '/toolConfig/tools/0/systemTool' },
      { kind: 'guardrail', where: 'stored', pointer: '/guardrailConfig' },
      { kind: 'prompt', where: 'stored', pointer: '/promptVariables' },
    ])
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1'
    expect(read(hello, `/model/${encodeURIComponent(arn)}/converse`).references).toEqual([
      { kind: 'prompt', where: 'stored', pointer: '' },
    ])
    const inner = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }
    const body = Buffer.from(JSON.stringify({ ...inner, container: 'c' })).toString('base64')
    for (const input of [{ converse: hello }, { invokeModel: { body } }]) {
      expect(read({ input }, `/model/${encodeURIComponent(arn)}/count-tokens`).references).toEqual([
        { kind: 'prompt', where: 'stored', pointer: '' },
        ...('invokeModel' in input
          ? [{ kind: 'container', where: 'stored', pointer: '/input/invokeModel/body/container' }]
          : []),
      ])
    }
  })

  it('carry no weight in the estimate when they are inline', () => {
    const heavy = read(block({ image: { format: 'png', source: { bytes: 'A'.repeat(40_000) } } }))
    expect(heavy.estimate.inputTokens).toBeLessThan(10)
  })
})

describe('count-tokens', () => {
  const count = (body: unknown) => read(body, '/model/auto/count-tokens')
  it('reads what Converse would be asked', () => {
    const call = count({ input: { converse: { ...hello, system: [{ text: 'x' }] } } })
    expect(call.segments.map(({ pointer, role, channel }) => [pointer, role, channel])).toEqual([
      ['/input/converse/messages/0/role', 'user', 'data'],
      ['/input/converse/messages/0/content/0/text', 'user', 'text'],
      ['/input/converse/system/0/text', 'system', 'text'],
    ])
    expect(call).toMatchObject({ operation: 'count_tokens', stream: false, estimate: { maxOutputTokens: 0 } })
  })

  it('reads what InvokeModel would be asked of an Anthropic model', () => {
    const messages = [{ role: 'user', content: 'hello' }]
    const inner = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, system: 'x', messages }
    const call = count({ input: { invokeModel: { body: Buffer.from(JSON.stringify(inner)).toString('base64') } } })
    const at = '/input/invokeModel/body'
    expect(call.segments.map(({ pointer, role, channel, text }) => [pointer, role, channel, text])).toEqual([
      [`${at}/anthropic_version`, 'none', 'data', 'bedrock-2023-05-31'],
      [`${at}/system`, 'system', 'text', 'x'],
      [`${at}/messages/0/role`, 'user', 'data', 'user'],
      [`${at}/messages/0/content`, 'user', 'text', 'hello'],
    ])
    expect(call).toMatchObject({ dialect: 'bedrock.converse', operation: 'count_tokens', model: 'auto' })
  })

  it.each<[string, unknown, object]>([
    ['nothing', {}, MALFORMED],
    ['no input', { input: {} }, MALFORMED],
    ['a member beside input', { input: { converse: hello }, messages: [] }, UNSUPPORTED],
    ['a body of another family', { input: { invokeModel: { body: 'e30=' } } }, UNSUPPORTED],
    ['a body that is no base64', { input: { invokeModel: { body: 'e30' } } }, MALFORMED],
    ['a body that is none', { input: { invokeModel: { body: { messages: [] } } } }, MALFORMED],
    ['a body that is no JSON', { input: { invokeModel: { body: 'eA==' } } }, MALFORMED],
    ['a member beside the body', { input: { invokeModel: { body: 'e30=', x: 1 } } }, UNSUPPORTED],
    ['a form that nobody knows', { input: { chat: {} } }, UNSUPPORTED],
    ['both forms', { input: { converse: hello, invokeModel: { body: 'e30=' } } }, UNSUPPORTED],
    ['what a count does not take', { input: { converse: { ...hello, inferenceConfig: {} } } }, UNSUPPORTED],
    ['a message without content', { input: { converse: { messages: [{ role: 'user', content: [] }] } } }, MALFORMED],
  ])('refuses %s', (_, body, error) => {
    expect(() => count(body)).toThrow(expect.objectContaining(error))
  })
})

const all = [...(bedrockRecordings() ?? []), ...(bedrockRecordings('bedrock-count-tokens') ?? [])]
describe.skipIf(all.length === 0)('recordings (skipped without fixtures)', () => {
  it('are all read', () => {
    for (const recording of all) {
      const path = pathOf(recording)
      expect(codecOf(path).read(inbound(recording.request.body, path)).unread, recording.file).toEqual([])
    }
    expect(all.length).toBeGreaterThan(50)
  })
})
