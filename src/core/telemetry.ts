import type { CallFacts, Dialect, Outcome, Residency, Target } from './call.ts'
import type { Phase as JudgedPhase, Reason } from './decision.ts'
import type { CustomhouseError } from './errors.ts'

/** Our own work on a call, by what it is for: the label `phase` of the metrics. `audit` is the wait until a record is durable. */
export const PHASES = ['auth', 'parse', 'redact', 'policy', 'quota', 'audit'] as const
export type Phase = (typeof PHASES)[number]

/** What became of a call, in one word. `redact`: something of it was changed before it was sent; `route`: not the route's first target. */
export type Decided = 'allow' | 'redact' | 'route' | 'deny' | 'error'

/** One evaluation of the policy. */
export type Evaluated = Readonly<{
  phase: JudgedPhase
  revision: string
  /** `error`: to no decision, which is a denial. */
  came: 'allow' | 'deny' | 'error'
  ms: number
  /** In the worker, not between the calls of others. */
  apart: boolean
}>

/** A call at the socket, before anything of it is known but its mount. */
export type Arrival = Readonly<{
  id: string
  dialect: Dialect
  /** The mount's prefix; what comes after it may hold names of models. */
  prefix: string
  /** As the client sent it. */
  method: string
  /** The client's own word (W3C Trace Context), not to be trusted. */
  traceparent: string | undefined
}>

/**
 * Hears how calls go, for metrics and traces. It is told facts only, never text of a call; it must not throw, and must return at once:
 * what it makes of them holds nothing up and changes nothing.
 */
export interface Telemetry {
  /** A call has come to a dialect's mount. */
  arrived(arrival: Arrival): CallWatch
}

/** One call, from its head to its last byte. */
export interface CallWatch {
  /** Our own work; several times for one phase add up. Milliseconds. */
  spent(phase: Phase, ms: number): void
  /** The call was read. Not called for what is no call. */
  read(call: CallFacts): void
  /** The policy was asked, about the call or about its answer. */
  judged(evaluated: Evaluated): void
  /** The policy refused one candidate of the call; others may be left. */
  barred(target: Target, reasons: readonly Reason[]): void
  /** The last word counts, but `deny` and `error` stand. */
  decided(decided: Decided): void
  /** A provider's evidence lies outside of where the call was judged to go. */
  displaced(target: Target, facet: keyof Residency): void
  /** Rules that denied, `control/rule`. */
  denied(rules: readonly string[]): void
  /** A dispatch is about to be sent to `url`. */
  attempt(target: Target, number: number, url: string): AttemptWatch
  /** Once, when the client has its last byte or is gone. `tenant` is null where nobody was proved. */
  ended(status: number, tenant: string | null): void
}

/** One dispatch. Exactly one of its endings is called, once. */
export interface AttemptWatch {
  /** The provider did not begin to answer. */
  failed(error: CustomhouseError): void
  /** It answered with `status`, and this is how that ended. */
  ended(outcome: Outcome, status: number): void
}

const nothing = (): void => undefined
const attempt: AttemptWatch = { failed: nothing, ended: nothing }
const watch: CallWatch = {
  spent: nothing,
  read: nothing,
  judged: nothing,
  barred: nothing,
  decided: nothing,
  displaced: nothing,
  denied: nothing,
  attempt: () => attempt,
  ended: nothing,
}

/** Nobody listens. */
export const SILENT: Telemetry = { arrived: () => watch }
