import { Registry } from 'prom-client'
import type { Counts } from './counts.ts'
import type { Distribution } from './distribution.ts'
import { counter, type Family, gauge, histogram, number } from './families.ts'
import { countsOf, type House, ledgerFamilies, socketFamilies, versionFamilies } from './house.ts'
import type { Journal } from './journal.ts'
import { write } from './page.ts'
import { processMetrics } from './process.ts'
import { shared } from './shared.ts'
import type { Labels, Table } from './table.ts'

/** Everything at `/metrics`, as bytes that all who ask at about the same time share: they must not be written to. */
export type Exposition = Readonly<{ contentType: string; bytes(): Promise<Uint8Array> }>

/** Prometheus asks every 10 s or so; more often, by however many, costs nothing. */
const KEPT_MS = 1_000

/**
 * Every metric of the gateway, as Prometheus reads it; `docs/telemetry.md` names each, and a test holds both together.
 *
 * @param house null while the gateway starts
 */
export function exposition(counts: Counts, journal: Journal, house: () => House | null, version: string): Exposition {
  let connections: number | null = null
  let length = 0
  const families: readonly Family[] = [
    ...callFamilies(counts),
    ...policyFamilies(counts),
    ...upstreamFamilies(counts),
    ...ledgerFamilies(journal, house),
    ...versionFamilies(journal, house),
    ...socketFamilies(house, () => connections),
    counter({ name: 'gw_trace_spans_total', help: 'Spans by what became of them.' }, countsOf(journal.spans)),
    gauge({ name: 'gw_build_info', help: 'This build.' }, () => [[{ version }, 1]]),
  ]
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    bytes: shared(async () => {
      connections = (await house()?.connections()) ?? null
      const page = await write(families, await processMetrics().metrics(), length)
      length = page.length
      return page
    }, KEPT_MS),
  }
}

function callFamilies(counts: Counts): readonly Family[] {
  return [
    counter({ name: 'gw_requests_total', help: 'Calls that have ended.' }, function* () {
      yield* countsOf(counts.calls)()
      yield* countsOf(counts.others)()
    }),
    histogram(
      { name: 'gw_request_duration_seconds', help: 'From the head of a call to its last byte.' },
      () => counts.durations,
    ),
    number({ name: 'gw_requests_inflight', help: 'Calls under way.' }, () => counts.open),
    histogram({ name: 'gw_overhead_duration_seconds', help: "The gateway's own work on a call." }, () =>
      labelled('phase', counts.work),
    ),
    counter(
      { name: 'gw_access_refused_total', help: 'Calls that ended before they were judged.' },
      countsOf(counts.refused),
    ),
  ]
}

function policyFamilies(counts: Counts): readonly Family[] {
  return [
    histogram({ name: 'gw_policy_eval_duration_seconds', help: 'One evaluation, with its wait for a turn.' }, () =>
      labelled('policy', counts.evaluations),
    ),
    counter(
      { name: 'gw_policy_decisions_total', help: 'Evaluations by what they came to.' },
      countsOf(counts.decisions),
    ),
    counter({ name: 'gw_policy_worker_evaluations_total', help: 'Evaluations in the worker.' }, countsOf(counts.apart)),
    counter({ name: 'gw_policy_denials_total', help: 'Denied calls by rule.' }, countsOf(counts.denials)),
    counter(
      { name: 'gw_residency_displacements_total', help: 'Answers from outside of where their call was judged to go.' },
      countsOf(counts.displacements),
    ),
    counter(
      { name: 'gw_residency_blocks_total', help: 'Targets refused for where they are.' },
      countsOf(counts.residency),
    ),
  ]
}

function upstreamFamilies(counts: Counts): readonly Family[] {
  const { operations } = counts
  return [
    gauge({ name: 'gw_upstream_inflight', help: 'Attempts under way at providers.' }, countsOf(counts.inflight)),
    counter({ name: 'gw_upstream_attempts_total', help: 'Attempts that have ended.' }, countsOf(counts.attempts)),
    counter(
      { name: 'gw_upstream_errors_total', help: 'Attempts that failed by their provider.' },
      countsOf(counts.upstreamErrors),
    ),
    histogram({ name: 'gen_ai_client_operation_duration_seconds', help: 'Attempts at providers.' }, function* () {
      yield* told(operations, ({ complete }) => complete, ',error_type=""')
      // What the conventions say where an instrumentation does not tell errors apart.
      yield* told(operations, ({ failed }) => failed, ',error_type="_OTHER"')
    }),
    histogram({ name: 'gen_ai_client_operation_time_to_first_chunk_seconds', help: 'Until the first event.' }, () =>
      told(operations, ({ firstChunk }) => firstChunk),
    ),
    histogram(
      { name: 'gen_ai_client_token_usage', help: 'Tokens of an attempt, as its provider reports them.' },
      function* () {
        yield* told(operations, ({ input }) => input, ',gen_ai_token_type="input"')
        yield* told(operations, ({ output }) => output, ',gen_ai_token_type="output"')
      },
    ),
  ]
}

function labelled(label: string, rows: Readonly<Record<string, Distribution>>): (readonly [Labels, Distribution])[] {
  return Object.entries(rows).map(([value, row]) => [{ [label]: value }, row])
}

/** Distributions that have anything to tell, with a label more. */
function* told<Row>(
  table: Table<Row>,
  read: (row: Row) => Distribution,
  more = '',
): Generator<readonly [labels: string, Distribution]> {
  for (const [labels, row] of table) if (read(row).count > 0) yield [labels + more, read(row)]
}
