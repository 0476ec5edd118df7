import { describe, expect, it } from 'vitest'
import type { Residency } from '../../src/core/call.ts'
import { UNKNOWN } from '../../src/core/residency.ts'
import { createResidency } from './index.ts'

/** Bedrock: the model's name decides where inference runs, for the target and for the address alike. */

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
