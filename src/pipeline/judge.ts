import type { ModelCall, Reference, Target } from '../core/call.ts'
import type {
  CallInput,
  ContextInput,
  FindingFact,
  Reason,
  RequestDecision,
  TargetInput,
  Verdict,
} from '../core/decision.ts'
import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { baseReason, Denial } from './base.ts'
import { CLIENT_GONE, DRAINED } from './ending.ts'
import { gatherFacts } from './facts.ts'
import type { Gateway, Visit } from './gateway.ts'

/** A target that the policy permits, with what it demands in return. */
export type Permitted = Readonly<{ target: Target; input: TargetInput; verdict: Verdict }>

/** What the policy said about a call, once, over all of its candidate targets. */
export type Judgement = Readonly<{
  generation: Generation
  call: CallInput
  decision: RequestDecision
  /** In the order to try them. */
  permitted: readonly Permitted[]
  /** Why the other candidates are not among them. */
  reasons: readonly Reason[]
}>

/** Facts of a call for a policy: no text, and personal data only where a policy cannot do without (the subject). */
export function callInput(call: ModelCall): CallInput {
  const { principal, estimate } = call
  return {
    id: call.id,
    dialect: call.dialect,
    operation: call.operation,
    model: call.model,
    stream: call.stream,
    principal: {
      subject: principal.subject,
      tenant: principal.tenant,
      groups: principal.groups,
      purpose: principal.purpose,
      proof: principal.proof,
      key: principal.keyId,
    },
    task: call.task,
    classes: call.classes,
    estimate: { input_tokens: estimate.inputTokens, max_output_tokens: estimate.maxOutputTokens },
    tools: call.tools,
    references: countReferences(call.references),
    headers: call.headers,
    metadata: call.metadata,
  }
}

function countReferences(references: readonly Reference[]): CallInput['references'] {
  if (references.length === 0) return []
  const counts = new Map<string, { kind: string; where: string; count: number }>()
  for (const { kind, where } of references) {
    const key = `${kind} ${where}`
    const entry = counts.get(key) ?? { kind, where, count: 0 }
    entry.count += 1
    counts.set(key, entry)
  }
  return [...counts.values()]
}

let now = Number.NaN
let text = ''
let day = ''

/** The instant, RFC 3339; written once a millisecond. */
function instant(): string {
  const ms = Date.now()
  if (ms !== now) {
    now = ms
    text = new Date(ms).toISOString()
    day = text.slice(0, 10)
  }
  return text
}

export function contextInput(generation: Generation): ContextInput {
  return {
    time: instant(),
    date: day,
    environment: generation.environment,
    replay: false,
    controls: generation.controls,
  }
}

/** A rule id for each way in which an evaluation can fail: the decision is a denial all the same. */
const FAILURES: Readonly<Record<string, string>> = {
  ERR_POLICY_UNDEFINED: 'policy/undefined',
  ERR_POLICY_MALFORMED: 'policy/malformed',
  ERR_POLICY_THREW: 'policy/threw',
  ERR_POLICY_OUT_OF_FUEL: 'policy/out-of-fuel',
  ERR_POLICY_OUT_OF_MEMORY: 'policy/out-of-memory',
  ERR_POLICY_LATE: 'policy/late',
  ERR_CALL_TOO_LARGE: 'policy/input-too-large',
}

/** What a client can mend is said to it; all else is a matter of the policy's authors. */
function failureMessage(rule: string): string {
  if (rule === 'policy/input-too-large')
    return 'the call names more tools, references or headers than a policy can be asked about; name fewer'
  return 'the policy came to no decision; its authors must mend it'
}

/**
 * Turns whatever an evaluation threw into a denial with its own rule id, and with the fuel that it took. That it could not wait for its turn is no
 * decision: ERR_GATEWAY_OVERLOADED passes.
 */
export function evaluationFailed(
  error: unknown,
  generation: Generation,
  gateway: Pick<Gateway, 'report'>,
  call: string,
): Denial | CustomhouseError {
  if (isCustomhouseError(error, 'ERR_GATEWAY_OVERLOADED')) return error
  const code = error instanceof CustomhouseError ? error.code : 'ERR_POLICY_THREW'
  gateway.report('policy evaluation failed', error, call)
  const rule = FAILURES[code] ?? 'policy/threw'
  const reason: Reason = { control: 'policy', rule, controls: [], message: failureMessage(rule) }
  const used = error instanceof CustomhouseError ? error.detail.fuel : undefined
  const fuel = typeof used === 'number' ? used : 0
  return new Denial([reason], { id: call, revision: generation.decider.revision, fuel })
}

/** Of a {@link Visit}, what judging needs: a canary is judged like a call, without a client that waits for it or a drain that ends it. */
export type Judged = Pick<Visit, 'call' | 'watch'> &
  Readonly<{
    gateway: Pick<Gateway, 'report'> & Partial<Pick<Gateway, 'drained'>>
    client?: Pick<Visit['client'], 'gone'>
  }>

/** What ends the wait for an evaluation. */
export function endsOf({ client, gateway }: Pick<Judged, 'client' | 'gateway'>): readonly AbortSignal[] {
  if (client === undefined || gateway.drained === undefined) return []
  return [client.gone, gateway.drained]
}

/** Whether an evaluation was given up for one of these, so that there is no decision, and nothing failed either. */
export function gaveUp(error: unknown, ends: readonly AbortSignal[]): boolean {
  return ends.some((signal) => signal.aborted && signal.reason === error)
}

/**
 * Asks `customhouse/decision` once about all candidates.
 *
 * @throws Denial where no candidate is permitted, or the policy came to no decision; CLIENT_GONE or DRAINED where that came first
 */
export async function judge(
  judged: Judged,
  candidates: readonly Target[],
  findings: readonly FindingFact[],
  generation: Generation,
): Promise<Judgement> {
  const { call, client, gateway, watch } = judged
  const facts = await gatherFacts(call, candidates, generation, gateway)
  const input = callInput(call)
  let decision: RequestDecision
  const { revision } = generation.decider
  const began = performance.now()
  let apart = false
  const ends = endsOf(judged)
  try {
    const said = generation.decider.request(
      { phase: 'request', call: input, targets: facts.inputs, findings, context: contextInput(generation) },
      ends,
    )
    apart = said instanceof Promise
    decision = said instanceof Promise ? await said : said
  } catch (error) {
    if (gaveUp(error, ends)) throw client?.gone.aborted === true ? CLIENT_GONE : DRAINED
    watch.judged({ phase: 'request', revision, came: 'error', ms: performance.now() - began, apart })
    throw evaluationFailed(error, generation, gateway, call.id)
  }
  const ms = performance.now() - began
  const allowed = facts.inputs.some(({ id }) => decision.targets.get(id)?.effect === 'allow')
  watch.judged({ phase: 'request', revision, came: allowed ? 'allow' : 'deny', ms, apart })
  const permitted: Permitted[] = []
  const reasons: Reason[] = [...facts.reasons]
  const against: Reason[] = []
  for (const target of order(candidates, decision)) {
    const verdict = decision.targets.get(target.id)
    const targetInput = facts.inputs.find((candidate) => candidate.id === target.id)
    if (verdict === undefined || targetInput === undefined) continue
    if (verdict.effect === 'allow') permitted.push({ target, input: targetInput, verdict })
    else {
      watch.barred(target, verdict.reasons)
      against.push(...verdict.reasons)
    }
  }
  addReasons(reasons, against)
  if (permitted.length === 0) throw new Denial(reasons, decision, { findings })
  return { generation, call: input, decision, permitted, reasons }
}

const keyOf = ({ rule, message }: Reason): string => `${rule}\n${message}`

/** Each once by rule and message: two targets are often denied for the same. */
export function addReasons(to: Reason[], reasons: readonly Reason[]): void {
  if (reasons.length === 0) return
  const known = new Set(to.map(keyOf))
  for (const reason of reasons) {
    const key = keyOf(reason)
    if (known.has(key)) continue
    known.add(key)
    to.push(reason)
  }
}

/** The order that the policy gave, then the route's own. `choose: first` is the route's order; other choices need a plugin that ranks. */
function order(candidates: readonly Target[], decision: RequestDecision): readonly Target[] {
  if (decision.choose !== null && decision.choose.by !== 'first') {
    throw new Denial(
      [baseReason('unknown-choice', `no plugin of this gateway can choose ${decision.choose.by}`)],
      decision,
    )
  }
  if (decision.order.length === 0) return candidates
  const rank = new Map(decision.order.map((id, index) => [id, index]))
  return [...candidates].sort((a, b) => (rank.get(a.id) ?? rank.size) - (rank.get(b.id) ?? rank.size))
}
