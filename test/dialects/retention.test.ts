import { describe, expect, test } from 'vitest'
import { createRetention } from '../../plugins/retention/index.ts'
import type { ModelCall, ProviderKind, Target } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import type { Codec, InboundRequest } from '../../src/core/port.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { bedrockConverse, bedrockCountTokens } from '../../src/dialects/bedrock-converse/index.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'

/** `retention.minimise` at each provider: what its codec then writes, or why it is not met. */

const HOSTS: Readonly<Record<string, string>> = {
  openai: 'api.openai.com',
  eu: 'eu.api.openai.com',
  like: 'notapi.openai.com.example',
  own: 'llm.bank.example',
  azure: 'r.openai.azure.com',
  mistral: 'api.mistral.ai',
  anthropic: 'api.anthropic.com',
  bedrock: 'bedrock-runtime.eu-central-1.amazonaws.com',
}
const plugin = createRetention({ hosts: new Map(Object.entries(HOSTS)) })

const MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const PATHS = new Map<Codec, string>([
  [openaiChat, '/chat/completions'],
  [anthropicMessages, '/v1/messages'],
  [anthropicCountTokens, '/v1/messages/count_tokens'],
  [bedrockConverse, `/model/${MODEL}/converse`],
  [bedrockCountTokens, `/model/${MODEL}/count-tokens`],
  [bedrockInvoke, `/model/${MODEL}/invoke`],
])

function read(codec: Codec, body: unknown): ModelCall {
  const request: InboundRequest = {
    id: '0197f2d0-0000-7000-8000-000000000000',
    method: 'POST',
    path: PATHS.get(codec) ?? '',
    query: '',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: Buffer.from(JSON.stringify(body)),
    principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  }
  return codec.read(request)
}

const KINDS: Readonly<Record<string, ProviderKind>> = {
  azure: 'azure',
  mistral: 'mistral',
  anthropic: 'anthropic',
  bedrock: 'bedrock',
}
const target = (provider: string): Target => ({
  id: `${provider}/m`,
  provider,
  model: MODEL,
  kind: KINDS[provider] ?? 'openai',
  dialects: ['openai.chat'],
  tenants: null,
  residency: { endpoint: ['US'], processing: ['US'], storage: [] },
  contract: [],
})

type Params = Readonly<Record<string, Json>>
const ALL: Params = { store: false, metadata: 'drop', user: 'drop', prompt_cache: 'short' }

const order = (call: ModelCall, at: Target, params: Params) =>
  plugin.discharge?.['retention.minimise']?.request?.({
    call,
    target: at,
    obligation: { type: 'retention.minimise', params },
    segments: [],
    findings: [],
    signal: new AbortController().signal,
  })

async function written(
  codec: Codec,
  provider: string,
  body: unknown,
  params: Params,
): Promise<Record<string, unknown>> {
  const call = read(codec, body)
  const done = await order(call, target(provider), params)
  if (done?.met !== true) throw new Error(`not met: ${done?.message}`)
  return JSON.parse(Buffer.from(codec.write(call, target(provider), [], done.assign ?? []).body).toString())
}

const said = [{ role: 'user', content: 'hello' }]
const chat = (more: object) => ({ model: 'm', messages: said, ...more })
const claude = (more: object) => ({ model: 'm', max_tokens: 9, messages: said, ...more })
const converse = (more: object) => ({ messages: [{ role: 'user', content: [{ text: 'hello' }] }], ...more })
const invoke = (more: object) => ({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: said, ...more })
const cached = (ttl?: string) => ({
  system: [
    { type: 'text', text: 'be kind', cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) } },
  ],
})
const point = (ttl?: string) => ({
  system: [{ text: 'be kind' }, { cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } }],
})

const TRACES = { store: true, metadata: { case: '1' }, user: 'u', safety_identifier: 's', prompt_cache_key: 'k' }
const CACHES = { prompt_cache_retention: '24h', prompt_cache_options: { mode: 'implicit' } }

type Row = readonly [name: string, codec: Codec, provider: string, body: object, params: Params, left: object]

describe('what reaches the provider', () => {
  test.each<Row>([
    ['OpenAI: stored nowhere, said or not', openaiChat, 'openai', chat({}), { store: false }, chat({ store: false })],
    ['OpenAI, asked to store', openaiChat, 'openai', chat({ store: true }), { store: false }, chat({ store: false })],
    ['OpenAI in a region', openaiChat, 'eu', chat({}), { store: false }, chat({ store: false })],
    ['a host that is only like it', openaiChat, 'like', chat({ store: true }), { store: false }, chat({})],
    ['OpenAI, all', openaiChat, 'openai', chat({ ...TRACES, ...CACHES }), ALL, chat({ store: false })],
    [
      'OpenAI, its traces alone',
      openaiChat,
      'openai',
      chat({ ...TRACES, ...CACHES }),
      { metadata: 'drop' },
      chat({ ...TRACES, ...CACHES, metadata: undefined }),
    ],
    [
      'OpenAI, its user alone',
      openaiChat,
      'openai',
      chat(TRACES),
      { user: 'drop' },
      chat({ store: true, metadata: { case: '1' } }),
    ],
    [
      'OpenAI, its cache alone',
      openaiChat,
      'openai',
      chat({ ...TRACES, ...CACHES }),
      { prompt_cache: 'short' },
      chat(TRACES),
    ],
    [
      'OpenAI, a cache in memory',
      openaiChat,
      'openai',
      chat({ prompt_cache_retention: 'in_memory' }),
      { prompt_cache: 'short' },
      chat({ prompt_cache_retention: 'in_memory' }),
    ],
    ['Azure, all', openaiChat, 'azure', chat({ ...TRACES, ...CACHES }), ALL, chat({ store: false })],
    ['Mistral, all', openaiChat, 'mistral', chat({ metadata: { case: '1' }, user: 'u' }), ALL, chat({})],
    ['a server of one’s own, all', openaiChat, 'own', chat({ ...TRACES, ...CACHES }), ALL, chat({})],
    [
      'a server that unpacks extra_body',
      openaiChat,
      'own',
      chat({ extra_body: { ...TRACES, ...CACHES, top_k: 1 } }),
      ALL,
      chat({ extra_body: { top_k: 1 } }),
    ],
    [
      'Claude, its user',
      anthropicMessages,
      'anthropic',
      claude({ metadata: { user_id: 'u', x: 'y' } }),
      { user: 'drop' },
      claude({ metadata: { x: 'y' } }),
    ],
    [
      'Claude, its metadata',
      anthropicMessages,
      'anthropic',
      claude({ metadata: { user_id: 'u' } }),
      { metadata: 'drop', user: 'drop' },
      claude({}),
    ],
    ['Claude, a cache of an hour', anthropicMessages, 'anthropic', claude(cached('1h')), ALL, claude(cached('5m'))],
    ['Claude, a cache of five minutes', anthropicMessages, 'anthropic', claude(cached()), ALL, claude(cached())],
    [
      'Claude, counted',
      anthropicCountTokens,
      'anthropic',
      { model: 'm', messages: said, ...cached('1h') },
      ALL,
      { model: 'm', messages: said, ...cached('5m') },
    ],
    [
      'Converse, all',
      bedrockConverse,
      'bedrock',
      converse({ requestMetadata: { user: 'u' }, ...point('1h') }),
      ALL,
      converse(point('5m')),
    ],
    [
      'Converse, its user',
      bedrockConverse,
      'bedrock',
      converse({ requestMetadata: { user: 'u' } }),
      { user: 'drop' },
      converse({}),
    ],
    [
      'Converse, counted',
      bedrockCountTokens,
      'bedrock',
      { input: { converse: converse(point('1h')) } },
      ALL,
      { input: { converse: converse(point('5m')) } },
    ],
    [
      'InvokeModel, all',
      bedrockInvoke,
      'bedrock',
      invoke({ metadata: { user_id: 'u' }, ...cached('1h') }),
      ALL,
      invoke(cached('5m')),
    ],
  ])('%s', async (_, codec, provider, body, params, left) => {
    const expected = JSON.parse(JSON.stringify(left)) as Record<string, unknown>
    if (expected.model !== undefined) expected.model = MODEL
    expect(await written(codec, provider, body, params)).toEqual(expected)
  })

  test('a mark within what is the sender’s own stays as it is', async () => {
    const schema = { type: 'object', properties: { cache_control: { ttl: '1h' } } }
    const body = claude({
      tools: [{ name: 't', description: 'd', input_schema: schema, cache_control: { type: 'ephemeral', ttl: '1h' } }],
    })
    const { tools } = await written(anthropicMessages, 'anthropic', body, ALL)
    expect(tools).toEqual([
      { name: 't', description: 'd', input_schema: schema, cache_control: { type: 'ephemeral', ttl: '5m' } },
    ])
  })
})

describe('is not met', () => {
  test.each<[string, Codec, object]>([
    ['a container, which outlives the call', anthropicMessages, claude({ container: 'c_1' })],
    ['an earlier answer that was stored', openaiChat, chat({ previous_response_id: 'r' })],
    ['a conversation', openaiChat, chat({ conversation: 'c' })],
  ])('%s', async (_, codec, body) => {
    let call: ModelCall
    try {
      call = read(codec, body)
    } catch (error) {
      // The codec itself refuses it, whatever a policy says.
      expect(error).toMatchObject({ code: 'ERR_CALL_UNSUPPORTED' })
      return
    }
    const at = target(codec === openaiChat ? 'openai' : 'anthropic')
    expect(await order(call, at, { store: false })).toMatchObject({ met: false, code: 'unclampable' })
    expect(await order(call, at, { metadata: 'drop' })).toMatchObject({ met: true })
  })

  test.each<[string, Params]>([
    ['nothing is asked', {}],
    ['store: true', { store: true }],
    ['store as text', { store: 'false' }],
    ['null', { store: null }],
    ['metadata kept', { metadata: 'keep' }],
    ['user: true', { user: true }],
    ['a longer cache', { prompt_cache: 'long' }],
    ['a list', { metadata: ['drop'] }],
    ['an unknown member', { ...ALL, files: 'drop' }],
    ['one of every object', { toString: 'drop' }],
  ])('%s', async (_, params) => {
    expect(await order(read(openaiChat, chat({})), target('openai'), params)).toMatchObject({
      met: false,
      code: 'unclampable',
    })
  })
})
