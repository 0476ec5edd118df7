import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../../src/core/json.ts'
import { ROOT } from '../house.ts'
import { MODELS } from './models.ts'
import { PROVIDERS } from './providers.ts'

/** Where the gateway of the table stands: real hosts, the shipped catalogue with an overlay, the shipped policies with data of the table's own. */

export function config(secret: string, ca: string): Readonly<Record<string, Json>> {
  return {
    providers: Object.fromEntries(
      Object.entries(PROVIDERS).map(([name, one]) => [
        name,
        {
          ...(one.tenant_credentials === undefined ? { credential: `\${file:${secret}}` } : {}),
          proxy: 'env',
          tls: { ca },
          ...one,
          ...(one.tenant_credentials === undefined ? {} : { tenant_credentials: { lab: `\${file:${secret}}` } }),
        },
      ]),
    ),
    models: Object.fromEntries(
      Object.entries(MODELS).map(([name, routes]) => [
        name,
        { routes: routes.map(([provider, model]) => ({ provider, model })) },
      ]),
    ),
    // The table breaks targets on purpose, time and again: none of them may rest.
    limits: { breaker: { failures: 1000 } },
  }
}

export const EEA = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(
  ' ',
)
export const EEA_CH = [...EEA, 'CH'].sort()

const deployments = {
  standard: 'Standard',
  zone: 'DataZoneStandard',
  global: 'GlobalStandard',
  developer: 'DeveloperTier',
  batch: 'GlobalBatch',
}
const row = { as_of: '2026-11-24', source: 'own' }
export const OVERLAY: Json = {
  version: 2,
  as_of: '2026-11-24',
  sources: { own: 'the table of escapes' },
  azure: {
    resources: {
      'claims-eu': { location: 'germanywestcentral', deployments, ...row },
      'claims-us': { location: 'eastus', deployments, ...row },
    },
  },
}

const wide = { endpoint: ['WORLD'], processing: ['WORLD'], storage: ['WORLD'] }
const eea = { endpoint: ['EEA', 'CH'], processing: ['EEA', 'CH'], storage: ['EEA', 'CH'] }
const only = (name: string) => ({ endpoint: [name], processing: [name], storage: [name] })
const geo = { endpoint: ['WORLD'], processing: ['US'], storage: ['US'] }
const TENANTS: Readonly<Record<string, Json>> = {
  eea,
  swiss: only('CH'),
  british: only('GB'),
  canadian: only('CA'),
  geo,
  'geo-eu': { endpoint: ['WORLD'], processing: ['EEA'], storage: ['US'] },
  proof: { ...geo, evidence: 'required' },
  minimal: { ...eea, retention: 'minimal' },
  classed: {
    ...eea,
    data_classes: { plain: {}, phi: { contract: ['baa'], storage: [] }, local: { processing: ['CH'] } },
    tasks: { letters: {}, diagnosis: { contract: ['baa'], storage: [] } },
    purposes: { care: {} },
  },
  purposed: { ...eea, purpose: 'required', purposes: { care: {} } },
  gdpr: { ...wide, regimes: ['gdpr'], transfers: {} },
  hipaa: { ...wide, regimes: ['hipaa', 'us_only'] },
  uk: { ...wide, regimes: ['uk'] },
  vague: { endpoint: ['EEA'], processing: ['EEA'] },
  misspelt: { ...eea, procesing: ['CH'] },
  retried: eea,
  lab: wide,
}
export const TENANT_NAMES = [...Object.keys(TENANTS), 'stranger']

const region = (...codes: string[]): Json => Object.fromEntries(codes.map((code) => [code, code]))
const REGIONS: Json = {
  EEA: region(...EEA),
  CH: region('CH'),
  GB: region('GB'),
  US: region('US'),
  CA: region('CA'),
  WORLD: region('*'),
}

const operations = ['chat', 'count_tokens']
const references: Readonly<Record<string, Json>> = {
  minimal: { call: ['stored'], stored: ['stored'], container: ['stored'] },
  hipaa: { server_tool: ['remote'], web_search: ['remote'], call: ['stored'], tool_server: ['remote'] },
}

/** The Commission's decision on Britain, as if its last day had been another one. */
const GDPR = 'controls/residency/regimes/gdpr.yaml'
function lapsed(text: string): string {
  const decision = /(GB: \{.*until: )"\d{4}-\d\d-\d\d"/
  if (!decision.test(text)) throw new Error(`${GDPR} has no decision on GB that ends`)
  return text.replace(decision, '$1"2020-12-31"')
}

/** The table's choices for tenants, as data of the policy. */
export const residencyData = (tenants: Readonly<Record<string, Json>> = {}): Json => ({
  residency: { regions: REGIONS, tenants: { ...TENANTS, ...tenants } },
})

/** The shipped policies, whole, but for the organisation's data and a decision that has ended. */
export function policies(): Readonly<Record<string, string>> {
  const folder = join(ROOT, 'policies')
  const shipped = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(rego|json|yaml)$/.test(name) && !name.includes('_test.') && !name.startsWith('org/'))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const)
    .map(([name, text]) => [name, name === GDPR ? lapsed(text) : text])
  const data = {
    models: {
      models: {
        tenants: Object.fromEntries(
          TENANT_NAMES.map((name) => [
            name,
            { operations, models: ['*'], ...(references[name] === undefined ? {} : { references: references[name] }) },
          ]),
        ),
      },
    },
    redaction: { redaction: { defaults: { profile: 'off' }, tenants: {} } },
    residency: residencyData(),
    routing: {
      routing: {
        defaults: {},
        tenants: {
          retried: {
            retry: {
              times: 2,
              on: ['server_error', 'throttled', 'overloaded', 'connect', 'timeout', 'malformed', 'conflict'],
              wait_ms: 50,
            },
          },
        },
      },
    },
  }
  return {
    ...Object.fromEntries(shipped),
    ...Object.fromEntries(Object.entries(data).map(([name, content]) => [`org/${name}.yaml`, JSON.stringify(content)])),
  }
}
