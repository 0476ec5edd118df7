import type { RequestInput, ResponseInput } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { type Answer, type Evaluation, type PolicyEngine, readResult } from './engine/index.ts'
import { EngineThread } from './engine/thread.ts'
import { written } from './input.ts'
import { Share } from './share.ts'

/** How much of the main thread evaluations may have, by `limits.policy` of the configuration. */
export type EvaluationLimits = Readonly<{
  /** Input of more bytes of JSON is evaluated in a worker. */
  inputBytes: number
  /** For an evaluation in the worker, milliseconds. */
  timeMs: number
  /** Percent of the main thread's time that evaluations for one tenant may take. */
  share: number
}>

/** Evaluates one entrypoint over a call's input: at once where that is small and the tenant is within its share, else in its turn. */
export interface Evaluator {
  evaluate(input: RequestInput | ResponseInput): Evaluation | Promise<Evaluation>
  /** The policy is not active any more. What is under way is finished. */
  retire(): void
}

/**
 * Errors: ERR_CALL_TOO_LARGE, ERR_GATEWAY_OVERLOADED, those of {@link PolicyEngine.run} and of {@link EngineThread.run}.
 *
 * @param limits null: always at once, as where a policy is tested or replayed
 * @param clock milliseconds that only grow
 */
export function evaluatorOf(
  engine: PolicyEngine,
  entrypoint: string,
  limits: EvaluationLimits | null,
  clock: () => number = () => performance.now(),
): Evaluator {
  if (limits === null) {
    return {
      evaluate: (input) => readResult(engine.run(entrypoint, written(input).json, options(input))),
      retire: () => undefined,
    }
  }
  const share = new Share(limits.share, clock)
  const thread = new EngineThread(engine, { timeMs: limits.timeMs })
  return {
    evaluate(input) {
      const { tenant } = input.call.principal
      const began = clock()
      let answer: Answer | Promise<Answer>
      try {
        const within = share.has(tenant)
        const { json, bytes } = written(input)
        answer =
          within && bytes <= limits.inputBytes
            ? engine.run(entrypoint, json, options(input))
            : thread.run(tenant, { entrypoint, json, ...options(input) })
      } finally {
        // Writing the input is work on this thread as well, wherever it is evaluated.
        share.spend(tenant, clock() - began)
      }
      return answer instanceof Promise ? answer.then(readResult) : readResult(answer)
    },
    retire: () => thread.retire(),
  }
}

function options({ call, context }: RequestInput | ResponseInput): Readonly<{ now: bigint; seed: string }> {
  return { now: instantOf(context.time), seed: call.id }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Nanoseconds since 1970. */
function instantOf(time: string): bigint {
  const ms = Date.parse(time)
  if (INSTANT.test(time) && !Number.isNaN(ms)) return BigInt(ms) * 1_000_000n
  throw new CustomhouseError(
    'ERR_POLICY_MALFORMED',
    'context.time of the policy input is no instant in UTC with milliseconds.',
  )
}
