import type {
  Decider,
  Obligation,
  Reason,
  RequestDecision,
  RequestInput,
  ResponseDecision,
  ResponseInput,
  Verdict,
} from '../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Json } from '../core/json.ts'
import { burnt } from './engine/abi.ts'
import type { Evaluation, PolicyEngine } from './engine/index.ts'
import { type EvaluationLimits, type Evaluator, evaluatorOf } from './evaluate.ts'
import { requireBounded } from './input.ts'
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

/** `clock` answers milliseconds that only grow. */
export type GatewayDeciderOptions = DeciderOptions & Readonly<{ limits: EvaluationLimits; clock?: () => number }>

/** With limits, a decision over large input, or for a tenant beyond its share, is a promise. */
export interface GatewayDecider extends Decider {
  /** The policy is not active any more. Decisions are made as before, but nothing is kept for them. */
  retire(): void
}

/** Without limits every decision is made at once, on this thread. */
export interface PromptDecider extends GatewayDecider {
  request(input: RequestInput): RequestDecision
  response(input: ResponseInput): ResponseDecision
}

/**
 * Makes the decider of one policy revision. Time is the input's: `time.now_ns()` answers the instant of `context.time`, so a recorded call is judged
 * again as it was. An `allow` of the policy stands only if each of `context.controls` is among `satisfied`, whatever main.rego made of it.
 * A decision whose whole input was seen before is remembered ({@link Memo}); it has an id of its own all the same.
 * What the fuel of a failed evaluation came to is its error's `detail.fuel`. Errors: ERR_POLICY_UNDEFINED if the bundle lacks the entrypoint.
 */
export function createDecider(options: DeciderOptions): PromptDecider
export function createDecider(options: GatewayDeciderOptions): GatewayDecider
export function createDecider({
  engine,
  revision,
  reads = null,
  limits = null,
  clock,
}: DeciderOptions & Readonly<{ limits?: EvaluationLimits | null; clock?: () => number }>): GatewayDecider {
  if (!engine.entrypoints.includes(DECISION_ENTRYPOINT)) {
    throw new CustomhouseError('ERR_POLICY_UNDEFINED', `The policy has no entrypoint ${DECISION_ENTRYPOINT}.`)
  }
  const evaluator = evaluatorOf(engine, DECISION_ENTRYPOINT, limits, clock)
  const request = (input: RequestInput, until?: readonly AbortSignal[]): Maybe<Said<RequestDecision>> => {
    const ids = input.targets.map(({ id }) => id)
    if (new Set(ids).size !== ids.length)
      throw new CustomhouseError('ERR_POLICY_MALFORMED', 'Two candidate targets have the same id.')
    const { controls } = input.context
    const reader = (evaluation: Evaluation): Said<RequestDecision> =>
      read(evaluation, (value, fuel) => {
        const answer = members(value, '/', ['targets'], ['order', 'choose'])
        const targets = new Map<string, Verdict>()
        for (const [id, verdict] of readTargets(answer.targets, ids)) targets.set(id, settle(verdict, controls))
        const order = readOrder(answer.order, ids)
        return { phase: 'request', revision, targets, order, choose: readChoice(answer.choose), fuel }
      })
    return evaluator.evaluate(input, reader, until)
  }
  const response = (input: ResponseInput, until?: readonly AbortSignal[]): Maybe<Said<ResponseDecision>> => {
    const reader = (evaluation: Evaluation): Said<ResponseDecision> =>
      read(evaluation, (value, fuel) => {
        const verdict = settle(readVerdict(value, ''), input.context.controls)
        return { phase: 'response', revision, verdict, fuel }
      })
    return evaluator.evaluate(input, reader, until)
  }
  return {
    revision,
    request: remembering(request, Memo.of(reads), evaluator),
    response: remembering(response, Memo.of(reads), evaluator),
    retire: () => evaluator.retire(),
  }
}

type Said<D> = Omit<D, 'id'>
type Maybe<T> = T | Promise<T>

/** What is there already goes on at once: no promise, and no turn of the loop. */
function when<A, B>(value: Maybe<A>, next: (value: A) => B): Maybe<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** The policy's answer, with the fuel of the evaluation in the error where it is none. */
function read<T>(evaluation: Evaluation, reader: (value: Json, fuel: number) => T): T {
  const { fuel } = evaluation
  try {
    if (evaluation.defined) return reader(evaluation.value, fuel)
  } catch (error) {
    throw isCustomhouseError(error) ? burnt(error, fuel) : error
  }
  throw new CustomhouseError(
    'ERR_POLICY_UNDEFINED',
    `The policy's ${DECISION_ENTRYPOINT} is undefined for this call.`,
    { detail: { fuel } },
  )
}

/** Evaluates what was not seen before; only what came to a well-shaped decision is remembered. */
function remembering<I extends RequestInput | ResponseInput, D>(
  judge: (input: I, until?: readonly AbortSignal[]) => Maybe<Said<D>>,
  memo: Memo<Said<D>> | null,
  evaluator: Pick<Evaluator, 'came'>,
): (input: I, until?: readonly AbortSignal[]) => Maybe<Said<D> & { id: string }> {
  const named = (said: Said<D>): Said<D> & { id: string } => ({ ...said, id: newId() })
  return (input, until) => {
    // Before anything of it is written, for the memory or for the policy.
    requireBounded(input)
    evaluator.came(input.call.principal.tenant)
    const key = memo?.key(input)
    if (memo === null || key === undefined) return when(judge(input, until), named)
    const known = memo.get(key)
    if (known !== undefined) return named(known)
    return when(judge(input, until), (said) => {
      memo.set(key, said)
      return named(said)
    })
  }
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
