import { spawn } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compose } from '../../src/compose.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { STORE_NAME } from '../../src/identity/index.ts'
import { type Ground, layGround, ROOT, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'
import { type Served, serve } from '../serve.ts'

/** Starts that fail, and say why; starts that meet another gateway; signals. */

const silent = pino({ level: 'silent' })
const probed = probePolicies(CASES)
/** Without the obligations that only the probe carries out. */
const policies = {
  ...probed,
  'main.rego': (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]'),
}
let upstream: Recorder
let ground: Ground
/** One that has started before: its policy need not be compiled again by each test. */
let warm: Ground | undefined
let served: Served | undefined

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  await lay()
  const house = await start()
  await house.stop()
  warm = ground
})
afterEach(async () => {
  served?.child.kill('SIGKILL')
  await served?.exited
  served = undefined
  ground?.remove()
})
afterAll(async () => {
  warm?.remove()
  await upstream?.close()
})

async function lay(config: Parameters<typeof layGround>[0]['config'] = {}): Promise<void> {
  ground = await layGround({ providers: { one: { url: `${upstream.url}/v1` } }, policies, config })
  if (warm !== undefined) cpSync(join(warm.state, CACHE), join(ground.state, CACHE), { recursive: true })
}
const CACHE = 'policy-cache'

const start = async () => compose(await ground.read(), { read: ground.read, log: silent })
const ask = (base: string, key = ground.key, model = 'gpt-4o'): Promise<Response> =>
  fetch(`${base}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  })

/** Runs the shipped command until it ends. */
function run(...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'bin/customhouse.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Only one that started, against all expectation, has to be ended.
  const timer = setTimeout(() => child.kill('SIGKILL'), 50_000)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, said })
    }),
  )
}

async function takenPort(): Promise<{ port: number; free: () => Promise<void> }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, free: () => new Promise((resolve) => server.close(() => resolve())) }
}

describe('two gateways', () => {
  test('on one state folder: the second is refused and leaves the first alone', async () => {
    await lay()
    const first = await start()
    await expect(start()).rejects.toMatchObject({ code: 'ERR_LEDGER_LOCKED' })
    expect((await ask(first.data)).status).toBe(200)
    await first.stop()
    const second = await start()
    expect((await ask(second.data)).status).toBe(200)
    await second.stop()
  })
})

describe('a port that is taken', () => {
  // The admin port comes first, so that the probes can tell how the start goes; the data port last.
  test.each([
    ['data', 2],
    ['admin', 1],
  ] as const)('%s: the error names it, and everything else is given back', async (which, opened) => {
    const { port, free } = await takenPort()
    await lay({ listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0', [which]: `127.0.0.1:${port}` } })
    await expect(start()).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\): another process has it`),
    )
    await free()
    // The ledger was closed in good order: it opens again at once.
    const house = await start()
    expect((await ask(house.data)).status).toBe(200)
    await house.stop()
    const kinds = (await ground.records()).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'ledger.opened').length).toBe(opened)
    expect(kinds.filter((kind) => kind === 'ledger.closed').length).toBe(opened)
  })

  test('the command ends with 1 and one plain sentence', async () => {
    const { port, free } = await takenPort()
    await lay({ listen: { data: `127.0.0.1:${port}`, admin: '127.0.0.1:0' } })
    const { code, said } = await run('serve', '-c', ground.config)
    await free()
    expect(code).toBe(1)
    expect(said).toContain(`cannot listen on 127.0.0.1:${port}`)
    expect(said).not.toMatch(/\n {4}at /)
  })
})

describe('what is broken at the start stops it, with the exit code of its kind', () => {
  const broken: readonly (readonly [string, () => void, number, RegExp])[] = [
    [
      'a configuration',
      () => writeFileSync(ground.config, readFileSync(ground.config, 'utf8').replace('"environment"', '"enviroment"')),
      2,
      /customhouse\.yaml:\d+:\d+[\s\S]*environment/,
    ],
    [
      'a policy that does not compile',
      () =>
        writeFileSync(
          join(ground.policies, 'controls/probe/more.rego'),
          'package controls.probe\n\nx := input.call.modle\n',
        ),
      2,
      /more\.rego/,
    ],
    [
      'a policy whose own tests fail',
      () =>
        writeFileSync(
          join(ground.policies, 'controls/probe/probe_test.rego'),
          'package controls.probe_test\n\ntest_x if 1 == 2\n',
        ),
      2,
      /tests fail/,
    ],
    [
      'a policy that allows everything',
      () => writeFileSync(join(ground.policies, 'main.rego'), everything()),
      2,
      /canar/i,
    ],
    [
      'a store of keys that cannot be read',
      () => writeFileSync(join(ground.folder, 'keys', STORE_NAME), '{"keys": ['),
      1,
      /gateway-keys\.json/,
    ],
    [
      'a state that is no folder',
      () => {
        rmSync(ground.state, { recursive: true })
        writeFileSync(ground.state, 'a file')
      },
      5,
      /state/,
    ],
  ]
  test.each(broken)('%s', async (_, breakIt, exit, text) => {
    await lay()
    breakIt()
    const { code, said } = await run('serve', '-c', ground.config)
    expect(said).toMatch(text)
    expect(code).toBe(exit)
    expect(said).not.toContain('"listening"')
  })

  function everything(): string {
    return `# METADATA
# custom:
#   controls: [probe]
package customhouse

targets := input.targets if input.phase == "request"

targets := [input.target] if input.phase == "response"

verdicts[target.id] := {"effect": "allow", "satisfied": ["probe"], "reasons": [], "obligations": []} if {
	some target in targets
}

# METADATA
# entrypoint: true
decision := {"targets": verdicts} if input.phase == "request"
`
  }
})

test('gateway keys switched off: nobody is let in, not even with a good key', async () => {
  await lay({ identity: { gateway_keys: false } })
  const house = await start()
  const answer = await ask(house.data)
  expect(answer.status).toBe(401)
  expect(await answer.text()).toContain('identity.gateway_keys')
  await house.stop()
})

test('a change that is made while the gateway starts is noticed', async () => {
  await lay()
  const loaded = await ground.read()
  const change: Plugin = {
    name: 'change',
    start: async () => {
      const config = JSON.parse(readFileSync(ground.config, 'utf8'))
      config.models.late = config.models['gpt-4o']
      writeFileSync(ground.config, JSON.stringify(config))
    },
  }
  const house = await compose(loaded, { read: ground.read, log: silent, plugins: [change] })
  await expect
    .poll(async () => (await ask(house.data, ground.key, 'late')).status, { timeout: 15_000, interval: 100 })
    .toBe(200)
  await house.stop()
}, 30_000)

test('SIGHUP reads everything anew; a broken configuration changes nothing', async () => {
  await lay({ reload: { every: '1h' } })
  served = await serve(ground)
  const base = served.baseURL.replace('/openai/v1', '')
  const good = readFileSync(ground.config, 'utf8')
  const config = JSON.parse(good)
  config.models.late = config.models['gpt-4o']
  expect((await ask(base, ground.key, 'late')).status).toBe(404)
  writeFileSync(ground.config, '{')
  served.child.kill('SIGHUP')
  const rejected = async () => (await ground.records()).some(({ kind }) => kind === 'config.rejected')
  await expect.poll(rejected, { timeout: 10_000, interval: 50 }).toBe(true)
  expect((await ask(base)).status).toBe(200)
  writeFileSync(ground.config, JSON.stringify(config))
  served.child.kill('SIGHUP')
  await expect
    .poll(async () => (await ask(base, ground.key, 'late')).status, { timeout: 10_000, interval: 50 })
    .toBe(200)
  served.child.kill('SIGTERM')
  expect(await served.exited).toBe(0)
}, 40_000)

test('a hundred wrong keys and broken calls leave a record a kind of tenant, written at the stop', async () => {
  await lay()
  const house = await start()
  const lines = Array.from({ length: 100 }, (_, i) => ask(house.data, `chk_canary${i}`))
  for (const answer of await Promise.all(lines)) expect(answer.status).toBe(401)
  for (let i = 0; i < 7; i++) expect((await ask(house.data, ground.key, `canary-model-${i}`)).status).toBe(404)
  await house.stop()
  const records = await ground.records()
  const refused = records.filter(({ kind }) => kind === 'access.refused')
  expect(refused.map(({ tenant, body }) => [tenant, body.counts]).sort()).toEqual([
    ['_gateway', { ERR_IDENTITY_INVALID: 100 }],
    ['claims', { ERR_CALL_UNKNOWN_MODEL: 7 }],
  ])
  expect(JSON.stringify(records)).not.toContain('canary')
  expect(records.at(-1)?.kind).toBe('ledger.closed')
})

test('stopping twice, and at once after the start', async () => {
  const house = await startHouse({ providers: { one: { url: `${upstream.url}/v1` } }, policies })
  await Promise.all([house.customhouse.stop(), house.customhouse.stop()])
  await expect(fetch(house.customhouse.data)).rejects.toThrow()
  house.remove()
})
