import type {
  ContextInput,
  Decider,
  Obligation,
  Reason,
  RequestDecision,
  RequestInput,
  ResponseDecision,
  ResponseInput,
  Verdict,
} from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Json } from '../core/json.ts'
import type { PolicyEngine } from './engine/index.ts'
import { Memo } from './memo.ts'
import { members, type RawVerdict, readChoice, readOrder, readTargets, readVerdict } from './shape.ts'
import type { Reads } from './toolchain/index.ts'

/** The one entrypoint for calls. */
export const DECISION_ENTRYPOINT = 'customhouse/decision'

/**
 * What a {@link Decider} needs: a loaded engine whose bundle has the entrypoint, the revision to name in decisions, and what the
 * policy reads of its input where its sources are known (null where they are not: then every call is evaluated).
 */
export type DeciderOptions = Readonly<{ engine: PolicyEngine; revision: string; reads?: Reads | null }>

/**
 * Makes the decider of one policy revision. Time is the input's: `time.now_ns()` answers the instant of `context.time`, so a recorded call is judged
 * again as it was. An `allow` of the policy stands only if each of `context.controls` is among `satisfied`, whatever main.rego made of it.
 * A decision whose whole input was seen before is remembered ({@link Memo}); it has an id of its own all the same.
 * Errors: ERR_POLICY_UNDEFINED if the bundle lacks the entrypoint.
 */
export function createDecider({ engine, revision, reads = null }: DeciderOptions): Decider {
  if (!engine.entrypoints.includes(DECISION_ENTRYPOINT)) {
    throw new CustomhouseError('ERR_POLICY_UNDEFINED', `The policy has no entrypoint ${DECISION_ENTRYPOINT}.`)
  }
  const ask = (input: RequestInput | ResponseInput): { value: Json; fuel: number } => {
    const options = { now: instantOf(input.context), seed: input.call.id }
    const answer = engine.evaluate(DECISION_ENTRYPOINT, input, options)
    if (answer.defined) return answer
    throw new CustomhouseError(
      'ERR_POLICY_UNDEFINED',
      `The policy's ${DECISION_ENTRYPOINT} is undefined for this call.`,
    )
  }
  const request = (input: RequestInput): Said<RequestDecision> => {
    const ids = input.targets.map(({ id }) => id)
    if (new Set(ids).size !== ids.length)
      throw new CustomhouseError('ERR_POLICY_MALFORMED', 'Two candidate targets have the same id.')
    const { value, fuel } = ask(input)
    const answer = members(value, '/', ['targets'], ['order', 'choose'])
    const { controls } = input.context
    const targets = new Map<string, Verdict>()
    for (const [id, verdict] of readTargets(answer.targets, ids)) targets.set(id, settle(verdict, controls))
    const order = readOrder(answer.order, ids)
    return { phase: 'request', revision, targets, order, choose: readChoice(answer.choose), fuel }
  }
  const response = (input: ResponseInput): Said<ResponseDecision> => {
    const { value, fuel } = ask(input)
    const verdict = settle(readVerdict(value, ''), input.context.controls)
    return { phase: 'response', revision, verdict, fuel }
  }
  return {
    revision,
    request: remembering(request, Memo.of(reads)),
    response: remembering(response, Memo.of(reads)),
  }
}

type Said<D> = Omit<D, 'id'>

/** Evaluates what was not seen before; only what came to a well-shaped decision is remembered. */
function remembering<I extends RequestInput | ResponseInput, D>(
  judge: (input: I) => Said<D>,
  memo: Memo<Said<D>> | null,
): (input: I) => Said<D> & { id: string } {
  if (memo === null) return (input) => ({ ...judge(input), id: newId() })
  return (input) => {
    const key = memo.key(input)
    let said = memo.get(key)
    if (said === undefined) {
      said = judge(input)
      memo.set(key, said)
    }
    return { ...said, id: newId() }
  }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function instantOf(context: ContextInput): Date {
  const instant = new Date(context.time)
  if (INSTANT.test(context.time) && !Number.isNaN(instant.getTime())) return instant
  throw new CustomhouseError(
    'ERR_POLICY_MALFORMED',
    'context.time of the policy input is no instant in UTC with milliseconds.',
  )
}

/** Silence is a denial: a control that did not say that it is satisfied turns an allow into a deny, and is named. */
function settle(raw: RawVerdict, controls: readonly string[]): Verdict {
  const silent = controls.filter((control) => !raw.satisfied.has(control))
  const effect = silent.length > 0 ? 'deny' : raw.effect
  const reasons = [...raw.reasons]
  for (const control of silent) {
    if (reasons.some((reason) => reason.control === control)) continue
    reasons.push({
      control,
      rule: `${control}/unsatisfied`,
      controls: [],
      message: `The control ${control} did not say that it is satisfied.`,
    })
  }
  if (effect === 'deny' && reasons.length === 0) {
    reasons.push({
      control: 'policy',
      rule: 'policy/denied',
      controls: [],
      message: 'The policy denied the call and gave no reason.',
    })
  }
  return { effect, reasons: sortReasons(reasons), obligations: distinct(raw.obligations) }
}

const ordered = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function sortReasons(reasons: readonly Reason[]): Reason[] {
  return [...reasons].sort(
    (a, b) => ordered(a.control, b.control) || ordered(a.rule, b.rule) || ordered(a.message, b.message),
  )
}

/** Obligations come from sets, whose order is the module's hash order: sorted by their text, each once. */
function distinct(obligations: readonly Obligation[]): readonly Obligation[] {
  if (obligations.length < 2) return obligations
  const byText = new Map(
    obligations.map((obligation) => [`${obligation.type}\n${canonical(obligation.params)}`, obligation]),
  )
  return [...byText].sort(([a], [b]) => ordered(a, b)).map(([, obligation]) => obligation)
}

function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).sort(([a], [b]) => ordered(a, b))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}
