import type { FindingFact, Reason } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { baseReason, Denial } from './base.ts'
import { answerWith, CLIENT_GONE, DRAINED, deniedBy, ledgerError } from './ending.ts'
import { evidence } from './evidence.ts'
import type { Visit } from './gateway.ts'
import { addReasons, type Judgement } from './judge.ts'
import { deniedCall } from './records.ts'
import type { Resting } from './way.ts'

/** Why nothing was sent to a target. */
export type Unsent = Readonly<{ answer: CustomhouseError; reasons: readonly Reason[] }>

/** No permitted target is left that was sent to: a denial, whoever's fault it is, so that the call is on record. */
export function unsent(
  judgement: Judgement,
  findings: readonly FindingFact[],
  first: Unsent | null,
  rests: readonly Resting[],
): Denial {
  const reasons = [...(first?.reasons ?? [])]
  addReasons(reasons, rests.map(resting))
  addReasons(reasons, judgement.reasons)
  const answer = first?.answer ?? atRest(rests)
  return new Denial(reasons, judgement.decision, answer === null ? { findings } : { findings, answer })
}

function resting({ permitted: { target }, rest: { kind } }: Resting): Reason {
  return baseReason('target-resting', `${target.id} is left alone for a while, since it failed (${kind})`)
}

/**
 * Nothing is sent, and it is nobody's decision: the client may come again when the first of them may be tried. Where each has only asked for a slower
 * pace, it is the client's pace: 429.
 */
function atRest(rests: readonly Resting[]): CustomhouseError | null {
  if (rests.length === 0) return null
  const soonest = Math.min(...rests.map(({ rest }) => rest.ms))
  const names = rests.map(({ permitted, rest }) => `${permitted.target.id} (${rest.kind})`).join(', ')
  return new CustomhouseError(
    'ERR_PROVIDER_UNREACHABLE',
    `No target can be tried for this call now; left alone for a while, since they failed, are: ${names}.`,
    {
      status: rests.every(({ rest }) => rest.kind === 'throttled') ? 429 : 503,
      detail: { reason: 'RESTING', retry_after_seconds: Math.max(1, Math.ceil(soonest / 1000)) },
    },
  )
}

/**
 * The call ends here without an answer. A denial, and our own failure, are durable before the client hears of them; what ended
 * before it was judged is counted; a call that cannot be recorded is a 503.
 *
 * @param tried an attempt is on record with its ending
 */
export async function refuse(visit: Visit, error: unknown, tried: boolean): Promise<void> {
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
  if (denial === error && !denial.answer.code.startsWith('ERR_PROVIDER_')) deniedBy(visit, reasons)
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
