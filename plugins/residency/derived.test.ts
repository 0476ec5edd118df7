import { describe, expect, it } from 'vitest'
import type { CallFacts, ProviderKind, Residency, Target } from '../../src/core/call.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { type CatalogueData, catalogueWith, createResidency, type Place, readPlace } from './index.ts'

/** What an operator's rows do to what is made of them, and where nobody's word is narrower than a provider's. */

const head = { version: 2, as_of: '2026-11-20', sources: { own: 'a letter' } }
const lay = (...parts: readonly Record<string, unknown>[]): CatalogueData =>
  catalogueWith(parts.map((part, index) => ({ name: `own-${index}.json`, content: { ...head, ...part } })))
const CALL = {} as CallFacts
const bank = (type: string) => ({
  bank: { location: 'swedencentral', deployments: { d: type }, source: 'own' },
})

function factsOf(data: CatalogueData, kind: ProviderKind, baseUrl: string, model: string, project?: string) {
  const origin = new URL(baseUrl).origin
  const { plugin, residencyOf } = createResidency({
    declared: [],
    catalogue: data,
    addresses: new Map([['p', baseUrl]]),
    projects: new Map(project === undefined ? [] : [[origin, project]]),
  })
  const residency = residencyOf({ kind, baseUrl, model })
  const target: Target = {
    id: `p/${model}`,
    provider: 'p',
    model,
    kind,
    dialects: [],
    tenants: null,
    residency,
    contract: [],
  }
  return plugin.facts?.(CALL, target)
}

describe('a row that rests on one of the operator is the operator`s word', () => {
  const { aws } = shipped.bedrock.partitions
  const azure = ['azure', 'https://bank.openai.azure.com/openai/v1', 'd'] as const
  const frankfurt = 'https://bedrock-runtime.eu-central-1.amazonaws.com'
  const newcomer = { bedrock: { vendors: { more: { names: ['newcomer'], source: 'own' } } } }
  const eu = ['openai', 'https://eu.api.openai.com/v1', 'gpt', 'EU_STORAGE_PROCESSING'] as const
  it.each<[string, CatalogueData, readonly [ProviderKind, string, string, string?], Record<string, unknown>]>([
    ['none', lay({ azure: { resources: bank('DataZoneStandard') } }), azure, { source: 'imported' }],
    [
      'a zone',
      lay({ azure: { resources: bank('DataZoneStandard'), zones: { EU: { places: ['SE'], source: 'own' } } } }),
      azure,
      { source: 'operator', processing: ['SE'] },
    ],
    [
      'a zone that does not decide',
      lay({ azure: { resources: bank('Standard'), zones: { EU: { places: ['SE'], source: 'own' } } } }),
      azure,
      { source: 'imported' },
    ],
    [
      'a geography',
      lay({
        azure: {
          resources: bank('Standard'),
          geographies: { North: { regions: ['swedencentral', 'norwayeast'], source: 'own' } },
        },
      }),
      azure,
      { source: 'operator', storage: ['NO', 'SE'] },
    ],
    [
      'a type',
      lay({ azure: { resources: bank('Own'), types: { Own: { runs: 'geography', source: 'own' } } } }),
      azure,
      { source: 'operator', processing: ['SE'] },
    ],
    [
      'the forms of hosts',
      lay({
        azure: {
          resources: bank('Standard'),
          hosts: { public: { hosts: ['{resource}.openai.azure.com'], source: 'own' } },
        },
      }),
      azure,
      { source: 'operator' },
    ],
    [
      'the regions of Azure',
      lay({
        azure: {
          resources: bank('Standard'),
          regions: { public: { ...shipped.azure.regions.public, source: 'own' } },
        },
      }),
      azure,
      { source: 'operator' },
    ],
    [
      'the regions of AWS, for a profile',
      lay({ bedrock: { partitions: { aws: { ...aws, source: 'own' } } } }),
      ['bedrock', frankfurt, 'eu.amazon.nova-lite-v1:0'],
      { source: 'operator' },
    ],
    [
      'the regions of AWS, for an imported profile',
      lay({
        bedrock: {
          partitions: { aws: { ...aws, source: 'own' } },
          imported: { 'eu-central-1': { 'eu.amazon.nova-lite-v1:0': { regions: ['eu-central-1'], source: 'own' } } },
        },
      }),
      ['bedrock', frankfurt, 'eu.amazon.nova-lite-v1:0'],
      { source: 'operator', processing: ['DE'] },
    ],
    [
      'a vendor',
      lay(newcomer),
      ['bedrock', frankfurt, 'newcomer.m1'],
      { source: 'operator', processing: ['DE'], entry: 'bedrock.vendors/more' },
    ],
    ['a vendor, for a profile', lay(newcomer), ['bedrock', frankfurt, 'eu.newcomer.m1'], { source: 'operator' }],
    [
      'a vendor that is another one',
      lay(newcomer),
      ['bedrock', frankfurt, 'amazon.nova-lite-v1:0'],
      { source: 'catalogue' },
    ],
    ['no project', lay(newcomer), eu, { source: 'catalogue' }],
    [
      'a project',
      lay({ projects: { EU_STORAGE_PROCESSING: { entries: ['openai/eu'], storage: ['DE'], source: 'own' } } }),
      eu,
      { source: 'operator', storage: ['DE'] },
    ],
  ])('%s', (_, data, [kind, baseUrl, model, project], told) =>
    expect(factsOf(data, kind, baseUrl, model, project)).toMatchObject(told),
  )

  it.each<[string, readonly Record<string, unknown>[], RegExp]>([
    ['a shipped group', [{ groups: { 'EEA+CH': ['DE'] } }], /group EEA\+CH stands in an earlier file/],
    [
      'a group of an earlier file',
      [{ groups: { A: ['DE'] } }, { groups: { A: ['FR'] } }],
      /group A stands in an earlier/,
    ],
    ['a domain', [{ domains: { aws: { domains: ['a.example'], source: 'own' } } }], /stands in an earlier file/],
    [
      'a region in two geographies',
      [{ azure: { geographies: { N: { regions: ['northeurope'], source: 'own' } } } }],
      /northeurope stands in another geography/,
    ],
    [
      'a country in two zones',
      [{ azure: { zones: { N: { places: ['SE'], source: 'own' } } } }],
      /SE stands in another/,
    ],
    [
      'where a global profile runs',
      [
        {
          bedrock: {
            imported: {
              'eu-central-1': { 'global.amazon.nova-lite-v1:0': { regions: ['eu-central-1'], source: 'own' } },
            },
          },
        },
      ],
      /global profile runs nobody knows/,
    ],
  ])('no row can say anew %s', (_, parts, message) => expect(() => lay(...parts)).toThrow(message))

  it.each(['global', 'us', 'eu', 'apac', 'jp', 'au', 'ca', 'sa', 'me', 'emea', 'eusc', 'xx', 'Amazon', 'a.b', ''])(
    'no vendor is called %j',
    (name) =>
      expect(() => lay({ bedrock: { vendors: { more: { names: [name], source: 'own' } } } })).toThrow(/own-0\.json/),
  )
})

describe("at a provider's own domain", () => {
  const only = (...places: string[]): Residency => ({ endpoint: places, processing: places, storage: places })
  const place = (host: string, residency: Residency, more: Partial<Place> = {}): Place => ({
    kind: 'openai',
    baseUrl: `https://${host}/v1`,
    region: null,
    residency,
    ...more,
  })
  const vpce = (service: string, region = 'us-east-1') => `vpce-0a1-b2c.${service}${region}.vpce.amazonaws.com`

  it.each([
    'bedrock-mantle.eu-central-1.api.aws',
    'aws-external-anthropic.eu-central-1.api.aws',
    'bedrock-agent-runtime.eu-central-1.amazonaws.com',
    'bedrock.eu-central-1.amazonaws.com.cn',
    'europe-west3-aiplatform.mtls.googleapis.com',
    'germanywestcentral.api.cognitive.microsoft.com',
    'de.api.openai.com',
    'api.openai.com:8443',
    'eu.anthropic.com',
    'api.de.mistral.ai',
    'generativeai.eu-frankfurt-1.oci.oraclecloud.com',
    vpce('bedrock-mantle.', 'eu-central-1'),
    vpce('bedrock-runtime.', 'xx-test-1'),
    'bedrock-runtime.eu-central-1.vpce.amazonaws.com',
  ])('a host without a row is nowhere but anywhere: %s', (host) => {
    const wide: Residency = { endpoint: ['*'], processing: ['*'], storage: ['DE'] }
    expect(() => readPlace(place(host, only('DE')))).toThrow(/promises none/)
    expect(() => readPlace(place(host, { ...wide, processing: ['DE'] }))).toThrow(/processing names places/)
    expect(readPlace(place(host, wide))).toEqual(wide)
  })
  it.each(['a.example', 'openai.com.bank.example', 'myopenai.com', 'xamazonaws.com', '127.0.0.1', 'localhost'])(
    'which %s is not',
    (host) => expect(readPlace(place(host, only('DE')))).toEqual(only('DE')),
  )

  it.each(['bedrock-runtime.', 'bedrock-runtime-fips.', 'vpce-svc-0a1.', ''])(
    'an endpoint in a VPC (%j) is in the region of its name',
    (service) => {
      expect(readPlace(place(vpce(service), { ...only('US'), storage: [] }))).toEqual({ ...only('US'), storage: [] })
      for (const wrong of [only('DE'), { ...only('US'), processing: ['DE'] }, { ...only('US'), endpoint: ['DE'] }])
        expect(() => readPlace(place(vpce(service), wrong))).toThrow(/lacks US/)
    },
  )
  it('of Bedrock has no other region, and other kinds are told nothing by its address', () => {
    const host = vpce('bedrock-runtime.')
    const here = { kind: 'bedrock', baseUrl: `https://${host}` } as const
    expect(readPlace(place(host, only('US'), { ...here, region: 'us-east-1' }))).toEqual(only('US'))
    expect(() => readPlace(place(host, only('DE', 'US'), { ...here, region: 'eu-central-1' }))).toThrow(
      /is in us-east-1, not in eu-central-1/,
    )
    const { residencyOf } = createResidency({ declared: [{ origin: here.baseUrl, residency: only('US') }] })
    expect(residencyOf({ kind: 'openai', baseUrl: `${here.baseUrl}/openai/v1`, model: 'm' }).processing).toBeNull()
    expect(residencyOf({ ...here, model: 'amazon.nova-lite-v1:0' }).processing).toEqual(['US'])
  })

  describe('a resource of Azure tells where an answer came from, which is heard of kind azure alone', () => {
    const data = lay({ azure: { resources: bank('Standard') } })
    const baseUrl = 'https://bank.openai.azure.com/openai/v1'
    const at =
      (kind: ProviderKind, residency: string | Residency, url = baseUrl) =>
      () =>
        readPlace({ kind, baseUrl: url, region: null, residency }, data)
    it.each<[string, string | Residency, string]>([
      ['its row', 'azure/bank', baseUrl],
      ['a declaration', only('SE'), 'https://other.openai.azure.com/openai/v1'],
      ['a declaration, at Foundry', only('SE'), 'https://other.services.ai.azure.com/openai/v1'],
      ['a declaration, without TLS', only('SE'), 'http://other.cognitiveservices.azure.com/openai/v1'],
    ])('by %s', (_, residency, url) => {
      expect(at('azure', residency, url)()).toEqual(only('SE'))
      expect(at('openai', residency, url)).toThrow(/`kind: azure`/)
    })
  })
})
