import { createHash } from 'node:crypto'
import type { Dispatch, ModelCall, Residency, Target } from '../core/call.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Answer, Codec, Provider, UpstreamMessage } from '../core/port.ts'
import { within } from '../core/residency.ts'
import type { Clock } from './attempts.ts'
import { baseReason, Denial } from './base.ts'
import type { Course } from './course.ts'
import type { Discharging } from './discharge.ts'
import { type Failed, type FailureKind, failureOf, retryAfterOf, thrown } from './failures.ts'
import type { Visit } from './gateway.ts'
import { redacted } from './redacted.ts'

export function providerOf(generation: Generation, target: Target): Provider {
  const provider = generation.providers.get(target.provider)
  if (provider === undefined) throw new Error(`target ${target.id} names a provider that does not exist`)
  return provider
}

/**
 * What will be sent, frozen, with its residency resolved from its own address: it must lie within what was judged, whatever the
 * configuration says about the target.
 */
export function dispatchOf(
  { call, codec }: Visit,
  target: Target,
  discharged: Extract<Discharging, { met: true }>,
  generation: Generation,
): Dispatch | Denial {
  const message = written(codec, call, target, discharged)
  if (message instanceof Denial) return message
  const { path, headers, body } = message
  const url = providerOf(generation, target).address({ path, headers, body })
  const residency = generation.catalogue.resolve(url, body)
  const judged: readonly Residency[] = [target.residency, ...discharged.pins]
  if (!judged.every((allowed) => within(residency, allowed))) {
    return new Denial(
      [baseReason('residency-drift', `${target.id} would be sent outside of where it was judged to go`)],
      null,
    )
  }
  const digest = createHash('sha256')
    .update(`POST ${url}\n${JSON.stringify(headers)}\n`)
    .update(body)
    .digest('hex')
  return Object.freeze({
    call: call.id,
    tenant: call.principal.tenant,
    target,
    method: 'POST',
    url,
    headers: Object.freeze(headers),
    body: redacted(body),
    residency,
    reservation: discharged.reservation,
    digest,
  })
}

/** The codec's message; a denial where an obligation demands an edit of what its provider has signed, or the call asks for another place. */
function written(
  codec: Codec,
  call: ModelCall,
  target: Target,
  { edits, assign }: Extract<Discharging, { met: true }>,
): UpstreamMessage | Denial {
  try {
    return codec.write(call, target, edits, assign)
  } catch (error) {
    if (!isCustomhouseError(error, 'ERR_POLICY_DENIED')) throw error
    const { rule } = error.detail
    return new Denial([baseReason(typeof rule === 'string' ? rule : 'unwritable', error.message)], null, {
      answer: error,
    })
  }
}

/** `headers`: of the answer that is passed over, which tells where it comes from all the same; none where there was no answer. */
export type Unanswered = Failed & Pick<Answer, 'headers'>

/**
 * Sends a dispatch and waits until an answer begins.
 *
 * @param goesOn hears of a failure, and says whether another attempt follows; where none does, the provider's own error is the best answer there is
 * @returns the answer, or why there is none; an error of the credential that the gateway itself holds is never the client's to see
 */
export async function open(
  provider: Provider,
  dispatch: Dispatch,
  signal: AbortSignal,
  wall: () => number,
  goesOn: (failed: Failed) => boolean,
): Promise<Answer | Unanswered> {
  try {
    signal.throwIfAborted()
    return sorted(provider, await provider.open(dispatch, signal), wall, goesOn)
  } catch (error) {
    const failed = thrown(error)
    goesOn(failed)
    return { ...failed, headers: {} }
  }
}

function sorted(
  { name }: Provider,
  answer: Answer,
  wall: () => number,
  goesOn: (failed: Failed) => boolean,
): Answer | Unanswered {
  const { status, headers } = answer
  const kind = failureOf(status)
  if (kind === null) return answer
  const retryAfterMs = retryAfterOf(headers, wall())
  const failed = { error: errorOf(name, status, kind, retryAfterMs), kind, retryAfterMs }
  if (!goesOn(failed) && status >= 400 && kind !== 'credential') return answer
  answer.body.cancel()
  return { ...failed, headers }
}

function errorOf(name: string, status: number, kind: FailureKind, retryAfterMs: number | null): CustomhouseError {
  const detail = { provider_status: status }
  if (kind === 'credential') {
    return new CustomhouseError(
      'ERR_PROVIDER_UNREACHABLE',
      `The provider ${name} refused the gateway's own credential (status ${status}); its operator must mend it.`,
      { detail },
    )
  }
  const code = kind === 'malformed' ? 'ERR_PROVIDER_MALFORMED' : 'ERR_PROVIDER_UNREACHABLE'
  return new CustomhouseError(code, `The provider ${name} answered with status ${status}.`, {
    // What a client does about these two is its own affair, and differs from a 502.
    ...(kind === 'throttled' || kind === 'overloaded' ? { status: kind === 'throttled' ? 429 : 503 } : {}),
    detail: retryAfterMs === null ? detail : { ...detail, retry_after_seconds: Math.ceil(retryAfterMs / 1000) },
  })
}

/** Times that are over. `detail.reason` stands in the record of the attempt. */
const late = (reason: string, message: string): CustomhouseError =>
  new CustomhouseError('ERR_PROVIDER_TIMEOUT', message, { detail: { reason } })

const LATE = late('TOTAL', 'The provider took longer than an answer may (timeouts.total).')
const DEADLINE_TOTAL = late(
  'DEADLINE_TOTAL',
  'The attempt took longer than the policy lets one take (attempt.deadline, total_ms).',
)
const DEADLINE_FIRST_BYTE = late(
  'DEADLINE_FIRST_BYTE',
  'The provider did not begin to answer within the time that the policy lets it (attempt.deadline, first_byte_ms).',
)
export const DEADLINE_CALL = late(
  'DEADLINE_CALL',
  'The call took longer than the policy lets it take (attempt.deadline, call_ms).',
)

/** A time, and what to end with when it is over. */
export type Term = Readonly<{ ms: number; late: CustomhouseError }>

/** The term of one attempt: of the operator's own limit and the deadlines of its permission, what ends first. */
export function termOf(limitMs: number, { totalMs, callMs }: Course, spentMs: number): Term {
  let term: Term = { ms: limitMs, late: LATE }
  if (totalMs !== null && totalMs < term.ms) term = { ms: totalMs, late: DEADLINE_TOTAL }
  if (callMs !== null && callMs - spentMs < term.ms) term = { ms: Math.max(0, callMs - spentMs), late: DEADLINE_CALL }
  return term
}

/**
 * What a signal that all calls share ends. An AbortSignal walks its list of listeners at each coming and going (measured: 45 us with
 * 5,000 calls open, 3 us with none), so it has one of ours. Calls stand in places that are used again and cleared when a call leaves.
 */
type Places = { readonly calls: (() => void)[]; readonly free: number[] }
const ended = new WeakMap<AbortSignal, Places>()
const nobody = (): void => undefined

function endedBy(shared: AbortSignal): Places {
  const known = ended.get(shared)
  if (known !== undefined) return known
  const places: Places = { calls: [], free: [] }
  shared.addEventListener('abort', () => {
    for (const abort of [...places.calls]) abort()
  })
  ended.set(shared, places)
  return places
}

/** One abort signal for an attempt: the client left, the time is over, or the gateway stops. */
export type Lifeline = Readonly<{
  signal: AbortSignal
  /** An answer must begin within so many milliseconds from now. Its result says that one has. */
  begins: (ms: number) => () => void
  /** Must be called. */
  end: () => void
}>

export function lifeline({ client, gateway }: Visit, clock: Clock, term: Term): Lifeline {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const cancel = clock.after(term.ms, () => controller.abort(term.late))
  client.gone.addEventListener('abort', abort, { once: true })
  const { calls, free } = endedBy(gateway.drained)
  const place = free.pop() ?? calls.length
  calls[place] = abort
  if (client.gone.aborted || gateway.drained.aborted) abort()
  return {
    signal: controller.signal,
    begins: (ms) => clock.after(ms, () => controller.abort(DEADLINE_FIRST_BYTE)),
    end: () => {
      cancel()
      client.gone.removeEventListener('abort', abort)
      calls[place] = nobody
      free.push(place)
    },
  }
}
