import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Customhouse, compose } from '../../src/compose.ts'
import { type Ground, type House, layGround, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { probePolicies } from '../probe.ts'

/** How long the last good version serves while what is on disk cannot be activated: `reload.stale_after`. */

const ALLOWED = `satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

obligations[target.id] := [] if some target in targets`
const written = probePolicies(ALLOWED)
const policies = {
  ...written,
  'main.rego': (written['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: []'),
}

let upstream: Recorder
/** Most tests leave it as they found it: a policy need not be compiled for each. */
let shared: House

beforeAll(async () => {
  upstream = await startRecorder({
    answer: (request) =>
      request.body.includes('"stream":true')
        ? stream(openaiStream({ texts: ['fine'] }))
        : whole(openaiAnswer({ texts: ['fine'] })),
  })
  shared = await startHouse(options({ stale_after: '2s' }))
})
afterAll(async () => {
  await shared?.stop()
  await upstream?.close()
})

const options = (reload: Readonly<Record<string, string>>) => ({
  providers: { one: { url: `${upstream.url}/v1` } },
  policies,
  config: { reload: { every: '100ms', ...reload } },
})

type Place = Pick<House, 'key'> & Readonly<{ customhouse: Pick<House['customhouse'], 'data' | 'admin'> }>

/** The statuses of a whole and of a streamed call, and what was said. */
async function ask({ customhouse, key }: Place): Promise<readonly [number, number, string]> {
  const answers = await Promise.all(
    [false, true].map((streamed) =>
      fetch(`${customhouse.data}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content: 'hello' }] }),
      }),
    ),
  )
  const texts = await Promise.all(answers.map((answer) => answer.text()))
  return [answers[0]?.status ?? 0, answers[1]?.status ?? 0, texts.join('\n')]
}

async function ready({ customhouse }: Place): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${customhouse.admin}/readyz?verbose`)
  const { checks } = (await answer.json()) as { checks: Record<string, string> }
  return [answer.status, checks.freshness]
}

const patiently = { timeout: 20_000, interval: 100 }
const statuses = (place: Place) => async () => (await ask(place)).slice(0, 2)

/** Denied and not ready, then mended by `mend`: answered and ready. */
async function expectStaleUntil(place: House, mend: () => void): Promise<void> {
  await expect.poll(statuses(place), patiently).toEqual([403, 403])
  const before = upstream.requests.length
  const [, , text] = await ask(place)
  expect(text.match(/base\/policy-stale/g)?.length).toBeGreaterThanOrEqual(2)
  expect(upstream.requests.length).toBe(before)
  expect(await ready(place)).toEqual([503, expect.stringContaining('reload.stale_after')])
  mend()
  await expect.poll(statuses(place), patiently).toEqual([200, 200])
  expect(await ready(place)).toEqual([200, 'ok'])
  const denied = (await place.records()).filter(({ kind }) => kind === 'call.denied')
  expect(denied.length).toBeGreaterThanOrEqual(2)
  expect(JSON.stringify(denied.at(-1)?.body)).toContain('policy-stale')
}

describe('with reload.stale_after', () => {
  test('a rejected configuration: calls are denied once it is exceeded, until a good one is there', async () => {
    const place = shared
    const good = readFileSync(place.config, 'utf8')
    writeFileSync(place.config, good.replace('"environment"', '"enviroment"'))
    await expectStaleUntil(place, () => writeFileSync(place.config, good))
  })

  test('a rejected policy', async () => {
    const place = shared
    const rule = join(place.policies, 'controls/probe/probe.rego')
    const good = readFileSync(rule, 'utf8')
    writeFileSync(rule, `${good}\nbroken := input.call.modle\n`)
    await expectStaleUntil(place, () => writeFileSync(rule, good))
  })

  test('a folder of policies that is not there any more', async () => {
    const place = shared
    renameSync(place.policies, `${place.policies}-away`)
    await expectStaleUntil(place, () => renameSync(`${place.policies}-away`, place.policies))
  })

  test('a rejected version is not confirmed by being looked at again; the same content as before, pushed back, is', async () => {
    const place = shared
    const good = readFileSync(place.config, 'utf8')
    writeFileSync(place.config, '{')
    // Asked for by hand as well: that finds it broken once more.
    expect((await place.customhouse.reload()).activated).toBe(false)
    await expectStaleUntil(place, () => {
      writeFileSync(place.config, good)
      void place.customhouse.reload()
    })
  })

  test.each<readonly [string, (ground: Ground, customhouse: Customhouse) => void]>([
    ['a look that hangs confirms nothing', ({ config }) => writeFileSync(config, `${readFileSync(config, 'utf8')}\n`)],
    [
      'while a reload that was asked for hangs nothing is confirmed, though nothing has changed',
      (_, customhouse) => void customhouse.reload(),
    ],
    [
      'nor where what has changed is being reloaded already',
      ({ config }, customhouse) => {
        writeFileSync(config, `${readFileSync(config, 'utf8')}\n`)
        void customhouse.reload()
        void customhouse.reload()
      },
    ],
  ])('%s', async (_, begin) => {
    const ground = await layGround(options({ stale_after: '2s' }))
    const hang = Promise.withResolvers<void>()
    let hangs = false
    const customhouse = await compose(await ground.read(), {
      read: async () => {
        if (hangs) await hang.promise
        return ground.read()
      },
      log: pino({ level: 'silent' }),
    })
    const place = { key: ground.key, customhouse }
    try {
      expect((await ask(place)).slice(0, 2)).toEqual([200, 200])
      hangs = true
      begin(ground, customhouse)
      await expect.poll(statuses(place), patiently).toEqual([403, 403])
      hang.resolve()
      await expect.poll(statuses(place), patiently).toEqual([200, 200])
    } finally {
      hang.resolve()
      await customhouse.stop()
      ground.remove()
    }
  })

  test('while nothing changes what is active is confirmed again and again', async () => {
    const place = shared
    const until = performance.now() + 4_500
    while (performance.now() < until) expect((await ask(place)).slice(0, 2)).toEqual([200, 200])
    expect(await ready(place)).toEqual([200, 'ok'])
  })

  test('a gateway that never reads its configuration anew is not started with it', async () => {
    const ground = await layGround(options({ stale_after: '2s' }))
    await expect(compose(await ground.read(), { log: pino({ level: 'silent' }) })).rejects.toThrow(
      /reload\.stale_after.*needs a gateway that reads its configuration anew/,
    )
    ground.remove()
  })
})

test('without it the last good version serves on', async () => {
  const place = await startHouse(options({}))
  writeFileSync(place.config, '{')
  await expect
    .poll(async () => (await place.records()).some(({ kind }) => kind === 'config.rejected'), patiently)
    .toBe(true)
  const until = performance.now() + 4_500
  while (performance.now() < until) expect((await ask(place)).slice(0, 2)).toEqual([200, 200])
  expect(await ready(place)).toEqual([200, undefined])
  await place.stop()
})
