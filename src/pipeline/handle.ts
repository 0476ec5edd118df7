import type { Dispatch, Edit, Finding, Target } from '../core/call.ts'
import type { FindingFact, Reason } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Filter } from '../core/plugin.ts'
import type { Encoder, Provider } from '../core/port.ts'
import type { Decided } from '../core/telemetry.ts'
import { dispatchOf, lifeline, open, providerOf } from './attempt.ts'
import { base, baseReason, Denial } from './base.ts'
import { dischargeRequest } from './discharge.ts'
import { answerWith, CLIENT_GONE, closeUnanswered, DRAINED, deniedBy, ledgerError } from './ending.ts'
import { evidence, record } from './evidence.ts'
import { gate } from './gate.ts'
import type { Visit } from './gateway.ts'
import { inspect, summarise, withRoles } from './inspect.ts'
import { addReasons, type Judgement, judge, type Permitted } from './judge.ts'
import type { Sent } from './passage.ts'
import { deniedCall, intent } from './records.ts'
import { timed } from './timed.ts'

/** A call after it was inspected and judged. */
type Assessment = Readonly<{ judgement: Judgement; findings: readonly Finding[]; facts: readonly FindingFact[] }>

/** Why a target gave no answer. `sent`: it was tried, so that this is the provider's failure and not a denial. */
type Failure = Readonly<{ answer: CustomhouseError; reasons: readonly Reason[]; sent: boolean }>

/**
 * A call's way: judged, then sent to the first permitted target that begins to answer, and the answer passed through the gate. There
 * is no other way in or out; the same steps serve whole answers, streams, retries and fallbacks.
 */
export async function handle(visit: Visit): Promise<void> {
  let attempt = 0
  try {
    let assessment = await assess(visit)
    let failure: Failure | null = null
    const tried = new Set<string>()
    for (;;) {
      if (visit.client.gone.aborted) throw CLIENT_GONE
      if (visit.gateway.drained.aborted) throw stopping(visit)
      if (visit.gateway.generation() !== assessment.judgement.generation) assessment = await assess(visit)
      requireFresh(visit)
      reauthenticate(visit)
      const left = assessment.judgement.permitted.filter(({ target }) => !tried.has(target.id))
      const next = left[0]
      if (next === undefined) throw unanswered(assessment, failure)
      tried.add(next.target.id)
      const sent = await send(visit, assessment, next, attempt + 1, left.length === 1)
      if (sent === 'answered') return
      if (sent === 'stale') {
        tried.delete(next.target.id)
        continue
      }
      if (sent.sent) attempt += 1
      failure = sent.sent || failure === null ? sent : failure
    }
  } catch (error) {
    await refuse(visit, error, attempt > 0)
  }
}

/** Base, inspection, judgement: everything before the first attempt, and once more after a change of generation. */
async function assess(visit: Visit): Promise<Assessment> {
  const { call, gateway, watch } = visit
  const generation = gateway.generation()
  requireFresh(visit)
  const candidates = base(call, generation)
  const findings = await timed(watch, 'redact', () => inspect('request', call.segments, generation, gateway, call.id))
  const facts = summarise(withRoles(findings, call.segments))
  const judgement = await judge(visit, candidates, facts, generation)
  return { judgement, findings, facts }
}

/** Whoever withdraws a permission must be able to rely on it within a time: see `reload.stale_after`. */
function requireFresh({ gateway }: Visit): void {
  if (gateway.fresh()) return
  throw new Denial(
    [
      baseReason(
        'policy-stale',
        'what is active may not be what is wanted any more: the newest policy or configuration could not be activated for too long',
      ),
    ],
    null,
  )
}

/** A ledger that has latched stops the gateway as well, and says more. */
function stopping({ gateway }: Visit): CustomhouseError {
  const health = gateway.ledger.health()
  return health === 'ok' ? DRAINED : ledgerError(health)
}

/** A credential that was revoked while the call waited no longer stands. */
function reauthenticate({ call, gateway }: Visit): void {
  if (!gateway.authenticator.stands(call.principal)) {
    throw new CustomhouseError('ERR_IDENTITY_INVALID', 'The credential of this call was revoked while it waited.')
  }
}

/** A discharge may wait (for a quota, say): what was judged before it need not hold after it. */
function stale({ call, gateway }: Visit, generation: Generation): boolean {
  return gateway.generation() !== generation || !gateway.fresh() || !gateway.authenticator.stands(call.principal)
}

type Prepared = Readonly<{
  dispatch: Dispatch
  provider: Provider
  encoder: Encoder
  filters: readonly Filter[]
  /** Sequence number of the intent, which is durable. */
  intent: number
}>

/** Everything before the first byte upstream: discharge, check, record. Where any of it fails, or what was judged no longer holds, what was reserved is given back. */
async function prepare(
  visit: Visit,
  { judgement, findings, facts }: Assessment,
  { target, verdict }: Permitted,
  attempt: number,
  signal: AbortSignal,
): Promise<Prepared | 'stale' | Failure> {
  const { call, codec } = visit
  const { generation, decision } = judgement
  const discharged = await timed(visit.watch, 'quota', () =>
    dischargeRequest(visit, target, verdict, findings, generation, signal),
  )
  if (!discharged.met) return { answer: discharged.answer, reasons: [discharged.reason], sent: false }
  try {
    if (stale(visit, generation)) {
      await discharged.release()
      return 'stale'
    }
    const dispatch = dispatchOf(visit, target, discharged, generation)
    if (dispatch instanceof Denial) {
      await discharged.release()
      return { answer: dispatch.answer, reasons: dispatch.reasons, sent: false }
    }
    const provider = providerOf(generation, target)
    const encoder = codec.encode(call)
    const { seq } = await record(
      visit,
      intent(judgement.call, dispatch, attempt, decision, verdict.obligations, facts, generation),
    )
    visit.watch.decided(decidedOf(judgement, target, discharged.edits))
    return { dispatch, provider, encoder, filters: discharged.filters, intent: seq }
  } catch (error) {
    await discharged.release()
    throw error
  }
}

/** What the metrics call it: changed, sent elsewhere than where its route names first, or neither. */
function decidedOf({ generation, call }: Judgement, target: Target, edits: readonly Edit[]): Decided {
  if (edits.length > 0) return 'redact'
  return generation.models.get(call.model)?.[0] === target ? 'allow' : 'route'
}

/** One attempt: prepare, open, gate. */
async function send(
  visit: Visit,
  assessment: Assessment,
  permitted: Permitted,
  attempt: number,
  last: boolean,
): Promise<'answered' | 'stale' | Failure> {
  const { generation, decision, call } = assessment.judgement
  const { target, input } = permitted
  const line = lifeline(visit, providerOf(generation, target).totalMs ?? generation.limits.totalMs)
  try {
    const prepared = await prepare(visit, assessment, permitted, attempt, line.signal)
    if (prepared === 'stale' || 'sent' in prepared) return prepared
    const { dispatch, provider, encoder, filters, intent } = prepared
    const watch = visit.watch.attempt(target, attempt, dispatch.url)
    const sentAt = performance.now()
    const sent: Sent = {
      visit,
      generation,
      target,
      residency: dispatch.residency,
      call,
      targetInput: input,
      decision,
      filters,
      encoder,
      attempt,
      watch,
      intent,
      sentAt,
    }
    const answer = await open(provider, dispatch, line.signal, last)
    if (answer instanceof CustomhouseError) {
      await closeUnanswered(sent, answer)
      return { answer, reasons: [], sent: true }
    }
    await gate({ ...sent, answer })
    return 'answered'
  } finally {
    line.end()
  }
}

/** No permitted target is left. Where none was sent to, that is a denial; else it is the last provider's failure. */
function unanswered({ judgement, facts }: Assessment, failure: Failure | null): Error {
  if (failure?.sent === true) return failure.answer
  const reasons = [...(failure?.reasons ?? [])]
  addReasons(reasons, judgement.reasons)
  return new Denial(
    reasons,
    judgement.decision,
    failure === null ? { findings: facts } : { findings: facts, answer: failure.answer },
  )
}

/**
 * The call ends here without an answer. A denial, and our own failure, are durable before the client hears of them; what ended
 * before it was judged is counted; a call that cannot be recorded is a 503.
 *
 * @param tried an attempt is on record with its ending
 */
async function refuse(visit: Visit, error: unknown, tried: boolean): Promise<void> {
  const { call, client, gateway } = visit
  if (error instanceof CustomhouseError && error.code !== 'ERR_GATEWAY_INTERNAL') {
    visit.watch.decided('error')
    if (!(tried && ofAttempt(error))) gateway.refused(error.code, call.principal.tenant)
    if (client.gone.aborted) client.destroy()
    else answerWith(visit, error, null)
    return
  }
  const denial = error instanceof Denial ? error : failed(visit, error)
  const { reasons, decision, findings } = denial
  if (denial === error) deniedBy(visit, reasons)
  else visit.watch.decided('error')
  let { answer } = denial
  try {
    await evidence(visit, deniedCall(call, answer, decision, reasons, findings, gateway.generation()))
  } catch (failure) {
    answer = ledgerError(failure)
  }
  if (client.gone.aborted) client.destroy()
  else answerWith(visit, answer, decision)
}

/** What the record of an attempt says already. */
function ofAttempt(error: CustomhouseError): boolean {
  return error === CLIENT_GONE || error === DRAINED || error.code.startsWith('ERR_PROVIDER_')
}

function failed({ call, gateway }: Visit, error: unknown): Denial {
  gateway.report('the call failed', error, call.id)
  const answer = new CustomhouseError(
    'ERR_GATEWAY_INTERNAL',
    'The gateway failed before the call was sent. Its operator finds the cause under the call id.',
  )
  return new Denial([baseReason('failed', 'the gateway failed before the call was sent')], null, { answer })
}
