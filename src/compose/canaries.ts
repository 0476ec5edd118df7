import type { CanaryConfig, Config } from '../config.ts'
import { type Dialect, type ModelCall, OPERATIONS, type Operation } from '../core/call.ts'
import type { FindingFact } from '../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { SILENT } from '../core/telemetry.ts'
import { base, Denial } from '../pipeline/base.ts'
import { judge } from '../pipeline/judge.ts'
import { isUnfinished } from '../policy/index.ts'

/** No subject, key or call has this name: configuration refuses names that begin with an underscore. */
const NOBODY = '_canary'

/** One way to ask for what a canary asks for. */
type Ask = Readonly<{ dialect: Dialect; operation: Operation; stream: boolean }>

/** What became of it: the rule that denied, or the target that was allowed. */
type Verdict = Readonly<{ allowed: boolean; by: string }>

/**
 * Judges the operator's canaries as calls are judged: base, facts of plugins and the policy of this very generation, over its own targets.
 * Each is asked whole and streamed, in its dialect or in all that a target of its model speaks. An `allow` must be permitted at one target at least
 * in each; a `deny` at none, for no operation.
 *
 * Error: ERR_POLICY_CANARY, which names all that came out otherwise.
 */
export async function judgeOwnCanaries({ canaries }: Config, generation: Generation): Promise<void> {
  const wrong: string[] = []
  for (const effect of ['allow', 'deny'] as const) {
    for (const [index, canary] of canaries[effect].entries())
      wrong.push(...(await surprises(`policy.canaries.${effect}[${index}]`, effect, canary, generation)))
  }
  if (wrong.length === 0) return
  throw new CustomhouseError(
    'ERR_POLICY_CANARY',
    `The configuration's canaries come out otherwise than they must:\n${wrong.join('\n')}`,
    { detail: { canaries: wrong } },
  )
}

/** A line for each way of asking that comes out wrong. */
async function surprises(
  place: string,
  effect: 'allow' | 'deny',
  canary: CanaryConfig,
  generation: Generation,
): Promise<readonly string[]> {
  const who = `${place} (tenant ${canary.tenant}, model ${canary.model}`
  const asks = asksOf(effect, canary, generation)
  if (asks.length === 0) return [`${who}) asks nothing: no target of its model speaks any dialect`]
  const lines: string[] = []
  for (const ask of asks) {
    const { allowed, by } = await verdictOn(callOf(canary, ask), canary.findings, generation)
    if (allowed === (effect === 'allow')) continue
    const how = `${ask.dialect} ${ask.operation}, ${ask.stream ? 'streamed' : 'whole'}`
    lines.push(`${who}, ${how}) ${allowed ? `is allowed at ${by}` : `is denied by ${by}`}`)
  }
  return lines
}

function asksOf(effect: 'allow' | 'deny', { dialect, model }: CanaryConfig, generation: Generation): readonly Ask[] {
  const spoken = generation.models.get(model)?.flatMap(({ dialects }) => dialects) ?? []
  const dialects = dialect === null ? [...new Set(spoken)] : [dialect]
  const operations = effect === 'allow' ? (['chat'] as const) : OPERATIONS
  return dialects.flatMap((dialect) =>
    operations.flatMap((operation) => [false, true].map((stream) => ({ dialect, operation, stream }))),
  )
}

/** A call without text, as a canary asks it. */
export function callOf({ tenant, groups, model, task, purpose, classes }: CanaryConfig, ask: Ask): ModelCall {
  return {
    id: '00000000-0000-7000-8000-000000000000',
    principal: { subject: NOBODY, tenant, groups, purpose, proof: 'key', keyId: NOBODY },
    ...ask,
    model,
    task,
    classes,
    estimate: { inputTokens: 1, maxOutputTokens: null },
    tools: [],
    references: [],
    headers: {},
    metadata: {},
    segments: [],
    unread: [],
    body: null,
  }
}

async function verdictOn(call: ModelCall, types: readonly string[], generation: Generation): Promise<Verdict> {
  const findings: FindingFact[] = types.map((type) => ({ type, count: 1, roles: ['user'], max_score: 1 }))
  // What an evaluation failed of is in its rule: there is no call under whose id a log would say more. One that was not finished is no denial.
  let unfinished: CustomhouseError | undefined
  const gateway = {
    report: (_: string, error: unknown) => {
      if (isCustomhouseError(error) && isUnfinished(error)) unfinished = error
    },
  }
  const watch = SILENT.arrived({ id: call.id, dialect: call.dialect, prefix: '', method: '', traceparent: undefined })
  try {
    const { permitted } = await judge({ call, gateway, watch }, base(call, generation), findings, generation)
    return { allowed: true, by: permitted.map(({ target }) => target.id).join(' and ') }
  } catch (error) {
    if (unfinished !== undefined) throw unjudged(call, unfinished)
    if (error instanceof Denial) return { allowed: false, by: rulesOf(error) }
    if (isCustomhouseError(error, 'ERR_CALL_UNKNOWN_MODEL')) return { allowed: false, by: error.code }
    throw error
  }
}

function unjudged({ model, principal, dialect, operation }: ModelCall, cause: CustomhouseError): CustomhouseError {
  const who = `tenant ${principal.tenant}, model ${model}, ${dialect} ${operation}`
  return new CustomhouseError(
    'ERR_POLICY_CANARY',
    `A canary (${who}) could not be judged to its end: ${cause.message}`,
    {
      cause,
    },
  )
}

function rulesOf({ reasons }: Denial): string {
  return [...new Set(reasons.map(({ rule }) => rule))].join(' and ')
}
