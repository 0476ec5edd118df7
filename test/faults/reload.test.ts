import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** Policies and configurations pushed under load: broken ones change nothing but the record, good ones take effect between two calls. */

let upstream: Recorder
let house: House
let models: string
let good: string

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    models: { 'gpt-4o': ['one/gpt-4o'], auto: ['one/gpt-4o'] },
  })
  models = join(house.policies, 'org/models.yaml')
  good = readFileSync(models, 'utf8')
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

const ask = (model = 'gpt-4o'): Promise<Response> =>
  fetch(`${house.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  })

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`${what} did not come`)
}
const recorded = (kind: string) => async () => (await house.records()).some((record) => record.kind === kind)

test('under load: broken policies and configurations are rejected, the last good ones stay, every decision names an active revision', async () => {
  const stop = new AbortController()
  const statuses: number[] = []
  const load = Promise.allSettled(
    Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) {
        const answer = await ask()
        await answer.text()
        statuses.push(answer.status)
        await sleep(5)
      }
    }),
  )
  const revision = (await ask()).headers.get('x-customhouse-policy')
  const rule = join(house.policies, 'controls/models/models.rego')
  const ruleText = readFileSync(rule, 'utf8')
  const config = readFileSync(house.config, 'utf8')

  writeFileSync(rule, `${ruleText}\nbroken := input.call.modle\n`)
  await until('policy.rejected', recorded('policy.rejected'))
  writeFileSync(rule, ruleText)
  writeFileSync(house.config, config.replace('"environment"', '"enviroment"'))
  await until('config.rejected', recorded('config.rejected'))
  expect((await ask()).headers.get('x-customhouse-policy')).toBe(revision)
  writeFileSync(house.config, config)
  // A policy whose own tests fail is as broken as one that does not compile.
  const none = good.replace(/^( {6}models: )\[.*\]$/m, '$1[]')
  expect(none).not.toBe(good)
  writeFileSync(models, none)
  await until(
    'a second policy.rejected',
    async () => (await house.records()).filter(({ kind }) => kind === 'policy.rejected').length >= 2,
  )
  writeFileSync(models, good)
  expect((await house.customhouse.reload()).activated).toBe(true)

  // Another good policy: the same call is denied from then on.
  writeFileSync(
    join(house.policies, 'controls/models/closed.rego'),
    'package controls.models\n\n# METADATA\n# title: A rule that came by a reload\nclosed := true\n',
  )
  await until('another revision', async () => (await ask()).headers.get('x-customhouse-policy') !== revision)
  stop.abort()
  await load

  expect(statuses.length).toBeGreaterThan(50)
  expect(new Set(statuses)).toEqual(new Set([200]))
  const records = await house.records()
  const activated = new Set(records.filter(({ kind }) => kind === 'policy.activated').map(({ body }) => body.revision))
  const decided = records
    .filter(({ kind }) => kind === 'call.intent')
    .map(({ body }) => (body.decision as { revision: string }).revision)
  expect(activated.size).toBeGreaterThan(1)
  expect(decided.filter((name) => !activated.has(name))).toEqual([])
  // Activation is durable before it decides anything.
  for (const name of activated) {
    const first = records.findIndex(
      ({ kind, body }) => kind === 'call.intent' && (body.decision as { revision: string }).revision === name,
    )
    const active = records.findIndex(({ kind, body }) => kind === 'policy.activated' && body.revision === name)
    if (first !== -1) expect(active).toBeLessThan(first)
  }
}, 120_000)

test('a configuration takes effect without a restart: a new model is served, a tenant is gone', async () => {
  const config = JSON.parse(readFileSync(house.config, 'utf8'))
  expect((await ask('gpt-4o-mini')).status).toBe(404)
  config.models['gpt-4o-mini'] = config.models['gpt-4o']
  writeFileSync(house.config, JSON.stringify(config))
  expect((await house.customhouse.reload()).activated).toBe(true)
  expect((await ask('gpt-4o-mini')).status).toBe(200)
  delete config.tenants.claims
  writeFileSync(house.config, JSON.stringify(config))
  expect((await house.customhouse.reload()).activated).toBe(true)
  const denied = await ask('gpt-4o-mini')
  expect(denied.status).toBe(403)
  expect(await denied.text()).toContain('base/unknown-tenant')
})
