import { ANTHROPIC, AZURE, CONVERSE, COUNT, DIALECTS, INVOKE, OPENAI } from '../doors.ts'
import { denied, refused, rows, type Way } from '../row.ts'

const asks = (tenant: string, headers: Readonly<Record<string, string>>, rule: string) => (): Way => ({
  tenant,
  sending: { headers },
  expected: denied(rule),
})
const named = (data: string, rule: string) => asks('classed', { 'x-customhouse-data-class': data }, rule)
const task = (name: string, rule: string) => asks('classed', { 'x-customhouse-task': name }, rule)
const model = (tenant: string, name: string, rule: string) => (): Way => ({
  tenant,
  model: name,
  expected: denied(rule),
})
const of = (tenant: string, rule: string) => (): Way => ({ tenant, expected: denied(rule) })

/** Words of the client's that could open what is closed, and entries of the data that must not be passed over. */
export const WORDS = [
  ...rows('data class', DIALECTS, {
    'one that nobody knows': named('unheard-of', 'residency/data-class'),
    'one that asks for another contract': named('phi', 'residency/contract'),
    'one that may be processed elsewhere only': named('local', 'residency/processing'),
    'a harmless one before it': named('plain,phi', 'residency/contract'),
    'in capitals': () => ({
      tenant: 'classed',
      sending: { headers: { 'x-customhouse-data-class': 'PLAIN' } },
      expected: refused(400),
    }),
    'an empty one': () => ({
      tenant: 'classed',
      sending: { headers: { 'x-customhouse-data-class': 'plain,' } },
      expected: refused(400),
    }),
  }),
  ...rows('task', DIALECTS, {
    'one that nobody knows': task('marketing', 'residency/task'),
    'one that asks for another contract': task('diagnosis', 'residency/contract'),
    'in capitals': task('LETTERS', 'residency/task'),
    'that is prose': () => ({
      tenant: 'classed',
      sending: { headers: { 'x-customhouse-task': 'letters, or anything' } },
      expected: refused(400),
    }),
  }),
  ...rows('purpose', DIALECTS, {
    'none, where one is required': of('purposed', 'residency/purpose'),
    'forged in a header': asks('purposed', { 'x-customhouse-purpose': 'care' }, 'residency/purpose'),
    'forged in the metadata': asks('purposed', { 'x-customhouse-meta-purpose': 'care' }, 'residency/purpose'),
  }),
  ...rows('data of the policy', [OPENAI, CONVERSE], {
    'a tenant that it does not name': of('stranger', 'residency/tenant'),
    'a facet that is missing': of('vague', 'residency/region'),
    'a facet that is misspelt': of('misspelt', 'residency/data'),
  }),
  ...rows('identity', DIALECTS, {
    'another tenant in a header': (door) => ({
      model: door.bad,
      sending: { headers: { 'x-customhouse-tenant': 'lab', 'x-tenant-id': 'lab' } },
      expected: denied('residency/'),
    }),
    'two credentials': () => ({
      sending: { headers: { 'x-api-key': 'chk_of_another_tenant' } },
      expected: refused(400, 401),
    }),
    'a key that is signed by nobody': () => ({
      sending: { headers: { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJsYWIifQ.' } },
      expected: refused(401),
    }),
    'a key with its end cut off': () => ({
      sending: { headers: { authorization: 'Bearer chk_' } },
      expected: refused(401),
    }),
  }),
  ...rows('identity', [OPENAI], {
    'a provider of which another tenant has the key': model('eea', 'lab-only', 'base/no-credential'),
  }),
]

export const REGIMES = [
  ...rows('tenant of another place', DIALECTS, {
    Switzerland: (door) => ({
      tenant: 'swiss',
      expected: denied('residency/'),
      ...(door.form === 'bedrock' ? { twin: { tenant: 'swiss', model: 'zrh' } } : {}),
    }),
    Britain: of('british', 'residency/'),
    Canada: of('canadian', 'residency/'),
    'the United States': of('geo', 'residency/'),
  }),
  ...rows('regime', [OPENAI], {
    'gdpr: no agreement on processing': model('gdpr', 'eu', 'residency/contract'),
    'gdpr: America without the framework': model('gdpr', 'dpf-less', 'residency/transfer'),
    'gdpr: India under clauses, not assessed': model('gdpr', 'india-scc', 'residency/transfer'),
    'gdpr: America by business associate': model('gdpr', 'us-baa', 'residency/'),
    'gdpr: Britain, past the last day of its decision': () => ({
      ...model('gdpr', 'sunset-gb', 'residency/transfer')(),
      twin: { tenant: 'gdpr', model: 'covered' },
    }),
    'hipaa: no business associate': model('hipaa', 'us', 'residency/contract'),
    'hipaa: covered, and abroad': model('hipaa', 'covered', 'residency/transfer'),
    'uk: America without the bridge': model('uk', 'dpf-less', 'residency/transfer'),
    'uk: India without the addendum': model('uk', 'india-scc', 'residency/transfer'),
    'hipaa: a search of the web': () => ({
      tenant: 'hipaa',
      model: 'us-baa',
      sending: { more: ',"web_search_options":{}' },
      expected: denied('residency/reference'),
      twin: { tenant: 'hipaa', model: 'us-baa' },
    }),
    'hipaa: a call to be kept': () => ({
      tenant: 'hipaa',
      model: 'us-baa',
      sending: { more: ',"store":true' },
      expected: denied('residency/reference'),
      twin: { tenant: 'hipaa', model: 'us-baa' },
    }),
    'hipaa: a server of tools': () => ({
      tenant: 'hipaa',
      model: 'us-baa',
      sending: { more: ',"tools":[{"type":"mcp","server_label":"x","server_url":"https://us.example/mcp"}]' },
      expected: denied('residency/reference'),
      twin: { tenant: 'hipaa', model: 'us-baa' },
    }),
  }),
]

const sends =
  (more: string, lacks: readonly string[], has: readonly string[] = []) =>
  (): Way => ({
    tenant: 'minimal',
    sending: { more },
    expected: { kind: 'kept', lacks, has },
  })

/** What a provider is asked to keep, or keeps unless it is asked not to. */
export const STORAGE = [
  ...rows('unpinned storage', [OPENAI, AZURE], {
    'store is not said': sends('', [], ['"store":false']),
    'store: true': sends(',"store":true', ['"store":true'], ['"store":false']),
    'store: null': sends(',"store":null', ['"store":null'], ['"store":false']),
    'store in extra_body': sends(',"extra_body":{"store":true}', ['"store":true'], ['"store":false']),
    metadata: sends(',"metadata":{"case":"escape-1"}', ['escape-1']),
    'user and its successors': sends(
      ',"user":"escape-1","safety_identifier":"escape-1","prompt_cache_key":"escape-1"',
      ['escape-1'],
    ),
    'a cache for a day': sends(',"prompt_cache_retention":"24h"', ['24h']),
    'a conversation that is kept': () => ({
      tenant: 'minimal',
      sending: { more: ',"previous_response_id":"resp_1"' },
      expected: denied('unmet/unclampable'),
    }),
  }),
  ...rows('unpinned storage', [ANTHROPIC, INVOKE], {
    metadata: sends(',"metadata":{"user_id":"escape-1"}', ['escape-1']),
    'a cache for an hour': sends(
      ',"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]',
      ['"1h"'],
    ),
    'a container that is kept': () => ({
      tenant: 'minimal',
      sending: { more: ',"container":"container_1"' },
      expected: denied('unmet/unclampable'),
    }),
  }),
  ...rows('unpinned storage', [CONVERSE], {
    requestMetadata: sends(',"requestMetadata":{"case":"escape-1"}', ['escape-1']),
    'a cache for an hour': sends(',"system":[{"text":"x"},{"cachePoint":{"type":"default","ttl":"1h"}}]', ['"1h"']),
  }),
]

const geo =
  (tenant: string, more: string, expected: Way['expected'], name = 'claude-api'): (() => Way) =>
  () => ({ tenant, model: name, sending: { more }, expected })

/** The only switch of place that a body has. */
export const GEO = [
  ...rows('inference_geo', [ANTHROPIC], {
    'left out: the gateway sets it': geo('geo', '', { kind: 'kept', has: ['"inference_geo":"us"'] }),
    'us, as it must be': geo('geo', ',"inference_geo":"us"', { kind: 'kept', has: ['"inference_geo":"us"'] }),
    'null: the gateway sets it': geo('geo', ',"inference_geo":null', {
      kind: 'kept',
      lacks: ['"inference_geo":null'],
      has: ['"inference_geo":"us"'],
    }),
    'global, against the switch': geo('geo', ',"inference_geo":"global"', refused(400)),
    'us, for a tenant of Europe': geo('geo-eu', ',"inference_geo":"us"', denied('residency/processing')),
    'left out, for a tenant of Europe': geo('geo-eu', '', denied('residency/processing')),
    'us, at a host of Europe': () => ({ sending: { more: ',"inference_geo":"us"' }, expected: denied('base/place') }),
  }),
  ...rows('inference_geo', [COUNT], { 'a count, which has no such switch': geo('geo', '', denied('unmet/')) }),
  ...rows('inference_geo', [INVOKE], {
    'us, at Bedrock in Europe': () => ({ sending: { more: ',"inference_geo":"us"' }, expected: denied('base/place') }),
  }),
  ...rows('inference_geo', [OPENAI], {
    'in a dialect that has none': () => ({
      tenant: 'eea',
      model: 'us',
      sending: { more: ',"inference_geo":"eu"' },
      expected: denied('residency/'),
    }),
  }),
]
