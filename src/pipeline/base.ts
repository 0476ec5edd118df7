import type { ModelCall, Residency, Target } from '../core/call.ts'
import type { FindingFact, Reason } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { brief } from './brief.ts'

/** What no policy may permit. These reasons are the gateway's own: they stand in records under the control `base`. */
export function baseReason(rule: string, message: string): Reason {
  return { control: 'base', rule: `base/${rule}`, controls: [], message }
}

/** Facts of a decision as records and answers hold them. */
export type DecisionFacts = Readonly<{ id: string; revision: string; fuel: number }>

/** A denial on its way to the ledger, and then to the client. */
export class Denial extends Error {
  readonly reasons: readonly Reason[]
  /** The policy's decision that denied, or null where the base did. */
  readonly decision: DecisionFacts | null
  /** What the client is answered with. */
  readonly answer: CustomhouseError
  readonly findings: readonly FindingFact[]

  constructor(
    reasons: readonly Reason[],
    decision: DecisionFacts | null,
    more: Readonly<{ answer?: CustomhouseError; findings?: readonly FindingFact[] }> = {},
  ) {
    super('denied')
    this.name = 'Denial'
    this.reasons = reasons
    this.decision = decision
    this.answer = more.answer ?? denied(reasons)
    this.findings = more.findings ?? []
  }
}

/** The sentence that developers read most: what, which rule, why. The ids are added where the call is known. */
function denied(reasons: readonly Reason[]): CustomhouseError {
  const first = reasons[0]
  const rule = first === undefined ? 'policy/denied' : brief(first.rule, 128)
  // Two targets are often denied by one rule.
  const others = [...new Set(reasons.map((reason) => brief(reason.rule, 128)))]
    .filter((other) => other !== rule)
    .slice(0, 3)
  const more = others.length > 0 ? ` (and ${others.join(', ')})` : ''
  const message = first === undefined ? 'no reason was given' : brief(first.message)
  return new CustomhouseError('ERR_POLICY_DENIED', `Denied by policy ${rule}${more}: ${message}`, { detail: { rule } })
}

function known(residency: Residency): boolean {
  return (
    residency.endpoint !== null &&
    residency.endpoint.length > 0 &&
    residency.processing !== null &&
    residency.processing.length > 0 &&
    residency.storage !== null
  )
}

/**
 * The part of the border that is not Rego, so that nobody can switch it off: an unknown tenant, a part that nobody read, a model
 * that is not configured, a target whose residency is not known.
 *
 * @returns the targets that policies may be asked about
 */
export function base(call: ModelCall, generation: Generation): readonly Target[] {
  if (!generation.tenants.has(call.principal.tenant)) {
    throw new Denial([baseReason('unknown-tenant', 'the tenant of this credential is not in the configuration')], null)
  }
  const unread = call.unread[0]
  if (unread !== undefined) {
    throw new Denial([baseReason('unread-part', `the part at ${unread} cannot be inspected; leave it out`)], null)
  }
  const route = generation.models.get(call.model)
  if (route === undefined) {
    throw new CustomhouseError(
      'ERR_CALL_UNKNOWN_MODEL',
      `The model "${call.model.slice(0, 100)}" is not configured at this gateway. Ask for a name that its configuration has under \`models\`, whole as it stands there; its operator knows them, and can add this one.`,
    )
  }
  const spoken = route.filter((target) => target.dialects.includes(call.dialect))
  if (spoken.length === 0) {
    throw new Denial([baseReason('no-dialect', `no target of this model speaks ${call.dialect}`)], null)
  }
  const { tenant } = call.principal
  const served = spoken.filter(({ tenants }) => tenants === null || tenants.includes(tenant))
  if (served.length === 0) {
    throw new Denial(
      [
        baseReason(
          'no-credential',
          `the gateway holds no credential of the tenant ${tenant} for any target of this model`,
        ),
      ],
      null,
    )
  }
  const candidates = served.filter((target) => known(target.residency))
  if (candidates.length === 0) {
    throw new Denial(
      [
        baseReason(
          'unknown-residency',
          `it is not known where ${served.map((target) => target.id).join(', ')} processes and stores text; declare the residency of the provider`,
        ),
      ],
      null,
    )
  }
  return candidates
}
