import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { AttemptWatch } from '../core/telemetry.ts'
import { lifeline, open, providerOf, termOf } from './attempt.ts'
import { attemptsOf, type Pass } from './attempts.ts'
import { base, baseReason, Denial } from './base.ts'
import { courseOf } from './course.ts'
import { CLIENT_GONE, closeUnanswered, DRAINED, ledgerError, OVERTAKEN } from './ending.ts'
import { isItsOwn } from './failures.ts'
import { gate } from './gate.ts'
import type { Visit } from './gateway.ts'
import { inspect, summarise, withRoles } from './inspect.ts'
import { judge, type Permitted } from './judge.ts'
import type { Sent } from './passage.ts'
import { type Assessment, type Failure, prepare, stale } from './prepare.ts'
import { pluginsThat } from './roster.ts'
import { timed } from './timed.ts'
import { refuse, unsent } from './unanswered.ts'
import { next, type Onward, onward, pause, setOut, type Way } from './way.ts'

/**
 * A call's way: judged, then sent to the first permitted target that begins to answer, and the answer passed through the gate. There
 * is no other way in or out; the same steps serve whole answers, streams, retries and fallbacks.
 */
export async function handle(visit: Visit): Promise<void> {
  let attempt = 0
  try {
    const way = setOut(visit)
    let assessment = await assess(visit)
    let failure: Failure | null = null
    for (;;) {
      if (visit.client.gone.aborted) throw CLIENT_GONE
      if (visit.gateway.drained.aborted) throw stopping(visit)
      if (visit.gateway.generation() !== assessment.judgement.generation) assessment = await assess(visit)
      requireFresh(visit)
      reauthenticate(visit)
      const { permitted, pass, rests } = next(way, assessment.judgement)
      if (permitted === null) {
        if (failure?.sent === true) throw failure.answer
        throw unsent(assessment.judgement, assessment.facts, failure, rests)
      }
      const { id } = permitted.target
      const sent = await send(visit, way, assessment, permitted, pass, attempt + 1)
      if (sent === 'answered') return
      if (sent === 'stale') continue
      if (sent === 'overtaken') {
        attempt += 1
        continue
      }
      if (sent.sent || failure === null) failure = sent
      if (!sent.sent) way.done.add(id)
      else {
        attempt += 1
        await follow(visit, way, assessment, id, sent)
      }
    }
  } catch (error) {
    await refuse(visit, error, attempt > 0)
  }
}

/** Between two attempts, after a failure. Nothing that was judged before holds because it held before: the loop looks at everything anew. */
async function follow(
  visit: Visit,
  way: Way,
  { judgement }: Assessment,
  id: string,
  { answer, kind, onward }: Extract<Failure, { sent: true }>,
): Promise<void> {
  if (kind !== null) way.last = { id, kind }
  if (onward.to === 'retry') {
    way.retries.set(id, (way.retries.get(id) ?? 0) + 1)
    await pause(visit, judgement.generation, onward.waitMs)
    return
  }
  way.done.add(id)
  // What ended the call is said before what failed in it.
  if (onward.to === 'end' && !visit.client.gone.aborted && !visit.gateway.drained.aborted) throw answer
}

/** Base, inspection, judgement: everything before the first attempt, and once more after a change of generation. */
async function assess(visit: Visit): Promise<Assessment> {
  const { call, gateway, watch } = visit
  const generation = gateway.generation()
  requireFresh(visit)
  const candidates = base(call, generation)
  const readers = pluginsThat('inspect', generation.plugins)
  const findings = await timed(watch, 'redact', () =>
    inspect('request', call.segments, readers, generation, gateway, call),
  )
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

/** A credential that was revoked while the call waited no longer stands; where nobody can tell, the call is told so. */
function reauthenticate({ call, gateway }: Visit): void {
  if (!gateway.authenticator.stands(call.principal)) {
    throw new CustomhouseError('ERR_IDENTITY_INVALID', 'The credential of this call was revoked while it waited.')
  }
}

/** What is not sent is no attempt to metrics and traces: its record says what became of it. */
const UNHEARD: AttemptWatch = { failed: () => undefined, ended: () => undefined }

/** One attempt: prepare, open, gate. */
async function send(
  visit: Visit,
  way: Way,
  assessment: Assessment,
  permitted: Permitted,
  pass: Pass,
  attempt: number,
): Promise<'answered' | 'stale' | 'overtaken' | Failure> {
  const { judgement } = assessment
  const { generation, decision, call } = judgement
  const { target, input, verdict } = permitted
  const { clock } = attemptsOf(generation)
  const course = courseOf(verdict.obligations)
  const limitMs = providerOf(generation, target).totalMs ?? generation.limits.totalMs
  const line = lifeline(visit, clock, termOf(limitMs, course, clock.now() - way.began))
  const { signal } = line
  try {
    const prepared = await prepare(visit, assessment, permitted, pass, attempt, signal)
    if (prepared === 'stale' || 'sent' in prepared) return prepared
    const { dispatch, provider, encoder, filters, readers, intent } = prepared
    const sentAt = performance.now()
    // From here to the opening nothing else runs: what is opened is what the active generation permits.
    const overtaken = !signal.aborted && (stale(visit, generation) || pass.rests())
    // The time can be over before it is sent, by our own ledger's slowness: that is nothing that the provider did.
    const late = signal.aborted
    const heard = overtaken ? UNHEARD : visit.watch.attempt(target, attempt, dispatch.url)
    const sent: Sent = {
      visit,
      generation,
      target,
      residency: dispatch.residency,
      call,
      targetInput: input,
      decision,
      filters,
      readers,
      encoder,
      attempt,
      watch: {
        failed: (error) => heard.failed(error),
        ended: (outcome, status) => {
          if (!givenUp(signal)) pass.ended(outcome)
          heard.ended(outcome, status)
        },
      },
      intent,
      sentAt,
    }
    if (overtaken) {
      await closeUnanswered(sent, OVERTAKEN)
      return 'overtaken'
    }
    let then: Onward = { to: 'end' }
    const begun = course.firstByteMs === null ? null : line.begins(course.firstByteMs)
    const answer = await open(provider, dispatch, signal, clock.wall, (failed) => {
      begun?.()
      if (!late && !givenUp(signal) && pass.failed(failed))
        visit.gateway.report(`the target ${target.id} is left alone`, failed.error, visit.call.id)
      then = onward(way, judgement, permitted, failed)
      return then.to !== 'end'
    })
    begun?.()
    if ('error' in answer) {
      await closeUnanswered(sent, answer.error, answer.headers)
      return { answer: answer.error, kind: answer.kind, onward: then, sent: true }
    }
    if (answer.status < 300) pass.began()
    else pass.left()
    await gate({ ...sent, answer })
    return 'answered'
  } finally {
    line.end()
    pass.left()
  }
}

/** Whether an attempt was ended by the client, the gateway or a policy's deadline: that says nothing of the provider. */
function givenUp({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(isCustomhouseError(reason) && isItsOwn(reason))
}
