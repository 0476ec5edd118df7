import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditRecord } from '../../src/core/record.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { LONG } from '../e2e/table.ts'
import { overH2c } from '../e2e/transport.ts'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, type ReadRequest, type Recorder, type Script, startRecorder, whole } from '../kit/index.ts'
import { probePolicies } from '../probe.ts'
import { ask as askColumn } from './matrix/ask.ts'
import { startUpstreams } from './matrix/border.ts'
import { COLUMNS, type Column } from './matrix/columns.ts'
import { expectRefusal, expectWhole, type Heard } from './matrix/native.ts'

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

/** How long versions are pushed, one a second. The long form is that of the tortures. */
const SECONDS = Number(process.env.CUSTOMHOUSE_RELOAD_SECONDS ?? 15)

type Version = 'one' | 'two'
const otherOf = (version: Version): Version => (version === 'one' ? 'two' : 'one')

/** Permits the targets of one provider, and says of the other that it is this version which does not. Both must come from one version. */
const rulesOf = (version: Version): string => `
satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
	endswith(target.provider, "-${version}")
}

reasons[target.id] contains {"rule": "probe/${version}", "controls": [], "message": "this is version ${version}"} if {
	some target in targets
	not endswith(target.provider, "-${version}")
}

obligations[target.id] := [] if some target in targets`

function columnOf(request: ReadRequest): Column {
  const streams = request.body.includes('"stream":true')
  const column = COLUMNS.find(({ door, streamed }) => {
    const operation = streamed && door.kind === 'bedrock' ? OPERATIONS[door.upstream.split('/').at(-1) ?? ''] : null
    const path = operation == null ? door.upstream : door.upstream.replace(/[^/]+$/, operation)
    return request.path === path && (door.kind === 'bedrock' || streamed === streams)
  })
  if (column === undefined) throw new Error(`nobody speaks at ${request.path}`)
  return column
}
const OPERATIONS: Readonly<Record<string, string>> = {
  converse: 'converse-stream',
  invoke: 'invoke-with-response-stream',
}

/** Answers of the dialect that is asked for; streams take a while, so that versions change under them. */
function answerTo(request: ReadRequest): Script {
  const { voice, streamed } = columnOf(request)
  return voice.speak({ texts: [LONG] }, streamed, streamed)
}

type Decided = Readonly<{ revision: string }>
const revisionOf = ({ body }: AuditRecord): string => (body.decision as Decided).revision

test(
  `versions pushed every second for ${SECONDS} s, broken ones among them, under load of every dialect: each call is judged by one whole version that was active`,
  async () => {
    const written = probePolicies(rulesOf('one'))
    const main = (written['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []')
    const upstreams = await startUpstreams({ reload: { every: '100ms' } })
    for (const recorder of [upstreams.one, upstreams.two]) recorder.script(answerTo)
    const place = await startHouse({ ...upstreams.options, policies: { ...written, 'main.rego': main } })
    const h2c = overH2c(place.customhouse.data)
    const rule = join(place.policies, 'controls/probe/probe.rego')
    const config = readFileSync(place.config, 'utf8')
    const textOf = (version: Version): string => probePolicies(rulesOf(version))['controls/probe/probe.rego'] ?? ''
    const revisions = new Map<string, Version>()
    // The folder of policies is not watched yet for longer than it takes to say what is in it: the start has read the first version.
    revisions.set((await readPolicySource(place.policies)).digest, 'one')

    const heard: (Heard & Readonly<{ column: Column; route: 'alone' | 'both' }>)[] = []
    const stop = new AbortController()
    const callers = Array.from({ length: 6 }, async (_, lane) => {
      for (let i = lane; !stop.signal.aborted; i += 5) {
        const column = COLUMNS[i % COLUMNS.length]
        if (column === undefined) throw new Error('there are no dialects')
        const route = i % 3 === 0 ? 'alone' : 'both'
        const asked = {
          origin: place.customhouse.data,
          key: place.key,
          route,
          ...(lane % 2 === 0 ? {} : { send: h2c.send }),
        } as const
        heard.push({ ...(await askColumn(column, asked).heard), column, route })
        await sleep(10)
      }
    })

    const pushes: readonly (() => void)[] = [
      () => writeFileSync(rule, `${textOf('two')}\nbroken := input.call.modle\n`),
      () => writeFileSync(rule, textOf('two')),
      () => writeFileSync(place.config, config.replace('"environment"', '"enviroment"')),
      () => writeFileSync(place.config, config),
      () => writeFileSync(rule, 'package controls.probe\n\n{'),
      () => writeFileSync(rule, textOf('one')),
      () => writeFileSync(place.config, config.slice(0, config.length / 2)),
      () => writeFileSync(place.config, config),
    ]
    for (let second = 0; second < SECONDS; second++) {
      pushes[second % pushes.length]?.()
      await sleep(1_000)
    }
    // However slow the machine is: each version once more, a broken one between them.
    writeFileSync(place.config, config)
    for (const version of ['two', 'one'] as const) {
      writeFileSync(rule, textOf(version))
      revisions.set((await readPolicySource(place.policies)).digest, version)
      expect((await place.customhouse.reload()).activated).toBe(true)
      await sleep(300)
      writeFileSync(rule, '{')
      expect((await place.customhouse.reload()).activated).toBe(false)
    }
    stop.abort()
    await Promise.all(callers)
    await h2c.close()
    await place.customhouse.stop()
    const records = await place.records()
    place.remove()
    await upstreams.close()

    // What the clients saw: every answer whole in its dialect, or refused by the version that its header names.
    expect(heard.length).toBeGreaterThan(SECONDS)
    const versionOf = new Map<string, Version>()
    for (const one of heard) {
      const version = revisions.get(one.headers.get('x-customhouse-policy') ?? '')
      if (version === undefined)
        throw new Error(`no such version: ${one.status} ${one.headers.get('x-customhouse-policy')} ${one.body}`)
      versionOf.set(one.call, version)
      if (one.status === 200) expectWhole(one.column, one, LONG)
      else expectRefusal(one.column, one, { status: 403, code: 'policy_denied', says: 'this is version two' })
      expect([one.status, version]).toEqual(one.route === 'alone' && version === 'two' ? [403, 'two'] : [200, version])
    }
    expect(new Set(versionOf.values()).size).toBe(2)

    // What is on record: sent where its version permits, denied in the words of its version.
    const activations = records.filter(({ kind }) => kind === 'policy.activated')
    const overtaken = new Set(records.filter(({ body }) => body.reason === 'OVERTAKEN').map((record) => record.of))
    let at = 0
    for (const record of records) {
      if (record.kind !== 'call.intent' && record.kind !== 'call.denied') continue
      // Not sent: the call was judged again by the version that came meanwhile.
      if (overtaken.has(record.seq)) continue
      const revision = revisionOf(record)
      const version = revisions.get(revision)
      if (version === undefined) throw new Error(`decided by ${revision}, which never was`)
      expect(versionOf.get(record.call ?? '')).toBe(version)
      const before = activations.filter(({ seq }) => seq < record.seq)
      expect(before.map(({ body }) => body.revision)).toContain(revision)
      if (record.kind === 'call.denied') {
        expect(JSON.stringify(record.body)).toContain(`probe/${version}`)
        expect(JSON.stringify(record.body)).not.toContain(`probe/${otherOf(version)}`)
        continue
      }
      expect(JSON.stringify(record.body)).toContain(`-${version}/`)
      // From the swap on nothing is sent by the version before it.
      while (activations[at]?.body.revision !== revision) at += 1
      expect(at).toBeLessThan(before.length)
    }
    for (const { kind, body, call } of records) {
      if (kind === 'call.outcome') expect([body.ending, versionOf.has(call ?? '')]).toEqual(['complete', true])
    }
    // Each rejection that the log tells is on record, and each activation.
    const said = (text: string): number => place.logged.filter(({ msg }) => String(msg).startsWith(text)).length
    const rejected = records.filter(({ kind }) => kind === 'policy.rejected' || kind === 'config.rejected')
    expect(rejected.length).toBe(said('the new policy or configuration was rejected'))
    expect(rejected.length).toBeGreaterThanOrEqual(2)
    expect(activations.length).toBeGreaterThanOrEqual(2)
    console.log(
      `${heard.length} calls in ${SECONDS} s of pushes, ${activations.length} policies activated, ${rejected.length} versions rejected`,
    )
  },
  (SECONDS + 180) * 1_000,
)
