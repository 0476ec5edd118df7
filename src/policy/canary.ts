import { DIALECTS, type Dialect, OPERATIONS, type Operation } from '../core/call.ts'
import type {
  CallInput,
  ContextInput,
  Decider,
  RequestInput,
  ResponseInput,
  TargetInput,
  Verdict,
} from '../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import { isUnfinished } from './engine/thread.ts'

/** Calls that the operator wants a policy to allow before it is swapped in; a target of each must be allowed. */
export type CanaryOptions = Readonly<{
  /** The controls that must answer. */
  controls: readonly string[]
  mustAllow?: readonly RequestInput[]
}>

/** No tenant, model, control or provider may have this name: configuration refuses names that begin with an underscore. */
const NOBODY = '_canary'

/** A policy could allow everything in one dialect, or for one operation: each canary is sung in all of them. */
type Tongue = Readonly<{ dialect: Dialect; operation: Operation }>
const TONGUES: readonly Tongue[] = DIALECTS.flatMap((dialect) =>
  OPERATIONS.map((operation) => ({ dialect, operation })),
)

function callIn({ dialect, operation }: Tongue): CallInput {
  return {
    id: '00000000-0000-7000-8000-000000000000',
    dialect,
    operation,
    model: NOBODY,
    stream: false,
    principal: { subject: NOBODY, tenant: NOBODY, groups: [], purpose: null, proof: 'key', key: NOBODY },
    task: null,
    classes: [],
    estimate: { input_tokens: 1, max_output_tokens: 1 },
    tools: [],
    references: [],
    headers: {},
    metadata: {},
  }
}

/** `ZZ` is the code that ISO 3166 leaves to users: no country, and here no place on earth. */
function targetIn(regions: readonly string[]): TargetInput {
  const residency = { endpoint: regions, processing: regions, storage: regions }
  return { id: NOBODY, provider: NOBODY, model: NOBODY, residency, contract: [], facts: {} }
}

function contextOf(controls: readonly string[]): ContextInput {
  return { time: '2026-01-01T00:00:00.000Z', date: '2026-01-01', environment: NOBODY, replay: true, controls }
}

type Canary = Readonly<{ name: string; judge: (decider: Decider, tongue: Tongue) => Promise<Verdict | undefined> }>

function requestCanary(name: string, target: TargetInput, controls: readonly string[]): Canary {
  const context = contextOf(controls)
  return {
    name,
    judge: async (decider, tongue) => {
      const input: RequestInput = { phase: 'request', call: callIn(tongue), targets: [target], findings: [], context }
      return (await decider.request(input)).targets.get(target.id)
    },
  }
}

function responseCanary(name: string, controls: readonly string[]): Canary {
  const rest: Omit<ResponseInput, 'call'> = {
    phase: 'response',
    target: targetIn(['ZZ']),
    findings: [],
    usage: { input_tokens: 1, output_tokens: 1 },
    progress: { characters: 1, finished: true },
    evidence: [],
    context: contextOf(controls),
  }
  return {
    name,
    judge: async (decider, tongue) => (await decider.response({ ...rest, call: callIn(tongue) })).verdict,
  }
}

/**
 * What every sane policy denies: an unknown tenant's call to a place outside of this world, the same to no place at all (where a rule over
 * all regions is true of none), and a call for which a control must answer that does not exist (which a policy that echoes the host's
 * list would satisfy). They ship in the gateway, so that no bundle can leave them out.
 */
function mustDeny(controls: readonly string[]): Canary[] {
  return [
    requestCanary('a target outside of this world', targetIn(['ZZ']), controls),
    requestCanary('a target with no residency', targetIn([]), controls),
    requestCanary('a control that does not exist', targetIn(['ZZ']), [NOBODY]),
    responseCanary('a control that does not exist, for an answer', [NOBODY]),
  ]
}

/** The canary's name where the policy allows it, with the tongues it is allowed in unless that is all of them. */
async function allowed({ name, judge }: Canary, decider: Decider): Promise<readonly string[]> {
  const tongues: Tongue[] = []
  for (const tongue of TONGUES) if (await allows(name, judge(decider, tongue))) tongues.push(tongue)
  if (tongues.length === 0) return []
  if (tongues.length === TONGUES.length) return [name]
  return [`${name}, in ${tongues.map(({ dialect, operation }) => `${dialect} ${operation}`).join(', ')}`]
}

async function allows(name: string, judged: Promise<Verdict | undefined>): Promise<boolean> {
  try {
    return (await judged)?.effect === 'allow'
  } catch (error) {
    // Nobody knows what it would have said with more time, or in another worker.
    if (isUnfinished(error)) throw failed('it could not be judged to its end', [name], error)
    // In a call each fault of a policy is a denial; so it is here.
    if (isCustomhouseError(error) && error.code.startsWith('ERR_POLICY_')) return false
    throw error
  }
}

/** Judges the canaries of a policy that is about to be swapped in. Error: ERR_POLICY_CANARY, which keeps the last good policy. */
export async function judgeCanaries(decider: Decider, options: CanaryOptions = { controls: [] }): Promise<void> {
  const wrong: string[] = []
  for (const canary of mustDeny(options.controls)) wrong.push(...(await allowed(canary, decider)))
  if (wrong.length > 0) throw failed('it allows what every policy must deny', wrong)
  for (const [index, input] of (options.mustAllow ?? []).entries()) {
    const verdicts = [...(await decider.request(input)).targets.values()]
    if (!verdicts.some(({ effect }) => effect === 'allow'))
      throw failed('it denies what it must allow', [`call ${index + 1}: ${input.call.model}`])
  }
}

function failed(what: string, canaries: readonly string[], cause?: unknown): CustomhouseError {
  const why = isCustomhouseError(cause) ? `: ${cause.message}` : '.'
  return new CustomhouseError('ERR_POLICY_CANARY', `The policy is refused: ${what} (${canaries.join('; ')})${why}`, {
    cause,
    detail: { canaries },
  })
}
