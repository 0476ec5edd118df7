import type { Outcome, Target } from '../core/call.ts'
import type { Reason } from '../core/decision.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Evaluated, Phase } from '../core/telemetry.ts'
import { CALL_SECONDS, Distribution, OPERATION_SECONDS, TOKENS, WORK_SECONDS } from './distribution.ts'
import { PROVIDER, ruleOf } from './names.ts'
import { Count, Table } from './table.ts'

export const CALL_LABELS = ['tenant', 'vendor', 'operation', 'decision', 'code'] as const
export const OPERATION_LABELS = [
  'gen_ai_operation_name',
  'gen_ai_provider_name',
  'gen_ai_request_model',
  'error_type',
] as const
/** Rules of policies that are told apart. */
const RULES = 500

/** Attempts of one operation at one model. */
export type Operations = Readonly<{
  duration: Distribution
  firstChunk: Distribution
  input: Distribution
  output: Distribution
}>

/** What a call asked for, as far as it matters here. */
export type Asked = Readonly<{ operation: string; stream: boolean }>

/** Everything that is counted of calls since the start. Where an operator reads it is `exposition.ts`. */
export class Counts {
  readonly calls = new Table<Distribution>(CALL_LABELS, () => new Distribution(CALL_SECONDS))
  readonly operations = new Table<Operations>(OPERATION_LABELS, () => ({
    duration: new Distribution(OPERATION_SECONDS),
    firstChunk: new Distribution(OPERATION_SECONDS),
    input: new Distribution(TOKENS),
    output: new Distribution(TOKENS),
  }))
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
  readonly inflight = new Table<Count>(['vendor'], () => new Count())
  readonly upstreamErrors = new Table<Count>(['vendor', 'error_type'], () => new Count())
  readonly refused = new Table<Count>(['code'], () => new Count())
  open = 0

  call(tenant: string, vendor: string, operation: string, decision: string, status: number, ms: number): void {
    const key = `${tenant}\n${vendor}\n${operation}\n${decision}\n${status}`
    const row =
      this.calls.find(key) ?? this.calls.add(key, { tenant, vendor, operation, decision, code: String(status) })
    row.observe(ms / 1_000)
  }

  judged({ phase, came, ms, apart }: Evaluated): void {
    this.evaluations[phase].observe(ms / 1_000)
    const key = phase === 'request' ? came : `${came} of an answer`
    const row = this.decisions.find(key) ?? this.decisions.add(key, { policy: phase, decision: came })
    row.value += 1
    if (!apart) return
    const elsewhere = this.apart.find(phase) ?? this.apart.add(phase, { policy: phase })
    elsewhere.value += 1
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

  /** The row of what is under way there; whoever adds to it takes from it again. */
  inflightAt(vendor: string): Count {
    return this.inflight.find(vendor) ?? this.inflight.add(vendor, { vendor })
  }

  upstreamFailed(vendor: string, errorType: string): void {
    const key = `${vendor} ${errorType}`
    const row = this.upstreamErrors.find(key) ?? this.upstreamErrors.add(key, { vendor, error_type: errorType })
    row.value += 1
  }

  /** @param outcome null where the provider did not begin to answer */
  attempt(
    { operation, stream }: Asked,
    { kind, model }: Target,
    errorType: string,
    ms: number,
    outcome: Outcome | null,
  ): void {
    const key = `${operation}\n${kind}\n${model}\n${errorType}`
    const row =
      this.operations.find(key) ?? this.operations.add(key, operationLabels(operation, kind, model, errorType))
    row.duration.observe(ms / 1_000)
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

function operationLabels(operation: string, kind: Target['kind'], model: string, errorType: string) {
  return {
    gen_ai_operation_name: operation,
    gen_ai_provider_name: PROVIDER[kind],
    gen_ai_request_model: model,
    error_type: errorType,
  }
}
