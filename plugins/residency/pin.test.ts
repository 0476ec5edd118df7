import { describe, expect, it } from 'vitest'
import type { Dialect, ModelCall, Operation, ProviderKind, Residency, Target } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { FACTS } from '../../test/kit/facts.ts'
import { createResidency } from './index.ts'

/** `residency.pin` beside its three lists: the switch of a provider, hosts and models. What is written is seen in test/pipeline/pin.test.ts. */

const ADDRESSES = new Map([
  ['claude', 'https://api.anthropic.com'],
  ['eu', 'https://eu.api.openai.com/v1'],
  ['own', 'https://llm.bank.example:8443/v1'],
])
const anywhere: Residency = { endpoint: ['*'], processing: ['*'], storage: ['US'] }
const { plugin } = createResidency({
  declared: [
    { origin: 'https://api.anthropic.com', residency: anywhere },
    { origin: 'https://llm.bank.example:8443', residency: anywhere },
  ],
  addresses: ADDRESSES,
})

type At = Readonly<{
  kind: ProviderKind
  dialect: Dialect
  operation?: Operation
  provider?: string
  model?: string
  residency?: Residency
}>

function order(
  { kind, dialect, operation = 'chat', provider = 'claude', model = 'm', residency = anywhere }: At,
  params: Readonly<Record<string, Json>>,
) {
  const call: ModelCall = {
    ...FACTS,
    dialect,
    operation,
    model,
    segments: [],
    unread: [],
    body: null,
  }
  const target: Target = {
    id: `${provider}/${model}`,
    provider,
    model,
    kind,
    dialects: [dialect],
    tenants: null,
    residency,
    contract: [],
  }
  return plugin.discharge?.['residency.pin']?.request?.({
    call,
    target,
    obligation: { type: 'residency.pin', params },
    segments: [],
    findings: [],
    signal: new AbortController().signal,
  })
}

const US = { endpoint: ['US'], processing: ['US'], storage: ['US'] }
const NARROWED = { ...US, endpoint: ['*'] }
const GEO = { ...NARROWED, inference_geo: 'us' }
const CLAUDE: At = { kind: 'anthropic', dialect: 'anthropic.messages' }
const OWN: At = { kind: 'openai', dialect: 'openai.chat', provider: 'own', residency: US }
const UNMET = { met: false, code: 'region_unpinnable' }

describe('inference_geo', () => {
  it('is set in messages of Anthropic’s own API, and narrows what its target was judged to be', () => {
    expect(order(CLAUDE, GEO)).toEqual({
      met: true,
      pin: NARROWED,
      assign: [{ pointer: '/inference_geo', value: 'us' }],
    })
  })

  it.each<[string, At, Readonly<Record<string, Json>>]>([
    ['a count of tokens', { ...CLAUDE, operation: 'count_tokens' }, GEO],
    ['Converse', { kind: 'bedrock', dialect: 'bedrock.converse' }, GEO],
    ['InvokeModel', { kind: 'bedrock', dialect: 'bedrock.invoke' }, GEO],
    ['Azure', { kind: 'azure', dialect: 'openai.chat' }, GEO],
    ['OpenAI', { kind: 'openai', dialect: 'openai.chat' }, GEO],
    ['Mistral', { kind: 'mistral', dialect: 'openai.chat' }, GEO],
    ['a target that was judged to be in Europe', { ...CLAUDE, residency: { ...anywhere, processing: ['DE'] } }, GEO],
    ['a target of which nobody knows', { ...CLAUDE, residency: { ...anywhere, processing: null } }, GEO],
    ['an endpoint outside', CLAUDE, { ...GEO, endpoint: ['US'] }],
    ['no place of processing', CLAUDE, { ...GEO, processing: [] }],
    ['another word', CLAUDE, { ...GEO, inference_geo: 'global' }],
    ['capitals', CLAUDE, { ...GEO, inference_geo: 'US' }],
    ['null', CLAUDE, { ...GEO, inference_geo: null }],
    ['a list', CLAUDE, { ...GEO, inference_geo: ['us'] }],
    ['no switch, where the target may be anywhere', CLAUDE, NARROWED],
  ])('%s: not met', (_, at, params) => expect(order(at, params)).toMatchObject(UNMET))
})

describe('hosts and models', () => {
  it.each<[string, At, Readonly<Record<string, Json>>]>([
    ['the host', { ...OWN, provider: 'eu' }, { ...US, hosts: ['eu.api.openai.com'] }],
    ['one of several', { ...OWN, provider: 'eu' }, { ...US, hosts: ['a.example', 'eu.api.openai.com'] }],
    ['a host with its port', OWN, { ...US, hosts: ['llm.bank.example:8443'] }],
    ['the model', { ...OWN, model: 'gpt-4o' }, { ...US, models: ['gpt-4o'] }],
    ['both', { ...OWN, model: 'gpt-4o' }, { ...US, hosts: ['llm.bank.example:8443'], models: ['gpt-4o'] }],
  ])('%s: met', (_, at, params) => expect(order(at, params)).toEqual({ met: true, pin: US }))

  it('go with the switch', () => {
    const params = { ...GEO, hosts: ['api.anthropic.com'], models: ['m'] }
    expect(order(CLAUDE, params)).toMatchObject({ met: true })
    expect(order(CLAUDE, { ...params, models: ['n'] })).toMatchObject(UNMET)
  })

  it.each<[string, At, Readonly<Record<string, Json>>]>([
    ['another host', OWN, { ...US, hosts: ['eu.api.openai.com'] }],
    ['a part of the host', OWN, { ...US, hosts: ['bank.example'] }],
    ['the host without its port', OWN, { ...US, hosts: ['llm.bank.example'] }],
    ['a pattern', OWN, { ...US, hosts: ['*.bank.example:8443'] }],
    ['a provider without an address', { ...OWN, provider: 'nobody' }, { ...US, hosts: ['llm.bank.example:8443'] }],
    ['no host', OWN, { ...US, hosts: [] }],
    ['a host that is none', OWN, { ...US, hosts: [1] }],
    ['hosts as text', OWN, { ...US, hosts: 'llm.bank.example:8443' }],
    ['hosts that are null', OWN, { ...US, hosts: null }],
    ['another model', { ...OWN, model: 'gpt-4o-mini' }, { ...US, models: ['gpt-4o'] }],
    ['no model', OWN, { ...US, models: [] }],
    ['an empty name', OWN, { ...US, models: [''] }],
    ['an unknown member', OWN, { ...US, host: ['llm.bank.example:8443'] }],
    ['one of every object', OWN, { ...US, constructor: ['x'] }],
  ])('%s: not met', (_, at, params) => expect(order(at, params)).toMatchObject(UNMET))

  it('are read anew for each: what was met once is not met in other words', () => {
    for (const models of [['m'], ['n'], ['m', 'n'], ['n']]) {
      expect(order(OWN, { ...US, models })).toMatchObject({ met: models.includes('m') })
    }
  })
})
