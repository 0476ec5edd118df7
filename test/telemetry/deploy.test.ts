import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { CallFacts, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { ROOT } from '../house.ts'
import { parse as parseMetrics, textOf } from './scene.ts'

/** What is shipped for Prometheus and Grafana, and the page about it, held against what is really exposed. */

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

type Group = Readonly<{ name: string; rules: readonly Rule[] }>
type Rule = Readonly<{
  alert: string
  expr: string
  for?: string
  labels: Readonly<{ severity: string }>
  annotations: Readonly<{ summary: string; description: string }>
}>
type Panel = Readonly<{ id: number; type: string; title: string; targets?: readonly Readonly<{ expr: string }>[] }>

const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: readonly Group[] }
const rules = groups.flatMap((group) => group.rules)

/** What `promtool test rules` reads: series of failures, and the alerts that must fire. */
type Case = Readonly<{
  name: string
  input_series: readonly Readonly<{ series: string }>[]
  promql_expr_test: readonly Readonly<{ exp_samples?: readonly Readonly<{ labels: string }>[] }>[]
}>
const { tests: failures } = parse(read('deploy/prometheus/alerts.test.yaml')) as { tests: readonly Case[] }

const promtool = spawnSync('promtool', ['--version']).status === 0
if (!promtool && process.env.CI === 'true') throw new Error('promtool must be here where CI=true')
if (!promtool)
  console.log('skipped: promtool (of Prometheus) is not here: no alert is held against the series of its failure')

const dashboard = JSON.parse(read('deploy/grafana/customhouse.json')) as { uid: string; panels: readonly Panel[] }
const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))

/** Everything that a gateway can expose: each counter counted once, so that all labels are there. Labels of a scrape are Prometheus's own. */
async function exposed(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const open = await openTelemetry({
    version: '1',
    env: {},
    known: () => true,
    acceptParent: () => false,
    warn: () => undefined,
  })
  const target: Target = {
    id: 'a/b',
    provider: 'a',
    model: 'b',
    kind: 'openai',
    dialects: [],
    residency: { endpoint: ['US'], processing: ['US'], storage: ['US'] },
    contract: [],
    tenants: null,
  }
  const call = { operation: 'chat', stream: true } as CallFacts
  const watch = open.arrived({ id: '', dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
  watch.read(call)
  watch.judged({ phase: 'request', revision: 'r', came: 'allow', ms: 1, apart: true })
  watch.barred(target, [{ control: 'residency', rule: 'residency/processing', controls: [], message: '' }])
  watch.denied(['residency/processing'])
  watch.displaced(target, 'processing')
  const usage = { inputTokens: 1, outputTokens: 1 }
  const outcome = {
    ending: 'complete',
    status: 200,
    finish: null,
    usage,
    bytes: 0,
    firstEventMs: 1,
    totalMs: 1,
  } as const
  watch.attempt(target, 1, '').ended(outcome, 200)
  watch.attempt(target, 2, '').failed(new CustomhouseError('ERR_PROVIDER_TIMEOUT', ''))
  watch.ended(200, 'claims')
  open.refused('ERR_CALL_MALFORMED')
  open.reloaded('ERR_CONFIG_INVALID')
  open.committed([{ kind: 'call.intent' } as never], 1)
  const ledger = { ok: true, queue: 0, open: 0, size: 1, free: 1, checkpointAt: 1, checkpointSize: 1, epoch: 1 }
  const text = await textOf(
    open.exposition(() => ({
      revision: () => 'r',
      fresh: () => true,
      ledger: () => ledger,
      connections: async () => 1,
      bodies: () => ({ calls: 1, answers: 1 }),
    })),
  )
  const found = new Map<string, Set<string>>()
  for (const [, name = ''] of text.matchAll(/^# TYPE (\w+)/gm)) found.set(name, new Set())
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? /gm)) {
    const names = found.get(name) ?? new Set<string>()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) names.add(label)
    found.set(name, names)
  }
  return found
}

const SCRAPE = ['instance', 'job']
const WORDS = new Set(
  'and or unless by without on offset sum min max avg rate increase topk time changes predict_linear histogram_quantile absent vector up'.split(
    ' ',
  ),
)

/** Names of metrics and of their labels in a PromQL expression that has nothing but what is used here. */
function namesOf(expr: string): Readonly<{ metrics: readonly string[]; labels: readonly string[] }> {
  const bare = expr.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '')
  const groupings = [...bare.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/,\s*/))
  const matchers = [...bare.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) => [...inner.matchAll(/(\w+)\s*[=!]/g)])
  const rest = bare.replace(/\b(?:by|on) \([^)]*\)/g, '').replace(/\{[^}]*\}/g, '')
  const metrics = [...rest.matchAll(/(?<![\w.])[a-zA-Z_]\w*/g)].map(([name]) => name).filter((name) => !WORDS.has(name))
  return { metrics, labels: [...groupings, ...matchers.map(([, name = '']) => name)] }
}

const cases = [
  ...rules.map(({ alert, expr }) => ({ title: `alert ${alert}`, expr })),
  ...targets.map(({ title, expr }) => ({ title: `panel ${title}`, expr: expr.replaceAll('$__rate_interval', '5m') })),
]

describe('deploy', () => {
  test.each(cases)('$title: its metrics and labels exist', async ({ expr }) => {
    const known = await exposed()
    const { metrics, labels } = namesOf(expr)
    if (!/\bup\b/.test(expr)) expect(metrics.length).toBeGreaterThan(0)
    const all = new Set(SCRAPE)
    for (const name of metrics) {
      expect([...known.keys()], name).toContain(name)
      for (const label of known.get(name) ?? []) all.add(label)
    }
    for (const label of labels) expect([...all], `${label} of ${metrics.join(', ')}`).toContain(label)
    expect([...expr].filter((char) => char === '(').length).toBe([...expr].filter((char) => char === ')').length)
  })

  test.skipIf(!promtool)(
    'each alert fires in the failure that it is for, and beside it none',
    { timeout: 60_000 },
    () => {
      for (const [what, file] of [
        ['check', 'alerts.yaml'],
        ['test', 'alerts.test.yaml'],
      ] as const) {
        const { status, stdout, stderr } = spawnSync('promtool', [what, 'rules', file], {
          cwd: join(ROOT, 'deploy/prometheus'),
          encoding: 'utf8',
        })
        expect(`${stdout}${stderr}`).toContain('SUCCESS')
        expect(status, stderr).toBe(0)
      }
    },
  )

  test('each alert has a failure in which it must fire', () => {
    const expected = failures.flatMap(({ promql_expr_test: checks }) =>
      checks.flatMap(({ exp_samples: samples = [] }) =>
        samples.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1] ?? labels),
      ),
    )
    expect([...new Set(expected)].sort()).toEqual(rules.map(({ alert }) => alert).sort())
  })

  test.each(failures)('$name: such series are exposed', async ({ input_series: series }) => {
    const known = await exposed()
    for (const { series: text } of series) {
      const [, name = '', labels = ''] = /^(\w+)\{(.*)\}$/.exec(text) ?? []
      if (name === 'up') continue
      expect([...known.keys()]).toContain(name)
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g))
        expect([...SCRAPE, ...(known.get(name) ?? [])], text).toContain(label)
    }
  })

  test.each([
    ['gw_policy_decisions_total', { policy: 'request', decision: 'error' }],
    ['gw_policy_decisions_total', { policy: 'response', decision: 'error' }],
    ['gw_access_refused_total', { code: 'ERR_IDENTITY_MISSING' }],
    ['gw_access_refused_total', { code: 'ERR_IDENTITY_INVALID' }],
    ['gw_access_refused_total', { code: 'ERR_GATEWAY_OVERLOADED' }],
    ['gw_config_rejections_total', { code: 'ERR_POLICY_COMPILE' }],
    ['gw_config_rejections_total', { code: 'ERR_CONFIG_INVALID' }],
    ['gw_audit_records_total', { kind: 'call.abandoned' }],
    ['gw_audit_append_duration_seconds_count', {}],
    ...['openai', 'azure', 'mistral', 'anthropic', 'bedrock'].flatMap((vendor) => [
      ['gw_upstream_attempts_total', { vendor }] as const,
      ['gw_upstream_errors_total', { vendor, error_type: 'ERR_PROVIDER_UNREACHABLE' }] as const,
      ['gw_upstream_errors_total', { vendor, error_type: 'ERR_PROVIDER_TIMEOUT' }] as const,
      ['gw_upstream_errors_total', { vendor, error_type: 'provider_truncated' }] as const,
      ['gw_residency_displacements_total', { vendor, facet: 'endpoint' }] as const,
      ['gw_residency_displacements_total', { vendor, facet: 'processing' }] as const,
      ['gw_residency_displacements_total', { vendor, facet: 'storage' }] as const,
    ]),
  ] as const)('%s %o is there at 0 before anything happened, and once', async (name, labels) => {
    const open = await openTelemetry({
      version: '1',
      env: {},
      known: () => true,
      acceptParent: () => false,
      warn: () => undefined,
    })
    const { series, sum } = parseMetrics(await textOf(open.exposition(() => null)))
    expect(series.get(name)?.filter((row) => Object.entries(labels).every(([key, to]) => row[key] === to))).toEqual([
      labels,
    ])
    expect(sum(name)).toBe(0)
  })

  test('every alert says how bad, and what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations } of rules) {
      expect(['warning', 'critical'], alert).toContain(labels.severity)
      expect(annotations.summary.length * annotations.description.length, alert).toBeGreaterThan(100)
    }
  })

  test('the dashboard is one that Grafana takes: ids and places differ, and every metric of ours is on it', async () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const shown = new Set(targets.flatMap(({ expr }) => namesOf(expr.replaceAll('$__rate_interval', '5m')).metrics))
    const families = [...(await exposed()).keys()].filter((name) => /^(gw|gen_ai)_/.test(name))
    const bases = families.map((name) => name.replace(/_(bucket|sum|count)$/, ''))
    for (const base of new Set(bases))
      expect(
        [...shown].some((name) => name.replace(/_(bucket|sum|count)$/, '') === base),
        base,
      ).toBe(true)
  })

  test('docs/telemetry.md names each metric of ours, and no other', async () => {
    const families = [...(await exposed()).keys()].filter((name) => /^(gw|gen_ai)_/.test(name))
    const bases = new Set(families.map((name) => name.replace(/_(bucket|sum|count)$/, '')))
    const told = new Set(
      [...read('docs/telemetry.md').matchAll(/^\| `((?:gw|gen_ai)_\w+)/gm)].map(([, name = '']) => name),
    )
    expect([...told].sort()).toEqual([...bases].sort())
  })
})
