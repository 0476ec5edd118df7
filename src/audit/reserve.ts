import { rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectory, UNFINISHED, writeAtomically } from './files.ts'

/**
 * Room that is set aside on the log's volume, so that a start on a full disk can still close what a crash left open: the file is
 * given back to the file system, and made again before anything new is sent.
 */
export const RESERVE_FILE = 'reserve'
/** A closing record of recovery has about 450 bytes: room for two thousand of them. */
export const RESERVE_BYTES = 1024 * 1024

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
  const path = join(directory, RESERVE_FILE)
  if (isMade(path)) return
  try {
    writeAtomically(directory, RESERVE_FILE, Buffer.alloc(RESERVE_BYTES))
  } catch (error) {
    // Half a reserve would take the room that the next start needs.
    rmSync(path + UNFINISHED, { force: true })
    throw error
  }
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

/** Whether the file system said that it has no room. */
export function isWantOfRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** Gives the room back. */
export function releaseReserve(directory: string): void {
  rmSync(join(directory, RESERVE_FILE), { force: true })
  syncDirectory(directory)
}
