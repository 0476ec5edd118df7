import type { Json } from './json.ts'

/**
 * Leaf format, version 1. A leaf is the RFC 8785 canonical form of {@link Leaf}, at most 65,535 bytes (C2SP tlog-tiles entries have
 * a uint16 length), stored verbatim; its hash is SHA-256(0x00 || bytes) (RFC 6962 2.1). It holds no content and no personal data: a
 * personal field stands in it only as a salted digest in `_sd` (RFC 9901 4.2.4), its disclosure sealed beside the leaf in the
 * same commit; `sealed` binds that part, so that it cannot be overwritten unnoticed, whether its key still exists or not.
 */
export const LEAF_VERSION = 1
export const LEAF_MAX_BYTES = 65_535

export type RecordKind =
  | 'call.intent' // durable before the first byte goes upstream
  | 'call.attempt_failed' // closes an intent: the provider did not begin to answer
  | 'call.outcome' // closes an intent: durable before the client is told "finished"
  | 'call.abandoned' // closes an intent: written by recovery, names its newest progress
  | 'call.progress' // a long stream, so far: `body.bytes` released; durable before more is
  | 'call.denied' // durable before the 403
  | 'call.displaced' // an answer's own evidence does not lie within where its dispatch was judged to go
  | 'access.refused' // strangers' failures, in aggregate
  | 'policy.activated' // durable before the swap
  | 'policy.rejected'
  | 'config.activated'
  | 'config.rejected'
  | 'identity.revoked' // a revocation took effect here
  | 'ledger.opened' // a writer took the log over; names its epoch and what recovery did
  | 'ledger.restored' // an operator accepted that records are missing; names both heads and the reason
  | 'ledger.closed'

/** Kinds that close a `call.intent`. Every intent has exactly one of them. */
export const CLOSING_KINDS: readonly RecordKind[] = ['call.attempt_failed', 'call.outcome', 'call.abandoned']

/** What the writer of a record gives. The ledger adds where and when. */
export type AuditDraft = Readonly<{
  kind: RecordKind
  /** Tenant of the call; `_gateway` for the gateway's own records. */
  tenant: string
  /** Call id, or null for records that belong to no call. */
  call: string | null
  /** Sequence number of the intent that this record closes or continues. */
  of?: number
  /** Clear fields: no personal data, no text of a call. Member names are snake_case. */
  body: Readonly<Record<string, Json>>
  /** Personal fields: recorded as salted digests, disclosed only in the sealed part. */
  personal?: Readonly<Record<string, Json>>
}>

/** The members of a leaf, as canonical JSON sorts them. Absent members are left out, never null, but for `call`. */
export type Leaf = Readonly<{
  _sd?: readonly string[]
  _sd_alg?: 'sha-256'
  body: Readonly<Record<string, Json>>
  /** Random per process start: monotonic clocks of different boots do not compare. */
  boot: string
  call: string | null
  /** Fencing token: one more at each opening of the log. */
  epoch: number
  /** UUIDv7 of the record. */
  id: string
  kind: RecordKind
  /** Name of the log: `<organisation>/<node>`. */
  log: string
  /** Nanoseconds of the monotonic clock, a decimal string. */
  mono: string
  of?: number
  /** There if and only if `_sd` is: base64url(SHA-256(text of the sealed part, `{"k":"<key id>","x":"<sealed>"}`, as it stands in the line)). */
  sealed?: string
  /** Contiguous in the log, from 0: the index in the RFC 6962 tree, and the order of record. */
  seq: number
  /** Wall clock, RFC 3339 UTC with milliseconds: data, not order. */
  t: string
  tenant: string
  /** Contiguous per tenant in this log, from 0: shows that a tenant's records are complete. */
  tseq: number
  v: typeof LEAF_VERSION
}>

/** A record that is durable. */
export type AuditRecord = Leaf

export type Receipt = Readonly<{ seq: number; tseq: number; id: string }>

/**
 * Why a draft can never stand in the log, in `detail.refused` of an ERR_GATEWAY_INTERNAL. `size`: its leaf has more than
 * {@link LEAF_MAX_BYTES}, or its disclosures have; `detail.bytes` of `detail.most`. `intent`: it closes or continues what is not open,
 * or is another call's. `draft`: a member has not the shape it must have.
 */
export type Refused = 'size' | 'intent' | 'draft'

/**
 * The evidence. `append` must resolve only when the record is on disk (fdatasync returned), must keep the order of calls, and after
 * its first failure must reject everything, for ever: an error is followed by an exit, not by a repair.
 *
 * A draft that can never stand in the log is refused by itself ({@link Refused}): `append` rejects, the draft gets no number, nothing
 * latches, and there is no record of what it told. Who writes drafts bounds them, so that this does not happen: a leaf has some 500
 * bytes beside its `body`, and the canonical form of the body is what counts, in UTF-8.
 */
export interface Ledger {
  append(draft: AuditDraft): Promise<Receipt>
  /** Settles with the error that latched the ledger; pending while all is well. */
  readonly failed: Promise<Error>
  /** `ok`, or why nothing may be sent any more. */
  health(): 'ok' | Error
  close(): Promise<void>
}
