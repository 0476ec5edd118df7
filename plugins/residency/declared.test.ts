import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { createResidency, type Declared, readPlace } from './index.ts'

/** Bedrock where the operator says where it is, and what a provider's configuration may say. */

const host = (region: string): string => `https://bedrock-runtime.${region}.amazonaws.com`
const only = (...places: string[]): Residency => ({ endpoint: places, processing: places, storage: places })
const at = (endpoint: string, places: string | null): Residency => {
  const set = places === null ? null : places.split(' ')
  return { endpoint: [endpoint], processing: set, storage: set }
}
const converse = (base: string, id: string): string => `${base}/model/${encodeURIComponent(id)}/converse`

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const EU = 'DE ES FR IE IT SE'
const arn = (region: string, rest: string, partition = 'aws'): string => `arn:${partition}:bedrock:${region}:${rest}`
const ME = '123456789012'

describe('a declaration', () => {
  const origin = 'https://bedrock.bank.example'
  const declare = (residency: Residency, more: readonly Declared[] = [], region = 'eu-central-1') =>
    createResidency({ declared: [{ origin, residency, region }, ...more] })
  const kept: Residency = { endpoint: ['DE'], processing: ['DE'], storage: [] }
  const anywhere: Residency = { endpoint: ['DE'], processing: ['*'], storage: ['*'] }

  it.each<[string, Residency, string, Residency]>([
    ['in the region', kept, CLAUDE, kept],
    ['an ARN in the region', kept, arn('eu-central-1', `:foundation-model/${CLAUDE}`), kept],
    ['a profile', kept, `eu.${CLAUDE}`, at('DE', EU)],
    [
      'a profile, from elsewhere',
      { ...kept, processing: ['AT'], storage: ['LU'] },
      `eu.${CLAUDE}`,
      { endpoint: ['DE'], processing: ['AT', ...EU.split(' ')], storage: ['DE', 'ES', 'FR', 'IE', 'IT', 'LU', 'SE'] },
    ],
    ['a profile, anywhere', anywhere, `eu.${CLAUDE}`, anywhere],
    ['global', kept, `global.${CLAUDE}`, at('DE', null)],
    ['global, anywhere', anywhere, `global.${CLAUDE}`, anywhere],
    ['global, kept at home', { ...anywhere, storage: ['DE'] }, `global.${CLAUDE}`, { ...anywhere, storage: null }],
    ['global, run at home', { ...anywhere, processing: ['DE'] }, `global.${CLAUDE}`, { ...anywhere, processing: null }],
    ['opaque', kept, arn('eu-central-1', `${ME}:application-inference-profile/abcdefghij12`), at('DE', null)],
    ['opaque, anywhere', anywhere, arn('eu-central-1', `${ME}:application-inference-profile/abcdefghij12`), anywhere],
    ['another region', kept, arn('eu-west-1', `${ME}:provisioned-model/abcdefghij12`), at('DE', null)],
  ])('holds for models in the region: %s', (_, residency, model, expected) => {
    const { catalogue, residencyOf } = declare(residency)
    expect(residencyOf({ kind: 'bedrock', baseUrl: `${origin}/base`, model })).toEqual(expected)
    expect(catalogue.resolve(converse(`${origin}/base`, model))).toEqual(expected)
  })
  it('for a region that the catalogue does not know holds for plain ids alone', () => {
    const { residencyOf } = declare(kept, [], 'xx-test-1')
    const of = (model: string) => residencyOf({ kind: 'bedrock', baseUrl: origin, model }).processing
    expect(of(CLAUDE)).toEqual(['DE'])
    expect(of(`eu.${CLAUDE}`)).toBeNull()
    expect(of(arn('xx-test-1', `:foundation-model/${CLAUDE}`))).toBeNull()
  })
  it('that stands for another kind as well is read by the path: what could be a model is one', () => {
    const plain = { origin, residency: kept }
    const aws = { ...plain, region: 'eu-central-1' }
    const orders = [
      [aws, plain],
      [plain, aws, plain],
      [plain, aws, aws],
      [aws, plain, aws],
    ]
    const shared = orders.map((declared) => createResidency({ declared }))
    for (const { catalogue, residencyOf } of shared) {
      expect(catalogue.resolve(`${origin}/v1/chat/completions`)).toEqual(kept)
      expect(residencyOf({ kind: 'openai', baseUrl: `${origin}/v1`, model: `global.${CLAUDE}` })).toEqual(kept)
      expect(catalogue.resolve(converse(origin, `eu.${CLAUDE}`))).toEqual(at('DE', EU))
      expect(catalogue.resolve(converse(origin, `global.${CLAUDE}`))).toEqual(at('DE', null))
      expect(catalogue.resolve(`${origin}/model/a/b/converse`)).toEqual(UNKNOWN)
      expect(catalogue.resolve(`${origin}/x%2Fmodel%2Fy/chat/completions`)).toEqual(UNKNOWN)
    }
  })
  it('for other kinds alone does not look at the path', () => {
    const { catalogue } = createResidency({ declared: [{ origin, residency: kept }] })
    expect(catalogue.resolve(converse(origin, `global.${CLAUDE}`))).toEqual(kept)
  })
  it('at a host of the catalogue is read by the model for every kind, and never narrower', () => {
    const wider = { endpoint: ['DE'], processing: ['DE', 'FR'], storage: ['DE', 'FR'] }
    for (const region of [{}, { region: 'eu-central-1' }]) {
      const { catalogue, residencyOf } = createResidency({
        declared: [{ origin: host('eu-central-1'), residency: wider, ...region }],
      })
      expect(catalogue.resolve(converse(host('eu-central-1'), CLAUDE))).toEqual(wider)
      expect(catalogue.resolve(converse(host('eu-central-1'), `global.${CLAUDE}`))).toEqual(at('DE', null))
      expect(catalogue.resolve(`${host('eu-central-1')}/openai/v1/chat/completions`)).toEqual(at('DE', null))
      const asked = { kind: 'openai', baseUrl: host('eu-central-1'), model: 'openai.gpt-5.5' } as const
      expect(residencyOf(asked)).toEqual(at('DE', null))
    }
    const declared = (region: string, residency: Residency) => () =>
      createResidency({ declared: [{ origin: host('eu-central-1'), residency, region }] })
    expect(declared('eu-central-1', kept)).toThrow(/storage .* lacks DE/)
    expect(declared('eu-west-1', only('DE'))).toThrow(/is in eu-central-1, not in eu-west-1/)
  })
  it('is refused where two name other regions', () => {
    expect(() => declare(kept, [{ origin, residency: kept, region: 'eu-west-1' }])).toThrow(/different regions/)
  })
})

describe('readPlace', () => {
  const place = {
    kind: 'bedrock',
    baseUrl: host('eu-central-1'),
    region: 'eu-central-1',
    residency: 'bedrock/eu-central-1',
  } as const
  it('takes an entry for its kind, region and host, and a declaration', () => {
    expect(readPlace(place)).toEqual(only('DE'))
    expect(readPlace({ ...place, residency: only('DE', 'FR') })).toEqual(only('DE', 'FR'))
    expect(
      readPlace({
        kind: 'anthropic',
        baseUrl: 'https://api.anthropic.com',
        region: null,
        residency: 'anthropic/global',
      }),
    ).toEqual(UNKNOWN)
  })
  it.each<[string, Partial<Parameters<typeof readPlace>[0]>, RegExp]>([
    ['another region than the entry`s', { region: 'eu-west-1' }, /is eu-west-1, but residency is of eu-central-1/],
    ['another host', { baseUrl: host('eu-west-1') }, /elsewhere/],
    ['another kind', { kind: 'openai', region: null }, /`kind: bedrock` only/],
    [
      'an entry of another provider',
      { baseUrl: 'https://eu.api.openai.com', residency: 'openai/eu' },
      /nothing of Bedrock's models/,
    ],
    ['a declaration in another region', { region: 'eu-west-1', residency: only('DE') }, /is in eu-central-1/],
    ['a narrower declaration', { residency: only('FR') }, /lacks DE/],
  ])('refuses %s', (_, change, message) => expect(() => readPlace({ ...place, ...change })).toThrow(message))
})
