import type { RequestInput, ResponseInput } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { type Answer, type Evaluation, type PolicyEngine, readResult } from './engine/index.ts'
import { EngineThread } from './engine/thread.ts'
import { written } from './input.ts'
import { type Account, Share } from './share.ts'

/** How much of the main thread evaluations may have, by `limits.policy` of the configuration. */
export type EvaluationLimits = Readonly<{
  /** Input of more bytes of JSON is evaluated in a worker. */
  inputBytes: number
  /** For an evaluation in the worker, milliseconds. */
  timeMs: number
  /** Percent of the main thread's time that evaluations for one tenant may take. */
  share: number
}>

/** Longest answer that is read, bytes of JSON: reading is work on the main thread (some 10 ns a byte), wherever it was evaluated. */
export const MOST_ANSWER = 262_144

/** Evaluates one entrypoint over a call's input: at once where that is small and the tenant is within its share, else in its turn. */
export interface Evaluator {
  /** Somebody of this tenant has a call to judge, whether or not it is evaluated: whoever is alone may have more than its share. */
  came(tenant: string): void
  /**
   * `read` makes a decision of the answer; that is a part of the evaluation, and taken from the tenant's share as well.
   *
   * @param until see {@link EngineThread.run}
   */
  evaluate<T>(
    input: RequestInput | ResponseInput,
    read: (evaluation: Evaluation) => T,
    until?: readonly AbortSignal[],
  ): T | Promise<T>
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
      came: () => undefined,
      evaluate: (input, read) => read(readResult(engine.run(entrypoint, written(input).json, options(input)))),
      retire: () => undefined,
    }
  }
  const share = new Share(limits.share, clock)
  const thread = new EngineThread(engine, { timeMs: limits.timeMs })
  /** From what an evaluation here is paid; null: it is not made here. What is large never is. */
  const accountFor = (tenant: string, bytes: number, within: boolean): Account | null => {
    if (bytes > limits.inputBytes) return null
    if (within) return 'own'
    return !thread.open(tenant) && share.lends(tenant) ? 'lent' : null
  }
  return {
    came: (tenant) => share.came(tenant),
    evaluate(input, read, until) {
      const { tenant } = input.call.principal
      const began = clock()
      let account: Account | null = null
      let pending: Promise<Answer>
      try {
        const within = share.has(tenant)
        const { json, bytes } = written(input)
        account = accountFor(tenant, bytes, within)
        if (account !== null) return read(readResult(engine.run(entrypoint, json, options(input))))
        pending = thread.run(tenant, { entrypoint, json, ...options(input) }, until)
      } finally {
        // Writing the input is work on this thread as well, wherever it is evaluated.
        share.spend(tenant, clock() - began, account ?? 'own')
      }
      return pending.then((answer) => {
        const came = clock()
        try {
          return read(readResult(answer))
        } finally {
          share.spend(tenant, clock() - came)
        }
      })
    },
    retire: () => thread.retire(),
  }
}

function options({
  call,
  context,
}: RequestInput | ResponseInput): Readonly<{ now: bigint; seed: string; most: number }> {
  return { now: instantOf(context.time), seed: call.id, most: MOST_ANSWER }
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
