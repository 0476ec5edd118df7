import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { hangUp, type Recorder, type Script, startRecorder } from '../kit/index.ts'
import { drivers } from './anthropic-sdk.ts'
import { anthropicVoice } from './anthropic-voice.ts'
import { converseDriver } from './bedrock-aws.ts'
import { converseVoice } from './bedrock-voice.ts'
import type { Driver } from './driver.ts'
import { openai } from './openai-sdk.ts'
import { counting, PROVIDER_CREDENTIAL, shippedPolicies } from './scene.ts'
import { speech } from './table.ts'
import { openaiVoice, type Voice } from './voice.ts'

/**
 * What a policy says of attempts (`org/routing.yaml`), seen from both ends: by the real SDKs, and by recorders that stand for the providers. Every case
 * has targets of its own, since what is known of a target outlives its call.
 */

type Tenant = 'claims' | 'research' | 'lab'
/** `claims` waits and tries again where it is throttled, and goes elsewhere after a 500; `research` never does; `lab` has what is so without a word. */
const ROUTING = `routing:
  defaults: {}
  tenants:
    claims:
      retry: { times: 1, on: [throttled], wait_ms: 5000 }
      fallback: { on: [server_error] }
    research:
      fallback: { on: [] }
`

type Kind = Readonly<{ name: string; driver: Driver; voice: Voice }>
const KINDS: readonly Kind[] = [
  { name: 'openai', driver: openai, voice: openaiVoice },
  { name: 'Anthropic', driver: drivers.create, voice: anthropicVoice },
  { name: 'AWS, Converse', driver: converseDriver(), voice: converseVoice },
]

/** What the first provider says: 429 with Retry-After 1, a status, or an answer. */
type Says = 'throttles' | 'speaks' | number
type Row = Readonly<{
  what: string
  tenant: Tenant
  /** How often the SDK may repeat the call by itself. */
  retries: number
  /** What the first provider says, one after the other; the second always speaks. */
  says: readonly Says[]
  /** Statuses that the SDK gets. */
  client: readonly number[]
  /** Requests at each provider. */
  reached: readonly [number, number]
}>

const ROWS: readonly Row[] = [
  {
    what: 'throttled, and the policy waits: the SDK hears nothing of it',
    tenant: 'claims',
    retries: 0,
    says: ['throttles', 'speaks'],
    client: [200],
    reached: [2, 0],
  },
  {
    what: 'throttled, and nobody waits: the SDK hears of it',
    tenant: 'research',
    retries: 0,
    says: ['throttles', 'speaks'],
    client: [429],
    reached: [1, 0],
  },
  {
    what: 'throttled, and the SDK waits by itself',
    tenant: 'research',
    retries: 2,
    says: ['throttles', 'speaks'],
    client: [429, 200],
    reached: [2, 0],
  },
  {
    what: 'a failure after which policy lets the call go elsewhere',
    tenant: 'claims',
    retries: 0,
    says: [500],
    client: [200],
    reached: [1, 1],
  },
  {
    what: 'a failure after which it does not',
    tenant: 'claims',
    retries: 0,
    says: [503],
    client: [503],
    reached: [1, 0],
  },
  { what: 'no fallback at all', tenant: 'research', retries: 0, says: [500], client: [500], reached: [1, 0] },
  { what: 'policy says nothing of it', tenant: 'lab', retries: 0, says: [503], client: [200], reached: [1, 1] },
]
/** So long a target rests after so many failures in a row. */
const FAILURES = 3
const REST = '2s'

const CASES = KINDS.flatMap((kind) => [false, true].map((streamed) => ({ ...kind, streamed })))
type Case = (typeof CASES)[number]
const BREAKS = 'its breaker'

/** Also of the model: names of providers are short. */
const nameOf = (one: Pick<Case, 'name' | 'streamed'>, what: string): string => {
  const [kind, row] = [KINDS.findIndex(({ name }) => name === one.name), ROWS.findIndex((row) => row.what === what)]
  return `kind-${kind}-${one.streamed ? 'streamed' : 'whole'}-${row === -1 ? 'breaker' : row}`
}

let house: House
const keys = {} as Record<Tenant, string>
const recorders = new Map<string, readonly [Recorder, Recorder]>()
const secrets = mkdtempSync(join(tmpdir(), 'customhouse-secrets-'))

beforeAll(async () => {
  const credential = join(secrets, 'provider')
  writeFileSync(credential, PROVIDER_CREDENTIAL, { mode: 0o600 })
  const places = { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] }
  const providers: Record<string, Record<string, unknown>> = {}
  const models: Record<string, unknown> = {}
  for (const one of CASES) {
    for (const what of [...ROWS.map((row) => row.what), BREAKS]) {
      const model = nameOf(one, what)
      const pair = [
        await startRecorder({ answer: () => hangUp }),
        await startRecorder({ answer: () => hangUp }),
      ] as const
      recorders.set(model, pair)
      const names = pair.map((recorder, index) => {
        const base_url = `${recorder.url}${one.voice.base}`
        const name = `${model}-${index}`
        providers[name] = { ...one.voice.provider, base_url, credential: `\${file:${credential}}`, residency: places }
        return name
      })
      const routes = names.slice(0, what === BREAKS ? 1 : 2)
      models[model] = { routes: routes.map((provider) => ({ provider, model: one.voice.model })) }
    }
  }
  const shipped = shippedPolicies()
  const allowed = (shipped['org/models.yaml'] ?? '').replace(/models: \[[^\]]*\]/g, 'models: ["*"]')
  house = await startHouse({
    providers: {},
    policies: { ...shipped, 'org/models.yaml': allowed, 'org/routing.yaml': ROUTING },
    config: JSON.parse(JSON.stringify({ providers, models, limits: { breaker: { failures: FAILURES, rest: REST } } })),
  })
  keys.claims = house.key
  keys.research = await house.keyOf('research')
  keys.lab = await house.keyOf('lab')
  // The gateway follows the store of keys, in which these two are new.
  for (const key of [keys.research, keys.lab])
    await vi.waitFor(async () => expect(await statusOf(key)).toBe(404), { timeout: 10_000 })
})
afterAll(async () => {
  await house?.stop()
  for (const pair of recorders.values()) for (const recorder of pair) await recorder.close()
  rmSync(secrets, { recursive: true })
})

async function statusOf(key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const body = '{"model":"nobodys","messages":[{"role":"user","content":"hello"}]}'
  return (await fetch(`${house.baseURL}/chat/completions`, { method: 'POST', headers, body })).status
}

function pairOf(one: Case, what: string): readonly [Recorder, Recorder] {
  const pair = recorders.get(nameOf(one, what))
  if (pair === undefined) throw new Error(`nobody was started for ${what}`)
  return pair
}

function scriptOf({ voice, streamed }: Case, says: Says): Script {
  if (says === 'throttles') return voice.tooMany(1).script
  return says === 'speaks' ? voice.speak(speech, streamed) : voice.failure(says).script
}

async function ask(one: Case, what: string, tenant: Tenant, retries = 0) {
  const { driver, voice, streamed } = one
  const counted = counting(voice.idHeader)
  const heard = await driver({
    streamed,
    say: 'hello',
    model: nameOf(one, what),
    retries,
    key: keys[tenant],
    fetch: counted.fetch,
    calls: counted.calls,
    baseURL: `${house.customhouse.data}${voice.prefix}`,
  }).then(
    ({ text }) => text,
    () => null,
  )
  return { heard, calls: counted.calls, statuses: counted.calls.map(({ status }) => status) }
}

describe.each(CASES)('$name, streamed $streamed', (one) => {
  test.concurrent.each(ROWS)('$what', async ({ what, tenant, retries, says, client, reached }) => {
    const [first, second] = pairOf(one, what)
    first.script((_, index) => scriptOf(one, says[index] ?? 'speaks'))
    second.script(() => scriptOf(one, 'speaks'))
    const { heard, calls, statuses } = await ask(one, what, tenant, retries)
    expect(statuses).toEqual(client)
    expect(heard).toBe(client.at(-1) === 200 ? speech.texts[0] : null)
    expect([first.requests.length, second.requests.length]).toEqual(reached)
    const [before, after] = first.requests
    // However it was waited for: not before the provider said.
    if (before !== undefined && after !== undefined) expect(after.at - before.at).toBeGreaterThanOrEqual(1_000)

    const ids = calls.map(({ call }) => call)
    const trail = (await house.records()).filter(
      ({ call, kind }) => ids.includes(call ?? '') && kind.startsWith('call.'),
    )
    const intents = trail.filter(({ kind }) => kind === 'call.intent')
    expect(intents.length).toBe(reached[0] + reached[1])
    const failed = trail.filter(({ kind }) => kind === 'call.attempt_failed')
    expect(failed.length).toBe(intents.length - calls.length)
    expect(trail.at(-1)?.body.status).toBe(client.at(-1))
  })

  test.concurrent('a breaker opens, rests, and is tried by one call', async ({ expect }) => {
    const [first] = pairOf(one, BREAKS)
    let says: Says = 500
    first.script(() => scriptOf(one, says))
    const once = async () => [...(await ask(one, BREAKS, 'lab')).statuses, first.requests.length]
    for (let count = 1; count <= FAILURES; count++) expect(await once()).toEqual([500, count])
    // It rests: nothing is sent.
    expect(await once()).toEqual([503, FAILURES])
    // One call tries it, in vain: it rests anew.
    await expect.poll(once, { timeout: 10_000, interval: 100 }).toEqual([500, FAILURES + 1])
    expect(await once()).toEqual([503, FAILURES + 1])
    says = 'speaks'
    await expect.poll(once, { timeout: 10_000, interval: 100 }).toEqual([200, FAILURES + 2])
    expect(await once()).toEqual([200, FAILURES + 3])
  })
})
