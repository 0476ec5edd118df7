import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallFacts, Residency, Target } from '../../src/core/call.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { createResidency, type Declared, readCatalogue, readPlace, SHIPPED, within } from './index.ts'

/** Bedrock: the model's name decides where inference runs, for the target and for the address alike. */

const { bedrock } = SHIPPED
const host = (region: string): string => `https://bedrock-runtime.${region}.amazonaws.com`
const only = (...places: string[]): Residency => ({ endpoint: places, processing: places, storage: places })
const at = (endpoint: string, places: string | null): Residency => {
  const set = places === null ? null : places.split(' ')
  return { endpoint: [endpoint], processing: set, storage: set }
}
const converse = (base: string, id: string): string => `${base}/model/${encodeURIComponent(id)}/converse`

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const EU = 'DE ES FR IE IT SE'
const EU_MORE = 'CH DE ES FR GB IE IT SE'
const APAC = 'AE AU ID IN JP KR MY SG TH TW'
const arn = (region: string, rest: string, partition = 'aws'): string => `arn:${partition}:bedrock:${region}:${rest}`
const ME = '123456789012'

describe('at the hosts of the catalogue', () => {
  const { catalogue, residencyOf } = createResidency({ declared: [] })

  /** Region, id, where TLS ends, where the rest is. */
  const table: [string, string, string, string | null][] = [
    // In the region.
    ['eu-central-1', CLAUDE, 'DE', 'DE'],
    ['eu-central-2', CLAUDE, 'CH', 'CH'],
    ['eu-west-2', CLAUDE, 'GB', 'GB'],
    ['us-east-1', 'amazon.nova-micro-v1:0', 'US', 'US'],
    ['us-east-1', 'amazon.titan-text-lite-v1', 'US', 'US'],
    ['us-east-1', 'amazon.titan-text-lite-v1:0:4k', 'US', 'US'],
    ['us-west-2', 'openai.gpt-5.5', 'US', 'US'],
    ['us-west-2', 'zai.glm-4.7-flash', 'US', 'US'],
    ['us-west-2', 'meta.llama3-1-70b-instruct-v1:0', 'US', 'US'],
    ['us-gov-west-1', CLAUDE, 'US', 'US'],
    ['ap-northeast-1', CLAUDE, 'JP', 'JP'],
    ['me-central-1', CLAUDE, 'AE', 'AE'],
    ['sa-east-1', CLAUDE, 'BR', 'BR'],
    ['ca-central-1', CLAUDE, 'CA', 'CA'],
    // Profiles.
    ['us-east-1', `us.${CLAUDE}`, 'US', 'US'],
    ['us-west-1', `us.${CLAUDE}`, 'US', 'US'],
    ['us-east-1', 'us.amazon.nova-2-lite-v1:0', 'US', 'US'],
    ['us-gov-east-1', `us-gov.${CLAUDE}`, 'US', 'US'],
    ['eu-central-1', `eu.${CLAUDE}`, 'DE', EU],
    ['eu-north-1', `eu.${CLAUDE}`, 'SE', EU],
    ['eu-west-2', `eu.${CLAUDE}`, 'GB', EU_MORE],
    ['eu-central-2', `eu.${CLAUDE}`, 'CH', EU_MORE],
    ['ap-southeast-1', `apac.${CLAUDE}`, 'SG', APAC],
    ['me-central-1', `apac.${CLAUDE}`, 'AE', APAC],
    ['ap-northeast-3', `jp.${CLAUDE}`, 'JP', 'JP'],
    ['ap-southeast-4', `au.${CLAUDE}`, 'AU', 'AU'],
    // Profiles from where they are not listed.
    ['us-east-1', `eu.${CLAUDE}`, 'US', null],
    ['eu-central-1', `us.${CLAUDE}`, 'DE', null],
    ['us-east-1', `us-gov.${CLAUDE}`, 'US', null],
    ['us-gov-west-1', `us.${CLAUDE}`, 'US', null],
    ['ca-central-1', `us.${CLAUDE}`, 'CA', null],
    ['ap-northeast-2', `jp.${CLAUDE}`, 'KR', null],
    ['ap-southeast-6', `au.${CLAUDE}`, 'NZ', null],
    ['ap-southeast-6', `apac.${CLAUDE}`, 'NZ', null],
    ['eusc-de-east-1', `eu.${CLAUDE}`, 'DE', null],
    // No place.
    ['eu-central-1', `global.${CLAUDE}`, 'DE', null],
    ['us-east-1', `global.${CLAUDE}`, 'US', null],
    ['ca-central-1', `ca.${CLAUDE}`, 'CA', null],
    ['eu-central-1', `emea.${CLAUDE}`, 'DE', null],
    ['eu-central-1', 'unheard.of-v1:0', 'DE', null],
    ['eu-central-1', 'eu.unheard.of-v1:0', 'DE', null],
    ['eu-central-1', `eu.us.${CLAUDE}`, 'DE', null],
    ['eu-central-1', `eu..${CLAUDE}`, 'DE', null],
    ['eu-central-1', `.${CLAUDE}`, 'DE', null],
    ['eu-central-1', `${CLAUDE}.`, 'DE', null],
    ['eu-central-1', `EU.${CLAUDE}`, 'DE', null],
    ['eu-central-1', 'Anthropic.claude-v2', 'DE', null],
    ['eu-central-1', `eu.${CLAUDE}:1:2:3`, 'DE', null],
    ['eu-central-1', 'anthropic', 'DE', null],
    ['eu-central-1', 'claude-sonnet-4-5', 'DE', null],
    ['eu-central-1', 'anthropic.', 'DE', null],
    ['eu-central-1', ` ${CLAUDE}`, 'DE', null],
    ['eu-central-1', `${CLAUDE}\n`, 'DE', null],
    ['eu-central-1', `${CLAUDE}/converse`, 'DE', null],
    ['eu-central-1', `../${CLAUDE}`, 'DE', null],
    ['eu-central-1', 'constructor.claude', 'DE', null],
    ['eu-central-1', `constructor.${CLAUDE}`, 'DE', null],
    ['eu-central-1', '\u0430nthropic.claude-v2', 'DE', null],
    ['eu-central-1', `\u0435u.${CLAUDE}`, 'DE', null],
    ['eu-central-1', `eu\uff0e${CLAUDE}`, 'DE', null],
    ['eu-central-1', `eu\u200b.${CLAUDE}`, 'DE', null],
    // ARNs.
    ['eu-central-1', arn('eu-central-1', `:foundation-model/${CLAUDE}`), 'DE', 'DE'],
    ['us-gov-west-1', arn('us-gov-west-1', `:foundation-model/${CLAUDE}`, 'aws-us-gov'), 'US', 'US'],
    ['eu-central-1', arn('us-east-1', `:foundation-model/${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `:foundation-model/${CLAUDE}`, 'aws-cn'), 'DE', null],
    ['us-gov-west-1', arn('us-gov-west-1', `:foundation-model/${CLAUDE}`), 'US', null],
    ['eu-central-1', arn('eu-central-1', `:foundation-model/eu.${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:foundation-model/${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('', `:foundation-model/${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:inference-profile/eu.${CLAUDE}`), 'DE', EU],
    ['eu-west-2', arn('eu-west-2', `${ME}:inference-profile/eu.${CLAUDE}`), 'GB', EU_MORE],
    ['eu-central-1', arn('eu-west-1', `${ME}:inference-profile/eu.${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:inference-profile/us.${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:inference-profile/global.${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:inference-profile/${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `:inference-profile/eu.${CLAUDE}`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:provisioned-model/abcdefghij12`), 'DE', 'DE'],
    ['eu-central-1', arn('eu-central-1', `${ME}:custom-model-deployment/abcdefghij12`), 'DE', 'DE'],
    ['eu-central-1', arn('eu-central-1', `${ME}:imported-model/abcdefghij12`), 'DE', 'DE'],
    ['eu-central-1', arn('us-east-1', `${ME}:provisioned-model/abcdefghij12`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', ':provisioned-model/abcdefghij12'), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:imported-model/eu.anthropic.x`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:custom-model/${CLAUDE}/abcdefghij12`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:application-inference-profile/abcdefghij12`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:prompt-router/abcdefghij12`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:default-prompt-router/anthropic.claude:1`), 'DE', null],
    ['eu-central-1', arn('eu-central-1', `${ME}:prompt/ABCDEFGHIJ:1`), 'DE', null],
    ['eu-central-1', `arn:aws:sagemaker:eu-central-1:${ME}:endpoint/x`, 'DE', null],
    ['eu-central-1', `ARN:aws:bedrock:eu-central-1::foundation-model/${CLAUDE}`, 'DE', null],
    ['eu-central-1', `${arn('eu-central-1', `:foundation-model/${CLAUDE}`)}/x`, 'DE', null],
  ]
  it.each(table)('%s, %s: TLS in %s, the rest in %s', (region, id, endpoint, places) => {
    const suffix = region.startsWith('eusc') ? 'amazonaws.eu' : 'amazonaws.com'
    const base = `https://bedrock-runtime.${region}.${suffix}`
    const expected = at(endpoint, places)
    expect(residencyOf({ kind: 'bedrock', baseUrl: base, model: id })).toEqual(expected)
    expect(catalogue.resolve(converse(base, id))).toEqual(expected)
  })
  it('the table is long enough to mean something', () => expect(table.length).toBeGreaterThanOrEqual(60))

  it.each([
    'bedrock-runtime.eu-west-3.amazonaws.com',
    'bedrock-runtime-fips.eu-west-3.amazonaws.com',
    'bedrock-runtime.eu-west-3.api.aws',
    'bedrock-runtime-fips.eu-west-3.api.aws',
  ])('%s is in France', (name) => expect(catalogue.resolve(converse(`https://${name}`, CLAUDE))).toEqual(only('FR')))

  it.each([
    'bedrock-mantle.eu-west-3.api.aws',
    'bedrock.eu-west-3.amazonaws.com',
    'bedrock-runtime.eu-west-9.amazonaws.com',
    'bedrock-runtime.amazonaws.com',
    'bedrock-runtime.eu-west-3.amazonaws.com.cn',
    'bedrock-runtime.eu-west-3.vpce.amazonaws.com',
    'vpce-1.bedrock-runtime.eu-west-3.vpce.amazonaws.com',
    'bedrock-runtime.eusc-de-east-1.amazonaws.com',
  ])('%s is nowhere', (name) => expect(catalogue.resolve(converse(`https://${name}`, CLAUDE))).toEqual(UNKNOWN))

  it('another kind than Bedrock names its model in the body: nobody knows', () => {
    const baseUrl = `${host('us-east-1')}/openai/v1`
    expect(residencyOf({ kind: 'openai', baseUrl, model: 'openai.gpt-5.5' })).toEqual(at('US', null))
    expect(catalogue.resolve(`${baseUrl}/chat/completions`)).toEqual(at('US', null))
  })
  it('Bedrock where the catalogue knows none: nobody knows', () => {
    const asked = { kind: 'bedrock', model: CLAUDE } as const
    expect(residencyOf({ ...asked, baseUrl: 'https://eu.api.openai.com' }).processing).toBeNull()
    expect(residencyOf({ ...asked, baseUrl: 'https://a.example' })).toEqual(UNKNOWN)
    expect(residencyOf({ ...asked, baseUrl: 'no address' })).toEqual(UNKNOWN)
  })
})

describe('a path', () => {
  const { catalogue } = createResidency({ declared: [] })
  const base = host('eu-central-1')
  const PROFILE = encodeURIComponent(`eu.${CLAUDE}`)
  const COLON = 'anthropic.claude-v2%3A1'

  it.each([
    ['as the codecs write it', `/model/${COLON}/converse`],
    ['with a plain colon', '/model/anthropic.claude-v2:1/converse'],
    ['streamed', `/model/${COLON}/converse-stream`],
    ['invoke', `/model/${COLON}/invoke`],
    ['invoke, streamed', `/model/${COLON}/invoke-with-response-stream`],
    ['counted', `/model/${COLON}/count-tokens`],
    ['below a prefix', `/proxy/v1/model/${COLON}/converse`],
  ])('is read: %s', (_, path) => expect(catalogue.resolve(base + path)).toEqual(only('DE')))

  it.each([
    ['hexadecimal in lower case', '/model/anthropic.claude-v2%3a1/converse'],
    ['both spellings at once', '/model/amazon.titan-v1%3A0:4k/converse'],
    ['encoded twice', '/model/anthropic.claude-v2%253A1/converse'],
    ['encoded three times', '/model/anthropic.claude-v2%25253A1/converse'],
    ['a letter encoded', '/model/%61nthropic.claude-v2/converse'],
    ['a dot encoded', '/model/anthropic%2Eclaude-v2/converse'],
    ['an ARN with plain slashes', `/model/arn:aws:bedrock:eu-central-1::foundation-model/${COLON}/converse`],
    [
      'an ARN whose slash is encoded in lower case',
      `/model/arn:aws:bedrock:eu-central-1::foundation-model%2fanthropic.claude-v2/converse`,
    ],
    ['two models', `/model/${COLON}/converse/model/${PROFILE}/converse`],
    ['two models, the other way round', `/model/${PROFILE}/converse/model/${COLON}/converse`],
    ['a second model in the prefix', `/model/x/model/${COLON}/converse`],
    ['a second model in the prefix, in capitals', `/MODEL/x/model/${COLON}/converse`],
    ['a second model in the prefix, encoded', `/%6Dodel/x/model/${COLON}/converse`],
    ['an encoded slash in the prefix', `/a%2Fmodel%2Fx/model/${COLON}/converse`],
    ['dots that are encoded in the prefix', `/a/..%2F/model/${COLON}/converse`],
    ['the word in capitals', `/Model/${COLON}/converse`],
    ['the word encoded', `/mode%6C/${COLON}/converse`],
    ['the word in full width', `/\uff4dodel/${COLON}/converse`],
    ['another operation', `/model/${COLON}/guardrails`],
    ['an operation in capitals', `/model/${COLON}/Converse`],
    ['an encoded operation', `/model/${COLON}/%63onverse`],
    ['no operation', `/model/${COLON}`],
    ['no id', '/model//converse'],
    ['a slash more at the end', `/model/${COLON}/converse/`],
    ['a slash more before', `//model/${COLON}/converse`],
    ['a slash more between', `/model//${COLON}/converse`],
    ['a segment after', `/model/${COLON}/converse/x`],
    ['a query', `/model/${COLON}/converse?model=x`],
    ['an empty query', `/model/${COLON}/converse?`],
    ['a fragment', `/model/${COLON}/converse#x`],
    ['dot segments', `/model/x/../${COLON}/converse`],
    ['encoded dot segments', `/model/x/%2e%2e/${COLON}/converse`],
    ['a parameter', `/model/${COLON};x=y/converse`],
    ['a parameter of the operation', `/model/${COLON}/converse;x`],
    ['a plus', '/model/anthropic.claude+v2/converse'],
    ['a broken escape', '/model/anthropic.claude-v2%3/converse'],
    ['no UTF-8', '/model/anthropic.claude-v2%FF/converse'],
    ['an overlong slash', `/model/anthropic.claude-v2%C0%AF/converse`],
    ['a backslash', `\\model\\${COLON}\\converse`],
    ['a letter that is not encoded', '/model/\u0430nthropic.claude-v2/converse'],
  ])('is unknown: %s', (_, path) => expect(catalogue.resolve(base + path)).toEqual(UNKNOWN))

  it.each([
    ['a NUL in the id', `${CLAUDE}\0`],
    ['a tab in the id', `eu\t.${CLAUDE}`],
    ['a soft hyphen in the id', `eu\u00ad.${CLAUDE}`],
    ['letters in full width', `\uff45\uff55.${CLAUDE}`],
    ['no id of a model', '..;/x'],
  ])('names no place: %s', (_, id) => expect(catalogue.resolve(converse(base, id))).toEqual(at('DE', null)))

  it('names no model: nobody knows', () => {
    for (const path of ['', '/', '/openai/v1/chat/completions', '/guardrail/x/version/1/apply', '/async-invoke'])
      expect(catalogue.resolve(base + path)).toEqual(at('DE', null))
  })
})

describe('a declaration', () => {
  const origin = 'https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com'
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
    const shared = [
      declare(kept, [{ origin, residency: kept }]),
      createResidency({
        declared: [
          { origin, residency: kept },
          { origin, residency: kept, region: 'eu-central-1' },
          { origin, residency: kept },
        ],
      }),
    ]
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
    ['another region than the entry`s', { region: 'eu-west-1' }, /not that of the provider's region, eu-west-1/],
    ['another host', { residency: 'bedrock/eu-west-1' }, /elsewhere/],
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

describe('for any id and region', () => {
  const region = fc.constantFrom(...bedrock.regions.keys())
  const vendor = fc.constantFrom(...bedrock.vendors, 'unheard', '')
  const prefix = fc.constantFrom(...bedrock.profiles.keys(), 'global', 'ca', 'EU', '')
  const name = fc
    .tuple(prefix, vendor, fc.constantFrom('claude-v2', 'nova-lite-v1:0', 'gpt-5.5', 'x:0:4k', ''))
    .map((parts) => parts.filter((part) => part !== '').join('.'))
  const kind = fc.constantFrom(
    'foundation-model',
    'inference-profile',
    'provisioned-model',
    'imported-model',
    'prompt-router',
    'custom-model',
  )
  const anyArn = fc
    .tuple(
      fc.constantFrom('aws', 'aws-us-gov', 'aws-eusc'),
      region,
      fc.constantFrom('', ME),
      kind,
      fc.oneof(name, fc.constant('abcdefghij12')),
    )
    .map(([partition, where, account, type, rest]) => arn(where, `${account}:${type}/${rest}`, partition))
  const id = fc.oneof(
    name,
    anyArn,
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc.tuple(name, fc.string({ maxLength: 3, unit: 'binary' })).map(([a, b]) => a + b),
  )
  const sendable = id.filter(
    (one) => one.isWellFormed() && !one.includes('%') && one !== '.' && one !== '..' && one !== '',
  )

  const places = fc.uniqueArray(fc.constantFrom('DE', 'US', 'JP', '*'), { minLength: 1 })
  const residency: fc.Arbitrary<Residency> = fc.record({
    endpoint: places,
    processing: places,
    storage: fc.oneof(places, fc.constant([])),
  })

  const shippedHouse = createResidency({ declared: [] })
  const suffixOf = (where: string): string => bedrock.regions.get(where)?.hosts[0] ?? ''

  it('the address says what the target says, and neither is narrower than the profile', () => {
    fc.assert(
      fc.property(region, sendable, (where, model) => {
        const baseUrl = `https://${suffixOf(where)}`
        const told = shippedHouse.residencyOf({ kind: 'bedrock', baseUrl, model })
        expect(shippedHouse.catalogue.resolve(converse(baseUrl, model))).toEqual(told)
        expectNoNarrower(told, where, model)
      }),
      { numRuns: 5000 },
    )
  })
  it('so it is for declarations, which nothing narrows', () => {
    fc.assert(
      fc.property(region, sendable, residency, (where, model, declared) => {
        const origin = 'https://a.example'
        const { catalogue, residencyOf, plugin } = createResidency({
          declared: [{ origin, residency: declared, region: where }],
        })
        const told = residencyOf({ kind: 'bedrock', baseUrl: `${origin}/x`, model })
        expect(catalogue.resolve(converse(`${origin}/x`, model))).toEqual(told)
        expectNoNarrower(told, where, model)
        const { endpoint, processing, storage } = told
        expect(endpoint).toEqual([...(declared.endpoint ?? [])].sort())
        if (processing !== null && storage !== null) {
          expect(within({ ...declared, storage: declared.storage }, told)).toBe(true)
          // The plugin vouches for what it said itself.
          expect(plugin.facts?.(CALL, { ...TARGET, model, residency: told })).toMatchObject({ processing, storage })
        }
      }),
      { numRuns: 2000 },
    )
  })
  it('no spelling of a path makes it narrower than the id that a server would read', () => {
    const spelling = fc.constantFrom(
      '%3A',
      ':',
      '%3a',
      '%253A',
      '%2F',
      '/',
      '%2f',
      '.',
      '%2E',
      '',
      'eu.',
      '%65u.',
      ';',
      '//',
    )
    fc.assert(
      fc.property(
        fc.constantFrom('eu.', 'global.', 'us.', ''),
        spelling,
        spelling,
        fc.nat(30),
        (geo, one, two, cut) => {
          const text = `${geo}anthropic.claude-v2:1`
          const spelt = `${text.slice(0, cut)}${one}${text.slice(cut)}${two}`.replace(':1', `${one}1`)
          const { processing } = shippedHouse.catalogue.resolve(`${host('eu-central-1')}/model/${spelt}/converse`)
          if (processing === null) return
          // A server decodes once, and takes what is between.
          const read = decodeURIComponent(spelt)
          expect(processing).toEqual(read.startsWith('eu.') ? EU.split(' ') : ['DE'])
          expect(read).toMatch(/^(eu\.)?anthropic\.[^/;%]+$/)
        },
      ),
      { numRuns: 5000 },
    )
  })

  /** By the file itself, not by the code that reads it. */
  function expectNoNarrower({ processing, storage }: Residency, where: string, model: string): void {
    if (processing === null) return
    const rows = Object.entries(shipped.bedrock.profiles).filter(([geo]) => new RegExp(`(^|/)${geo}\\.`).test(model))
    for (const [, list] of rows) {
      const row = list.find(({ from }) => from.includes(where))
      for (const to of row?.to ?? []) {
        const country = bedrock.regions.get(to)?.country
        for (const facet of [processing, storage])
          expect(facet === null || facet.includes('*') || facet.includes(country ?? '')).toBe(true)
      }
    }
    if (/(^|\/)(global|ca|EU)\./.test(model))
      expect([processing, storage].every((facet) => facet === null || facet.includes('*'))).toBe(true)
  }
})

const CALL: CallFacts = {
  id: '0',
  principal: { subject: 's', tenant: 't', groups: [], keyId: 'k' },
  dialect: 'bedrock.converse',
  operation: 'chat',
  model: 'm',
  stream: false,
  task: null,
  estimate: { inputTokens: 1, maxOutputTokens: null },
  tools: [],
  references: [],
  headers: {},
  metadata: {},
}
const TARGET: Omit<Target, 'residency' | 'model'> = {
  id: 'p/m',
  provider: 'p',
  kind: 'bedrock',
  dialects: ['bedrock.converse'],
  tenants: null,
  contract: [],
}

describe('the shipped data', () => {
  const page = readFileSync(new URL('../../docs/residency.md', import.meta.url), 'utf8')
  const sorted = (list: Iterable<string>): string => [...list].sort().join(', ')

  it('is what docs/residency.md says of regions and profiles', () => {
    const countries = Map.groupBy(bedrock.regions.values(), ({ country }) => country)
    const rows = [...countries].map(([country, regions]) => `| ${country} | ${sorted(regions.map(({ id }) => id))} |`)
    expect(page.match(/^\| [A-Z]{2} \| .*$/gm)?.sort()).toEqual(rows.sort())
    const profiles = [...bedrock.profiles].flatMap(([prefix, list]) =>
      list.map(({ from, places }) => `| \`${prefix}.\` | ${sorted(from)} | ${places.join(', ')} |`),
    )
    expect(page.match(/^\| `[a-z-]+\.` \|.*$/gm)?.sort()).toEqual(profiles.sort())
    expect(page).toContain(`Listed vendors: ${[...bedrock.vendors].map((vendor) => `\`${vendor}\``).join(', ')}.`)
  })

  const { partitions, profiles, vendors } = shipped.bedrock
  it.each<[string, Record<string, unknown>]>([
    ['a region twice', { partitions: { ...partitions, more: partitions.aws } }],
    ['a region that is none', { partitions: { aws: { hosts: ['a.{region}.example'], regions: { Frankfurt: 'DE' } } } }],
    ['a region in no country', { partitions: { aws: { hosts: ['a.{region}.example'], regions: { 'eu-x-1': 'EU' } } } }],
    ['a region anywhere', { partitions: { aws: { hosts: ['a.{region}.example'], regions: { 'eu-x-1': '*' } } } }],
    ['hosts without a region', { partitions: { aws: { hosts: ['a.example'], regions: {} } } }],
    ['a region inside of a label', { partitions: { aws: { hosts: ['a-{region}.example'], regions: {} } } }],
    ['no hosts', { partitions: { aws: { hosts: [], regions: { 'eu-x-1': 'DE' } } } }],
    ['a profile named like a vendor', { profiles: { anthropic: profiles.us } }],
    ['a profile with a dot', { profiles: { 'eu.x': profiles.us } }],
    [
      'a profile over an unknown region',
      { profiles: { us: [{ from: ['us-east-1'], to: ['us-east-1', 'us-east-9'] }] } },
    ],
    ['a source outside of its profile', { profiles: { us: [{ from: ['us-east-1'], to: ['us-east-2'] }] } }],
    ['a source in two rows', { profiles: { us: [...profiles.us, ...profiles.us] } }],
    ['a profile that is no list', { profiles: { us: profiles.us[0] } }],
    ['vendors that are no words', { vendors: [1] }],
    ['no vendors', { vendors: null }],
  ])('is refused with %s', (_, change) => {
    const content = { ...shipped, bedrock: { partitions, profiles, vendors, ...change } }
    expect(() => readCatalogue(content)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
  })
  it('may have no Bedrock at all', () => {
    const { bedrock: _, ...rest } = shipped
    const { catalogue } = createResidency({ declared: [], catalogue: readCatalogue(rest) })
    expect(catalogue.resolve(converse(host('eu-central-1'), CLAUDE))).toEqual(UNKNOWN)
  })
  it('refuses an entry that a region makes as well', () => {
    const entry = { hosts: ['a.example'], endpoint: null, processing: null, storage: null }
    const content = { ...shipped, entries: { ...shipped.entries, 'bedrock/us-east-1': entry } }
    expect(() => readCatalogue(content)).toThrow(/bedrock\/us-east-1 stands twice/)
  })
})
