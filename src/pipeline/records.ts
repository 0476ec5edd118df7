import type { CallFacts, Dispatch, Evidence, Outcome, Residency, Target, Usage } from '../core/call.ts'
import { constant } from '../core/canonical.ts'
import type { CallInput, FindingFact, Obligation, Reason } from '../core/decision.ts'
import type { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import type { Json } from '../core/json.ts'
import type { Placed } from '../core/port.ts'
import type { AuditDraft } from '../core/record.ts'
import type { DecisionFacts } from './base.ts'
import { type Brief, brief, briefFindings, briefReasons, briefTypes } from './brief.ts'
import type { Notes } from './notes.ts'

/**
 * Bodies are written in the order of their canonical form, which costs least; what is the same in one record after the other is made
 * once ({@link constant}).
 */
function plainDecision(decision: DecisionFacts | null): Json {
  return decision === null ? null : { fuel: decision.fuel, id: decision.id, revision: brief(decision.revision) }
}

/** A body whose lists were cut says so. */
function marked(body: Readonly<Record<string, Json>>, ...lists: readonly Brief[]): Readonly<Record<string, Json>> {
  return lists.some(({ cut }) => cut) ? { ...body, cut: true } : body
}

function personal(call: CallFacts): Readonly<Record<string, Json>> {
  return { key: call.principal.keyId, subject: call.principal.subject }
}

/** A model's name that is not configured is free text of the client's: it stays out. */
function modelOf(call: Pick<CallFacts, 'model'>, generation: Generation): string | null {
  return generation.models.has(call.model) ? call.model : null
}

const targets = new WeakMap<Target, Readonly<{ residency: Residency; json: Json }>>()

/** Where a dispatch goes. Targets live as long as their generation, and an address is in the same place each time. */
function plainTarget(target: Target, residency: Residency): Json {
  const known = targets.get(target)
  if (known?.residency === residency) return known.json
  const json = constant({
    id: target.id,
    model: target.model,
    provider: target.provider,
    residency: {
      endpoint: copy(residency.endpoint),
      processing: copy(residency.processing),
      storage: copy(residency.storage),
    },
  })
  targets.set(target, { residency, json })
  return json
}

const copy = (places: readonly string[] | null): Json => (places === null ? null : [...places])

const types = new WeakMap<readonly Obligation[], Brief>()

/** The types of a verdict's obligations; verdicts are remembered, so the list is often the one of the call before. */
function plainObligations(obligations: readonly Obligation[]): Brief {
  const known = types.get(obligations)
  if (known !== undefined) return known
  const { json, cut } = briefTypes(obligations)
  const kept = { json: constant(json), cut }
  types.set(obligations, kept)
  return kept
}

/** `call.intent`: judged, discharged, resolved; nothing is sent before it is durable. */
export function intent(
  call: CallInput,
  dispatch: Dispatch,
  attempt: number,
  decision: DecisionFacts,
  obligations: readonly Obligation[],
  findings: readonly FindingFact[],
  generation: Generation,
  notes?: Notes,
): AuditDraft {
  const { principal, estimate } = call
  const found = briefFindings(findings)
  const demanded = plainObligations(obligations)
  const body = {
    attempt,
    bytes: dispatch.body.length,
    config: generation.configDigest,
    decision: plainDecision(decision),
    dialect: call.dialect,
    estimate: { input_tokens: estimate.input_tokens, max_output_tokens: estimate.max_output_tokens },
    findings: found.json,
    generation: generation.number,
    model: modelOf(call, generation),
    ...(notes !== undefined && { notes }),
    obligations: demanded.json,
    operation: call.operation,
    references:
      call.references.length === 0 ? NONE : call.references.map(({ kind, where, count }) => ({ count, kind, where })),
    stream: call.stream,
    target: plainTarget(dispatch.target, dispatch.residency),
    tools: call.tools.length,
  }
  return {
    kind: 'call.intent',
    tenant: principal.tenant,
    call: call.id,
    body: marked(body, found, demanded),
    // The client's own words, however short, are nobody's to read without the tenant's key.
    personal: {
      ...(call.classes.length === 0 ? {} : { classes: [...call.classes] }),
      dispatch: dispatch.digest,
      ...(isEmpty(call.headers) ? {} : { headers: { ...call.headers } }),
      key: principal.key,
      ...(principal.purpose === null ? {} : { purpose: principal.purpose }),
      subject: principal.subject,
      ...(call.task === null ? {} : { task: call.task }),
    },
  }
}

const NONE = constant([])

function isEmpty(members: Readonly<Record<string, string>>): boolean {
  for (const _ in members) return false
  return true
}

/** `call.attempt_failed`: the provider did not begin to answer, or not with an answer. */
export function attemptFailed(
  call: CallFacts,
  of: number,
  attempt: number,
  target: string,
  error: CustomhouseError,
): AuditDraft {
  const { provider_status: status, reason } = error.detail
  return {
    kind: 'call.attempt_failed',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: {
      attempt,
      cause: error.code,
      reason: typeof reason === 'string' ? reason : null,
      status: typeof status === 'number' ? status : null,
      target,
    },
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
  const found = briefFindings(findings)
  const why = briefReasons(reasons)
  const body = {
    code: answer.code,
    config: generation.configDigest,
    decision: plainDecision(decision),
    dialect: call.dialect,
    findings: found.json,
    generation: generation.number,
    model: modelOf(call, generation),
    operation: call.operation,
    reasons: why.json,
    status: answer.status,
    stream: call.stream,
  }
  return {
    kind: 'call.denied',
    tenant: call.principal.tenant,
    call: call.id,
    body: marked(body, found, why),
    personal: personal(call),
  }
}

/** `released`: SHA-256 (hex) of the first `bytes` of the answer as the client gets them. */
export type SoFar = Readonly<{ bytes: number; events: number; usage: Usage; released: string }>

/** `call.progress`: durable before the last of the bytes that it counts is released. A plain digest of text could be guessed at, so it is sealed. */
export function progressOf(
  call: CallFacts,
  of: number,
  attempt: number,
  { bytes, events, usage, released }: SoFar,
): AuditDraft {
  return {
    kind: 'call.progress',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: { attempt, bytes, events, usage: plainUsage(usage) },
    personal: { released },
  }
}

/** Evidence that does not lie within where its dispatch was judged to go; `judged` are the places of that facet. */
export type Displacement = Evidence & Placed & Readonly<{ judged: readonly string[] | null }>

/** `call.displaced`: durable before anything more of the answer is released. `said` is null where the catalogue does not know the word. */
export function displacedOf(
  call: CallFacts,
  of: number,
  attempt: number,
  { source, word, facet, places, judged }: Displacement,
): AuditDraft {
  return {
    kind: 'call.displaced',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: { attempt, facet, judged: copy(judged), said: copy(places), source, word },
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
  /** SHA-256 (hex) of the `bytes` of the outcome, where a progress was recorded. */
  released: string | null
  /** What the filters say of the answer. */
  notes?: Notes
}>

/** `call.outcome`: durable before the client is told that the answer is complete. */
export function outcomeOf(call: CallFacts, of: number, attempt: number, ended: Ended): AuditDraft {
  const { outcome, decision } = ended
  const found = briefFindings(ended.findings)
  const why = briefReasons(ended.reasons)
  const body = {
    attempt,
    bytes: outcome.bytes,
    decision: plainDecision(decision),
    ending: outcome.ending,
    fault: ended.fault,
    findings: found.json,
    finish: outcome.finish,
    first_event_ms: outcome.firstEventMs,
    ...(ended.notes !== undefined && { notes: ended.notes }),
    provider_request: ended.providerRequest,
    reasons: why.json,
    status: outcome.status,
    total_ms: outcome.totalMs,
    usage: plainUsage(outcome.usage),
  }
  return {
    kind: 'call.outcome',
    tenant: call.principal.tenant,
    call: call.id,
    of,
    body: marked(body, found, why),
    ...(ended.released === null ? {} : { personal: { released: ended.released } }),
  }
}

/** Tokens, as far as the provider has told them. */
function plainUsage(usage: Usage): Json {
  const told: Record<string, Json> = {}
  if (usage.inputTokens !== undefined) told.input_tokens = usage.inputTokens
  if (usage.outputTokens !== undefined) told.output_tokens = usage.outputTokens
  if (usage.totalTokens !== undefined) told.total_tokens = usage.totalTokens
  if (usage.cachedInputTokens !== undefined) told.cached_input_tokens = usage.cachedInputTokens
  if (usage.reasoningTokens !== undefined) told.reasoning_tokens = usage.reasoningTokens
  return told
}
