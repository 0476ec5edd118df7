import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Providers } from '../../src/compose/providers.ts'
import type { ProviderConfig } from '../../src/config.ts'
import type { Dispatch } from '../../src/core/call.ts'
import { redacted } from '../../src/pipeline/redacted.ts'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'

/** Reloads that replace providers while calls are open: nobody waits, nobody is cut off, nobody gets a 502. */

const probed = probePolicies(CASES)
/** The probe's cases without any obligation. */
const policies = {
  ...probed,
  'main.rego': (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]'),
}
const events = openaiStream({ texts: ['it goes on'] })
let upstream: Recorder
let house: House

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  const one = { url: `${upstream.url}/v1` }
  house = await startHouse({ providers: { one }, policies, config: { reload: { every: '1h' } } })
}, 60_000)
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

const ask = (more: Readonly<Record<string, unknown>> = {}): Promise<Response> =>
  fetch(`${house.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }], ...more }),
  })

type Written = {
  providers: Record<string, Record<string, unknown>>
  limits?: Record<string, unknown>
  reload?: unknown
}
function rewrite(change: (config: Written) => void): void {
  const config: Written = JSON.parse(readFileSync(house.config, 'utf8'))
  change(config)
  writeFileSync(house.config, JSON.stringify(config))
}
const timeouts = (of: Readonly<Record<string, string>>) => (config: Written) => {
  config.providers = { one: { ...config.providers.one, timeouts: of } }
}

test('a reload says when it begins and what it came to', async () => {
  rewrite(timeouts({ connect: '7s' }))
  const before = house.logged.length
  expect(await house.customhouse.reload()).toMatchObject({ activated: true })
  const said = house.logged.slice(before).map(({ msg }) => msg)
  expect(said[0]).toBe('a new version is being read and compiled')
  expect(said).toContain('activated')
})

test('a stream that is open holds up no reload, and ends whole on the provider that it began on', async () => {
  const go = Promise.withResolvers<void>()
  const [first, ...rest] = stream(events)
  if (first === undefined) throw new Error('no head')
  upstream.script(() => [first, ...rest.slice(0, 2), { until: go.promise }, ...rest.slice(2)])
  const answer = await ask({ stream: true })
  expect(answer.status).toBe(200)
  upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  for (let i = 1; i <= 3; i++) {
    rewrite(timeouts({ connect: `${i}s` }))
    const from = performance.now()
    expect(await house.customhouse.reload()).toMatchObject({ activated: true })
    expect(performance.now() - from).toBeLessThan(5_000)
    expect((await ask()).status).toBe(200)
  }
  go.resolve()
  expect(await answer.text()).toContain('[DONE]')
  expect((await house.records()).filter(({ kind }) => kind === 'config.rejected')).toEqual([])
}, 60_000)

test('24 callers over six reloads, each with other providers: every call is answered', async () => {
  upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  const stop = new AbortController()
  const statuses = new Map<number, number>()
  const callers = Promise.all(
    Array.from({ length: 24 }, async () => {
      while (!stop.signal.aborted) {
        const answer = await ask()
        await answer.text()
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      }
    }),
  )
  for (let i = 1; i <= 6; i++) {
    rewrite(timeouts({ connect: `${10 + i}s` }))
    expect(await house.customhouse.reload()).toMatchObject({ activated: true, restart: [] })
    await sleep(50)
  }
  stop.abort()
  await callers
  expect([...statuses.keys()]).toEqual([200])
  expect(statuses.get(200)).toBeGreaterThan(100)
}, 90_000)

test("a provider's own total time ends an answer that takes longer", async () => {
  rewrite(timeouts({ total: '300ms' }))
  await house.customhouse.reload()
  upstream.script(() => ['hold'])
  const from = performance.now()
  expect((await ask()).status).toBe(504)
  expect(performance.now() - from).toBeLessThan(5_000)
  upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  rewrite(timeouts({}))
  await house.customhouse.reload()
  expect((await ask()).status).toBe(200)
}, 30_000)

test('settings that are read once are named', async () => {
  rewrite((config) => {
    // Of these two the second takes effect at once.
    config.reload = { every: '30m', stale_after: '1h' }
    config.limits = {
      headers: '64KiB',
      connections: 100,
      streams: 64,
      in_flight_bytes: '128MiB',
      timeouts: { connection: '9s', headers: '14s', request: '50s', keep_alive: '60s', first_byte: '1m' },
    }
  })
  const report = await house.customhouse.reload()
  expect(report.activated).toBe(true)
  expect(report.restart).toEqual([
    'reload.every',
    'limits.headers',
    'limits.connections',
    'limits.streams',
    'limits.in_flight_bytes',
    'limits.timeouts.connection',
    'limits.timeouts.headers',
    'limits.timeouts.request',
    'limits.timeouts.keep_alive',
  ])
}, 30_000)

test('a replaced provider is closed after its total time, and kept if its configuration comes back before', async () => {
  const failures: unknown[] = []
  const providers = new Providers((_, error) => failures.push(error))
  const config = (connectMs: number): ProviderConfig => ({
    kind: 'openai',
    baseUrl: `${upstream.url}/v1`,
    residency: 'openai/eu',
    credential: null,
    awsChain: false,
    project: null,
    region: null,
    tenantCredentials: null,
    tls: { ca: null, cert: null, key: null },
    proxy: 'none' as const,
    contract: [],
    allowCleartext: false,
    timeouts: { connectMs, firstByteMs: 1_000, idleMs: 1_000, totalMs: 200 },
  })
  const active = (connectMs: number) => providers.activate(new Map([['one', config(connectMs)]]))
  const provider = providers.get('one', config(1_000))
  const call = async (): Promise<number> => {
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
    const address = provider.address({ path: '/chat/completions', headers: {}, body: Buffer.from('{}') })
    const dispatch: Dispatch = {
      call: 'c',
      tenant: 'claims',
      target: {
        id: 'one/m',
        provider: 'one',
        model: 'm',
        kind: 'openai',
        dialects: ['openai.chat'],
        tenants: null,
        residency: { endpoint: null, processing: null, storage: null },
        contract: [],
      },
      method: 'POST',
      url: address,
      headers: {},
      body: redacted(Buffer.from('{}')),
      residency: { endpoint: null, processing: null, storage: null },
      reservation: null,
      digest: '',
    }
    const answer = await provider.open(dispatch, new AbortController().signal)
    await answer.body.whole(10_000)
    return answer.status
  }
  active(1_000)
  active(2_000)
  expect(await call()).toBe(200)
  active(1_000)
  await sleep(400)
  expect(await call()).toBe(200)
  active(2_000)
  await sleep(100)
  expect(await call()).toBe(200)
  await sleep(300)
  await expect(call()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
  expect(failures).toEqual([])
  await providers.close()
})
