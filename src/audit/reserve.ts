import { rmSync, statfsSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { makeDirectory, probeWrites, syncDirectory, writeAtomically } from './files.ts'
import { logPart } from './lock.ts'
import { KEYS_MIN_BYTES } from './room.ts'

/**
 * Room that is set aside on the log's volume, so that a start on a full disk can still close what a crash left open: the file is
 * given back to the file system, and made again before anything new is sent.
 */
export const RESERVE_FILE = 'reserve'
/** A closing record of recovery has about 450 bytes: room for two thousand of them. */
export const RESERVE_BYTES = 1024 * 1024
/** Written and removed, to see whether there is room. */
const PROBE_FILE = 'probe'

/** Checkpoint, snapshot, segment, head and version are each written under another name first: a file more, for as long as that takes. */
const SPARE_FILES = 8

/** Bytes that the volume of a folder has left for us; none where there is no room for files. (Where `files` is 0 they are not counted: btrfs.) */
export function freeBytes(directory: string): number {
  const { bavail, bsize, ffree, files } = statfsSync(directory)
  return files > 0 && ffree < SPARE_FILES ? 0 : bavail * bsize
}

/** Sets the room aside, if it is not: written, not only declared, since a hole takes no room. */
export function makeReserve(directory: string): void {
  // The file that recovery gave back must not be the last one: the next checkpoint would find none, and latch.
  if (freeBytes(directory) === 0) throw wantOfRoom()
  if (!isMade(join(directory, RESERVE_FILE))) writeAtomically(directory, RESERVE_FILE, Buffer.alloc(RESERVE_BYTES))
}

function isMade(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === RESERVE_BYTES
}

/** Makes a reserve that is gone again, once the volume has room for it and for `from` bytes besides. */
export function keepReserve(directory: string, from: number): void {
  if (isMade(join(directory, RESERVE_FILE)) || freeBytes(directory) < from + RESERVE_BYTES) return
  try {
    makeReserve(directory)
  } catch (error) {
    // The room went to somebody else in between: a want, not a failure.
    if (!isWantOfRoom(error)) throw error
  }
}

/** What the file system would say if it were asked for more. */
export function wantOfRoom(): Error {
  return Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
}

/** libuv has no name for EDQUOT: Node's code for it is "Unknown system error -122". */
const EDQUOT = constants.errno.EDQUOT

/** Whether the file system said that it has no room, for anybody (ENOSPC) or for us (EDQUOT). */
export function isWantOfRoom(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('errno' in error && error.errno === -EDQUOT) return true
  return 'code' in error && error.code === 'ENOSPC'
}

/** Gives the room back. */
export function releaseReserve(directory: string): void {
  rmSync(join(directory, RESERVE_FILE), { force: true })
  syncDirectory(directory)
}

/** What an opening writes besides the closing records: its own, checkpoint, head, version. */
const OPENING_BYTES = 65_536

/**
 * Looks whether a start may append. On a full disk the reserve is for closing what is open; with nothing open, nothing is written at
 * all that stays. Tried, since of a quota `statfs` says nothing: an attempt that fails only after it appended would leave a record
 * each second. Throws ENOSPC or EDQUOT.
 */
export function makeRoom(directory: string, openIntents: number): void {
  const full = freeBytes(directory) < RESERVE_BYTES
  if (openIntents === 0) {
    if (full) throw wantOfRoom()
    makeReserve(directory)
  } else if (full || !hasRoom(directory)) releaseReserve(directory)
  probeWrites(directory, PROBE_FILE, OPENING_BYTES)
}

function hasRoom(directory: string): boolean {
  try {
    probeWrites(directory, PROBE_FILE, OPENING_BYTES)
    return true
  } catch (error) {
    if (isWantOfRoom(error)) return false
    throw error
  }
}

/**
 * Looks whether content keys and heads can be written to the keys folder, before anything is appended to the log. Throws
 * ERR_LEDGER_UNAVAILABLE for a want of room, which passes, and ERR_KEYS_STORE.
 */
export function probeKeys(keys: string, log: string): void {
  try {
    makeDirectory(keys)
    if (freeBytes(keys) < KEYS_MIN_BYTES) throw wantOfRoom()
    // By a name of the log's own: another that shares the keys may start in the same moment.
    probeWrites(keys, `ledger.${logPart(log)}.${PROBE_FILE}`, KEYS_MIN_BYTES)
  } catch (cause) {
    throw keysNotWritable(keys, cause)
  }
}

/** What went wrong in the keys folder, in words that say what to do. */
export function keysNotWritable(keys: string, cause: unknown): CustomhouseError {
  if (isWantOfRoom(cause)) {
    const message = `The volume of the keys folder ${keys} has no room: content keys and ledger.head are written there.`
    return new CustomhouseError('ERR_LEDGER_UNAVAILABLE', message, { cause, detail: { volume: 'keys' } })
  }
  const why = cause instanceof Error ? cause.message : String(cause)
  const message = `The keys folder ${keys} cannot be written to: ${why}. Content keys and ledger.head are written there: mount it read-write, and make it the gateway's own.`
  return new CustomhouseError('ERR_KEYS_STORE', message, { cause })
}
