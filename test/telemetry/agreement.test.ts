import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditRecord } from '../../src/core/record.ts'
import { ALL_DOORS, DOORS, OPENAI } from '../wire/doors.ts'
import { type Metrics, openScene, type Scene, streams, type Turn } from './scene.ts'

/** Mixed calls through every door; then what was counted is held against what is on record. */

let scene: Scene
let metrics: Metrics
let records: readonly AuditRecord[]
const answers: (number | 'gone')[] = []

const TURNS: readonly Turn[] = ['speak', 'fail', 'refuse', 'truncate', 'elsewhere']

beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene.stop())

async function make(): Promise<void> {
  const { post } = scene
  const answered = async (...call: Parameters<Scene['call']>): Promise<number | 'gone'> => {
    const { status } = await scene.call(...call)
    answers.push(status)
    return status
  }
  const stranger = await post.keyOf('lab')
  await expect.poll(() => answered(OPENAI, 'speak', { key: stranger }), { timeout: 30_000 }).toBe(403)
  for (const door of ALL_DOORS) {
    for (const stream of streams(door) ? [false, true] : [false]) {
      for (const turn of TURNS) await answered(door, turn, { stream })
      await answered(door, 'speak', { stream, key: stranger })
      await answered(door, 'speak', { stream, key: 'chk_nobody' })
      await answered(door, 'speak', { stream, body: '{' })
      if (stream) await answered(door, 'linger', { stream })
    }
  }
  await post.settled()
  await expect.poll(async () => (await scene.metrics()).sum('gw_requests_inflight'), { timeout: 30_000 }).toBe(0)
  metrics = await scene.metrics()
  records = post.journal
}

const of = (kind: string): readonly AuditRecord[] => records.filter((record) => record.kind === kind)
const usage = (name: string): number =>
  of('call.outcome').reduce((sum, { body }) => sum + Number((body.usage as Record<string, number>)[name] ?? 0), 0)

describe('what is counted is what is on record', () => {
  test('there was something of everything', { timeout: 120_000 }, async () => {
    await make()
    for (const status of [200, 400, 401, 403, 'gone'] as const) expect(answers).toContain(status)
    const kinds = ['call.intent', 'call.attempt_failed', 'call.outcome', 'call.denied']
    for (const kind of kinds) expect(of(kind).length, kind).toBeGreaterThan(0)
    const endings = new Set(of('call.outcome').map(({ body }) => body.ending))
    expect([...endings].sort()).toEqual(['client_gone', 'complete', 'provider_error', 'provider_truncated'])
  })

  test('calls: as many as were made, by the status that each caller saw', () => {
    expect(metrics.sum('gw_requests_total')).toBe(answers.length)
    expect(metrics.sum('gw_request_duration_seconds_count')).toBe(answers.length)
    for (const status of new Set(answers)) {
      if (status === 'gone') continue
      const gone = status === 200 ? answers.filter((answer) => answer === 'gone').length : 0
      const seen = answers.filter((answer) => answer === status).length
      expect(metrics.sum('gw_requests_total', { code: String(status) }), String(status)).toBe(seen + gone)
    }
  })

  test('denials: one for each record', () => {
    expect(metrics.sum('gw_requests_total', { decision: 'deny' })).toBe(of('call.denied').length)
    expect(metrics.sum('gw_policy_decisions_total', { policy: 'request', decision: 'deny' })).toBe(
      of('call.denied').length,
    )
    expect(metrics.sum('gw_policy_denials_total')).toBeGreaterThanOrEqual(of('call.denied').length)
  })

  test('records: by kind', () => {
    const kinds = new Set(records.map(({ kind }) => kind))
    for (const kind of kinds) expect(metrics.sum('gw_audit_records_total', { kind }), kind).toBe(of(kind).length)
    expect(metrics.sum('gw_audit_records_total')).toBe(metrics.sum('gw_audit_size'))
    expect(metrics.sum('gw_audit_open_intents')).toBe(0)
  })

  test('attempts: one for each intent, and nothing is left under way', () => {
    expect(metrics.sum('gen_ai_client_operation_duration_seconds_count')).toBe(of('call.intent').length)
    expect(metrics.sum('gw_upstream_attempts_total')).toBe(of('call.intent').length)
    expect(metrics.sum('gw_upstream_inflight')).toBe(0)
    const failed = of('call.attempt_failed').length
    const ended = of('call.outcome').filter(({ body }) => String(body.ending).startsWith('provider_')).length
    expect(metrics.sum('gw_upstream_errors_total')).toBe(failed + ended)
  })

  test('tokens: the sum of all outcomes', () => {
    expect(metrics.sum('gen_ai_client_token_usage_sum', { gen_ai_token_type: 'input' })).toBe(usage('input_tokens'))
    expect(metrics.sum('gen_ai_client_token_usage_sum', { gen_ai_token_type: 'output' })).toBe(usage('output_tokens'))
    expect(usage('output_tokens')).toBeGreaterThan(34 * DOORS.length)
  })

  test('a fallback is told as a route, and the first place as failed', () => {
    expect(metrics.sum('gw_requests_total', { decision: 'route', vendor: 'mistral', code: '200' })).toBe(2)
    expect(metrics.sum('gw_upstream_errors_total', { vendor: 'openai' })).toBeGreaterThanOrEqual(2)
    for (const vendor of ['openai', 'mistral'])
      expect(metrics.sum('gw_upstream_attempts_total', { vendor })).toBeGreaterThanOrEqual(
        Math.max(2, metrics.sum('gw_upstream_errors_total', { vendor })),
      )
  })

  test('refused access: by code', () => {
    const strangers = answers.filter((answer) => answer === 401).length
    expect(metrics.sum('gw_access_refused_total', { code: 'ERR_IDENTITY_INVALID' })).toBe(strangers)
    expect(metrics.sum('gw_access_refused_total', { code: 'ERR_CALL_MALFORMED' })).toBeGreaterThan(0)
  })
})
