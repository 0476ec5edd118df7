import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Customhouse, compose } from '../../compose.ts'
import { loadConfig } from '../../config.ts'
import { createKey, STORE_NAME } from '../../identity/index.ts'
import { packageRoot } from '../root.ts'
import { type Simulator, startSimulator } from './simulator.ts'

/** Everything that the demonstration runs on: three simulated providers, a folder, a gateway, a key. */
export type Ground = Readonly<{
  folder: string
  frankfurt: Simulator
  paris: Simulator
  virginia: Simulator
  customhouse: Customhouse
  /** Of tenant `claims`, whose text must stay in the European Economic Area and Switzerland. */
  key: string
  close(): Promise<void>
}>

/** Lays it all out in a temporary folder. Real policies, real compiler, real ledger, real sockets; only the providers are simulated. */
export async function layGround(listen: Readonly<{ data: string; admin: string }>): Promise<Ground> {
  const [frankfurt, paris, virginia] = await Promise.all(
    ['Frankfurt, DE', 'Paris, FR', 'Virginia, US'].map((region) => startSimulator({ region, paceMs: 20 })),
  )
  if (frankfurt === undefined || paris === undefined || virginia === undefined)
    throw new Error('three simulators were started')
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-demo-'))
  const clear = async (): Promise<void> => {
    await Promise.all([frankfurt.close(), paris.close(), virginia.close()])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    cpSync(join(packageRoot(), 'policies'), join(folder, 'policies'), { recursive: true })
    const file = join(folder, 'customhouse.yaml')
    // JSON is YAML too.
    writeFileSync(file, JSON.stringify(configuration(listen, { frankfurt, paris, virginia }), null, 2))
    const { key } = await createKey(join(folder, 'keys', STORE_NAME), { subject: 'demo', tenant: 'claims' })
    const read = () => loadConfig(file, {})
    const customhouse = await compose(await read(), { read })
    const close = async (): Promise<void> => {
      await customhouse.stop()
      await clear()
    }
    return { folder, frankfurt, paris, virginia, customhouse, key, close }
  } catch (error) {
    await clear()
    throw error
  }
}

function configuration(
  listen: Readonly<{ data: string; admin: string }>,
  simulators: Readonly<Record<string, Simulator>>,
): Record<string, unknown> {
  const provider = (name: string, country: string) => ({
    kind: 'openai',
    base_url: simulators[name]?.baseUrl,
    residency: { endpoint: [country], processing: [country], storage: [country] },
  })
  return {
    version: 1,
    environment: 'demo',
    listen,
    tenants: { claims: {}, research: {} },
    policy: {
      source: './policies',
      canaries: {
        allow: [{ tenant: 'claims', model: 'auto' }],
        // It has a route to Virginia alone.
        deny: [{ tenant: 'claims', model: 'gpt-4o' }],
      },
    },
    providers: {
      virginia: provider('virginia', 'US'),
      frankfurt: provider('frankfurt', 'DE'),
      paris: provider('paris', 'FR'),
      // The same simulators by their other APIs.
      'anthropic-virginia': { ...provider('virginia', 'US'), kind: 'anthropic', base_url: simulators.virginia?.origin },
      'bedrock-frankfurt': {
        ...provider('frankfurt', 'DE'),
        kind: 'bedrock',
        base_url: simulators.frankfurt?.origin,
        region: 'eu-central-1',
      },
    },
    models: {
      auto: { routes: ['virginia', 'frankfurt', 'paris'].map((name) => ({ provider: name, model: 'gpt-4o' })) },
      'claude-sonnet-4-5': {
        routes: [
          { provider: 'anthropic-virginia', model: 'claude-sonnet-4-5-20250929' },
          { provider: 'bedrock-frankfurt', model: 'anthropic.claude-sonnet-4-5-20250929-v1:0' },
        ],
      },
      'gpt-4o': { routes: [{ provider: 'virginia', model: 'gpt-4o' }] },
    },
    audit: { log: 'demo/customhouse' },
    drain: { pre_stop_delay: '0ms', timeout: '2s' },
    log: { level: 'error', format: 'pretty' },
  }
}
