import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import type { AuditRecord } from '../../src/core/record.ts'
import { type House, startHouse } from '../house.ts'
import { hangUp, type Recorder, type Script, startRecorder } from '../kit/index.ts'
import { shippedPolicies } from './scene.ts'

/** A gateway with the shipped policies before a provider of each kind, every one a recorder. */
export type Places = Readonly<{
  house: House
  /** By tenant. */
  keys: Readonly<Record<Tenant, string>>
  /** What the next calls are answered with; forgets what arrived. */
  answer(script: Script): void
  /** Bodies of the calls that have arrived since, parsed. */
  sent(): readonly Record<string, unknown>[]
  /** Records of one call. */
  recordsOf(call: string | null | undefined): Promise<readonly AuditRecord[]>
  close(): Promise<void>
}>
export type Tenant = 'claims' | 'research' | 'lab'

/** Models: what clients say, and where it goes. */
const ROUTES = {
  auto: { provider: 'claude', model: 'claude-sonnet-4-5' },
  'gpt-4o': { provider: 'azure', model: 'deployment-1' },
  'nova-lite': { provider: 'bedrock', model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
  'mistral-large': { provider: 'mistral', model: 'mistral-large-latest' },
  'gpt-4o-mini': { provider: 'own', model: 'llama-3' },
}

/** `claims` is cut off where an answer comes from elsewhere, `research` has it recorded; `lab` has its traces kept small. */
const ORG = (regions: string): string => `residency:
${regions}
  tenants:
    claims: { endpoint: [US], processing: [US], storage: [US] }
    research: { endpoint: [US], processing: [US], storage: [US], on_displacement: record }
    lab: { endpoint: [WORLD], processing: [WORLD], storage: [WORLD], retention: minimal }
`

export async function openPlaces(): Promise<Places> {
  // What one address is, it is for all: Claude's is anywhere, and has a switch.
  const claude = await startRecorder({ answer: () => hangUp })
  const others = await startRecorder({ answer: () => hangUp })
  const recorders: readonly Recorder[] = [claude, others]
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-places-'))
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'sk-the-provider-key', { mode: 0o600 })
  const overlay = join(folder, 'own.json')
  const servers = { [claude.url]: { inference_geo: { us: ['US'], global: ['*'] }, source: 'own' } }
  writeFileSync(
    overlay,
    JSON.stringify({ version: 2, as_of: '2026-11-20', sources: { own: 'a recorder' }, anthropic: { servers } }),
  )
  const provider = (kind: string, base: string, { url }: Recorder = others, processing = 'US', more = {}) => ({
    kind,
    base_url: `${url}${base}`,
    credential: `\${file:${secret}}`,
    residency: { endpoint: ['US'], processing: [processing], storage: ['US'] },
    ...more,
  })
  const policies = shippedPolicies()
  const org = 'org/residency.yaml'
  const regions = /^ {2}regions:\n(?: {4,}.*\n| *#.*\n)*/m.exec(policies[org] ?? '')?.[0] ?? ''
  const house = await startHouse({
    providers: {},
    policies: { ...policies, [org]: ORG(regions.trimEnd()) },
    config: {
      residency: { catalogue: [overlay] },
      providers: {
        claude: provider('anthropic', '', claude, '*'),
        azure: provider('azure', '/openai/v1'),
        bedrock: provider('bedrock', '', others, 'US', { region: 'us-east-1' }),
        mistral: provider('mistral', '/v1'),
        own: provider('openai', '/own/v1'),
      },
      models: Object.fromEntries(Object.entries(ROUTES).map(([name, route]) => [name, { routes: [route] }])),
    },
  })
  const keys = { claims: house.key, research: await house.keyOf('research'), lab: await house.keyOf('lab') }
  // The gateway follows the store of keys, in which these two are new.
  for (const key of [keys.research, keys.lab]) await vi.waitFor(() => known(house, key), { timeout: 10_000 })
  const from: number[] = []
  return {
    house,
    keys,
    answer: (script) => {
      recorders.forEach((recorder, index) => {
        from[index] = recorder.requests.length
        recorder.script(() => script)
      })
    },
    sent: () =>
      recorders.flatMap(({ requests }, index) =>
        requests.slice(from[index]).map(({ body }) => JSON.parse(body.toString()) as Record<string, unknown>),
      ),
    recordsOf: async (call) => (await house.records()).filter((record) => record.call === call),
    close: async () => {
      await house.stop()
      for (const recorder of recorders) await recorder.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function known({ baseURL }: House, key: string): Promise<void> {
  const { status } = await fetch(`${baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{"model":"nobodys","messages":[]}',
  })
  if (status === 401) throw new Error('the key is not known yet')
}
