import type { Outcome, Residency, Target } from '../core/call.ts'
import type { Reason } from '../core/decision.ts'
import { ERROR_CODES, type ErrorCode } from '../core/errors.ts'
import type { Evaluated, Phase } from '../core/telemetry.ts'
import { CALL_SECONDS, Distribution, OPERATION_SECONDS, TOKENS, WORK_SECONDS } from './distribution.ts'
import { FAILURES } from './failure.ts'
import { KINDS, PROVIDER, ruleOf } from './names.ts'
import { Count, type Labels, Table } from './table.ts'

const CALL_LABELS = ['tenant', 'vendor', 'operation', 'decision', 'code'] as const
const OPERATION_LABELS = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'] as const
/** Rows of calls with their tenants: a line each, at a scrape. */
const CALLS = 10_000
/** In place of further tenants; no tenant can be called so. */
const OTHERS = '_other'
/** Operations at models that are told apart: up to 66 lines each. */
const OPERATIONS = 500
/** Rules of policies that are told apart. */
const RULES = 500
const JUDGED = ['request', 'response'] as const
const CAME = ['allow', 'deny', 'error'] as const
const FACETS = ['endpoint', 'processing', 'storage'] as const satisfies readonly (keyof Residency)[]

/** Attempts of one operation at one model. */
export type Operations = Readonly<{
  /** Without an error. */
  complete: Distribution
  /** With one; which, `gw_upstream_errors_total` tells by vendor. */
  failed: Distribution
  firstChunk: Distribution
  input: Distribution
  output: Distribution
}>

/** What a call asked for, as far as it matters here. */
export type Asked = Readonly<{ operation: string; stream: boolean }>

/**
 * Everything that is counted of calls since the start. Where an operator reads it is `exposition.ts`. What alerts look for is there at 0 from the
 * start: the first increase of a row that comes with it is no increase to Prometheus.
 */
export class Counts {
  readonly calls = new Table<Count>(CALL_LABELS, () => new Count(), CALLS)
  /** Of tenants that found no row there any more. */
  readonly others = new Table<Count>(CALL_LABELS, () => new Count())
  /** With fewer labels: a row of a histogram is 17 lines. */
  readonly durations = new Table<Distribution>(['vendor', 'operation'], () => new Distribution(CALL_SECONDS))
  readonly operations = new Table<Operations>(
    OPERATION_LABELS,
    () => ({
      complete: new Distribution(OPERATION_SECONDS),
      failed: new Distribution(OPERATION_SECONDS),
      firstChunk: new Distribution(OPERATION_SECONDS),
      input: new Distribution(TOKENS),
      output: new Distribution(TOKENS),
    }),
    OPERATIONS,
  )
  readonly work: Readonly<Record<Phase, Distribution>> = {
    auth: new Distribution(WORK_SECONDS),
    parse: new Distribution(WORK_SECONDS),
    redact: new Distribution(WORK_SECONDS),
    policy: new Distribution(WORK_SECONDS),
    quota: new Distribution(WORK_SECONDS),
    audit: new Distribution(WORK_SECONDS),
  }
  readonly evaluations = { request: new Distribution(WORK_SECONDS), response: new Distribution(WORK_SECONDS) }
  readonly decisions = new Table<Count>(['policy', 'decision'], () => new Count())
  /** In the worker. */
  readonly apart = new Table<Count>(['policy'], () => new Count())
  readonly denials = new Table<Count>(['rule'], () => new Count(), RULES)
  readonly residency = new Table<Count>(['jurisdiction'], () => new Count())
  /** Answers whose own evidence lay outside of where their call was judged to go. */
  readonly displacements = new Table<Count>(['vendor', 'facet'], () => new Count())
  readonly inflight = new Table<Count>(['vendor'], () => new Count())
  /** Attempts that have ended, with an error or without. */
  readonly attempts = new Table<Count>(['vendor'], () => new Count())
  readonly upstreamErrors = new Table<Count>(['vendor', 'error_type'], () => new Count())
  readonly refused = new Table<Count>(['code'], () => new Count())
  open = 0

  constructor() {
    for (const policy of JUDGED) for (const decision of CAME) this.#decision(policy, decision)
    for (const [code, status] of Object.entries(ERROR_CODES)) if (status > 0) this.refused.add(code, { code })
    for (const vendor of KINDS) {
      this.attempts.add(vendor, { vendor })
      for (const errorType of FAILURES) this.#failure(vendor, errorType)
      for (const facet of FACETS) this.#displacement(vendor, facet)
    }
  }

  call(tenant: string, vendor: string, operation: string, decision: string, status: number, ms: number): void {
    const way = `${vendor}\n${operation}`
    const key = `${tenant}\n${way}\n${decision}\n${status}`
    const row = this.calls.find(key) ?? this.#more(key, { tenant, vendor, operation, decision, code: String(status) })
    row.value += 1
    const duration = this.durations.find(way) ?? this.durations.add(way, { vendor, operation })
    duration.observe(ms / 1_000)
  }

  /** A row for a call of which there was none: where all are taken, that of all further tenants. What was decided is told of them still. */
  #more(key: string, labels: Labels): Count {
    if (!this.calls.full) return this.calls.add(key, labels)
    const rest = { ...labels, tenant: OTHERS }
    const shared = Object.values(rest).join('\n')
    return this.others.find(shared) ?? this.others.add(shared, rest)
  }

  judged({ phase, came, ms, apart }: Evaluated): void {
    this.evaluations[phase].observe(ms / 1_000)
    this.#decision(phase, came).value += 1
    if (!apart) return
    const elsewhere = this.apart.find(phase) ?? this.apart.add(phase, { policy: phase })
    elsewhere.value += 1
  }

  #decision(policy: Evaluated['phase'], decision: Evaluated['came']): Count {
    const key = policy === 'request' ? decision : `${decision} of an answer`
    return this.decisions.find(key) ?? this.decisions.add(key, { policy, decision })
  }

  denied(rules: readonly string[]): void {
    for (const one of new Set(rules)) {
      const rule = ruleOf(one)
      const row = this.denials.find(rule) ?? this.denials.add(rule, { rule })
      row.value += 1
    }
  }

  /** Counted where the control `residency` is among the reasons: a place that text would have gone to, and did not. */
  barred({ residency: { processing } }: Target, reasons: readonly Reason[]): void {
    if (!reasons.some(({ control }) => control === 'residency')) return
    const [place, other] = processing ?? []
    const jurisdiction =
      place === undefined ? 'unknown' : other !== undefined ? 'several' : place === '*' ? 'anywhere' : place
    const row = this.residency.find(jurisdiction) ?? this.residency.add(jurisdiction, { jurisdiction })
    row.value += 1
  }

  displaced(vendor: string, facet: keyof Residency): void {
    this.#displacement(vendor, facet).value += 1
  }

  #displacement(vendor: string, facet: keyof Residency): Count {
    const key = `${vendor} ${facet}`
    return this.displacements.find(key) ?? this.displacements.add(key, { vendor, facet })
  }

  /** The row of what is under way there; whoever adds to it takes from it again. */
  inflightAt(vendor: string): Count {
    return this.inflight.find(vendor) ?? this.inflight.add(vendor, { vendor })
  }

  upstreamFailed(vendor: string, errorType: string): void {
    this.#failure(vendor, errorType).value += 1
  }

  #failure(vendor: string, errorType: string): Count {
    const key = `${vendor} ${errorType}`
    return this.upstreamErrors.find(key) ?? this.upstreamErrors.add(key, { vendor, error_type: errorType })
  }

  /** @param outcome null where the provider did not begin to answer */
  attempt(
    { operation, stream }: Asked,
    { kind, model }: Target,
    errorType: string,
    ms: number,
    outcome: Outcome | null,
  ): void {
    const tried = this.attempts.find(kind) ?? this.attempts.add(kind, { vendor: kind })
    tried.value += 1
    const key = `${operation}\n${kind}\n${model}`
    const row = this.operations.find(key) ?? this.operations.add(key, operationLabels(operation, kind, model))
    const duration = errorType === '' ? row.complete : row.failed
    duration.observe(ms / 1_000)
    if (outcome === null) return
    if (stream && outcome.firstEventMs !== null) row.firstChunk.observe(outcome.firstEventMs / 1_000)
    if (outcome.usage.inputTokens !== undefined) row.input.observe(outcome.usage.inputTokens)
    if (outcome.usage.outputTokens !== undefined) row.output.observe(outcome.usage.outputTokens)
  }

  refuse(code: ErrorCode): void {
    const row = this.refused.find(code) ?? this.refused.add(code, { code })
    row.value += 1
  }
}

function operationLabels(operation: string, kind: Target['kind'], model: string): Labels {
  return {
    gen_ai_operation_name: operation,
    gen_ai_provider_name: PROVIDER[kind],
    gen_ai_request_model: model,
  }
}
