import type { FailureKind } from '../../src/pipeline/failures.ts'

/** What happens in a played life of the loop of attempts. Times are milliseconds of its own clock. */

export const TARGETS = 4
export type Place = 'DE' | 'FR' | 'US'

/** A permission of a target, with what it demands. */
export type Rule = Readonly<{
  retry: Readonly<{ times: number; on: readonly FailureKind[]; wait_ms: number }> | null
  fallback: readonly FailureKind[] | null
  callMs: number | null
  totalMs: number | null
  firstByteMs: number | null
  pin: Exclude<Place, 'US'> | null
  /** A reservation that takes so long; `none`: there is none to be had. */
  quota: number | 'none' | null
  /** Each obligation about attempts comes together with a looser one of its type, which says nothing: the strict one first, or last. */
  looser: 'first' | 'last' | null
}>

/** One generation: whom it permits (null: denied), in which order, and where its providers' addresses are. Judged are DE and FR. */
export type Law = Readonly<{ rules: readonly (Rule | null)[]; order: readonly number[]; places: readonly Place[] }>

/**
 * What a target does when it is opened. `never`: it does not answer. `mute`: a head, and it hangs up. `broken`: it hangs up in the middle of its answer.
 */
export type Say = Readonly<{
  does: 'fine' | 'connect' | 'timeout' | 'never' | 'mute' | 'broken' | number
  afterMs: number
  retryAfterMs: number | null
  /** Where it says that it works, in a header of its answer; `fault`: the catalogue breaks down over it. */
  region: 'fine' | 'fault' | null
}>

export type Plan = Readonly<{
  laws: readonly Law[]
  /** When each but the first comes into force. */
  reloads: readonly number[]
  calls: readonly Readonly<{ at: number; tenant: 'a' | 'b'; streamed: boolean; goneAt: number | null }>[]
  /** By target, one after another; then it is fine. */
  says: readonly (readonly Say[])[]
  /** When the tenant b is revoked. */
  revokedAt: number | null
  staleAt: number | null
  drainedAt: number | null
  /** How long a record takes to be durable, one after another, again and again. */
  durableMs: readonly number[]
  /** The longest that an attempt may take by the operator's own word. */
  totalMs: number
  /** In [0, 1). */
  chance: number
  limits: Readonly<{ failures: number; windowMs: number; restMs: number; retryAfterMs: number }>
}>
