import type { Outcome, Target } from '../core/call.ts'
import type { Generation } from '../core/generation.ts'
import type { Discharge, Discharged, Plugin } from '../core/plugin.ts'
import type { Breaker, BreakerLimits, BreakerState, Rest } from './breaker.ts'
import { READERS } from './course.ts'
import type { Failed } from './failures.ts'

/** Time and chance, as attempts need them. Milliseconds. */
export type Clock = Readonly<{
  /** Monotonic. */
  now(): number
  /** Since 1970. */
  wall(): number
  /** In [0, 1). */
  random(): number
  /** Runs something later. The answer takes it back. */
  after(ms: number, run: () => void): () => void
}>

const CLOCK: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    // Node's timers fire up to a millisecond early, and a Retry-After is a lower bound.
    const timer = setTimeout(run, Math.ceil(ms) + 1)
    return () => clearTimeout(timer)
  },
}

export type AttemptsOptions = Readonly<{
  /** The gateway's own, the same over all generations. */
  breaker: Breaker
  limits: BreakerLimits
  /** The base address of a target's provider: what is known of a target stays with it only as long as it is there. */
  addressOf: (target: Target) => string
  /** Whether a tenant is at the target's provider with a credential of its own, so that what throttles it is its own affair. */
  isApart: (target: Target, tenant: string) => boolean
  clock?: Clock
}>

/** What the loop of attempts asks, in one generation. */
export type Attempts = Readonly<{
  clock: Clock
  limits: BreakerLimits
  /** Why a target must not be tried for a tenant now; null where it may. */
  rest(target: Target, tenant: string): Rest | null
  /** Somebody tries it; {@link rest} has just said that it may be. */
  enter(target: Target, tenant: string): Pass
}>

/** One try of a target. What it hears is told to the breaker once; `left`, the last word, is always to be said. */
export type Pass = Readonly<{
  /** Whether the target came to rest since it was entered, by what others heard of it. */
  rests(): boolean
  /** True where the target is left alone from now on. */
  failed(failed: Failed): boolean
  /** The head of an answer has come. */
  began(): void
  ended(outcome: Outcome): void
  left(): void
}>

const made = new WeakMap<Plugin, Attempts>()
const found = new WeakMap<readonly Plugin[], Attempts>()

/** Those of a generation. Without the plugin no target ever rests. */
export function attemptsOf({ plugins }: Pick<Generation, 'plugins'>): Attempts {
  const known = found.get(plugins)
  if (known !== undefined) return known
  let attempts = UNWATCHED
  for (const plugin of plugins) attempts = made.get(plugin) ?? attempts
  found.set(plugins, attempts)
  return attempts
}

/** A fact for policies is the same object while it is the same, so that decisions can be remembered. */
const STATES: Readonly<Record<BreakerState, Readonly<{ state: BreakerState }>>> = {
  closed: Object.freeze({ state: 'closed' }),
  open: Object.freeze({ state: 'open' }),
  half_open: Object.freeze({ state: 'half_open' }),
}

/**
 * The gateway's own obligations `attempt.retry`, `attempt.fallback` and `attempt.deadline`, and its own fact of each target: whether its breaker
 * is open. What they demand is done by the loop (`handle.ts`), which reads it with `courseOf`; here only their parameters are held to their form.
 */
export function createAttempts(options: AttemptsOptions): Plugin {
  const keys = new WeakMap<Target, string>()
  const { breaker, limits, addressOf, isApart, clock = CLOCK } = options

  function keyOf(target: Target): string {
    const known = keys.get(target)
    if (known !== undefined) return known
    const key = JSON.stringify([addressOf(target), target.id])
    keys.set(target, key)
    return key
  }

  /** Whose rate of calls it is that a 429 speaks of. */
  const accountOf = (target: Target, tenant: string): string =>
    isApart(target, tenant) ? `${keyOf(target)} ${tenant}` : `${keyOf(target)} *`

  const attempts: Attempts = {
    clock,
    limits,
    rest: (target, tenant) => {
      if (breaker.size === 0) return null
      const now = clock.now()
      return longer(breaker.rest(keyOf(target), now), breaker.rest(accountOf(target, tenant), now))
    },
    enter: (target, tenant) => {
      const key = keyOf(target)
      let trial = breaker.enter(key)
      let told = false
      return {
        rests: () => {
          if (breaker.size === 0) return false
          if (!trial) return attempts.rest(target, tenant) !== null
          const now = clock.now()
          return breaker.state(key, now) === 'open' || breaker.state(accountOf(target, tenant), now) === 'open'
        },
        failed: ({ kind, retryAfterMs }) => {
          if (told) return false
          told = true
          if (kind === null) {
            breaker.left(key, trial)
            return false
          }
          const now = clock.now()
          breaker.failed(key, kind, trial, now, limits)
          if (retryAfterMs !== null && (kind === 'throttled' || kind === 'overloaded')) {
            const rests = kind === 'throttled' ? accountOf(target, tenant) : key
            breaker.throttled(rests, kind, retryAfterMs, now, limits)
          }
          return attempts.rest(target, tenant) !== null
        },
        began: () => {
          breaker.began(key, trial, clock.now(), limits)
          trial = false
        },
        ended: ({ ending, firstEventMs }) => {
          if (told) return
          told = true
          if (firstEventMs !== null) breaker.answered(key, clock.now())
          else if (ending === 'provider_truncated') breaker.failed(key, 'connect', trial, clock.now(), limits)
        },
        left: () => {
          if (!told) breaker.left(key, trial)
          told = true
        },
      }
    },
  }

  const plugin: Plugin = {
    name: 'attempts',
    facts: ({ principal: { tenant } }, target) => {
      if (breaker.size === 0) return STATES.closed
      const now = clock.now()
      if (breaker.state(accountOf(target, tenant), now) === 'open') return STATES.open
      return STATES[breaker.state(keyOf(target), now)]
    },
    discharge: Object.fromEntries(Object.keys(READERS).map((type) => [type, shaped(type)])),
  }
  made.set(plugin, attempts)
  return plugin
}

function longer(one: Rest | null, other: Rest | null): Rest | null {
  if (one === null || other === null) return one ?? other
  return other.ms > one.ms ? other : one
}

/** Of an answer they demand nothing: in that phase nobody carries them out. */
function shaped(type: string): Discharge {
  return {
    stage: 'clamp',
    request: ({ obligation }): Discharged => {
      const read = READERS[type]?.(obligation.params)
      if (typeof read === 'object') return { met: true }
      return { met: false, code: 'unclampable', message: `${type}: ${read ?? 'unknown'}` }
    },
  }
}

const UNWATCHED: Attempts = {
  clock: CLOCK,
  limits: { failures: 1, windowMs: 0, restMs: 0, retryAfterMs: 0 },
  rest: () => null,
  enter: () => NOBODYS,
}
const NOBODYS: Pass = {
  rests: () => false,
  failed: () => false,
  began: () => undefined,
  ended: () => undefined,
  left: () => undefined,
}
