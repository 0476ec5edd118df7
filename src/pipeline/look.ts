import type { FindingFact, ResponseDecision } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { baseReason, Denial } from './base.ts'
import { spanOf } from './contract.ts'
import { dischargeResponse } from './discharge.ts'
import { recordDisplaced } from './hearing.ts'
import { inspect } from './inspect.ts'
import { contextInput, endsOf, evaluationFailed, gaveUp } from './judge.ts'
import type { Passage, Progress } from './passage.ts'
import { timed } from './timed.ts'

/**
 * Inspects what is new, asks the policy where its answer could differ from the last one (on the first window, when the findings have
 * changed, when the provider has said more of where it works, and at the end), and settles how much may go. What is held whole is looked at on the first window and at its end alone: no look
 * between could release anything, and each would read all of it again.
 *
 * @throws Denial where the policy refuses the answer, or who called has been revoked
 */
export async function look(passage: Passage, progress: Progress, final: boolean): Promise<void> {
  const { visit, generation } = passage
  const { lanes, whereabouts } = progress
  if (visit.gateway.authenticator.revoked(visit.call.principal)) throw revoked()
  if (whereabouts.displaced.length > 0) await recordDisplaced(passage, whereabouts)
  const heard = whereabouts.said !== whereabouts.judged
  if (!final && !heard && progress.decision !== null && progress.filters.some((filter) => filter.hold === 'whole'))
    return
  const { readers } = passage
  if (readers.length > 0)
    lanes.found(
      await timed(visit.watch, 'redact', () =>
        inspect('response', lanes.segments(), readers, generation, visit.gateway, visit.call),
      ),
    )
  const facts = lanes.facts()
  if (final || heard || progress.decision === null || !same(facts, progress.facts))
    await judgeAnswer(passage, progress, facts, final)
  lanes.settle(progress.filters, spanOf(readers), final)
}

/** Whoever revokes a credential relies on it for what is under way as well. A list that cannot be read ends nothing that had begun. */
function revoked(): Denial {
  const message = 'the credential of this call was revoked while its answer was under way'
  const answer = new CustomhouseError(
    'ERR_IDENTITY_INVALID',
    'The credential of this call was revoked while its answer was under way.',
  )
  return new Denial([baseReason('revoked', message)], null, { answer })
}

function same(a: readonly FindingFact[], b: readonly FindingFact[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((fact, index) => {
    const other = b[index]
    return (
      other !== undefined &&
      fact.type === other.type &&
      fact.count === other.count &&
      fact.max_score === other.max_score &&
      fact.roles.length === other.roles.length &&
      fact.roles.every((role, at) => role === other.roles[at])
    )
  })
}

async function judgeAnswer(
  passage: Passage,
  progress: Progress,
  facts: readonly FindingFact[],
  final: boolean,
): Promise<void> {
  const { generation, target, visit } = passage
  progress.facts = facts
  progress.whereabouts.judged = progress.whereabouts.said
  const { revision } = generation.decider
  const began = performance.now()
  let apart = false
  let said: ResponseDecision
  const ends = endsOf(visit)
  try {
    const answer = decide(passage, progress, facts, final, ends)
    apart = answer instanceof Promise
    said = answer instanceof Promise ? await answer : answer
  } catch (error) {
    // Whoever ends the answer sees by the signals why.
    if (gaveUp(error, ends)) throw error
    visit.watch.judged({ phase: 'response', revision, came: 'error', ms: performance.now() - began, apart })
    throw unjudged(passage, error)
  }
  const { verdict, ...decision } = said
  visit.watch.judged({ phase: 'response', revision, came: verdict.effect, ms: performance.now() - began, apart })
  progress.decision = decision
  if (verdict.effect === 'deny') throw new Denial(verdict.reasons, decision)
  // Obligations only ever add up: what one window asked for holds for the rest of the answer.
  const fresh = verdict.obligations.filter((obligation) => !progress.obligations.has(JSON.stringify(obligation)))
  if (fresh.length === 0) return
  for (const obligation of fresh) progress.obligations.add(JSON.stringify(obligation))
  const discharged = await dischargeResponse(visit, target, { ...verdict, obligations: fresh }, generation)
  if (!discharged.met) throw new Denial([discharged.reason], decision, { answer: discharged.answer })
  progress.filters = [...progress.filters, ...discharged.filters]
}

/** What the policy says, or a promise of it where the evaluation has to wait. */
function decide(
  { call, generation, targetInput }: Passage,
  { usage, lanes, whereabouts }: Progress,
  findings: readonly FindingFact[],
  finished: boolean,
  ends: readonly AbortSignal[],
): ResponseDecision | Promise<ResponseDecision> {
  return generation.decider.response(
    {
      phase: 'response',
      call,
      target: targetInput,
      findings,
      usage: { input_tokens: usage.inputTokens ?? null, output_tokens: usage.outputTokens ?? null },
      progress: {
        get characters() {
          return lanes.characters
        },
        finished,
      },
      evidence: whereabouts.said,
      context: contextInput(generation),
    },
    ends,
  )
}

/** An answer whose judgement cannot wait for its turn ends here as well: nothing of it may go on unjudged, and its record says why. */
function unjudged({ generation, visit }: Passage, error: unknown): Denial {
  const failure = evaluationFailed(error, generation, visit.gateway, visit.call.id)
  if (failure instanceof Denial) return failure
  const message = 'too many calls of this tenant wait for the policy'
  const reason = { control: 'policy', rule: 'policy/overloaded', controls: [], message }
  return new Denial([reason], null, { answer: failure })
}
