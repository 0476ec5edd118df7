import { describe, expect, it } from 'vitest'
import type { Evidence, ProviderKind, Residency, Target } from '../../src/core/call.ts'
import { FACTS } from '../../test/kit/facts.ts'
import { ageOf, catalogueWith, createResidency, SHIPPED } from './index.ts'

/** What answers say of themselves, and what policies are told of a target. */

const OWN = 'http://127.0.0.1:9000'
const wide: Residency = { endpoint: ['*'], processing: ['*'], storage: ['*'] }
const head = { version: 2, as_of: '2026-11-20', sources: { own: 'a letter' } }
const laid = catalogueWith([
  {
    name: 'own.json',
    content: {
      ...head,
      anthropic: { servers: { [OWN]: { inference_geo: { us: ['US'], eu: ['EU-27'] }, source: 'own' } } },
      bedrock: {
        imported: {
          'eu-central-1': {
            'eu.anthropic.claude-v2:1': { regions: ['eu-central-1'], source: 'own', as_of: '2026-11-21' },
          },
        },
      },
      azure: { resources: { claims: { location: 'swedencentral', deployments: { home: 'Standard' }, source: 'own' } } },
      vertex: { models: { 'google/gemini-2.5-flash': { regions: ['europe-west4'], source: 'own' } } },
    },
  },
])
const ADDRESSES = {
  claude: 'https://api.anthropic.com',
  self: OWN,
  deaf: 'http://127.0.0.1:9001',
  frankfurt: 'https://bedrock-runtime.eu-central-1.amazonaws.com',
  claims: 'https://claims.openai.azure.com/openai/v1',
  vertex: 'https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi',
  oci: 'https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1',
}
type Name = keyof typeof ADDRESSES
const { plugin, catalogue, residencyOf, rows } = createResidency({
  catalogue: laid,
  declared: ['https://api.anthropic.com', OWN, ADDRESSES.deaf].map((origin) => ({ origin, residency: wide })),
  addresses: new Map(Object.entries(ADDRESSES)),
})
function target(provider: Name, kind: ProviderKind, model = 'm'): Target {
  const residency = residencyOf({ kind, baseUrl: ADDRESSES[provider], model })
  return { id: `${provider}/${model}`, provider, model, kind, dialects: [], tenants: null, residency, contract: [] }
}

describe('evidence', () => {
  it.each<[Name, ProviderKind, Evidence['source'], string, string, readonly string[] | null]>([
    ['claude', 'anthropic', 'usage.inference_geo', 'us', 'processing', ['US']],
    ['claude', 'anthropic', 'usage.inference_geo', 'global', 'processing', ['*']],
    ['claude', 'anthropic', 'usage.inference_geo', 'eu', 'processing', null],
    ['claude', 'anthropic', 'usage.inference_geo', 'US', 'processing', null],
    ['claude', 'anthropic', 'usage.inference_geo', '', 'processing', null],
    ['claude', 'anthropic', 'usage.inference_geo', 'constructor', 'processing', null],
    ['deaf', 'anthropic', 'usage.inference_geo', 'us', 'processing', ['US']],
    ['self', 'anthropic', 'usage.inference_geo', 'eu', 'processing', SHIPPED.groups['EU-27'] ?? []],
    ['self', 'anthropic', 'usage.inference_geo', 'global', 'processing', null],
    ['frankfurt', 'bedrock', 'usage.inference_geo', 'us', 'processing', ['US']],
    ['claims', 'azure', 'x-ms-region', 'Sweden Central', 'endpoint', ['SE']],
    ['claims', 'azure', 'x-ms-region', 'swedencentral', 'endpoint', ['SE']],
    ['claims', 'azure', 'x-ms-region', 'East US 2', 'endpoint', ['US']],
    ['claims', 'azure', 'x-ms-region', 'Mars North', 'endpoint', null],
    ['claims', 'azure', 'x-ms-region', '', 'endpoint', null],
    ['claims', 'azure', 'x-ms-region', '__proto__', 'endpoint', null],
  ])('of %s (%s), %s %j is %s %j', (provider, kind, source, word, facet, places) =>
    expect(catalogue.evidence(target(provider, kind), { source, word })).toEqual({ facet, places }),
  )
})

describe('facts', () => {
  it.each<[string, Target, Record<string, unknown>]>([
    [
      'an imported profile',
      target('frankfurt', 'bedrock', 'eu.anthropic.claude-v2:1'),
      { source: 'imported', as_of: '2026-11-21', entry: 'bedrock.imported/eu-central-1/eu.anthropic.claude-v2:1' },
    ],
    [
      'a profile that was not',
      target('frankfurt', 'bedrock', 'eu.amazon.nova-lite-v1:0'),
      { source: 'catalogue', as_of: SHIPPED.asOf, entry: 'bedrock.profiles/eu' },
    ],
    [
      'a model in the region',
      target('frankfurt', 'bedrock', 'amazon.nova-lite-v1:0'),
      { source: 'catalogue', entry: 'bedrock/eu-central-1' },
    ],
    [
      'a deployment',
      target('claims', 'azure', 'home'),
      { source: 'imported', as_of: '2026-11-20', entry: 'azure/claims' },
    ],
    [
      'a model with a promise of the operator',
      target('vertex', 'openai', 'google/gemini-2.5-flash'),
      { source: 'operator', entry: 'vertex.models/google/gemini-2.5-flash', processing: ['NL'] },
    ],
    [
      'a model without',
      target('vertex', 'openai', 'google/gemini-9'),
      { source: 'catalogue', entry: 'vertex/europe-west4', processing: null },
    ],
    [
      'a model of a family',
      target('oci', 'openai', 'meta.llama-4'),
      { source: 'catalogue', entry: 'oci.models/meta.' },
    ],
    ['a declaration', target('deaf', 'anthropic'), { source: 'declared', as_of: null, entry: null, switches: [] }],
  ])('tell who says it, when and in which row: %s', async (_, one, told) => {
    const facts = await plugin.facts?.(FACTS, one)
    expect(facts).toMatchObject(told)
    const entry = Object(facts).entry
    if (entry !== null) expect(rows().map(({ id }) => id)).toContain(entry)
  })

  it('tell the switches that narrow, with what holds when they are set', async () => {
    const us = { inference_geo: 'us', endpoint: ['*'], processing: ['US'], storage: ['*'] }
    expect(await plugin.facts?.(FACTS, target('claude', 'anthropic'))).toMatchObject({ switches: [us] })
    const eu = { ...us, inference_geo: 'eu', processing: SHIPPED.groups['EU-27'] }
    expect(await plugin.facts?.(FACTS, target('self', 'anthropic'))).toMatchObject({ switches: [us, eu] })
  })
})

describe('a switch counts where it is known to be obeyed', () => {
  const us = Buffer.from('{"inference_geo":"us"}')
  it.each<[string, string, readonly string[]]>([
    ['Anthropic', 'https://api.anthropic.com/v1/messages', ['US']],
    ['a server of a row', `${OWN}/v1/messages`, ['US']],
    ['a server that nobody vouches for', `${ADDRESSES.deaf}/v1/messages`, ['*']],
  ])('%s', (_, url, places) => {
    expect(catalogue.resolve(url, us).processing).toEqual(places)
    expect(catalogue.resolve(url, Buffer.from('{}')).processing).toEqual(['*'])
    expect(catalogue.resolve(url).processing).toEqual(['*'])
  })
  it.each(['http://api.anthropic.com', 'https://api.anthropic.com:8443'])('not at %s, whatever it is', (origin) => {
    const own = createResidency({ declared: [{ origin, residency: wide }] })
    expect(own.catalogue.resolve(`${origin}/v1/messages`, us).processing).toEqual(['*'])
  })
  it.each<[string, unknown, RegExp]>([
    [
      'a path',
      { 'https://a.example/': { inference_geo: { us: ['US'] }, source: 'own' } },
      /own\.json: anthropic\.servers\.https:\/\/a\.example\/: an origin/,
    ],
    ['no origin', { a: { inference_geo: { us: ['US'] }, source: 'own' } }, /origin in plain form/],
    [
      'a host of the catalogue',
      { 'http://api.anthropic.com': { inference_geo: { us: ['US'] }, source: 'own' } },
      /is that of anthropic\/global/,
    ],
    ['no words', { 'https://a.example': { source: 'own' } }, /inference_geo must be an object/],
    ['nowhere', { 'https://a.example': { inference_geo: { us: [] }, source: 'own' } }, /must name a place/],
    ['another switch', { 'https://a.example': { region: {}, source: 'own' } }, /"region"/],
    ['no source', { 'https://a.example': { inference_geo: { us: ['US'] } } }, /must say its "source"/],
  ])('a row with %s is refused', (_, servers, message) =>
    expect(() => catalogueWith([{ name: 'own.json', content: { ...head, anthropic: { servers } } }])).toThrow(message),
  )
})

describe('ageOf', () => {
  const noon = Date.parse('2026-11-20T12:00:00Z')
  it.each<[string, number]>([
    ['2026-11-20', 0],
    ['2026-11-19', 1],
    ['2026-11-21', 0],
    ['2027-11-20', 0],
    ['2025-11-20', 365],
    ['2024-02-29', 995],
  ])('of %s, at noon of 2026-11-20, is %i days', (asOf, days) => expect(ageOf({ asOf }, noon)).toBe(days))
  it('turns at midnight, UTC', () => {
    const midnight = Date.parse('2026-11-21T00:00:00Z')
    expect([ageOf({ asOf: '2026-11-20' }, midnight - 1), ageOf({ asOf: '2026-11-20' }, midnight)]).toEqual([0, 1])
  })
})
