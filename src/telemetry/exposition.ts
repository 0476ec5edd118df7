import { Registry } from 'prom-client'
import { CALL_LABELS, type Counts, OPERATION_LABELS } from './counts.ts'
import type { Distribution } from './distribution.ts'
import { counter, gauge, histogram, number } from './families.ts'
import { countsOf, type House, ledgerFamilies, type Named, socketFamilies, versionFamilies } from './house.ts'
import type { Journal } from './journal.ts'
import { processMetrics } from './process.ts'
import type { Labels, Table } from './table.ts'

/** Everything at `/metrics`. */
export type Exposition = Readonly<{ contentType: string; text(): Promise<string> }>

/**
 * Every metric of the gateway, as Prometheus reads it; `docs/telemetry.md` names each, and a test holds both together.
 *
 * @param house null while the gateway starts
 */
export function exposition(counts: Counts, journal: Journal, house: () => House | null, version: string): Exposition {
  const registry = new Registry()
  const named: Named = (name, help, labels = []) => ({ registry, name, help, labels })
  let connections: number | null = null
  callFamilies(named, counts)
  policyFamilies(named, counts)
  upstreamFamilies(named, counts)
  ledgerFamilies(named, journal, house)
  versionFamilies(named, journal, house)
  socketFamilies(named, house, () => connections)
  counter(named('gw_trace_spans_total', 'Spans by what became of them.', ['result']), countsOf(journal.spans))
  gauge(named('gw_build_info', 'This build.', ['version']), () => [[{ version }, 1]])
  const whole = Registry.merge([registry, processMetrics()])
  return {
    contentType: registry.contentType,
    text: async () => {
      connections = (await house()?.connections()) ?? null
      return whole.metrics()
    },
  }
}

function callFamilies(named: Named, counts: Counts): void {
  counter(named('gw_requests_total', 'Calls that have ended.', CALL_LABELS), function* () {
    for (const [labels, { count }] of counts.calls) yield [labels, count]
  })
  histogram(
    named('gw_request_duration_seconds', 'From the head of a call to its last byte.', CALL_LABELS),
    () => counts.calls,
  )
  number(named('gw_requests_inflight', 'Calls under way.'), () => counts.open)
  histogram(named('gw_overhead_duration_seconds', "The gateway's own work on a call.", ['phase']), () =>
    labelled('phase', counts.work),
  )
  counter(
    named('gw_access_refused_total', 'Calls that ended before they were judged.', ['code']),
    countsOf(counts.refused),
  )
}

function policyFamilies(named: Named, counts: Counts): void {
  histogram(named('gw_policy_eval_duration_seconds', 'One evaluation, with its wait for a turn.', ['policy']), () =>
    labelled('policy', counts.evaluations),
  )
  counter(
    named('gw_policy_decisions_total', 'Evaluations by what they came to.', ['policy', 'decision']),
    countsOf(counts.decisions),
  )
  counter(named('gw_policy_worker_evaluations_total', 'Evaluations in the worker.', ['policy']), countsOf(counts.apart))
  counter(named('gw_policy_denials_total', 'Denied calls by rule.', ['rule']), countsOf(counts.denials))
  counter(
    named('gw_residency_blocks_total', 'Targets refused for where they are.', ['jurisdiction']),
    countsOf(counts.residency),
  )
}

function upstreamFamilies(named: Named, counts: Counts): void {
  gauge(named('gw_upstream_inflight', 'Attempts under way at providers.', ['vendor']), countsOf(counts.inflight))
  counter(
    named('gw_upstream_errors_total', 'Attempts that failed by their provider.', ['vendor', 'error_type']),
    countsOf(counts.upstreamErrors),
  )
  histogram(named('gen_ai_client_operation_duration_seconds', 'Attempts at providers.', OPERATION_LABELS), () =>
    told(counts.operations, ({ duration }) => duration),
  )
  histogram(
    named('gen_ai_client_operation_time_to_first_chunk_seconds', 'Until the first event.', OPERATION_LABELS),
    () => told(counts.operations, ({ firstChunk }) => firstChunk),
  )
  const labels = [...OPERATION_LABELS, 'gen_ai_token_type']
  histogram(named('gen_ai_client_token_usage', 'Tokens of an attempt, as its provider reports them.', labels), () => [
    ...tokens(counts, 'input'),
    ...tokens(counts, 'output'),
  ])
}

function labelled(label: string, rows: Readonly<Record<string, Distribution>>): (readonly [Labels, Distribution])[] {
  return Object.entries(rows).map(([value, row]) => [{ [label]: value }, row])
}

/** Distributions that have anything to tell. */
function* told<Row>(table: Table<Row>, read: (row: Row) => Distribution): Generator<readonly [Labels, Distribution]> {
  for (const [labels, row] of table) if (read(row).count > 0) yield [labels, read(row)]
}

function* tokens(counts: Counts, type: 'input' | 'output'): Generator<readonly [Labels, Distribution]> {
  for (const [labels, distribution] of told(counts.operations, (row) => row[type]))
    yield [{ ...labels, gen_ai_token_type: type }, distribution]
}
