import type { Assignment, CallFacts, Edit, Finding, ModelCall, Outcome, Residency, Segment, Target } from './call.ts'
import type { Obligation, Phase } from './decision.ts'
import type { Json } from './json.ts'
import type { AuditRecord } from './record.ts'

/**
 * Plugins inform, obey and listen; only policies decide. There is no verb here for allow or deny.
 *
 * - `inspect` reports findings over text. A throw or a time-out denies the call: the text was not read. Of an answer it is given what is not
 *   released yet of each text that has grown; its findings stand until the same text has grown again. Of a plugin whose `answers` is `asked` it is given
 *   answers only where one of its own discharges of the call's obligations said `inspects`.
 * - `facts` tells policies about a call at a target, without its text. A throw denies that target.
 * - `discharge` carries out obligations that a policy attached to its permission.
 * - `settle` hears how a dispatched call ended, exactly once, whatever the ending.
 * - `record` hears of records that are already durable.
 */
export interface Plugin {
  readonly name: string
  start?(): Promise<void>
  stop?(): Promise<void>
  inspect?(
    phase: Phase,
    segments: readonly Segment[],
    signal: AbortSignal,
    call: CallFacts,
  ): Promise<readonly Finding[]>
  /** Which answers `inspect` reads; default `always`. What it need not read is not held back for it either. */
  readonly answers?: 'always' | 'asked'
  /** Longest entity that `inspect` can find in a stream, UTF-16 units: so much is held back. Default 128. */
  readonly span?: number
  facts?(call: CallFacts, target: Target): Promise<Json> | Json
  readonly discharge?: Readonly<Record<string, Discharge>>
  settle?(call: CallFacts, outcome: Outcome): Promise<void>
  record?(record: AuditRecord): Promise<void> | void
}

/** The fixed order in which a target's obligations are discharged. `reserve` is last: nothing may fail after a reservation. */
export const STAGES = ['redact', 'translate', 'clamp', 'pin', 'reserve'] as const
export type Stage = (typeof STAGES)[number]

/** How a plugin carries out one obligation type, by phase. A phase that is missing is an obligation nobody discharges. */
export type Discharge = Readonly<{
  stage: Stage
  request?: (order: RequestOrder) => Promise<Discharged> | Discharged
  response?: (order: ResponseOrder) => Promise<Filtered> | Filtered
}>

/** What a request-phase discharge works on. `segments` are as earlier stages left them; only `redact` should need them. */
export type RequestOrder = Readonly<{
  call: ModelCall
  target: Target
  obligation: Obligation
  segments: readonly Segment[]
  findings: readonly Finding[]
  signal: AbortSignal
}>

/**
 * Carried out, or not. `unmet` is no denial: the loop takes the next target, and answers with the last code when there is none.
 * A reservation must be given back by the plugin's own `settle`, or by `release` when the attempt is given up before sending.
 */
export type Discharged =
  | Readonly<{
      met: true
      edits?: readonly Edit[]
      assign?: readonly Assignment[]
      /** Narrows where the dispatch may go; the resolved dispatch must lie within it. */
      pin?: Residency
      reservation?: string
      release?: () => Promise<void> | void
      /** Works on the answer of this call: what `redact` took out, a filter puts back. */
      filter?: Filter
      /** The answer is read by this plugin's own `inspect`, where its `answers` is `asked`. */
      inspects?: true
      /** What the record of the intent says of it under `notes.<plugin>`: names and counts, never text. At most 2,000 bytes of JSON. */
      notes?: Readonly<Record<string, Json>>
    }>
  | Readonly<{ met: false; code: Unmet; retryAfterSeconds?: number; message: string }>

/** Why an obligation could not be carried out. Each has a status of its own: `quota_exhausted` 429, all others 403. */
export type Unmet = 'quota_exhausted' | 'region_unpinnable' | 'unredactable' | 'untranslatable' | 'unclampable'

export type ResponseOrder = Readonly<{ call: CallFacts; target: Target; obligation: Obligation }>
export type Filtered = Readonly<{ met: true; filter: Filter }> | Readonly<{ met: false; code: Unmet; message: string }>

/**
 * Edits an answer on its way. The gate calls `edit` with all of a lane's text that is not yet released, again and again as it grows;
 * `final` says that the lane has ended. Edits must be stable: text further than `hold` from the end is released after the call.
 */
export type Filter = Readonly<{
  name: string
  /** UTF-16 units at the end of a lane that must not be released yet; `whole` holds the whole answer until it has finished. */
  hold: number | 'whole'
  /** Must throw nothing but ERR_POLICY_DENIED, which refuses the answer, or cuts it off, with its `detail.rule`. */
  edit?: (lane: LaneView) => readonly LaneEdit[]
  /**
   * How many units at the end of a lane must wait, asked right after `edit` with the same view: at most `hold`, which is then the bound of it and not what is
   * held back. Text without anything that might go on to be edited so flows without delay.
   */
  waits?: (lane: LaneView) => number
  /** Asked once, when the answer has ended: what the record of the outcome says of it under `notes.<name>`. As {@link Discharged}'s. */
  notes?: () => Readonly<Record<string, Json>>
}>

export type LaneView = Readonly<{
  lane: string
  channel: Segment['channel']
  role: Segment['role']
  text: string
  /** UTF-16 units of the lane in front of `text`, that were released before: where in the lane `text` begins. */
  released: number
  final: boolean
  /** The provider has signed the text: an edit of it cannot be made, and denies the answer. A filter that only restores makes none. */
  signed: boolean
  /** As in {@link Segment}: edits put into it must be escaped. */
  json: boolean
  /** Name of the tool whose arguments it is; null where it is none's, or nobody knows. */
  tool: string | null
  /** Pointer of the argument that it is, below the tool's arguments; absent where it is all of them, or none. */
  argument?: string
  findings: readonly Finding[]
}>
export type LaneEdit = Readonly<{ start: number; end: number; text: string }>
