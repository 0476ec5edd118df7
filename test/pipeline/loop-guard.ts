import type { Dispatch } from '../../src/core/call.ts'
import { type AuditDraft, CLOSING_KINDS } from '../../src/core/record.ts'
import type { AttemptWatch } from '../../src/core/telemetry.ts'
import { FAILURES, type FailureKind } from '../../src/pipeline/failures.ts'
import type { Law, Plan, Rule } from './loop-plan.ts'

/**
 * Stands at the provider's door of a played plan, below everything that could be at fault, and knows the plan's own truth. It says which rules do not
 * hold. Of what rests it knows less than the gateway: only rests of which there is no doubt.
 */

export const OUTSIDE = 'opened: permitted by the law that is active'
export const PINS = 'opened: where the law and its pins let it go'
export const CALLER = 'opened: for a caller that stands, by a policy that is fresh'
export const OVER = 'opened: before an answer began, the client left, was told the end, or the gateway stopped'
export const INTENT = 'opened: once for an intent of its own, with its digest'
export const RETRIES = 'opened again: as often, and after such failures, as policy said'
export const FALLBACK = 'opened after another: where policy lets it'
export const ORDER = "opened: the first in the policy's order"
export const DEADLINE = 'opened: within the time of the call'
export const RETRY_AFTER = 'opened: not before the provider said'
export const RESTS = 'opened: not while its breaker is open'
export const RESTING = 'a denial for a rest: of a target that has really failed'
export const CLOSED = 'an intent: closed exactly once'
export const RESERVED = 'what was reserved: given back or settled, once'
export const TOLD = 'a client: told the end once'
export const HEARD = 'the metrics: an attempt for each intent that was not overtaken, ended once'
export const LEAK = 'in the end: no timer, no listener, no trial is left'

type Opening = {
  readonly index: number
  readonly rule: Rule
  readonly key: string
  readonly trial: boolean
  kind: FailureKind | null
}
type Told = {
  readonly began: number
  readonly openings: Opening[]
  /** Targets that some law of the call's time would not have let it be sent to. */
  readonly unsendable: Set<number>
  answered: boolean
  ended: number
  reserved: number
}
type Kept = AuditDraft & Readonly<{ seq: number }>

/** Failures that count against a target. */
const COUNTED: readonly FailureKind[] = FAILURES.filter(
  (kind) => kind !== 'throttled' && kind !== 'conflict' && kind !== 'credential',
)

export class Guard {
  readonly broken = new Set<string>()
  readonly met = new Map<string, number>()
  readonly records: Kept[] = []
  readonly #plan: Plan
  readonly #now: () => number
  readonly #calls = new Map<string, Told>()
  readonly #used = new Set<number>()
  /** By key of a target, or of a tenant at it: not before. */
  readonly #asked = new Map<string, number>()
  readonly #rests = new Map<string, number>()
  readonly #rows = new Map<string, number[]>()
  /** Keys whose breaker has opened, until a trial is answered: what fails meanwhile says nothing new. */
  readonly #open = new Set<string>()
  /** Keys that ever failed: they may rest without our knowing for sure. */
  readonly #doubtful = new Set<string>()
  /** Keys at which a provider really failed. */
  readonly #ill = new Set<string>()
  /** How often each attempt that the metrics heard of has ended. */
  readonly #endings: number[] = []
  active = 0
  drained = false
  stale = false
  readonly revoked = new Set<string>()
  readonly gone = new Set<string>()

  constructor(plan: Plan, now: () => number) {
    this.#plan = plan
    this.#now = now
  }

  get law(): Law {
    const law = this.#plan.laws[this.active]
    if (law === undefined) throw new Error('no such law')
    return law
  }

  hold(rule: string, holds: boolean): void {
    this.count(rule)
    if (!holds) this.broken.add(rule)
  }

  count(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1)
  }

  began(call: string): void {
    const told = {
      began: this.#now(),
      openings: [],
      unsendable: new Set<number>(),
      answered: false,
      ended: 0,
      reserved: 0,
    }
    this.#calls.set(call, told)
    this.judged()
  }

  /** A law has come into force: what cannot be sent under it need not be tried later. */
  judged(): void {
    for (const { unsendable } of this.#calls.values()) {
      for (const [index, rule] of this.law.rules.entries()) {
        if (rule !== null && (rule.quota === 'none' || !this.#admits(rule, index))) unsendable.add(index)
      }
    }
  }

  of(call: string): Told {
    const told = this.#calls.get(call)
    if (told === undefined) throw new Error('no such call')
    return told
  }

  #admits(rule: Rule, index: number): boolean {
    const place = this.law.places[index] ?? 'US'
    return place !== 'US' && (rule.pin === null || rule.pin === place)
  }

  /** @returns what {@link failed} is to be told with */
  opened({ call, digest, tenant, url, target }: Dispatch): Opening {
    const index = Number(target.id.slice(1))
    const told = this.of(call)
    const rule = this.law.rules[index] ?? null
    const now = this.#now()
    const place = new URL(url).hostname.split('.')[1]?.toUpperCase() ?? ''
    const key = `${index} ${place}`
    this.count('opened')
    this.hold(OUTSIDE, rule !== null)
    this.hold(PINS, rule !== null && place === this.law.places[index] && this.#admits(rule, index))
    this.hold(CALLER, !this.stale && !this.revoked.has(tenant))
    this.hold(OVER, !told.answered && told.ended === 0 && !this.gone.has(call) && !this.drained)
    const intents = this.records.filter((one) => one.call === call && one.kind === 'call.intent')
    const intent = intents.at(-1)
    this.hold(INTENT, intent !== undefined && !this.#used.has(intent.seq) && intent.personal?.dispatch === digest)
    if (intent !== undefined) this.#used.add(intent.seq)
    this.hold(RETRY_AFTER, now >= Math.max(this.#asked.get(key) ?? 0, this.#asked.get(`${key} ${tenant}`) ?? 0))
    this.hold(RESTS, now >= (this.#rests.get(key) ?? 0))
    const opening: Opening = { index, rule: rule ?? PLAINEST, key, trial: this.#open.has(key), kind: null }
    this.#course(told, opening, this.#late(call))
    told.openings.push(opening)
    return opening
  }

  #course(told: Told, { index, rule }: Opening, late: boolean): void {
    const last = told.openings.at(-1)
    const before = told.openings.filter((one) => one.index === index)
    const earlier = before.at(-1)
    if (rule.callMs !== null) this.hold(DEADLINE, this.#now() <= told.began + rule.callMs)
    if (earlier !== undefined) this.hold(RETRIES, retriable(earlier, before.length - 1))
    if (last !== undefined && last.index !== index && !late) {
      const current = this.law.rules[last.index] ?? null
      const used = told.openings.filter((one) => one.index === last.index).length - 1
      this.hold(FALLBACK, current === null || lets(current, last.kind))
      this.hold(FALLBACK, lets(last.rule, last.kind) || retriable(last, used))
    }
    // A retry that may not become a fallback stands where it stood, whatever the order is now.
    if (last?.index === index && !lets(rule, last.kind)) return
    for (const better of this.law.order.slice(0, this.law.order.indexOf(index))) {
      const key = `${better} ${this.law.places[better]}`
      const wanted = this.law.rules[better] ?? null
      const excused =
        wanted === null ||
        // Its time may have been over while something was reserved for it.
        wanted.callMs !== null ||
        wanted.totalMs !== null ||
        told.unsendable.has(better) ||
        late ||
        this.#doubtful.has(key) ||
        told.openings.some((one) => one.index === better)
      this.hold(ORDER, excused)
    }
  }

  /** Whether the operator's time was over for some attempt of a call while its intent was being written: it failed without having been opened. */
  #late(call: string): boolean {
    return this.records.some((one) => one.call === call && one.body.reason === 'TOTAL' && !this.#used.has(one.of ?? -1))
  }

  /** The provider has failed, and nobody had given the attempt up before. */
  failed(opening: Opening, kind: FailureKind, retryAfterMs: number | null, tenant: string): void {
    opening.kind = kind
    const { key, index } = opening
    const { limits } = this.#plan
    const now = this.#now()
    this.count(kind)
    this.#doubtful.add(key)
    this.#ill.add(key)
    if (COUNTED.includes(kind) && !this.#open.has(key)) {
      const row = (this.#rows.get(key) ?? []).filter((time) => now - time < limits.windowMs)
      row.push(now)
      this.#rows.set(key, row)
      if (row.length >= limits.failures) {
        this.#rests.set(key, now + limits.restMs)
        this.#rows.delete(key)
        this.#open.add(key)
      }
    }
    if (retryAfterMs === null || (kind !== 'throttled' && kind !== 'overloaded')) return
    const apart = kind === 'throttled' && index === 0 ? `${key} ${tenant}` : key
    this.#asked.set(apart, Math.max(this.#asked.get(apart) ?? 0, now + Math.min(retryAfterMs, limits.retryAfterMs)))
  }

  /** A time that its policy set is over: that says nothing of the provider. */
  lapsed(opening: Opening): void {
    opening.kind = 'timeout'
    this.count('lapsed')
    this.#doubtful.add(opening.key)
  }

  /** It has spoken, or its answer has ended: what failed before is no row. */
  spoke({ key, trial }: Opening): void {
    this.#rows.delete(key)
    if (trial) this.#open.delete(key)
  }

  reserved(call: string): void {
    const told = this.of(call)
    this.hold(RESERVED, told.reserved === 0)
    told.reserved = 1
  }

  released(call: string): void {
    const told = this.of(call)
    this.hold(RESERVED, told.reserved === 1)
    told.reserved = 0
  }

  settled(call: string): void {
    this.of(call).reserved = 0
  }

  /** What the metrics hear of an attempt. */
  heard(): AttemptWatch {
    const at = this.#endings.push(0) - 1
    const ended = (): void => {
      this.#endings[at] = (this.#endings[at] ?? 0) + 1
    }
    return { failed: ended, ended }
  }

  over(left: boolean): void {
    this.hold(LEAK, !left)
    for (const { ended, reserved } of this.#calls.values()) {
      this.hold(TOLD, ended === 1)
      this.hold(RESERVED, reserved === 0)
    }
    const intents = this.records.filter(({ kind }) => kind === 'call.intent')
    const overtaken = this.records.filter(({ body }) => body.reason === 'OVERTAKEN').length
    this.hold(HEARD, this.#endings.length === intents.length - overtaken && this.#endings.every((times) => times === 1))
    for (const { body } of this.records) {
      if (!Array.isArray(body.reasons)) continue
      for (const { rule, message } of body.reasons) {
        const key = /^t([0-9]) /.exec(message)?.[1]
        if (rule === 'base/target-resting')
          this.hold(
            RESTING,
            [...this.#ill].some((ill) => ill.startsWith(`${key} `)),
          )
      }
    }
    for (const intent of intents) {
      const after = this.records.filter(({ of }) => of === intent.seq)
      const closing = after.filter(({ kind }) => CLOSING_KINDS.includes(kind))
      this.hold(CLOSED, closing.length === 1 && after.at(-1) === closing[0])
    }
  }
}

const PLAINEST: Rule = {
  retry: null,
  fallback: null,
  callMs: null,
  totalMs: null,
  firstByteMs: null,
  pin: null,
  quota: null,
  looser: null,
}

function lets({ fallback }: Rule, kind: FailureKind | null): boolean {
  return fallback === null || (kind !== null && fallback.includes(kind))
}

function retriable({ rule: { retry }, kind }: Opening, used: number): boolean {
  return retry !== null && kind !== null && retry.on.includes(kind) && used < retry.times
}
