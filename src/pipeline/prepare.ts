import type { Dispatch, Edit, Finding, Target } from '../core/call.ts'
import type { FindingFact } from '../core/decision.ts'
import { type CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Filter, Plugin } from '../core/plugin.ts'
import type { Encoder, Provider } from '../core/port.ts'
import type { Decided } from '../core/telemetry.ts'
import { dispatchOf, providerOf } from './attempt.ts'
import type { Pass } from './attempts.ts'
import { baseReason, Denial } from './base.ts'
import { dischargeRequest } from './discharge.ts'
import { record } from './evidence.ts'
import type { FailureKind } from './failures.ts'
import type { Visit } from './gateway.ts'
import type { Judgement, Permitted } from './judge.ts'
import { intent } from './records.ts'
import { readersOfAnswer } from './roster.ts'
import { timed } from './timed.ts'
import type { Unsent } from './unanswered.ts'
import type { Onward } from './way.ts'

/** A call after it was inspected and judged. */
export type Assessment = Readonly<{ judgement: Judgement; findings: readonly Finding[]; facts: readonly FindingFact[] }>

/**
 * Why a target gave no answer. `sent`: it was tried, so that this is the provider's failure and not a denial; `onward` is what may follow. What could not
 * be carried out always leads to the next target.
 */
export type Failure = Readonly<
  { sent: true; answer: CustomhouseError; kind: FailureKind | null; onward: Onward } | ({ sent: false } & Unsent)
>

/** A discharge may wait (for a quota, say): what was judged before it need not hold after it. */
export function stale(visit: Visit, generation: Generation): boolean {
  return visit.gateway.generation() !== generation || !visit.gateway.fresh() || !surelyStands(visit)
}

/** Where nobody can tell, it is for the loop to say so, once what is reserved or on record has its ending. */
function surelyStands({ call, gateway }: Visit): boolean {
  try {
    return gateway.authenticator.stands(call.principal)
  } catch (error) {
    if (isCustomhouseError(error, 'ERR_IDENTITY_UNAVAILABLE')) return false
    throw error
  }
}

export type Prepared = Readonly<{
  dispatch: Dispatch
  provider: Provider
  encoder: Encoder
  filters: readonly Filter[]
  readers: readonly Plugin[]
  /** Sequence number of the intent, which is durable. */
  intent: number
}>

/** Everything before the first byte upstream: discharge, check, record. Where any of it fails, or what was judged no longer holds, what was reserved is given back. */
export async function prepare(
  visit: Visit,
  { judgement, findings, facts }: Assessment,
  { target, verdict }: Permitted,
  pass: Pass,
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
    if (isCustomhouseError(signal.reason)) {
      await discharged.release()
      return tooLate(signal.reason)
    }
    if (stale(visit, generation) || pass.rests()) {
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
      intent(judgement.call, dispatch, attempt, decision, verdict.obligations, facts, generation, discharged.notes),
    )
    visit.watch.decided(decidedOf(judgement, target, discharged.edits))
    const readers = readersOfAnswer(generation.plugins, discharged.inspects)
    return { dispatch, provider, encoder, filters: discharged.filters, readers, intent: seq }
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

/** The time was over before anything was sent. */
function tooLate(answer: CustomhouseError): Failure {
  return { answer, reasons: [baseReason('deadline', answer.message)], sent: false }
}
