import { mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEntries } from '../../src/audit/reader.ts'
import { compose } from '../../src/compose.ts'
import { canMount, mountTmpfs } from '../faults/matrix/volume.ts'
import { type House, layGround, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { probePolicies } from '../probe.ts'
import { serve } from '../serve.ts'

/** A reload that failed of something that passes is tried again by itself; it is told and on record once. */

const rules = (more = ''): Readonly<Record<string, string>> => {
  const written = probePolicies(`${more}
satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

obligations[target.id] := [] if some target in targets`)
  return { ...written, 'main.rego': (written['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []') }
}
const RULE = 'controls/probe/probe.rego'

let upstream: Recorder
beforeAll(async () => {
  upstream = await startRecorder({
    answer: (request) =>
      request.body.includes('"stream":true')
        ? stream(openaiStream({ texts: ['fine'] }))
        : whole(openaiAnswer({ texts: ['fine'] })),
  })
})
afterAll(async () => {
  await upstream?.close()
})

const patiently = { timeout: 60_000, interval: 100 }
const place = (reload: Readonly<Record<string, string>> = {}) => ({
  providers: { one: { url: `${upstream.url}/v1` } },
  policies: rules(),
  config: { reload: { every: '100ms', ...reload }, audit: { log: 'test/again', min_free: '2MiB' } },
})

/** A whole and a streamed call: their statuses, and the revisions that judged them. */
async function ask(origin: string, key: string): Promise<Readonly<{ statuses: number[]; revisions: Set<unknown> }>> {
  const answers = await Promise.all(
    [false, true].map((streamed) =>
      fetch(`${origin}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content: 'hello' }] }),
      }),
    ),
  )
  await Promise.all(answers.map((answer) => answer.text()))
  return {
    statuses: answers.map(({ status }) => status),
    revisions: new Set(answers.map(({ headers }) => headers.get('x-customhouse-policy'))),
  }
}
const statusesAt = (house: House) => async () => (await ask(house.customhouse.data, house.key)).statuses
const said = (house: House, msg: string): number => house.logged.filter((line) => line.msg === msg).length
const REJECTED = 'the new policy or configuration was rejected; the last good one stays'
const TRIED = 'what was rejected was tried again'
const rejections = async (house: Pick<House, 'records'>): Promise<readonly unknown[]> =>
  (await house.records()).filter(({ kind }) => kind.endsWith('.rejected')).map(({ body }) => body.code)

test('a compiler that cannot work for a while: the same version is active once it can, with stale_after and without it', async () => {
  for (const reload of [{}, { stale_after: '2s' }]) {
    const house = await startHouse(place(reload))
    try {
      const before = await ask(house.customhouse.data, house.key)
      const cache = join(house.state, 'policy-cache')
      rmSync(cache, { recursive: true })
      writeFileSync(cache, 'no folder')
      writeFileSync(join(house.policies, RULE), rules('# another')[RULE] ?? '')
      await expect.poll(() => rejections(house), patiently).toEqual(['ERR_POLICY_TOOLCHAIN'])
      await expect.poll(() => said(house, TRIED), patiently).toBeGreaterThanOrEqual(1)
      if ('stale_after' in reload) await expect.poll(statusesAt(house), patiently).toEqual([403, 403])
      else expect(await statusesAt(house)()).toEqual([200, 200])
      rmSync(cache)
      // Nothing on disk that anybody looks at has changed.
      await expect
        .poll(async () => (await house.records()).filter(({ kind }) => kind === 'policy.activated').length, patiently)
        .toBe(2)
      await expect.poll(statusesAt(house), patiently).toEqual([200, 200])
      expect((await ask(house.customhouse.data, house.key)).revisions).not.toEqual(before.revisions)
      expect(await rejections(house)).toEqual(['ERR_POLICY_TOOLCHAIN'])
      expect(said(house, REJECTED)).toBe(1)
    } finally {
      await house.stop()
    }
  }
}, 240_000)

test('a version that is broken is told and recorded once, however often it is tried; by hand once more', async () => {
  const house = await startHouse(place())
  try {
    writeFileSync(join(house.policies, RULE), '{')
    await expect.poll(() => said(house, TRIED), patiently).toBeGreaterThanOrEqual(2)
    expect(await rejections(house)).toEqual(['ERR_POLICY_COMPILE'])
    expect(said(house, REJECTED)).toBe(1)
    const metrics = await (await fetch(`${house.customhouse.admin}/metrics`)).text()
    expect(metrics).toMatch(/^gw_config_rejections_total\{[^}]*ERR_POLICY_COMPILE[^}]*\} 1$/m)
    expect((await house.customhouse.reload()).activated).toBe(false)
    expect(await rejections(house)).toEqual(['ERR_POLICY_COMPILE', 'ERR_POLICY_COMPILE'])
    // Another fault is another rejection; what is mended is active.
    writeFileSync(house.config, readFileSync(house.config, 'utf8').replace('"environment"', '"enviroment"'))
    await expect.poll(async () => (await rejections(house)).at(-1), patiently).toBe('ERR_CONFIG_INVALID')
    writeFileSync(house.config, readFileSync(house.config, 'utf8').replace('"enviroment"', '"environment"'))
    writeFileSync(join(house.policies, RULE), rules('# mended')[RULE] ?? '')
    await expect
      .poll(async () => (await house.records()).filter(({ kind }) => kind === 'policy.activated').length, patiently)
      .toBe(2)
  } finally {
    await house.stop()
  }
}, 240_000)

test('a policy that a rejected configuration names is looked at, and active once it is mended', async () => {
  const house = await startHouse(place())
  try {
    const other = join(house.folder, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'main.rego'), '{')
    const config = JSON.parse(readFileSync(house.config, 'utf8'))
    writeFileSync(house.config, JSON.stringify({ ...config, policy: { source: './other' } }))
    await expect.poll(() => rejections(house), patiently).toEqual(['ERR_POLICY_COMPILE'])
    for (const [name, text] of Object.entries(rules('# elsewhere'))) {
      mkdirSync(join(other, name, '..'), { recursive: true })
      writeFileSync(join(other, name), text)
    }
    await expect
      .poll(async () => (await house.records()).filter(({ kind }) => kind === 'policy.activated').length, patiently)
      .toBe(2)
  } finally {
    await house.stop()
  }
}, 120_000)

const mountable = canMount()
test.skipIf(!mountable)(
  'a version that finds no room to record its activation: it is active when there is, and its rejection is on record before it',
  async () => {
    const ground = await layGround(place({ stale_after: '3s' }))
    const volume = await mountTmpfs(ground.state, 'size=64m')
    const served = await serve(ground, { tracer: volume.enter })
    try {
      const statuses = async () => (await ask(served.baseURL.replace('/openai/v1', ''), ground.key)).statuses
      expect(await statuses()).toEqual([200, 200])
      volume.fill(0)
      const ready = async () => (await fetch(`${served.admin}/readyz?verbose`)).status
      await expect.poll(ready, patiently).toBe(503)
      // The tenant of the key is withdrawn.
      const { tenants, ...config } = JSON.parse(readFileSync(ground.config, 'utf8'))
      delete tenants.claims
      writeFileSync(ground.config, JSON.stringify({ ...config, tenants }))
      const told = (msg: string): readonly unknown[] =>
        served.log.filter((line) => line.msg === msg).map(({ code }) => code)
      await expect.poll(() => told(REJECTED), patiently).toEqual(['ERR_LEDGER_UNAVAILABLE'])
      await expect.poll(() => told('a rejection cannot be recorded yet').length, patiently).toBeGreaterThanOrEqual(1)
      volume.empty()
      await expect.poll(statuses, patiently).toEqual([403, 403])
      await expect.poll(ready, patiently).toBe(200)
      expect(told(REJECTED)).toHaveLength(1)
      served.child.kill('SIGTERM')
      expect(await served.exited).toBe(0)
      const kinds: string[] = []
      const onDamage = ({ message }: Readonly<{ message: string }>): never => {
        throw new Error(message)
      }
      for await (const { leaf } of readEntries(join(volume.at, 'ledger'), { onDamage }))
        if (leaf.kind.startsWith('config.')) kinds.push(leaf.kind)
      expect(kinds).toEqual(['config.activated', 'config.rejected', 'config.activated'])
    } finally {
      served.child.kill('SIGKILL')
      await volume.close()
      ground.remove()
    }
  },
  240_000,
)

describe('links in the folder of policies', () => {
  test('to the state: no reload without end; to /proc: looks, reloads and starts go on', async () => {
    const house = await startHouse(place({ stale_after: '5s' }))
    const link = join(house.policies, 'x')
    try {
      symlinkSync('../state', link)
      const until = performance.now() + 2_000
      while (performance.now() < until) expect(await statusesAt(house)()).toEqual([200, 200])
      expect(said(house, 'activated')).toBe(0)
      unlinkSync(link)
      symlinkSync('/proc', link)
      expect(await house.customhouse.reload()).toMatchObject({ activated: true })
      const later = performance.now() + 6_000
      while (performance.now() < later) expect(await statusesAt(house)()).toEqual([200, 200])
      await house.customhouse.stop()
      const again = await compose(await house.read(), { read: house.read, log: pino({ level: 'silent' }) })
      expect((await ask(again.data, house.key)).statuses).toEqual([200, 200])
      await again.stop()
    } finally {
      await house.stop()
    }
  }, 120_000)
})
