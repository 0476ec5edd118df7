import type { Json } from './json.ts'

export type Phase = 'request' | 'response'
export type Effect = 'allow' | 'deny'

/**
 * Why. `control` is the package under `data.controls` that said it, `rule` its stable id (`residency/processing`), `controls` the
 * ids of the regulations that it serves (`GDPR-44`), from the rule's METADATA. `message` holds no text of the call.
 */
export type Reason = Readonly<{ control: string; rule: string; controls: readonly string[]; message: string }>

/** What must be carried out for the permission to hold. An obligation that no plugin discharges is a denial. */
export type Obligation = Readonly<{ type: string; params: Readonly<Record<string, Json>> }>

/** One verdict, checked and well-shaped. An `allow` stands only if every required control said that it is satisfied. */
export type Verdict = Readonly<{ effect: Effect; reasons: readonly Reason[]; obligations: readonly Obligation[] }>

/** How the permitted targets are ordered where the policy does not list them itself. */
export type Choice = Readonly<{
  by: 'first' | 'cheapest' | 'fastest' | 'fair-share'
  shares: Readonly<Record<string, number>>
}>

/** What one evaluation of the entrypoint said about all candidate targets of a call. */
export type RequestDecision = Readonly<{
  id: string
  phase: 'request'
  revision: string
  /** A verdict for every candidate target, by target id. */
  targets: ReadonlyMap<string, Verdict>
  /** Target ids in the order to try them; those that are not listed come after, in the order of the route. */
  order: readonly string[]
  choose: Choice | null
  /** Deterministic cost of the evaluation that made the decision: function entries and loop turns of the module, and host built-ins. */
  fuel: number
}>

export type ResponseDecision = Readonly<{
  id: string
  phase: 'response'
  revision: string
  verdict: Verdict
  fuel: number
}>

/** One kind of finding, summed over the segments of a phase: what a policy may know of them. */
export type FindingFact = Readonly<{ type: string; count: number; roles: readonly string[]; max_score: number }>

/** The facts of a call as `policies/schema/input.json` names them. */
export type CallInput = Readonly<{
  id: string
  dialect: string
  operation: string
  model: string
  stream: boolean
  principal: Readonly<{
    subject: string
    tenant: string
    groups: readonly string[]
    purpose: string | null
    proof: string
    key: string
  }>
  task: string | null
  /** What the client says that the call holds; sorted. */
  classes: readonly string[]
  estimate: Readonly<{ input_tokens: number; max_output_tokens: number | null }>
  tools: readonly string[]
  references: readonly Readonly<{ kind: string; where: string; count: number }>[]
  headers: Readonly<Record<string, string>>
  metadata: Readonly<Record<string, string>>
}>

export type TargetInput = Readonly<{
  id: string
  provider: string
  model: string
  residency: Readonly<{ endpoint: readonly string[]; processing: readonly string[]; storage: readonly string[] }>
  contract: readonly string[]
  /** What plugins report about this call at this target, by plugin name. */
  facts: Readonly<Record<string, Json>>
}>

export type ContextInput = Readonly<{
  /** RFC 3339, UTC, milliseconds; `time.now_ns()` is the same instant. */
  time: string
  /** Its day, `YYYY-MM-DD`, UTC: what a decision that depends on the day alone should read, since it is then remembered for the day. */
  date: string
  environment: string
  /** True when a recorded call is judged again, so that a policy can leave out what cannot be repeated. */
  replay: boolean
  /** The controls that must say `satisfied`; the host checks their answer, whatever main.rego makes of it. */
  controls: readonly string[]
}>

/**
 * Evidence as policies see it: which facet it is about, the places that the catalogue knows the word for, and whether they lie within where the dispatch
 * was judged to go. A word that the catalogue does not know has no places, and is not within.
 */
export type EvidenceInput = Readonly<{
  source: string
  facet: 'endpoint' | 'processing' | 'storage'
  places: readonly string[]
  within: boolean
}>

export type RequestInput = Readonly<{
  phase: 'request'
  call: CallInput
  targets: readonly TargetInput[]
  findings: readonly FindingFact[]
  context: ContextInput
}>

export type ResponseInput = Readonly<{
  phase: 'response'
  call: CallInput
  target: TargetInput
  findings: readonly FindingFact[]
  usage: Readonly<{ input_tokens: number | null; output_tokens: number | null }>
  /** What of the answer has been read so far. `finished`: all of it. */
  progress: Readonly<{ characters: number; finished: boolean }>
  /** What the provider said so far of where it works, each once, in the order in which it came. */
  evidence: readonly EvidenceInput[]
  context: ContextInput
}>

/**
 * Decides. Implementations must throw, or reject with, a CustomhouseError of the ERR_POLICY_ family for anything but exactly one well-shaped
 * result (ERR_CALL_TOO_LARGE for an input beyond what a policy may be given, ERR_GATEWAY_OVERLOADED where too many wait; `detail.fuel` is what the
 * evaluation took), and must never answer `allow` for a target that a required control did not call satisfied.
 */
export interface Decider {
  /** SHA-256 of the policy's sources, or the bundle's revision. */
  readonly revision: string
  /**
   * A promise only where the evaluation has to wait: most decisions are there at once, and cost the call no turn of the loop. With the first of `ends` that is
   * aborted it rejects with that signal's reason, and keeps no place in any line.
   */
  request(input: RequestInput, ends?: readonly AbortSignal[]): RequestDecision | Promise<RequestDecision>
  response(input: ResponseInput, ends?: readonly AbortSignal[]): ResponseDecision | Promise<ResponseDecision>
}
