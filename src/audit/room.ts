import { CustomhouseError } from '../core/errors.ts'
import { LEAF_MAX_BYTES, type RecordKind } from '../core/record.ts'
import { closes } from './leaf.ts'

/** Room that an open call needs for its end, bytes: far more than a record of ours takes. */
const CLOSING_BYTES = 8_192
/** Room for one more record of the gateway's own, at its largest, with its commit line. */
const OWN_BYTES = 2 * LEAF_MAX_BYTES
/** What anybody can bring about, as often as he likes. */
const BEGINNING: ReadonlySet<RecordKind> = new Set<RecordKind>(['call.intent', 'call.denied', 'access.refused'])

/**
 * Free bytes without which a record of a kind is refused. Each open call still has to write its end, so an end is never refused; what
 * begins must leave `minFreeBytes`; the gateway's own records and the progress of open calls are few, and take what is between.
 */
export function bytesNeeded(kind: RecordKind, minFreeBytes: number, openIntents: number): number {
  if (closes(kind)) return Number.NEGATIVE_INFINITY
  const ends = openIntents * CLOSING_BYTES
  return BEGINNING.has(kind) ? minFreeBytes + ends : Math.min(minFreeBytes, OWN_BYTES) + ends
}

/** What is refused for want of room is told so: it is no failure, and passes with the want. */
export function tooLow(free: number): CustomhouseError {
  return new CustomhouseError(
    'ERR_LEDGER_UNAVAILABLE',
    "The ledger's volume is almost full: nothing new is begun until it has room.",
    { detail: { free } },
  )
}
