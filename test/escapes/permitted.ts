import { EEA_CH } from './ground.ts'
import { CLAUDE, FLAKY } from './names.ts'
import type { Arrival } from './world.ts'

/**
 * Where each tenant's text may arrive, written down by hand: authority, path, model of the body, `inference_geo`. It is the table's own opinion and is made of
 * nothing that the gateway reads: whatever arrives and does not stand here is an escape.
 */
const chat = (authority: string, model = 'gpt-4o', path = '/v1/chat/completions'): string =>
  `${authority}:443 ${path} ${model} -`
const bedrock = (authority: string, model = CLAUDE): readonly string[] =>
  ['converse', 'converse-stream', 'invoke', 'invoke-with-response-stream', 'count-tokens'].map(
    (operation) => `${authority}:443 /model/${encodeURIComponent(model)}/${operation} - -`,
  )
const messages = (authority: string, geo = '-', paths = ['', '/count_tokens']): readonly string[] =>
  paths.map((path) => `${authority}:443 /v1/messages${path} claude-sonnet-4-5 ${geo}`)

const EUROPE: readonly string[] = [
  chat('eu.api.openai.com'),
  chat('covered.bank.example'),
  chat('a.deep.bank.example'),
  chat(FLAKY.openai),
  chat('mistral.bank.example', 'mistral-small-latest'),
  chat('claims-eu.openai.azure.com', 'standard', '/openai/v1/chat/completions'),
  chat('claims-eu.openai.azure.com', 'zone', '/openai/v1/chat/completions'),
  chat(
    'aiplatform.eu.rep.googleapis.com',
    'google/gemini-2.5-pro',
    '/v1/projects/p/locations/eu/endpoints/openapi/chat/completions',
  ),
  chat(
    'inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com',
    'meta.llama-3.3-70b-instruct',
    '/openai/v1/chat/completions',
  ),
  ...messages('claude.bank.example'),
  ...messages(FLAKY.anthropic),
  ...bedrock('bedrock-runtime.eu-central-1.amazonaws.com'),
  ...bedrock('bedrock-runtime.eu-central-1.amazonaws.com', `eu.${CLAUDE}`),
  ...bedrock('bedrock-runtime.eu-central-2.amazonaws.com'),
  ...bedrock('bedrock.bank.example'),
  ...bedrock(FLAKY.bedrock),
]
const GEO = messages('api.anthropic.com', 'us', [''])
const US_DECLARED = messages('claude-us.bank.example')

const PERMITTED: Readonly<Record<string, readonly string[]>> = {
  eea: EUROPE,
  swiss: bedrock('bedrock-runtime.eu-central-2.amazonaws.com'),
  british: [...bedrock('bedrock-runtime.eu-west-2.amazonaws.com'), chat('gb.bank.example')],
  geo: [...GEO, ...US_DECLARED],
  proof: [...GEO, ...US_DECLARED],
  minimal: EUROPE,
  classed: EUROPE,
  retried: EUROPE,
  gdpr: [chat('covered.bank.example')],
  hipaa: [chat('us-baa.bank.example')],
  uk: [chat('covered.bank.example'), chat('gb.bank.example')],
  purposed: EUROPE,
}

/** Countries that an intent of the tenant may name. */
export const COUNTRIES: Readonly<Record<string, readonly string[]>> = {
  eea: EEA_CH,
  swiss: ['CH'],
  british: ['GB'],
  geo: ['*', 'US'],
  proof: ['*', 'US'],
  minimal: EEA_CH,
  classed: EEA_CH,
  retried: EEA_CH,
  purposed: EEA_CH,
  gdpr: EEA_CH,
  hipaa: ['US'],
  uk: [...EEA_CH, 'GB'],
}

export function isPermitted(tenant: string, arrival: Arrival): boolean {
  return (PERMITTED[tenant] ?? []).includes(keyOf(arrival))
}

export function keyOf({ authority, path, body }: Arrival): string {
  const read: unknown = body === '' ? {} : JSON.parse(body)
  const member = (name: string): string => {
    const value: unknown = typeof read === 'object' && read !== null ? Reflect.get(read, name) : undefined
    return value === undefined ? '-' : String(value)
  }
  return `${authority} ${path} ${member('model')} ${member('inference_geo')}`
}

/** Whether a connection to it may be made at all. */
export function isPlace(tenant: string, authority: string): boolean {
  return (PERMITTED[tenant] ?? []).some((key) => key.startsWith(`${authority} `))
}
