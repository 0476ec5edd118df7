import type { Ending, Outcome } from '../core/call.ts'
import type { Reason } from '../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Answer } from '../core/port.ts'
import { Denial } from './base.ts'
import { evidence, ledgerError } from './evidence.ts'
import type { Visit } from './gateway.ts'
import { hearHeaders, recordDisplaced } from './hearing.ts'
import { notesOf } from './notes.ts'
import { headerValue, type Passage, type Progress, REQUEST_IDS, type Sent } from './passage.ts'
import { attemptFailed, outcomeOf } from './records.ts'
import { settle } from './settle.ts'
import { nowhere } from './whereabouts.ts'

/** Something ended the answer before its end. The outcome is durable first, then the client is told in its own dialect. */
export async function stop(passage: Passage, progress: Progress, error: unknown): Promise<void> {
  const { client } = passage.visit
  passage.answer.body.cancel()
  if (error instanceof Denial && error.decision !== null) progress.decision = error.decision
  const { ending, answer, reasons } = classify(passage, progress, error)
  if (error instanceof Denial) deniedBy(passage.visit, reasons)
  else if (ending === 'failed') passage.visit.watch.decided('error')
  try {
    await close(passage, progress, ending, progress.began ? passage.answer.status : answer.status, reasons)
  } catch (failure) {
    return handOver(passage, () => tell(passage, progress, ledgerError(failure)))
  }
  if (ending === 'client_gone') client.destroy()
  else handOver(passage, () => tell(passage, progress, answer))
}

/** The attempt is on record with its ending: what fails now is the client's last bytes, and breaks its connection. */
export function handOver({ visit }: Passage, last: () => void): void {
  try {
    last()
  } catch (error) {
    visit.gateway.report('the client could not be told how its call ended', error, visit.call.id)
    visit.client.destroy()
  }
}

/** The rules that ended a call, for the metrics. */
export function deniedBy({ watch }: Visit, reasons: readonly Reason[]): void {
  watch.decided('deny')
  watch.denied(reasons.map(({ rule }) => rule))
}

type Stopped = Readonly<{ ending: Ending; answer: CustomhouseError; reasons: readonly Reason[] }>

function classify({ visit }: Passage, progress: Progress, error: unknown): Stopped {
  const { client, gateway, call } = visit
  if (error instanceof Denial)
    return { ending: progress.began ? 'cut_off' : 'denied', answer: error.answer, reasons: error.reasons }
  if (client.gone.aborted) return { ending: 'client_gone', answer: CLIENT_GONE, reasons: [] }
  if (gateway.drained.aborted) return { ending: 'drained', answer: DRAINED, reasons: [] }
  gateway.report('the answer ended early', error, call.id)
  if (error instanceof CustomhouseError && error.code.startsWith('ERR_PROVIDER_'))
    return { ending: 'provider_truncated', answer: error, reasons: [] }
  if (isCustomhouseError(error, 'ERR_LEDGER_UNAVAILABLE')) return { ending: 'failed', answer: error, reasons: [] }
  return { ending: 'failed', answer: FAILED, reasons: [] }
}

export { ledgerError }

export const CLIENT_GONE = new CustomhouseError('ERR_CALL_TIMEOUT', 'The client hung up.', { status: 499 })
export const DRAINED = new CustomhouseError(
  'ERR_GATEWAY_DRAINING',
  'The gateway is stopping and cut the answer off. Send the call again.',
)
/** What was permitted when the intent was written is not known to be any more, or the target rests: nothing is sent, and the loop looks at everything anew. */
export const OVERTAKEN = new CustomhouseError(
  'ERR_POLICY_DENIED',
  'While its intent was made durable, what permitted the attempt changed, or its target came to rest: it was not sent.',
  { detail: { reason: 'OVERTAKEN' } },
)
const FAILED = new CustomhouseError(
  'ERR_GATEWAY_INTERNAL',
  'The gateway failed while it read the answer. Its operator finds the cause under the call id.',
)

/**
 * Closes an intent whose provider did not begin to answer, which was overtaken, or whose client left or whose gateway stopped before an answer. What `headers`
 * of an answer that is passed over say of where it comes from is on record before.
 *
 * @throws as the ledger does
 */
export async function closeUnanswered(
  sent: Sent,
  error: CustomhouseError,
  headers: Answer['headers'] = {},
): Promise<void> {
  const { visit, generation, target, intent, attempt, sentAt, watch } = sent
  const { call, client, gateway } = visit
  const given = client.gone.aborted ? CLIENT_GONE : gateway.drained.aborted ? DRAINED : null
  const outcome: Outcome = {
    ending: endingOf(given ?? error),
    status: (given ?? error).status,
    finish: null,
    usage: {},
    bytes: 0,
    firstEventMs: null,
    totalMs: Math.round(performance.now() - sentAt),
  }
  watch.failed(given ?? error)
  await settle(visit, generation, outcome)
  const whereabouts = nowhere()
  try {
    hearHeaders({ ...sent, answer: { headers } }, whereabouts)
  } catch (failure) {
    // The attempt is closed all the same: an open intent would say less.
    gateway.report('where an answer came from could not be heard', failure, call.id)
  }
  await recordDisplaced(sent, whereabouts)
  if (given !== null) {
    await evidence(visit, outcomeOf(call, intent, attempt, { outcome, ...UNANSWERED }))
  } else {
    gateway.report(`the attempt at ${target.id} failed`, error, call.id)
    await evidence(visit, attemptFailed(call, intent, attempt, target.id, error))
  }
}

function endingOf(error: CustomhouseError): Ending {
  if (error === CLIENT_GONE) return 'client_gone'
  if (error === DRAINED) return 'drained'
  return error === OVERTAKEN ? 'denied' : 'provider_error'
}

const UNANSWERED = {
  decision: null,
  reasons: [],
  findings: [],
  fault: null,
  providerRequest: null,
  released: null,
} as const

/** Settles and records how an attempt ended. Rejects only where the ledger cannot write. */
export async function close(
  passage: Passage,
  progress: Progress,
  ending: Ending,
  status: number,
  reasons: readonly Reason[],
): Promise<void> {
  const { visit, generation, sentAt, intent, attempt, answer } = passage
  const outcome: Outcome = {
    ending,
    status,
    finish: word(progress.finish),
    usage: progress.usage,
    bytes: progress.bytes,
    firstEventMs: progress.firstEventAt === null ? null : Math.round(progress.firstEventAt - sentAt),
    totalMs: Math.round(performance.now() - sentAt),
  }
  passage.watch.ended(outcome, answer.status)
  await settle(visit, generation, outcome)
  // What came with the end itself no look has seen.
  if (progress.whereabouts.displaced.length > 0) await recordDisplaced(passage, progress.whereabouts)
  const idHeader = REQUEST_IDS.find((name) => answer.headers[name] !== undefined)
  const providerRequest = token(idHeader === undefined ? null : (answer.headers[idHeader] ?? null))
  await evidence(
    visit,
    outcomeOf(visit.call, intent, attempt, {
      outcome,
      decision: progress.decision,
      reasons,
      findings: progress.facts,
      fault: word(progress.fault),
      providerRequest,
      released: progress.recordedBytes === 0 ? null : (progress.hash?.digest('hex') ?? null),
      notes: notesOf(progress.filters, visit.gateway, visit.call.id),
    }),
  )
}

/**
 * A provider's word as a record may hold it, or `other`: no free text, and none with as many digits as an account, a telephone or a date of
 * birth has. Codes of providers have four at most (Mistral's), and what is in the ledger cannot be taken out of it again.
 */
function word(text: string | null): string | null {
  if (text === null) return null
  const plain = /^[\w.:-]{1,64}$/.test(text) && !/[0-9]{5}/.test(text) && text.replace(/[^0-9]/g, '').length <= 6
  return plain ? text : 'other'
}

/** A provider's id of its request: nothing but a token can be told of it, so what it says is the provider's to answer for. */
function token(text: string | null): string | null {
  return text === null || /^[\w.:-]{1,128}$/.test(text) ? text : 'other'
}

/** The client's own dialect for an answer that will not come: an error answer, or a cut-off where something was released. */
export function tell({ visit, decision }: Passage, progress: Progress, error: CustomhouseError): void {
  if (progress.began) visit.client.end(progress.encoder.cutOff(withIds(error, visit.call.id, decision.id)))
  else answerWith(visit, error, decision)
}

/** An error answer of ours, with the ids under which its call is on record. */
export function answerWith(
  { client, codec, call }: Visit,
  error: CustomhouseError,
  decision: Readonly<{ id: string; revision: string }> | null,
): void {
  const reply = codec.refuse(call.id, withIds(error, call.id, decision?.id ?? null), call)
  const headers: Record<string, string> = { ...reply.headers, 'x-customhouse-call': call.id }
  if (decision !== null) {
    headers['x-customhouse-decision'] = decision.id
    headers['x-customhouse-policy'] = headerValue(decision.revision)
  }
  client.begin(reply.status, headers)
  client.end(reply.body)
}

function withIds(error: CustomhouseError, call: string, decision: string | null): CustomhouseError {
  const ids = decision === null ? `Call ${call}.` : `Call ${call}, decision ${decision}.`
  const stop = /[.!?]$/.test(error.message) ? '' : '.'
  return new CustomhouseError(error.code, `${error.message}${stop} ${ids}`, {
    status: error.status,
    detail: error.detail,
  })
}
