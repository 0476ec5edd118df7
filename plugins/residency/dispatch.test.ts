import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { catalogueWith, createResidency, readPlace, SHIPPED } from './index.ts'

/** What the bytes of a dispatch decide: deployments, models, the switch of a place; and overlays. */

const bytes = (text: string): Uint8Array => Buffer.from(text)
const model = (name: string): Uint8Array => bytes(JSON.stringify({ messages: [], model: name }))
const EU27 = SHIPPED.groups['EU-27'] ?? []
const at = (endpoint: string[] | null, processing: readonly string[] | null, storage: readonly string[] | null) =>
  ({ endpoint, processing, storage }) satisfies Residency

const OVERLAY = {
  version: 2,
  as_of: '2026-11-20',
  sources: { own: 'az, aws' },
  bedrock: {
    imported: {
      'eu-central-1': {
        'eu.anthropic.claude-v2:1': { regions: ['eu-central-1', 'eu-west-3'], source: 'own' },
        'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcdefghij12': {
          regions: ['eu-central-1'],
          source: 'own',
        },
        'eu.amazon.nova-lite-v1:0': { regions: null, source: 'own' },
      },
    },
  },
  azure: {
    resources: {
      claims: {
        location: 'swedencentral',
        deployments: { zone: 'DataZoneStandard', home: 'Standard', all: 'GlobalStandard' },
        source: 'own',
      },
      west: { location: 'westeurope', deployments: { home: 'Standard' }, source: 'own' },
      zurich: { location: 'switzerlandnorth', deployments: { zone: 'DataZoneStandard' }, source: 'own' },
    },
  },
  vertex: { models: { 'google/gemini-2.5-flash': { regions: ['europe-west4'], source: 'own' } } },
}
const laid = catalogueWith([{ name: 'own.json', content: OVERLAY }])
const { catalogue } = createResidency({ declared: [], catalogue: laid })

const AZURE = 'https://claims.openai.azure.com'
const VERTEX = (host: string, location: string) =>
  `https://${host}/v1/projects/p/locations/${location}/endpoints/openapi/chat/completions`
const OCI = 'https://inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com/openai/v1/chat/completions'

describe('resolve', () => {
  it.each<[string, string, Uint8Array | undefined, Residency]>([
    ['a data zone', `${AZURE}/openai/v1/chat/completions`, model('zone'), at(['SE'], EU27, ['SE'])],
    ['a region', `${AZURE}/openai/v1/chat/completions`, model('home'), at(['SE'], ['SE'], ['SE'])],
    ['a global deployment', `${AZURE}/openai/v1/chat/completions`, model('all'), at(['SE'], ['*'], ['SE'])],
    [
      'a deployment that is not listed',
      `${AZURE}/openai/v1/chat/completions`,
      model('gpt-5'),
      at(['SE'], null, ['SE']),
    ],
    ['no body', `${AZURE}/openai/v1/chat/completions`, undefined, at(['SE'], null, ['SE'])],
    [
      'two models',
      `${AZURE}/openai/v1/chat/completions`,
      bytes('{"model":"home","model":"all"}'),
      at(['SE'], null, ['SE']),
    ],
    [
      'a model in capitals',
      `${AZURE}/openai/v1/chat/completions`,
      bytes('{"model":"home","Model":"all"}'),
      at(['SE'], null, ['SE']),
    ],
    [
      'the classic path, whatever the body',
      `${AZURE}/openai/deployments/home/chat/completions?api-version=1`,
      model('all'),
      at(['SE'], ['SE'], ['SE']),
    ],
    ['an encoded path', `${AZURE}/openai/deployments/home%2F..%2Fall/chat/completions`, model('home'), UNKNOWN],
    [
      'one geography of two countries',
      'https://west.openai.azure.com/openai/v1/responses',
      model('home'),
      at(['NL'], ['IE', 'NL'], ['IE', 'NL']),
    ],
    [
      'a zone that there is not',
      'https://zurich.openai.azure.com/openai/v1/responses',
      model('zone'),
      at(['CH'], null, ['CH']),
    ],
    ['a resource that is not listed', 'https://other.openai.azure.com/openai/v1/responses', model('home'), UNKNOWN],
    ['Vertex in the EU', VERTEX('aiplatform.eu.rep.googleapis.com', 'eu'), undefined, at([...EU27], EU27, EU27)],
    ['Vertex, another location than the host', VERTEX('aiplatform.eu.rep.googleapis.com', 'us'), undefined, UNKNOWN],
    [
      'Vertex, a region, a model with a promise',
      VERTEX('europe-west4-aiplatform.googleapis.com', 'europe-west4'),
      model('google/gemini-2.5-flash'),
      at(null, ['NL'], ['NL']),
    ],
    [
      'Vertex, a region, another model',
      VERTEX('europe-west4-aiplatform.googleapis.com', 'europe-west4'),
      model('google/gemini-9'),
      at(null, null, ['NL']),
    ],
    ['OCI, a model in the region', OCI, model('meta.llama-3.3-70b-instruct'), at(['DE'], ['DE'], ['DE'])],
    ['OCI, a model of its vendor', OCI, model('google.gemini-2.5-pro'), at(['DE'], null, null)],
    ['OCI, an OCID', OCI, model('ocid1.generativeaimodel.oc1..x'), at(['DE'], null, null)],
    [
      'OCI, a region without',
      OCI.replace('eu-frankfurt-1', 'eu-paris-1'),
      model('meta.llama-3'),
      at(['FR'], null, null),
    ],
  ])('%s', (_, url, body, expected) => expect(catalogue.resolve(url, body)).toEqual(expected))

  it('reads a switch at Anthropic`s messages, and takes nothing that can be read in two ways', () => {
    const origin = 'https://api.anthropic.com'
    const own = createResidency({ declared: [{ origin, residency: at(['*'], ['*'], ['US']) }] })
    const of = (text: string, path = '/v1/messages') => own.catalogue.resolve(origin + path, bytes(text)).processing
    expect(of('{"inference_geo":"us"}')).toEqual(['US'])
    expect(of('{"inference_geo":"us"}', '/v1/complete')).toBeNull()
    expect(of('{}')).toEqual(['*'])
    expect(of('{"inference_geo":"global"}')).toEqual(['*'])
    for (const text of [
      '{"inference_geo":"eu"}',
      '{"inference_geo":"us","inference_geo":"us"}',
      '{"inference_geo":"us"',
      '{"Inference_geo":"us"}',
    ])
      expect(of(text)).toBeNull()
  })
})

describe('an overlay', () => {
  const claude = (id: string) =>
    catalogue.resolve(`https://bedrock-runtime.eu-central-1.amazonaws.com/model/${encodeURIComponent(id)}/converse`)
      .processing
  it('knows imported profiles exactly', () => {
    expect(claude('eu.anthropic.claude-v2:1')).toEqual(['DE', 'FR'])
    expect(claude('arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abcdefghij12')).toEqual([
      'DE',
    ])
    expect(claude('eu.amazon.nova-lite-v1:0')).toBeNull()
    expect(laid.rows.filter(({ file }) => file === 'own.json').map(({ author }) => author)).toContain('imported')
  })
  it.each<[string, unknown, RegExp]>([
    ['a part that is none', { entrys: {} }, /own\.json: "entrys"/],
    [
      'a row without a source',
      { oci: { models: { 'x.': { runs: null } } } },
      /own\.json: oci\.models\.x\. must say its "source"/,
    ],
    [
      'a type that is none',
      { azure: { resources: { a: { location: 'eastus', deployments: { b: 'Cosmic' }, source: 'own' } } } },
      /own\.json: azure\.resources\.a.*"Cosmic"/,
    ],
    [
      'a stray member',
      { oci: { models: { 'x.': { runs: null, rnus: 1, source: 'own' } } } },
      /own\.json: oci\.models\.x\..*"rnus"/,
    ],
  ])('is refused with %s', (_, part, message) => {
    const content = { version: 2, as_of: '2026-11-20', sources: { own: 'x' }, ...Object(part) }
    expect(() => catalogueWith([{ name: 'own.json', content }])).toThrow(message)
  })
})

describe('a project', () => {
  const place = { kind: 'openai', region: null } as const
  const eu = { ...place, baseUrl: 'https://eu.api.openai.com/v1', residency: 'openai/eu' }
  it('decides storage, at its own hosts alone', () => {
    expect(readPlace({ ...eu, project: 'GLOBAL' }).storage).toBeNull()
    expect(
      readPlace({ ...place, baseUrl: 'https://api.openai.com/v1', residency: 'openai/global', project: 'GB_STORAGE' })
        .storage,
    ).toEqual(['GB'])
    expect(() => readPlace({ ...eu, project: 'GB_STORAGE' })).toThrow(/is used at api\.openai\.com/)
    expect(() => readPlace({ ...eu, project: 'EU_STORAGE' })).toThrow(/did you mean "EU_STORAGE_PROCESSING"/)
    expect(() => readPlace({ ...eu, project: 'US_STORAGE_PROCESSING' })).toThrow(
      /^is used at us\.api\.openai\.com, (?!.*did you mean)/,
    )
  })
})
