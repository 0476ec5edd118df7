import type { Generation } from '../core/generation.ts'
import { DEADLINE_CALL, lifeline } from './attempt.ts'
import { type Attempts, attemptsOf, type Pass } from './attempts.ts'
import { baseReason, Denial } from './base.ts'
import type { Rest } from './breaker.ts'
import { courseOf } from './course.ts'
import type { Failed, FailureKind } from './failures.ts'
import type { Visit } from './gateway.ts'
import type { Judgement, Permitted } from './judge.ts'

/** How a call has fared so far. Owned by one `handle()`. */
export type Way = {
  readonly tenant: string
  /** When it began, by the clock of attempts. */
  readonly began: number
  /** Ids of targets that are not asked again. */
  readonly done: Set<string>
  /** How often each was asked again. */
  readonly retries: Map<string, number>
  /** The last failure: what may be tried after it is its target's to say, as long as that is permitted. */
  last: Readonly<{ id: string; kind: FailureKind }> | null
}

export function setOut({ call, gateway }: Visit): Way {
  const { clock } = attemptsOf(gateway.generation())
  return { tenant: call.principal.tenant, began: clock.now(), done: new Set(), retries: new Map(), last: null }
}

/** What comes next: a target, or nothing, and then which permitted ones are left alone now. */
export type Next =
  | Readonly<{ permitted: Permitted; pass: Pass; rests: null }>
  | Readonly<{ permitted: null; pass: null; rests: readonly Resting[] }>
export type Resting = Readonly<{ permitted: Permitted; rest: Rest }>

/**
 * The first permitted target, in the policy's order, that may be tried now. One whose retry has been waited for stands where it stood.
 *
 * @throws Denial where the call's own time is over
 */
export function next(way: Way, judgement: Judgement): Next {
  const attempts = attemptsOf(judgement.generation)
  const rests: Resting[] = []
  for (const permitted of candidates(way, judgement)) {
    const { target, verdict } = permitted
    const { callMs, fallbackOn } = courseOf(verdict.obligations)
    if (callMs !== null && attempts.clock.now() - way.began >= callMs) throw over(judgement)
    const rest = attempts.rest(target, way.tenant)
    if (rest === null) return { permitted, pass: attempts.enter(target, way.tenant), rests: null }
    rests.push({ permitted, rest })
    // That it is left alone is a failure already known: to go on to the next is a fallback.
    if (fallbackOn !== null && !fallbackOn.includes(rest.kind)) break
  }
  return { permitted: null, pass: null, rests }
}

function over({ decision }: Judgement): Denial {
  return new Denial([baseReason('deadline', DEADLINE_CALL.message)], decision, { answer: DEADLINE_CALL })
}

function candidates({ done, last }: Way, { permitted }: Judgement): readonly Permitted[] {
  const left = permitted.filter(({ target }) => !done.has(target.id))
  const failed = last === null ? undefined : permitted.find(({ target }) => target.id === last.id)
  if (last === null || failed === undefined) return left
  const { fallbackOn } = courseOf(failed.verdict.obligations)
  if (fallbackOn === null || fallbackOn.includes(last.kind)) return left
  return left.filter((one) => one === failed)
}

/** After a failure: the same target once more, after `waitMs`; another one; or the end, and the failure is the answer. */
export type Onward = Readonly<{ to: 'retry'; waitMs: number } | { to: 'fallback' | 'end' }>

const END: Onward = { to: 'end' }
const FALLBACK: Onward = { to: 'fallback' }

/** What may follow a failure of a target, as its permission and the breaker have it. */
export function onward(way: Way, judgement: Judgement, { target, verdict }: Permitted, failed: Failed): Onward {
  const { kind } = failed
  const attempts = attemptsOf(judgement.generation)
  const course = courseOf(verdict.obligations)
  const leftMs = course.callMs === null ? Number.POSITIVE_INFINITY : way.began + course.callMs - attempts.clock.now()
  if (leftMs <= 0) return END
  const used = way.retries.get(target.id) ?? 0
  if (kind !== null && used < course.times && course.retryOn.includes(kind)) {
    const waitMs = waitOf(failed.retryAfterMs, used, course.waitMs, attempts)
    const rests = attempts.rest(target, way.tenant)?.ms ?? 0
    if (waitMs !== null && waitMs < leftMs && rests <= waitMs) return { to: 'retry', waitMs }
  }
  if (course.fallbackOn !== null && (kind === null || !course.fallbackOn.includes(kind))) return END
  const another = judgement.permitted.some(
    (other) =>
      other.target.id !== target.id &&
      !way.done.has(other.target.id) &&
      attempts.rest(other.target, way.tenant) === null,
  )
  return another ? FALLBACK : END
}

const FIRST_WAIT_MS = 250

/**
 * How long to wait before a retry; null where the provider asks for more than may be waited. Its own word is the lower bound. What is added by chance
 * only makes it longer, so that those who failed together do not come back together.
 */
function waitOf(retryAfterMs: number | null, used: number, mostMs: number, attempts: Attempts): number | null {
  const { clock, limits } = attempts
  if (retryAfterMs !== null) {
    const most = Math.min(mostMs, limits.retryAfterMs)
    if (retryAfterMs > most) return null
    return Math.min(most, retryAfterMs + clock.random() * Math.max(50, retryAfterMs / 4))
  }
  const longest = Math.min(mostMs, FIRST_WAIT_MS * 2 ** used * 1.5)
  return longest * (2 / 3 + clock.random() / 3)
}

/** Waits before a retry; no longer than until the client leaves or the gateway stops. */
export async function pause(visit: Visit, generation: Generation, ms: number): Promise<void> {
  const over = Promise.withResolvers<void>()
  const { clock } = attemptsOf(generation)
  const line = lifeline(visit, clock, { ms, late: DEADLINE_CALL })
  try {
    if (line.signal.aborted) return
    line.signal.addEventListener('abort', () => over.resolve(), { once: true })
    await over.promise
  } finally {
    line.end()
  }
}
