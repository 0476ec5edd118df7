import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect } from 'vitest'
import { type Customhouse, compose } from '../../src/compose.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { AuditRecord } from '../../src/core/record.ts'
import { layGround, writePolicies } from '../house.ts'
import { ask, type Heard } from './ask.ts'
import { config, OVERLAY, policies, TENANT_NAMES } from './ground.ts'
import { type Issuers, startIssuers } from './issuer.ts'
import { COUNTRIES, isPermitted, isPlace, keyOf } from './permitted.ts'
import { idOf, type Row } from './row.ts'
import { startWorld, type World } from './world.ts'

/** One gateway with the world behind it. */
export type Scene = Readonly<{
  customhouse: Customhouse
  world: World
  issuers: Issuers
  records: readonly AuditRecord[]
  ask(row: Row): Promise<Heard>
  /** Writes another configuration, made of the present one, and loads it. The code of what kept it back, or null. */
  push(change: (config: Record<string, Json>) => void): Promise<string | null>
  /** Writes a file of the policy and loads it. The code of what kept it back, or null. */
  legislate(name: string, text: string): Promise<string | null>
  /** Writes a file beside the configuration, and tells its path. */
  put(name: string, text: string): string
  /** The first overlay of the catalogue. */
  overlay: string
  /** Puts the first configuration and policy back. */
  restore(): Promise<void>
  stop(): Promise<void>
}>

/** What came of a row: calls that reached where they may. */
export type Verdict = Readonly<{ allowed: number; forbidden: readonly string[]; counted: boolean }>

export const NAMES = [
  ...['', 'eu.', 'us.', 'ae.', 'jp.', 'au.', 'in.'].map((prefix) => `${prefix}api.openai.com`),
  '*.bank.example',
  '*.amazonaws.com',
  ...['eu-central-1', 'eu-central-2', 'eu-west-2', 'us-east-1', 'ap-northeast-1', 'ca-central-1'].map(
    (region) => `bedrock-runtime.${region}.amazonaws.com`,
  ),
  'bedrock-runtime-fips.us-east-1.amazonaws.com',
  '*.openai.azure.com',
  '*.cognitiveservices.azure.com',
  '*.googleapis.com',
  'aiplatform.eu.rep.googleapis.com',
  'aiplatform.us.rep.googleapis.com',
  ...['eu-frankfurt-1', 'us-ashburn-1', 'eu-madrid-1'].map(
    (region) => `inference.generativeai.${region}.oci.oraclecloud.com`,
  ),
  'api.anthropic.com',
  'api.mistral.ai',
  'api.eu.mistral.ai',
]

export async function openScene(more: Readonly<Record<string, Json>> = {}): Promise<Scene> {
  const [world, issuers] = [await startWorld(NAMES), await startIssuers()]
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-escapes-'))
  const [secret, ca, overlay] = [join(folder, 'key'), join(folder, 'ca.pem'), join(folder, 'own.json')]
  writeFileSync(secret, 'sk-of-the-gateway-itself')
  writeFileSync(ca, world.ca)
  writeFileSync(overlay, JSON.stringify(OVERLAY))
  const before = { ...process.env }
  Object.assign(process.env, { HTTPS_PROXY: world.proxy, HTTP_PROXY: world.proxy, NO_PROXY: '' })
  for (const name of ['https_proxy', 'http_proxy', 'no_proxy']) delete process.env[name]
  const records: AuditRecord[] = []
  const journalist: Plugin = { name: 'journalist', record: (record) => void records.push(record) }
  const ground = await layGround({
    providers: {},
    tenants: TENANT_NAMES,
    tenant: 'eea',
    policies: policies(),
    // Nothing is reloaded but by the row that does it.
    config: {
      ...config(secret, ca),
      identity: issuers.identity,
      residency: { catalogue: [overlay] },
      reload: { every: '1h' },
      log: { level: 'warn', format: 'json' },
      ...more,
    },
  })
  // Before it starts: keys that are made later are heard of in a while only.
  const keys = new Map<string, string>()
  for (const tenant of TENANT_NAMES) keys.set(tenant, await ground.keyOf(tenant))
  const log = pino({ level: 'silent' })
  const customhouse = await compose(await ground.read(), { read: ground.read, plugins: [journalist], log })
  const first = readFileSync(ground.config, 'utf8')
  const load = async (text: string): Promise<string | null> => {
    writeFileSync(ground.config, text)
    const { error } = await customhouse.reload()
    return error?.code ?? null
  }
  const law = policies()
  const put = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return {
    customhouse,
    world,
    issuers,
    records,
    put,
    overlay,
    legislate: async (name, text) => {
      writePolicies(ground.policies, { [name]: text })
      return (await customhouse.reload()).error?.code ?? null
    },
    ask: (row) => ask(customhouse.data, keys.get(row.tenant) ?? '', row),
    push: (change) => {
      const made = JSON.parse(first) as Record<string, Json>
      change(made)
      return load(JSON.stringify(made))
    },
    restore: async () => {
      writePolicies(ground.policies, law)
      expect(await load(first)).toBeNull()
    },
    stop: async () => {
      await customhouse.stop()
      ground.remove()
      await world.close()
      await issuers.close()
      rmSync(folder, { recursive: true, force: true })
      for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy']) {
        const value = before[name]
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    },
  }
}

/** Plays a row and its twin, and looks at everything that must hold of both. */
export async function judge(scene: Scene, row: Row): Promise<Verdict> {
  const { world, records } = scene
  if (row.plays !== undefined) world.script(row.plays.authority, row.plays.answer)
  const [reached, connected, recorded] = [world.arrivals.length, world.connected.length, records.length]
  const heard = await (row.act?.(scene, row) ?? scene.ask(row))
  if (row.plays !== undefined) world.script(row.plays.authority, null)
  const arrivals = world.arrivals.slice(reached)
  const forbidden = [
    ...arrivals.filter((arrival) => !isPermitted(row.tenant, arrival)).map(keyOf),
    ...world.connected.slice(connected).filter((authority) => !isPlace(row.tenant, authority)),
  ]
  expect({ row: idOf(row), forbidden }).toEqual({ row: idOf(row), forbidden: [] })
  const called = records.slice(recorded)
  for (const { kind, body } of called) if (kind === 'call.intent') expectPermitted(row, body)
  expectAnswer(row, heard, arrivals.length, called)
  const sent = arrivals.map(({ head, body }) => head + body).join('')
  if (row.expected.kind === 'kept') {
    for (const text of row.expected.lacks ?? []) expect(sent.toLowerCase(), idOf(row)).not.toContain(text.toLowerCase())
    for (const text of row.expected.has ?? []) expect(sent, idOf(row)).toContain(text)
  }
  const counted = row.expected.kind === 'refused' && heard.call !== ''
  return { allowed: arrivals.length + (await serveTwin(scene, row)), forbidden, counted }
}

function expectPermitted(row: Row, body: AuditRecord['body']): void {
  const text = JSON.stringify(Reflect.get(Object(body.target), 'residency'))
  const places = [...text.matchAll(/"([A-Z]{2}|\*)"/g)].map(([, place]) => place ?? '')
  const outside = places.filter((place) => !(COUNTRIES[row.tenant] ?? []).includes(place))
  expect({ row: idOf(row), outside, unknown: text.includes('null') }).toEqual({
    row: idOf(row),
    outside: [],
    unknown: false,
  })
}

function expectAnswer(row: Row, heard: Heard, arrived: number, records: readonly AuditRecord[]): void {
  const { expected } = row
  const own = records.filter(({ call }) => call === heard.call)
  const kinds = own.map(({ kind }) => kind)
  const saw = { row: idOf(row), status: heard.status, kinds, arrived }
  if (expected.kind === 'refused') {
    expect(expected.status, JSON.stringify({ ...saw, body: heard.body })).toContain(heard.status)
    expect(saw).toMatchObject({ kinds: [], arrived: 0 })
    // What is no HTTP is answered before any dialect.
    if (heard.call !== '') expectDialect(row, heard)
  } else if (expected.kind === 'denied') {
    expect(saw, heard.body).toMatchObject({
      status: 403,
      kinds: ['call.denied'],
      ...(row.act === undefined ? { arrived: 0 } : {}),
    })
    const rules = JSON.stringify(own[0]?.body.reasons)
    // Where the places of a name are not known at all, no policy is asked.
    const others = expected.rule === 'residency/' ? ['base/unknown-residency'] : []
    expect(
      [expected.rule, ...others].some((rule) => rules.includes(`"rule":"${rule}`)),
      `${idOf(row)}: ${rules}`,
    ).toBe(true)
    expectDialect(row, heard)
  } else if (expected.kind === 'kept') {
    expect(saw, heard.body).toMatchObject({ status: 200, arrived: expect.any(Number) })
    expect(arrived, idOf(row)).toBeGreaterThan(0)
    expect(kinds.at(-1), idOf(row)).toBe('call.outcome')
  } else {
    const silent = expected.reached === false || row.plays?.answer === 'unreachable'
    if (!silent) expect(arrived, idOf(row)).toBeGreaterThan(0)
    expect(heard.status === 0 || heard.status >= 400 || row.streamed, idOf(row)).toBe(true)
    expect(kinds, idOf(row)).toContain('call.intent')
    if (expected.record !== undefined) expect(kinds, idOf(row)).toContain(expected.record)
    const complete = own.some(({ kind, body }) => kind === 'call.outcome' && body.ending === 'complete')
    expect({ ...saw, complete }, heard.body).toMatchObject({ complete: false })
  }
}

/** An error of ours, as the door's own SDK reads it. */
function expectDialect({ door }: Row, { headers, body }: Heard): void {
  const said: unknown = JSON.parse(body)
  const text = expect.any(String)
  const shapes = {
    openai: { error: { message: text, type: text } },
    mistral: { object: 'error', message: text },
    anthropic: { type: 'error', error: { type: text, message: text } },
    bedrock: { message: text },
  }
  expect(said).toMatchObject(shapes[door.form])
  if (door.form === 'bedrock') expect(headers['x-amzn-errortype']).toBeDefined()
}

/** A good call at the same door of the same gateway: a dead gateway lets nothing escape either. */
async function serveTwin(scene: Scene, row: Row): Promise<number> {
  const { tenant, model } = row.twin ?? { tenant: 'eea', model: row.door.good }
  const before = scene.world.arrivals.length
  const heard = await scene.ask({ ...row, tenant, model, sending: {} })
  const arrivals = scene.world.arrivals.slice(before)
  expect(
    {
      row: idOf(row),
      twin: heard.status,
      arrived: arrivals.length,
      permitted: arrivals.every((arrival) => isPermitted(tenant, arrival)),
    },
    heard.body,
  ).toEqual({
    row: idOf(row),
    twin: 200,
    arrived: 1,
    permitted: true,
  })
  return arrivals.length
}
