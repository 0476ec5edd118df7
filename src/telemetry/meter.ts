import type { CallFacts, Outcome, Residency, Target } from '../core/call.ts'
import type { Reason } from '../core/decision.ts'
import type { CustomhouseError } from '../core/errors.ts'
import type { AttemptWatch, CallWatch, Decided, Evaluated, Phase } from '../core/telemetry.ts'
import type { Asked, Counts } from './counts.ts'
import { brokenBy, errorOf, isProviders, isUpstream } from './failure.ts'
import type { AttemptSpan, CallSpan } from './spans.ts'
import type { Count } from './table.ts'

/** Whether a tenant is one of the configuration: only those become labels. */
export type Known = (tenant: string) => boolean

/** What was never read as a call. */
const UNREAD: Asked = { operation: '', stream: false }

/** One call, measured: one object, whose numbers are added to the shared ones at its end. */
export class CallMeter implements CallWatch {
  readonly #counts: Counts
  readonly #known: Known
  readonly #span: CallSpan | null
  readonly #began = performance.now()
  #asked: Asked = UNREAD
  #vendor = ''
  #decided: Decided | null = null
  #attempt: AttemptMeter | null = null
  #auth = 0
  #parse = 0
  #redact = 0
  #policy = 0
  #quota = 0
  #audit = 0

  constructor(counts: Counts, known: Known, span: CallSpan | null) {
    this.#counts = counts
    this.#known = known
    this.#span = span
    counts.open += 1
  }

  spent(phase: Phase, ms: number): void {
    if (phase === 'auth') this.#auth += ms
    else if (phase === 'parse') this.#parse += ms
    else if (phase === 'redact') this.#redact += ms
    else if (phase === 'policy') this.#policy += ms
    else if (phase === 'quota') this.#quota += ms
    else this.#audit += ms
  }

  read(call: CallFacts): void {
    this.#asked = call
    this.#span?.read(call)
  }

  judged(evaluated: Evaluated): void {
    this.#policy += evaluated.ms
    this.#counts.judged(evaluated)
    this.#span?.judged(evaluated)
  }

  barred(target: Target, reasons: readonly Reason[]): void {
    this.#counts.barred(target, reasons)
  }

  decided(decided: Decided): void {
    if (this.#decided !== 'deny' && this.#decided !== 'error') this.#decided = decided
  }

  displaced(target: Target, facet: keyof Residency): void {
    this.#counts.displaced(target.kind, facet)
  }

  denied(rules: readonly string[]): void {
    this.#counts.denied(rules)
    this.#span?.denied(rules)
  }

  attempt(target: Target, number: number, url: string): AttemptWatch {
    this.#vendor = target.kind
    const span = this.#span?.attempt(target, number, url) ?? null
    this.#attempt = new AttemptMeter(this.#counts, this.#asked, target, span)
    return this.#attempt
  }

  ended(status: number, tenant: string | null): void {
    const ms = performance.now() - this.#began
    const counts = this.#counts
    counts.open -= 1
    this.#attempt?.leave()
    const { work } = counts
    if (this.#auth > 0) work.auth.observe(this.#auth / 1_000)
    if (this.#parse > 0) work.parse.observe(this.#parse / 1_000)
    if (this.#redact > 0) work.redact.observe(this.#redact / 1_000)
    if (this.#policy > 0) work.policy.observe(this.#policy / 1_000)
    if (this.#quota > 0) work.quota.observe(this.#quota / 1_000)
    if (this.#audit > 0) work.audit.observe(this.#audit / 1_000)
    // Who said nothing has failed before anything could be decided.
    const decided = this.#decided ?? 'error'
    const label = tenant !== null && this.#known(tenant) ? tenant : ''
    counts.call(label, this.#vendor, this.#asked.operation, decided, status, ms)
    this.#span?.ended(status, decided, label, this.#attempt?.broken ?? '')
  }
}

/** One dispatch, measured. */
class AttemptMeter implements AttemptWatch {
  readonly #counts: Counts
  readonly #asked: Asked
  readonly #target: Target
  readonly #span: AttemptSpan | null
  readonly #began = performance.now()
  readonly #inflight: Count
  /** How its answer broke off. */
  broken = ''
  #open = true

  constructor(counts: Counts, asked: Asked, target: Target, span: AttemptSpan | null) {
    this.#counts = counts
    this.#asked = asked
    this.#target = target
    this.#span = span
    this.#inflight = counts.inflightAt(target.kind)
    this.#inflight.value += 1
  }

  failed(error: CustomhouseError): void {
    this.leave()
    this.#counts.attempt(this.#asked, this.#target, error.code, performance.now() - this.#began, null)
    if (isUpstream(error)) this.#counts.upstreamFailed(this.#target.kind, error.code)
    this.#span?.failed(error)
  }

  ended(outcome: Outcome, status: number): void {
    this.leave()
    this.broken = brokenBy(outcome)
    const errorType = errorOf(outcome, status)
    this.#counts.attempt(this.#asked, this.#target, errorType, performance.now() - this.#began, outcome)
    if (isProviders(outcome)) this.#counts.upstreamFailed(this.#target.kind, errorType)
    this.#span?.ended(outcome, status, errorType)
  }

  /** Not under way any more; once more, nothing. */
  leave(): void {
    if (!this.#open) return
    this.#open = false
    this.#inflight.value -= 1
  }
}
