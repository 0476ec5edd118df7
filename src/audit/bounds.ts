import type { AuditRecord } from '../core/record.ts'
import type { Hash } from './tree.ts'

/** Bounds of one commit: what one fdatasync covers. */
export const COMMIT_MAX_RECORDS = 2_000
export const COMMIT_MAX_BYTES = 8 * 1024 * 1024
/** Tenant of the gateway's own records. */
export const GATEWAY_TENANT = '_gateway'

/** A commit that is durable. `ms` is the time that the disk took. */
export type Committed = Readonly<{
  records: readonly AuditRecord[]
  size: number
  root: Hash
  bytes: number
  ms: number
}>

export type Bounds = Readonly<{
  checkpointEveryMs: number
  maxSegmentBytes: number
  deadlineMs: number
  /** Below so many free bytes nothing new is begun; what is open can still be closed (`room.ts`). */
  minFreeBytes: number
  /** Hears of each commit, after its receipts. Must not throw. */
  onCommit: ((commit: Committed) => void) | null
}>
