import type { Obligation } from '../core/decision.ts'
import type { Json } from '../core/json.ts'
import { FAILURES, type FailureKind } from './failures.ts'

/** How the attempts at a target go, as its permission demands; times in milliseconds. */
export type Course = Readonly<{
  /** The same target again, so often, after these failures, waiting no longer than that. */
  times: number
  retryOn: readonly FailureKind[]
  waitMs: number
  /** Failures after which another target may be tried; null: all. */
  fallbackOn: readonly FailureKind[] | null
  firstByteMs: number | null
  totalMs: number | null
  /** From the moment at which the call was read, whatever happens on the way. */
  callMs: number | null
}>

/** Without `wait_ms`. */
const WAIT_MS = 5_000
const WAIT_MOST_MS = 60_000
const DEADLINE_MOST_MS = 3_600_000
const TIMES_MOST = 3

/** The same target is not tried again, any failure leads to the next one, and the operator's own limits are all there are. */
export const PLAIN: Course = {
  times: 0,
  retryOn: [],
  waitMs: WAIT_MS,
  fallbackOn: null,
  firstByteMs: null,
  totalMs: null,
  callMs: null,
}

type Params = Obligation['params']
type Reader = (params: Params) => Partial<Course> | string

/** Each obligation's part of a course, or what is wrong with its parameters. */
export const READERS: Readonly<Record<string, Reader>> = {
  'attempt.retry': (params) => {
    const unknown = stranger(params, ['times', 'on', 'wait_ms'])
    if (unknown !== null) return unknown
    const { times, on, wait_ms: wait = WAIT_MS } = params
    if (!isWhole(times, 1, TIMES_MOST)) return `times must be a whole number of 1 to ${TIMES_MOST}`
    const retryOn = failures(on)
    if (retryOn === null) return `on must name failures, each once, or none: ${FAILURES.join(', ')}`
    if (!isWhole(wait, 0, WAIT_MOST_MS)) return `wait_ms must be a whole number of 0 to ${WAIT_MOST_MS}`
    return { times, retryOn, waitMs: wait }
  },
  'attempt.fallback': (params) => {
    const unknown = stranger(params, ['on'])
    if (unknown !== null) return unknown
    const fallbackOn = failures(params.on)
    return fallbackOn === null ? `on must name failures, each once, or none: ${FAILURES.join(', ')}` : { fallbackOn }
  },
  'attempt.deadline': (params) => {
    const unknown = stranger(params, ['first_byte_ms', 'total_ms', 'call_ms'])
    if (unknown !== null) return unknown
    const given = Object.entries(params)
    if (given.length === 0) return 'one of first_byte_ms, total_ms and call_ms is needed'
    const wrong = given.find(([, ms]) => !isWhole(ms, 1, DEADLINE_MOST_MS))
    if (wrong !== undefined) return `${wrong[0]} must be a whole number of 1 to ${DEADLINE_MOST_MS}`
    const { first_byte_ms: first, total_ms: total, call_ms: call } = params
    return { firstByteMs: numberOr(first), totalMs: numberOr(total), callMs: numberOr(call) }
  },
}

const courses = new WeakMap<readonly Obligation[], Course>()

/**
 * The course that a permission's obligations set; of several of a type the strictest of each member. Known before anything is discharged, since a deadline
 * bounds that as well. What is ill-shaped counts for nothing here: its discharge is unmet, and nothing is sent. Kept by the list of obligations:
 * verdicts are remembered, so it is often the one of the call before.
 */
export function courseOf(obligations: readonly Obligation[]): Course {
  if (obligations.length === 0) return PLAIN
  const known = courses.get(obligations)
  if (known !== undefined) return known
  let course = PLAIN
  for (const { type, params } of obligations) {
    const part = Object.hasOwn(READERS, type) ? READERS[type]?.(params) : undefined
    if (part !== undefined && typeof part !== 'string') course = strictest(course, part)
  }
  courses.set(obligations, course)
  return course
}

function strictest(course: Course, part: Partial<Course>): Course {
  const retries = part.times === undefined ? {} : stricterRetry(course, part)
  const { fallbackOn, firstByteMs = null, totalMs = null, callMs = null } = part
  return {
    ...course,
    ...retries,
    fallbackOn: fallbackOn === undefined ? course.fallbackOn : both(course.fallbackOn, fallbackOn),
    firstByteMs: sooner(course.firstByteMs, firstByteMs),
    totalMs: sooner(course.totalMs, totalMs),
    callMs: sooner(course.callMs, callMs),
  }
}

function stricterRetry(
  course: Course,
  { times = 0, retryOn = [], waitMs = WAIT_MS }: Partial<Course>,
): Partial<Course> {
  if (course === PLAIN || course.times === 0) return { times, retryOn, waitMs }
  return {
    times: Math.min(course.times, times),
    retryOn: both(course.retryOn, retryOn) ?? [],
    waitMs: Math.min(course.waitMs, waitMs),
  }
}

function both(one: readonly FailureKind[] | null, other: readonly FailureKind[] | null): readonly FailureKind[] | null {
  if (one === null || other === null) return one ?? other
  return one.filter((kind) => other.includes(kind))
}

export function sooner(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

function stranger(params: Params, members: readonly string[]): string | null {
  const unknown = Object.keys(params).find((name) => !members.includes(name))
  return unknown === undefined ? null : `there is no parameter ${unknown.slice(0, 40)}`
}

function isWhole(value: Json | undefined, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

const numberOr = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null)

/** Null for what is no list of failures, each once. */
function failures(value: Json | undefined): readonly FailureKind[] | null {
  if (!Array.isArray(value)) return null
  const named: FailureKind[] = []
  for (const word of value as readonly Json[]) {
    const kind = FAILURES.find((known) => known === word)
    if (kind === undefined || named.includes(kind)) return null
    named.push(kind)
  }
  return named
}
