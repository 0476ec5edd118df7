import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import pino from 'pino'
import { readEntries } from '../src/audit/reader.ts'
import { type Customhouse, compose } from '../src/compose.ts'
import { type LoadedConfig, loadConfig } from '../src/config.ts'
import type { Json } from '../src/core/json.ts'
import type { Plugin } from '../src/core/plugin.ts'
import type { AuditRecord } from '../src/core/record.ts'
import { createKey, STORE_NAME } from '../src/identity/index.ts'

/** The repository's root. */
export const ROOT = resolve(import.meta.dirname, '..')

/** `limits.breaker` of a gateway whose few targets fail in row after row of a table: none of them may rest for long. */
export const RESTLESS = { failures: 1000, retry_after: '1s' }

/** A provider of a test's configuration: an address, and where it says that it is. */
export type TestProvider = Readonly<{
  url: string
  places?: readonly string[]
  storage?: readonly string[]
  contract?: readonly string[]
  residency?: string
}>

export type HouseOptions = Readonly<{
  providers: Readonly<Record<string, TestProvider>>
  /** Routes by model; default: `gpt-4o` over all providers in order. */
  models?: Readonly<Record<string, readonly string[]>>
  /** Policy files to write; default: the shipped policies. */
  policies?: Readonly<Record<string, string>>
  /** `off`: the shipped policies take nothing out of what is sent, for tests of other things. Default: off. */
  redaction?: 'shipped' | 'off'
  tenants?: readonly string[]
  /** Further sections of the configuration. */
  config?: Readonly<Record<string, Json>>
  plugins?: readonly Plugin[]
  tenant?: string
}>

/** Folders and configuration of one gateway, on disk. */
export type Ground = Readonly<{
  folder: string
  config: string
  policies: string
  state: string
  key: string
  keyOf(tenant: string): Promise<string>
  /** Everything durable so far, in order. */
  records(): Promise<readonly AuditRecord[]>
  read(): Promise<LoadedConfig>
  remove(): void
}>

export type House = Ground &
  Readonly<{
    /** Base URL for an OpenAI SDK. */
    baseURL: string
    customhouse: Customhouse
    /** Records of calls only, as `kind` and body. */
    trail(): Promise<readonly Readonly<{ kind: string; body: Record<string, Json> }>[]>
    /** What the process logged, one parsed line each. */
    logged: readonly Record<string, unknown>[]
    stop(): Promise<void>
  }>

/** Writes configuration, policies and a key for a gateway into a fresh folder. */
export async function layGround(options: HouseOptions): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-house-'))
  const policies = join(folder, 'policies')
  if (options.policies !== undefined) writePolicies(policies, options.policies)
  else copyPolicies(policies, options.redaction)
  const config = join(folder, 'customhouse.yaml')
  writeFileSync(config, JSON.stringify(configuration(options), null, 2))
  const store = join(folder, 'keys', STORE_NAME)
  const keyOf = async (tenant: string): Promise<string> =>
    (await createKey(store, { subject: `test-${tenant}`, tenant, groups: ['testers'] })).key
  const state = join(folder, 'state')
  return {
    folder,
    config,
    policies,
    state,
    key: await keyOf(options.tenant ?? 'claims'),
    keyOf,
    records: () => readAll(state),
    read: () => loadConfig(config, {}),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** `org/redaction.yaml` where nothing is taken out of what is sent. */
export const OFF = 'redaction: { defaults: { profile: "off" }, tenants: {} }\n'

/** The shipped policies, without redaction unless a test asks for it; what pins its choices goes with them. */
export function copyPolicies(folder: string, redaction: HouseOptions['redaction'] = 'off'): void {
  cpSync(join(ROOT, 'policies'), folder, { recursive: true })
  if (redaction === 'shipped') return
  rmSync(join(folder, 'org_redaction_test.rego'))
  writeFileSync(join(folder, 'org/redaction.yaml'), OFF)
}

export function writePolicies(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

function configuration(options: HouseOptions): Record<string, unknown> {
  const names = Object.keys(options.providers)
  const models = options.models ?? { 'gpt-4o': names.map((name) => `${name}/gpt-4o`) }
  const providers = Object.entries(options.providers).map(
    ([name, { url, places = ['DE'], storage = places, contract = [], residency }]) => [
      name,
      {
        kind: 'openai',
        base_url: url,
        contract,
        residency: residency ?? { endpoint: places, processing: places, storage },
      },
    ],
  )
  return {
    version: 1,
    environment: 'test',
    listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0' },
    reload: { every: '200ms' },
    tenants: Object.fromEntries((options.tenants ?? ['claims', 'research', 'lab']).map((tenant) => [tenant, {}])),
    providers: Object.fromEntries(providers),
    models: Object.fromEntries(
      Object.entries(models).map(([model, routes]) => [
        model,
        {
          routes: routes.map((route) => ({
            provider: route.slice(0, route.indexOf('/')),
            model: route.slice(route.indexOf('/') + 1),
          })),
        },
      ]),
    ),
    audit: { log: 'test/house' },
    drain: { pre_stop_delay: '0ms', timeout: '2s' },
    log: { level: 'debug', format: 'json' },
    ...options.config,
  }
}

/** A gateway in this process: real policy, real ledger, real sockets. */
export async function startHouse(options: HouseOptions): Promise<House> {
  const ground = await layGround(options)
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const customhouse = await compose(await ground.read(), { read: ground.read, plugins: options.plugins ?? [], log })
  return {
    ...ground,
    baseURL: `${customhouse.data}/openai/v1`,
    customhouse,
    logged,
    trail: async () =>
      (await ground.records()).filter(({ kind }) => kind.startsWith('call.')).map(({ kind, body }) => ({ kind, body })),
    stop: async () => {
      await customhouse.stop()
      ground.remove()
    },
  }
}

async function readAll(state: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = []
  const onDamage = (damage: { message: string }): never => {
    throw new Error(damage.message)
  }
  for await (const { leaf } of readEntries(join(state, 'ledger'), { onDamage })) records.push(leaf)
  return records
}
