import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { publishedVerifierKey, verifyLedger } from '../../../src/audit/index.ts'
import type { Json } from '../../../src/core/json.ts'
import type { Plugin } from '../../../src/core/plugin.ts'
import type { AuditRecord } from '../../../src/core/record.ts'
import { type Ground, type House, type HouseOptions, layGround, RESTLESS, startHouse } from '../../house.ts'
import { hangUp, type Recorder, startRecorder } from '../../kit/index.ts'
import { makeProbe, type Probe } from '../../probe.ts'
import { ALL_DOORS, type Door } from '../../wire/doors.ts'
import { modelOf, ROUTES, type Route } from './columns.ts'
import { brittlePolicies } from './policies.ts'

/** How long the provider `slow` may be silent. */
const PATIENCE = '250ms'

/** Sections of a configuration. */
type Settings = Readonly<Record<string, Json>> & Readonly<{ limits?: Readonly<Record<string, Json>> }>

/** Two recorders that play all providers, and what a gateway needs to be told to stand before them. */
export type Upstreams = Readonly<{
  one: Recorder
  two: Recorder
  options: HouseOptions
  /** Requests so far, at each. */
  reached(): readonly [number, number]
  close(): Promise<void>
}>

export async function startUpstreams({ limits, ...config }: Settings = {}): Promise<Upstreams> {
  const one = await startRecorder({ answer: () => hangUp })
  const two = await startRecorder({ answer: () => hangUp })
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-matrix-'))
  const secret = join(folder, 'provider-key')
  writeFileSync(secret, 'sk-of-the-gateway-itself')
  const urls = { one: one.url, two: two.url, dead: `http://127.0.0.1:${await freePort()}`, slow: one.url }
  const provider = ({ kind, base }: Door, place: keyof typeof urls): Json => ({
    kind,
    base_url: `${urls[place]}${base}`,
    ...(kind === 'bedrock' ? { region: 'eu-central-1' } : {}),
    ...(place === 'slow' ? { timeouts: { first_byte: PATIENCE, idle: PATIENCE } } : {}),
    credential: `\${file:${secret}}`,
    residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
  })
  const places = Object.keys(urls) as (keyof typeof urls)[]
  const routes = Object.keys(ROUTES) as Route[]
  return {
    one,
    two,
    options: {
      providers: {},
      policies: brittlePolicies(),
      config: {
        providers: Object.fromEntries(
          ALL_DOORS.flatMap((door) => places.map((place) => [`${door.provider}-${place}`, provider(door, place)])),
        ),
        models: Object.fromEntries(
          ALL_DOORS.flatMap((door) =>
            routes.map((route) => [
              modelOf(door, route),
              {
                routes: ROUTES[route].map((place) => ({ provider: `${door.provider}-${place}`, model: door.target })),
              },
            ]),
          ),
        ),
        // Nothing is reloaded but by the test that does it.
        reload: { every: '1h' },
        limits: { breaker: RESTLESS, ...limits },
        ...config,
      },
    },
    reached: () => [one.requests.length, two.requests.length],
    close: async () => {
      await one.close()
      await two.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** A port where nobody listens any more. */
export function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

/** A gateway in this process, with an inspector that can be broken. */
export type Border = House &
  Readonly<{
    upstreams: Upstreams
    probe: Probe
    /** Records of calls since the last time this was asked, once `count` are durable. */
    trailOfLast(count: number): Promise<readonly AuditRecord[]>
  }>

export async function openBorder(config: Settings = {}): Promise<Border> {
  const upstreams = await startUpstreams(config)
  const probe = makeProbe()
  const durable: AuditRecord[] = []
  const journalist: Plugin = {
    name: 'journalist',
    record: (record) => {
      if (record.kind.startsWith('call.')) durable.push(record)
    },
  }
  const house = await startHouse({ ...upstreams.options, plugins: [probe, journalist] })
  return {
    ...house,
    upstreams,
    probe,
    trailOfLast: async (count) => {
      await expect.poll(() => durable.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count)
      return durable.splice(0)
    },
    stop: async () => {
      await house.stop()
      await upstreams.close()
    },
  }
}

/** Folders of a gateway that runs as a process of its own. */
export async function layBorder(config: Settings = {}): Promise<Readonly<{ ground: Ground; upstreams: Upstreams }>> {
  const upstreams = await startUpstreams(config)
  return { upstreams, ground: await layGround(upstreams.options) }
}

/** Whether the ledger of a gateway that has stopped is whole. */
export async function verdictOn(ground: Ground): Promise<string> {
  const publicKey = publishedVerifierKey(join(ground.folder, 'keys'))
  return (await verifyLedger(join(ground.state, 'ledger'), publicKey === null ? {} : { publicKey })).status
}
