import { CustomhouseError } from '../core/errors.ts'
import { LEAF_MAX_BYTES, type RecordKind } from '../core/record.ts'
import { closes } from './leaf.ts'

/** Room that an open call needs for its end, bytes: far more than a record of ours takes. */
const CLOSING_BYTES = 8_192
/** Room for one more record of the gateway's own, at its largest, with its commit line. */
const OWN_BYTES = 2 * LEAF_MAX_BYTES
/** Room on the volume of the keys folder: a head, written beside the one that is there, and a content key for some tenants. */
export const KEYS_MIN_BYTES = 65_536
/** Free bytes on the volumes of the log and of the keys folder. */
export type Room = Readonly<{ free: number; keysFree: number }>
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

/** Whether a record of a kind begins something: where it cannot be sealed, refusing it loses nothing. */
export function begins(kind: RecordKind): boolean {
  return BEGINNING.has(kind)
}

/** Why there is no room for a record of a kind; null if there is. Told as what it is: it is no failure, and passes with the want. */
export function wantFor(
  kind: RecordKind,
  { free, keysFree }: Room,
  minFreeBytes: number,
  openIntents: number,
): CustomhouseError | null {
  if (free < bytesNeeded(kind, minFreeBytes, openIntents)) return tooLow("The ledger's volume", 'state', free)
  return keysFree < KEYS_MIN_BYTES && begins(kind) ? tooLow('The volume of the keys folder', 'keys', keysFree) : null
}

export function tooLow(what: string, volume: 'state' | 'keys', free: number): CustomhouseError {
  const message = `${what} is almost full: nothing new is begun until it has room.`
  return new CustomhouseError('ERR_LEDGER_UNAVAILABLE', message, { detail: { free, volume } })
}
