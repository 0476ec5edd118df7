import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CallFacts, Outcome, Target } from '../../src/core/call.ts'
import { type House, type Observatory, openTelemetry } from '../../src/telemetry/index.ts'
import { parse, textOf } from './scene.ts'

/** What a scrape costs, and that Prometheus can read it, however many tenants and models there are. */

const open = (): Promise<Observatory> =>
  openTelemetry({ version: '1', env: {}, known: () => true, acceptParent: () => false, warn: () => undefined })

const OUTCOME: Outcome = {
  ending: 'complete',
  status: 200,
  finish: null,
  usage: { inputTokens: 1, outputTokens: 2 },
  bytes: 0,
  firstEventMs: 3,
  totalMs: 3,
}
const KINDS = ['openai', 'anthropic'] as const

function call(telemetry: Observatory, tenant: string, model: string, kind: Target['kind'], status: number): void {
  const watch = telemetry.arrived({
    id: '',
    dialect: 'openai.chat',
    prefix: '',
    method: 'POST',
    traceparent: undefined,
  })
  watch.read({ operation: 'chat', stream: true } as CallFacts)
  watch.attempt({ kind, model } as Target, 1, '').ended(OUTCOME, status)
  watch.decided(status === 403 ? 'deny' : 'allow')
  watch.ended(status, tenant)
}

const STATUSES = [200, 400, 403, 429, 499, 503]

async function crowd(tenants: number, models: number): Promise<Observatory> {
  const telemetry = await open()
  for (let tenant = 0; tenant < tenants; tenant++)
    for (const status of STATUSES)
      for (const kind of KINDS) call(telemetry, `tenant-${tenant}`, `model-${tenant % models}`, kind, status)
  return telemetry
}

describe('an exposition', () => {
  test('of any tenants and models is in the format, each series once, each name as it was', async () => {
    const name = fc.string({ unit: fc.constantFrom(...'ab"\\\n,={} '), maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { maxLength: 8 }), fc.uniqueArray(name), async (tenants, models) => {
        const telemetry = await open()
        for (const tenant of tenants) for (const model of models) call(telemetry, tenant, model, 'openai', 200)
        const { text, series } = parse(await textOf(telemetry.exposition(() => null)))
        const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
        const names = lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
        expect(new Set(names).size).toBe(names.length)
        const told = (metric: string, label: string): string[] =>
          (series.get(metric) ?? []).map((labels) =>
            (labels[label] ?? '').replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char)),
          )
        expect(told('gw_requests_total', 'tenant').sort()).toEqual(models.length === 0 ? [] : [...tenants].sort())
        expect(told('gen_ai_client_token_usage_count', 'gen_ai_request_model').sort()).toEqual(
          tenants.length === 0 ? [] : [...models, ...models].sort(),
        )
      }),
    )
  })

  test('a histogram: each bucket holds those below it, the last is their number', async () => {
    const telemetry = await open()
    for (const ms of [1, 1, 30, 400_000]) telemetry.committed([], ms)
    const text = await textOf(telemetry.exposition(() => null))
    const lines = [...text.matchAll(/^gw_audit_append_duration_seconds_(\w+)(?:\{le="(.*)"\})? (.*)$/gm)]
    expect(text).toMatch(
      /^# HELP gw_audit_append_duration_seconds .+\n# TYPE gw_audit_append_duration_seconds histogram\n/m,
    )
    const buckets = Object.fromEntries(
      lines.filter(([, part]) => part === 'bucket').map(([, , le, value]) => [le, Number(value)]),
    )
    expect(buckets).toMatchObject({ '0.00001': 0, '0.0005': 0, '0.001': 2, '0.025': 2, '0.1': 3, '1': 3, '+Inf': 4 })
    expect(lines.slice(-2).map(([, part, , value]) => [part, Number(value)])).toEqual([
      ['sum', 0.001 + 0.001 + 0.03 + 400],
      ['count', 4],
    ])
  })

  test('of 200 tenants and 100 models tells each tenant, in few series', async () => {
    const { series, sum } = parse(await textOf((await crowd(200, 100)).exposition(() => null)))
    const tenants = (series.get('gw_requests_total') ?? []).map(({ tenant }) => tenant)
    expect(tenants).toHaveLength(200 * STATUSES.length * KINDS.length)
    expect(new Set(tenants).size).toBe(200)
    expect(sum('gw_requests_total')).toBe(tenants.length)
    expect(sum('gw_request_duration_seconds_count')).toBe(tenants.length)
    expect([...series.values()].flat().length).toBeLessThan(20_000)
  })

  test('of 3,000 tenants tells what was decided of each call, if not of which tenant', async () => {
    const { series, sum } = parse(await textOf((await crowd(3_000, 1_000)).exposition(() => null)))
    for (const status of STATUSES)
      expect(sum('gw_requests_total', { code: String(status) }), String(status)).toBe(3_000 * KINDS.length)
    expect(sum('gw_requests_total', { decision: 'deny' })).toBe(3_000 * KINDS.length)
    expect(sum('gw_requests_total', { tenant: '_other' })).toBe(3_000 * STATUSES.length * KINDS.length - 10_000)
    expect(sum('gen_ai_client_operation_duration_seconds_count')).toBe(3_000 * STATUSES.length * KINDS.length)
    expect([...series.values()].flat().length).toBeLessThan(60_000)
  })

  test('a policy that makes rules up, among them odd ones and "other", makes no series twice', async () => {
    const telemetry = await open()
    const watch = telemetry.arrived({
      id: '',
      dialect: 'openai.chat',
      prefix: '',
      method: 'POST',
      traceparent: undefined,
    })
    for (let rule = 0; rule < 600; rule++) watch.denied([`made-up/${rule}`, 'odd one', 'other'])
    const text = await textOf(telemetry.exposition(() => null))
    expect(text.match(/^gw_policy_denials_total\{rule="other"\} 1300$/gm)).toHaveLength(1)
  })
})

describe('scrapes', () => {
  function watched(): Readonly<{ house: House; asked: () => number; break: (broken: boolean) => void }> {
    let asked = 0
    let broken = false
    const house: House = {
      revision: () => 'r',
      fresh: () => true,
      ledger: () => ({
        ok: true,
        queue: 0,
        open: 0,
        size: 0,
        free: null,
        checkpointAt: null,
        checkpointSize: 0,
        epoch: 1,
      }),
      connections: async () => {
        asked += 1
        if (broken) throw new Error('closed')
        return asked
      },
      bodies: () => ({ calls: 0, answers: 0 }),
    }
    return {
      house,
      asked: () => asked,
      break: (now) => {
        broken = now
      },
    }
  }

  test('by many at once are one, and the same bytes for all; later ones are anew', async () => {
    const { house, asked } = watched()
    const { bytes } = (await crowd(100, 10)).exposition(() => house)
    const first = await Promise.all(Array.from({ length: 50 }, () => bytes()))
    expect([new Set(first).size, asked()]).toEqual([1, 1])
    expect(await bytes()).toBe(first[0])
    await expect.poll(bytes, { timeout: 5_000 }).not.toBe(first[0])
    expect(asked()).toBe(2)
  })

  test('one that fails is not kept', async () => {
    const { house, break: broken } = watched()
    const { bytes } = (await open()).exposition(() => house)
    broken(true)
    await expect(bytes()).rejects.toThrow('closed')
    broken(false)
    expect(Buffer.from(await bytes()).toString()).toContain('gw_connections 2\n')
  })

  test('let calls have their turn, many times while a large one is written', async () => {
    const { bytes } = (await crowd(1_000, 500)).exposition(() => null)
    let turns = 0
    let over = false
    const turn = (): void => {
      turns += 1
      if (!over) setImmediate(turn)
    }
    setImmediate(turn)
    const { length } = await bytes()
    over = true
    expect(length).toBeGreaterThan(2_000_000)
    expect(turns).toBeGreaterThan(length / 100_000)
  })

  test('while a gateway starts: no number of a ledger that is not open, but that it takes nothing', async () => {
    const { text } = parse(await textOf((await open()).exposition(() => null)))
    expect(text).toMatch(/^gw_audit_chain_ok 0$/m)
    expect(text).not.toMatch(/^gw_(audit_(size|free_bytes|epoch|unsigned)|policy_fresh|connections) /m)
  })

  test('of a ledger without a checkpoint: the newest is of 1970, and so too old', async () => {
    const { house } = watched()
    const { text } = parse(await textOf((await open()).exposition(() => house)))
    expect(text).toMatch(/^gw_audit_last_checkpoint_timestamp_seconds 0$/m)
    expect(text).not.toMatch(/^gw_audit_free_bytes /m)
  })
})
