import type { CallFacts, Dispatch, Outcome } from '../core/call.ts'
import type { FindingFact, Obligation, Reason } from '../core/decision.ts'
import type { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Json } from '../core/json.ts'
import type { AuditDraft } from '../core/record.ts'
import type { DecisionFacts } from './base.ts'

function plainDecision(decision: DecisionFacts | null): Json {
  return decision === null ? null : { fuel: decision.fuel, id: decision.id, revision: decision.revision }
}

function plainReasons(reasons: readonly Reason[]): Json {
  return reasons.map(({ control, rule, controls, message }) => ({ control, controls, message, rule }))
}

function plainFindings(findings: readonly FindingFact[]): Json {
  return findings.map(({ type, count }) => ({ count, type }))
}

function personal(call: CallFacts): Readonly<Record<string, Json>> {
  return { key: call.principal.keyId, subject: call.principal.subject }
}

/** What the call asked for, in clear fields. A model's name that is not configured is free text of the client's: it stays out. */
function asked(call: CallFacts, generation: Generation): Record<string, Json> {
  return {
    dialect: call.dialect,
    model: generation.models.has(call.model) ? call.model : null,
    operation: call.operation,
    stream: call.stream,
  }
}

/** `call.intent`: judged, discharged, resolved; nothing is sent before it is durable. */
export function intent(
  call: CallFacts,
  dispatch: Dispatch,
  attempt: number,
  decision: DecisionFacts,
  obligations: readonly Obligation[],
  findings: readonly FindingFact[],
  generation: Generation,
): AuditDraft {
  const { residency, target } = dispatch
  return {
    kind: 'call.intent',
    tenant: call.principal.tenant,
    call: call.id,
    body: {
      ...asked(call, generation),
      attempt,
      bytes: dispatch.body.length,
      config: generation.configDigest,
      decision: plainDecision(decision),
      estimate: { input_tokens: call.estimate.inputTokens, max_output_tokens: call.estimate.maxOutputTokens },
      findings: plainFindings(findings),
      generation: generation.number,
      obligations: obligations.map(({ type }) => type),
      target: {
        id: target.id,
        model: target.model,
        provider: target.provider,
        residency: { endpoint: residency.endpoint, processing: residency.processing, storage: residency.storage },
      },
    },
    personal: { ...personal(call), dispatch: dispatch.digest },
  }
}

/** `call.attempt_failed`: the provider did not begin to answer, or not with an answer. */
export function attemptFailed(
  call: CallFacts,
  of: number,
  attempt: number,
  cause: string,
  status: number | null,
): AuditDraft {
  return {
    kind: 'call.attempt_failed',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: { attempt, cause, status },
  }
}

/** `call.denied`: durable before the client hears of it. */
export function deniedCall(
  call: CallFacts,
  answer: CustomhouseError,
  decision: DecisionFacts | null,
  reasons: readonly Reason[],
  findings: readonly FindingFact[],
  generation: Generation,
): AuditDraft {
  return {
    kind: 'call.denied',
    tenant: call.principal.tenant,
    call: call.id,
    body: {
      ...asked(call, generation),
      code: answer.code,
      config: generation.configDigest,
      decision: plainDecision(decision),
      findings: plainFindings(findings),
      generation: generation.number,
      reasons: plainReasons(reasons),
      status: answer.status,
    },
    personal: personal(call),
  }
}

export type Ended = Readonly<{
  outcome: Outcome
  decision: DecisionFacts | null
  reasons: readonly Reason[]
  findings: readonly FindingFact[]
  /** The provider's own error code, where the answer was an error. */
  fault: string | null
  /** The provider's own id of the answer, for reconciliation with its bill. */
  providerRequest: string | null
}>

/** `call.outcome`: durable before the client is told that the answer is complete. */
export function outcomeOf(call: CallFacts, of: number, attempt: number, ended: Ended): AuditDraft {
  const { outcome, decision } = ended
  const usage: Record<string, Json> = {}
  if (outcome.usage.inputTokens !== undefined) usage.input_tokens = outcome.usage.inputTokens
  if (outcome.usage.outputTokens !== undefined) usage.output_tokens = outcome.usage.outputTokens
  if (outcome.usage.totalTokens !== undefined) usage.total_tokens = outcome.usage.totalTokens
  if (outcome.usage.cachedInputTokens !== undefined) usage.cached_input_tokens = outcome.usage.cachedInputTokens
  if (outcome.usage.reasoningTokens !== undefined) usage.reasoning_tokens = outcome.usage.reasoningTokens
  return {
    kind: 'call.outcome',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: {
      attempt,
      bytes: outcome.bytes,
      decision: plainDecision(decision),
      ending: outcome.ending,
      fault: ended.fault,
      findings: plainFindings(ended.findings),
      finish: outcome.finish,
      first_event_ms: outcome.firstEventMs,
      provider_request: ended.providerRequest,
      reasons: plainReasons(ended.reasons),
      status: outcome.status,
      total_ms: outcome.totalMs,
      usage,
    },
  }
}
