import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Plugin } from '../../src/core/plugin.ts'
import { leavesOf, planted } from '../dialects/leaves.ts'
import { ROOT } from '../house.ts'
import { addressOf, DOORS, type Door } from '../wire/doors.ts'
import { openReceiver, type Receiver } from './receiver.ts'
import { type CallOptions, openScene, type Scene, type Turn } from './scene.ts'

/** A canary in every place where a call holds text, another in its credential: neither may be found in anything that others can see. */

const unique = (): string => randomBytes(8).toString('hex').replace(/\d/g, 'z')
const CANARY = `canary${unique()}`
const SECRET = `secret${unique()}`

/** A plugin that throws what it has read, wherever it is told to. */
const loud: Plugin = {
  name: 'loud',
  inspect: async (_, segments) => {
    const text = segments.map((segment) => segment.text).join(' ')
    if (text.includes('inspector')) throw new Error(text)
    return []
  },
  facts: (call) => {
    if (call.metadata.case === 'facts') throw new Error(JSON.stringify(call))
    return {}
  },
  settle: async (call) => {
    throw Object.assign(new Error(JSON.stringify(call)), { name: CANARY, code: CANARY.toUpperCase() })
  },
}

let receiver: Receiver
let scene: Scene
let stranger: string

beforeAll(async () => {
  receiver = await openReceiver()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url)
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  scene = await openScene({
    plugins: [loud],
    complaint: (request) => `It cannot be: ${request.wire.toString()}`,
    config: { traces: { accept_parent: true } },
  })
  stranger = await scene.post.keyOf('lab')
})
afterAll(async () => {
  await scene.stop()
  await receiver.close()
  vi.unstubAllEnvs()
})

const HEADERS = {
  'x-customhouse-task': CANARY,
  'user-agent': CANARY,
  cookie: `${CANARY}=${CANARY}`,
  baggage: `a=${CANARY}`,
  tracestate: `a=${CANARY}`,
  traceparent: CANARY,
  'x-request-id': CANARY,
  referer: `http://${CANARY}/`,
  [CANARY]: CANARY,
}

const TOOL = `"name":"${CANARY}","description":"${CANARY}"`
const SCHEMA = `{"type":"object","properties":{"${CANARY}":{"type":"string"}}}`
const MORE: Readonly<Record<string, string>> = {
  'openai.chat': `,"user":"${CANARY}","tools":[{"type":"function","function":{${TOOL},"parameters":${SCHEMA}}}]`,
  'anthropic.messages': `,"system":"${CANARY}","tools":[{${TOOL},"input_schema":${SCHEMA}}]`,
  'bedrock.converse': `,"system":[{"text":"${CANARY}"}],"toolConfig":{"tools":[{"toolSpec":{${TOOL},"inputSchema":{"json":${SCHEMA}}}}]}`,
  'bedrock.invoke': `,"system":"${CANARY}","tools":[{${TOOL},"input_schema":${SCHEMA}}]`,
}

function bodyOf(door: Door, said: string, stream: boolean): string {
  const flag = stream && door.kind !== 'bedrock' ? ',"stream":true' : ''
  return door.body(flag + (MORE[door.dialect] ?? '')).replace('hello', `${said} ${CANARY}`)
}

/** All that others than the caller can see. */
async function seen(): Promise<Readonly<Record<string, string>>> {
  const { post } = scene
  const admin = async (path: string): Promise<string> => {
    const answer = await fetch(post.customhouse.admin + path)
    return JSON.stringify([...answer.headers]) + (await answer.text())
  }
  const folder = join(post.state, 'ledger')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
  const others = await Promise.all(
    DOORS.map(async (door) => [
      await scene.call(door, 'speak'),
      await scene.call(door, 'speak', { key: stranger }),
      await scene.call(door, 'speak', { body: '{' }),
    ]),
  )
  return {
    log: JSON.stringify(post.logged),
    metrics: await admin('/metrics'),
    spans: receiver.wire(),
    admin: (await Promise.all(['/readyz?verbose', '/livez', '/startupz', '/nowhere'].map(admin))).join(),
    others: JSON.stringify(others),
    ledger: files.join(),
    journal: JSON.stringify(post.journal),
  }
}

async function expectNothing(): Promise<void> {
  await scene.post.settled()
  await expect.poll(async () => (await scene.metrics()).sum('gw_requests_inflight'), { timeout: 20_000 }).toBe(0)
  const places = await seen()
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100)
    const low = text.toLowerCase()
    for (const [what, word] of Object.entries({ canary: CANARY, secret: SECRET, key: scene.post.key.toLowerCase() })) {
      const at = low.indexOf(word)
      expect(at === -1 ? 'nowhere' : text.slice(Math.max(0, at - 200), at + 50), `the ${what} in ${place}`).toBe(
        'nowhere',
      )
    }
  }
}

const ENDS: readonly (readonly [string, Turn, CallOptions & Readonly<{ said?: string }>])[] = [
  ['allowed', 'speak', {}],
  ['whose provider fails, and tells it back', 'fail', {}],
  ['whose provider refuses it, and tells it back', 'refuse', {}],
  ['whose provider breaks off', 'truncate', {}],
  ['whose inspector throws it', 'speak', { said: 'inspector' }],
  [
    'whose facts throw it',
    'speak',
    { headers: { 'x-customhouse-meta-case': 'facts', 'x-customhouse-meta-more': CANARY } },
  ],
  ['of a stranger', 'speak', { key: `chk_${SECRET}` }],
  ['with a query', 'speak', { address: `?${CANARY}=${CANARY}&key=${SECRET}` }],
  ['at a path', 'speak', { address: `/${CANARY}` }],
  ['that is malformed', 'speak', { body: `{"${CANARY}": "${CANARY}` }],
]

describe.each(DOORS)('$title', (door) => {
  test.each([false, true])(
    'a canary in everything, stream: %s, however it ends',
    { timeout: 120_000 },
    async (stream) => {
      await expect
        .poll(async () => (await scene.call(door, 'speak', { key: stranger })).status, { timeout: 20_000 })
        .toBe(403)
      const statuses: (number | 'gone')[] = []
      for (const [, turn, { said, address, ...options }] of ENDS) {
        const answer = await scene.call(door, turn, {
          stream,
          body: bodyOf(door, said ?? `please ${turn}`, stream),
          ...options,
          headers: { ...HEADERS, 'x-api-key': SECRET, ...options.headers },
          ...(address === undefined ? {} : { address: addressOf(door) + address }),
        })
        statuses.push(answer.status)
      }
      statuses.push((await scene.call(door, 'speak', { stream, key: stranger, headers: HEADERS })).status)
      if (stream) statuses.push((await scene.call(door, 'linger', { stream, headers: HEADERS })).status)
      // Two credentials that differ are one too many: with `x-api-key` nothing is allowed. So once more without.
      for (const [, turn, { said, address, ...options }] of ENDS) {
        if (address !== undefined || options.key !== undefined) continue
        const body = bodyOf(door, said ?? `please ${turn}`, stream)
        const answer = await scene.call(door, turn, {
          stream,
          body,
          ...options,
          headers: { ...HEADERS, ...options.headers },
        })
        statuses.push(answer.status)
      }
      for (const status of [200, 400, 401, 403]) expect(statuses).toContain(status)
      await expectNothing()
    },
  )

  test('a canary in each string leaf in turn, model names too', { timeout: 120_000 }, async () => {
    const body: unknown = JSON.parse(bodyOf(door, 'please speak', false))
    const leaves = leavesOf(body)
    expect(leaves.length).toBeGreaterThan(4)
    for (const { path } of leaves)
      await scene.call(door, 'speak', { body: JSON.stringify(planted(body, path, CANARY)), headers: HEADERS })
    if (door.kind === 'bedrock')
      await scene.call(door, 'speak', { address: addressOf(door).replace(/model\/[^/]+/, `model/${CANARY}`) })
    await expectNothing()
  })
})

test('a reload whose configuration is broken, and holds a secret', async () => {
  const { post } = scene
  const good = readFileSync(post.config, 'utf8')
  const config = JSON.parse(good) as { providers: Record<string, Record<string, unknown>> }
  const broken: readonly string[] = [
    JSON.stringify({
      ...config,
      providers: { ...config.providers, openai: { ...config.providers.openai, credential: SECRET } },
    }),
    // Names are told, since an operator must find them; values are not.
    JSON.stringify({ ...config, credential: SECRET }),
    `${good.slice(0, -3)},"x": "${SECRET}`,
    good.replace('"kind": "openai"', `"kind": "${SECRET}"`),
    good.replace(/"base_url": "http:\/\//, `"base_url": "http://user:${SECRET}@`),
  ]
  for (const text of broken) {
    writeFileSync(post.config, text)
    expect((await post.customhouse.reload()).activated, text.slice(0, 80)).toBe(false)
  }
  const rejected = async (): Promise<number> => (await scene.metrics()).sum('gw_config_rejections_total')
  await expect.poll(rejected, { timeout: 5_000 }).toBe(broken.length)
  expect((await scene.metrics()).sum('gw_config_last_reload_successful')).toBe(0)
  writeFileSync(post.config, good)
  expect((await post.customhouse.reload()).activated).toBe(true)
  const successful = async (): Promise<number> => (await scene.metrics()).sum('gw_config_last_reload_successful')
  await expect.poll(successful, { timeout: 5_000 }).toBe(1)
  await expectNothing()
})

/** The log of these tests is read from `debug` on. */
test('nothing is logged below debug, so that the log which is searched here is the whole log', () => {
  const folder = join(ROOT, 'src')
  const calls = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').match(/\blog(?:ger)?\??\.(\w+)\(/g) ?? [])
  expect(calls).toContain('log.debug(')
  expect(calls.filter((call) => /\.(?:trace|silent)\(/.test(call))).toEqual([])
  expect(scene.post.logged.some(({ level }) => level === 20)).toBe(true)
})
