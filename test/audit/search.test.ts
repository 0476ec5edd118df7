import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditRecord } from '../../src/core/record.ts'
import { type House, ROOT, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** `audit search` over what a whole gateway records: the filters fit the bodies that the pipeline writes. */

let upstream: Recorder
let foreign: Recorder
let house: House
let records: readonly AuditRecord[]

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  foreign = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: {
      home: { url: `${upstream.url}/v1` },
      abroad: { url: `${foreign.url}/v1`, places: ['US'] },
    },
    models: { 'gpt-4o': ['home/gpt-4o'], far: ['abroad/gpt-4o-mini'] },
  })
  for (const model of ['gpt-4o', 'far']) {
    const answer = await fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    })
    expect(answer.status).toBe(model === 'far' ? 403 : 200)
    await answer.text()
  }
  records = await house.records()
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
  await foreign?.close()
})

const numbers = (wanted: (record: AuditRecord) => boolean): number[] => records.filter(wanted).map(({ seq }) => seq)
const of = (kind: string): AuditRecord => {
  const record = records.find((one) => one.kind === kind)
  if (record === undefined) throw new Error(`There is no ${kind}.`)
  return record
}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined

/** Asked while the gateway runs, through its own configuration. */
function search(...args: string[]): number[] {
  const bin = join(ROOT, 'bin/customhouse.js')
  const run = spawnSync(process.execPath, [bin, 'audit', 'search', '--json', '-c', house.config, ...args], {
    encoding: 'utf8',
  })
  expect(run.status, run.stderr).toBe(0)
  return run.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).seq)
}

test('--decision takes the id of a decision', () => {
  for (const kind of ['call.intent', 'call.denied']) {
    const id = text(member(of(kind).body.decision, 'id'))
    const found = numbers(({ body }) => member(body.decision, 'id') === id)
    expect(found).toContain(of(kind).seq)
    expect(search('--decision', id)).toEqual(found)
  }
})

test('--decision deny and allow', () => {
  expect(search('--decision', 'deny')).toEqual([of('call.denied').seq])
  expect(search('--decision', 'allow')).toEqual([of('call.intent').seq, of('call.outcome').seq])
})

test('--rule takes the rule of any reason', () => {
  const { reasons } = of('call.denied').body
  const rules = Array.isArray(reasons) ? reasons.map((reason) => text(member(reason, 'rule'))) : []
  expect(rules.length).toBeGreaterThan(0)
  for (const rule of rules) expect(search('--rule', rule)).toEqual([of('call.denied').seq])
})

test('--target, --provider and --model of an intent', () => {
  const { target } = of('call.intent').body
  expect(member(target, 'id')).toBe('home/gpt-4o')
  for (const [option, name] of [
    ['--target', 'id'],
    ['--provider', 'provider'],
  ] as const)
    expect(search(option, text(member(target, name)))).toEqual([of('call.intent').seq])
  expect(search('--target', 'home')).toEqual([])
  expect(search('--model', 'far')).toEqual([of('call.denied').seq])
})

test('--kind takes every family that was written, and lists of them', () => {
  expect(search('--kind', 'policy,config')).toEqual(
    numbers(({ kind }) => kind.startsWith('policy.') || kind.startsWith('config.')),
  )
  expect(search('--kind', 'call.intent,call.denied')).toEqual(
    numbers(({ kind }) => kind === 'call.intent' || kind === 'call.denied'),
  )
})
