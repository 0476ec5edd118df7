import type { FailureKind } from './failures.ts'

/** `limits.breaker`. Times in milliseconds. */
export type BreakerLimits = Readonly<{ failures: number; windowMs: number; restMs: number; retryAfterMs: number }>

export type BreakerState = 'closed' | 'open' | 'half_open'

/** It is left alone. `ms`: until it may be tried, as far as anybody knows. `kind`: why. */
export type Rest = Readonly<{ ms: number; kind: FailureKind }>

/** What is known against one key. Only what has failed has one. */
type Circuit = {
  /** When it failed, in a row, within the window; as many as `limits.failures` at most. */
  times: number[]
  /** Null: closed. From then on half-open. */
  openUntil: number | null
  /** The provider's own word. After it there is nothing to find out: it said so itself. */
  restUntil: number
  /** The one that tries whether it is well again. */
  trial: boolean
  kind: FailureKind
}

/** More keys than any configuration has; beyond it what was learned first is forgotten. */
const MOST = 16_384
/** How soon to come back while somebody else's trial is out. */
const TRIAL_MS = 1000
/** Failures that say that nobody is well there. A throttled caller, a refused credential or a conflict does not. */
const COUNTS: ReadonlySet<FailureKind> = new Set(['connect', 'timeout', 'overloaded', 'server_error', 'malformed'])

/**
 * Which targets are left alone. Lives as long as the gateway, over all generations; knows nothing of those that are well, so that a call to one of them
 * costs a look into a small map. Instants are those of a monotonic clock, in milliseconds.
 */
export class Breaker {
  readonly #circuits = new Map<string, Circuit>()

  state(key: string, now: number): BreakerState {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined) return 'closed'
    if (now < circuit.restUntil || now < (circuit.openUntil ?? 0)) return 'open'
    return circuit.openUntil === null ? 'closed' : 'half_open'
  }

  /** Why it must not be tried now; null where it may. */
  rest(key: string, now: number): Rest | null {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined) return null
    const ms = Math.max(circuit.restUntil, circuit.openUntil ?? 0) - now
    if (ms > 0) return { ms, kind: circuit.kind }
    // All there was to it was a word of the provider's, whose time is over.
    if (circuit.openUntil === null && circuit.times.length === 0) this.#circuits.delete(key)
    return circuit.trial ? { ms: TRIAL_MS, kind: circuit.kind } : null
  }

  /** Somebody tries it, having asked {@link rest}. True: as the one trial of a half-open one, whose ending must be told. */
  enter(key: string): boolean {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined || circuit.openUntil === null) return false
    circuit.trial = true
    return true
  }

  failed(key: string, kind: FailureKind, trial: boolean, now: number, limits: BreakerLimits): void {
    if (!COUNTS.has(kind)) {
      this.left(key, trial)
      return
    }
    const circuit = this.#circuitOf(key, kind)
    circuit.kind = kind
    if (trial) {
      circuit.trial = false
      circuit.openUntil = now + limits.restMs
      return
    }
    // Calls that were under way when it opened say nothing new.
    if (circuit.openUntil !== null) return
    circuit.times = circuit.times.filter((time) => now - time < limits.windowMs).slice(1 - limits.failures)
    if (limits.failures === 1) circuit.times = []
    circuit.times.push(now)
    if (circuit.times.length >= limits.failures) circuit.openUntil = now + limits.restMs
  }

  /** The provider's own Retry-After, no longer than is honoured. */
  throttled(key: string, kind: FailureKind, ms: number, now: number, limits: BreakerLimits): void {
    const circuit = this.#circuitOf(key, kind)
    circuit.kind = kind
    circuit.restUntil = Math.max(circuit.restUntil, now + Math.min(ms, limits.retryAfterMs))
  }

  /**
   * An answer has begun. The trial is over, and calls may come again while it streams on; but nothing was said yet, and one more failure opens
   * it anew.
   */
  began(key: string, trial: boolean, now: number, limits: BreakerLimits): void {
    const circuit = this.#circuits.get(key)
    if (!trial || circuit === undefined) return
    circuit.trial = false
    circuit.openUntil = null
    circuit.times = Array.from({ length: limits.failures - 1 }, () => now)
  }

  /** It has said something: whatever failed before it is no row any more. */
  answered(key: string, now: number): void {
    const circuit = this.#circuits.get(key)
    if (circuit === undefined || circuit.openUntil !== null) return
    if (circuit.restUntil <= now) this.#circuits.delete(key)
    else circuit.times = []
  }

  /** An attempt that tells nothing of the target: never sent, given up by the client, or answered with what the client has to mend. */
  left(key: string, trial: boolean): void {
    const circuit = this.#circuits.get(key)
    if (trial && circuit !== undefined) circuit.trial = false
  }

  /** How many keys something is known of. */
  get size(): number {
    return this.#circuits.size
  }

  #circuitOf(key: string, kind: FailureKind): Circuit {
    const known = this.#circuits.get(key)
    if (known !== undefined) return known
    if (this.#circuits.size >= MOST) {
      for (const [oldest] of this.#circuits) {
        this.#circuits.delete(oldest)
        break
      }
    }
    const made: Circuit = { times: [], openUntil: null, restUntil: 0, trial: false, kind }
    this.#circuits.set(key, made)
    return made
  }
}
