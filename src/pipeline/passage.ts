import type { Hash } from 'node:crypto'
import type { Residency, Target, Usage } from '../core/call.ts'
import type { CallInput, FindingFact, TargetInput } from '../core/decision.ts'
import type { Generation } from '../core/generation.ts'
import type { Filter, Plugin } from '../core/plugin.ts'
import type { Answer, Encoder } from '../core/port.ts'
import type { AttemptWatch } from '../core/telemetry.ts'
import type { DecisionFacts } from './base.ts'
import type { Visit } from './gateway.ts'
import { Lanes } from './lanes.ts'
import { nowhere, type Whereabouts } from './whereabouts.ts'

/** A dispatch that is sent, and everything that was decided about its call. */
export type Sent = Readonly<{
  visit: Visit
  generation: Generation
  target: Target
  /** Of the dispatch: where it was judged to go. */
  residency: Residency
  call: CallInput
  targetInput: TargetInput
  /** Of the request: names the decision in the answer's headers. */
  decision: DecisionFacts
  /** Filters that the discharge of the request left for its answer. */
  filters: readonly Filter[]
  /** The inspectors that read its answer. */
  readers: readonly Plugin[]
  /** Made before the dispatch was sent: a codec that cannot write the answer has nothing sent. */
  encoder: Encoder
  attempt: number
  watch: AttemptWatch
  /** Sequence number of the intent that the outcome closes. */
  intent: number
  /** `performance.now()` when the dispatch was sent. */
  sentAt: number
}>

/** An answer to it that has begun. */
export type Passage = Sent & Readonly<{ answer: Answer }>

/** How far an answer has come. Owned by one `gate()`. */
export type Progress = {
  readonly encoder: Encoder
  readonly lanes: Lanes
  filters: readonly Filter[]
  /** Obligations of the answer that were discharged already, as JSON. */
  readonly obligations: Set<string>
  /** The last decision about the answer. */
  decision: DecisionFacts | null
  facts: readonly FindingFact[]
  usage: Usage
  readonly whereabouts: Whereabouts
  finish: string | null
  /** A finish or a fault was read: nothing more is released until the outcome is durable. */
  finished: boolean
  fault: string | null
  /** Something reached the client: from here on an error can only cut off. */
  began: boolean
  /** Released to the client. */
  bytes: number
  /** Events released. */
  events: number
  /** Of the `bytes`; null until the first of a stream. Runs from there on: one update costs 0.1 us. */
  hash: Hash | null
  /** The last record of the attempt that is durable: `performance.now()` when it was written, and how many bytes it tells of. */
  recordedAt: number
  recordedBytes: number
  firstEventAt: number | null
}

export function start({ encoder, filters, sentAt }: Passage): Progress {
  return {
    encoder,
    lanes: new Lanes(),
    filters,
    obligations: new Set(),
    decision: null,
    facts: [],
    usage: {},
    whereabouts: nowhere(),
    finish: null,
    finished: false,
    fault: null,
    began: false,
    bytes: 0,
    events: 0,
    hash: null,
    recordedAt: sentAt,
    recordedBytes: 0,
    firstEventAt: null,
  }
}

/** The first thing that a client sees of an answer. */
export function begin(passage: Passage, progress: Progress): void {
  if (progress.began) return
  progress.began = true
  passage.visit.client.begin(passage.answer.status, answerHeaders(passage, progress.encoder))
}

/** Where providers say which of their requests an answer is to. The client finds our own id there; theirs is on record. */
export const REQUEST_IDS: readonly string[] = [
  'x-request-id',
  'request-id',
  'x-amzn-requestid',
  'apim-request-id',
  'mistral-correlation-id',
]

const OURS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
  ...REQUEST_IDS,
])

/** Headers of an answer: the provider's that its adapter lets through, and ours. */
function answerHeaders({ visit, answer, decision, target }: Passage, encoder: Encoder): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name in answer.headers) {
    const value = answer.headers[name]
    if (value !== undefined && !OURS.has(name)) headers[name] = value
  }
  // Read after the first event was encoded: a whole error to a call for a stream is JSON.
  headers['content-type'] = encoder.contentType
  for (const name of visit.codec.idHeaders) headers[name] = visit.call.id
  headers['x-customhouse-call'] = visit.call.id
  headers['x-customhouse-decision'] = decision.id
  headers['x-customhouse-policy'] = headerValue(decision.revision)
  headers['x-customhouse-target'] = headerValue(target.id)
  return headers
}

/** A name as a header may hold it: a bundle's revision is any text, and node:http throws for most of it. */
export function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURI(text.toWellFormed())
}
