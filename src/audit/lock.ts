import { hash } from 'node:crypto'
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CustomhouseError } from '../core/errors.ts'
import { readText, writeAtomically } from './files.ts'

/** Name of the lock file in the ledger's folder. */
export const LOCK_FILE = 'lock'
/** Inode of the lock file, as the newest writer found it. */
const LOCK_INODE_FILE = 'lock.inode'

/** Primary result code of SQLite for a lock that another holds. */
const SQLITE_BUSY = 5

/** Which file stands at a path. */
export type Identity = Readonly<{ path: string; dev: number; ino: number }>

/** A lock that is held. While it is, `file` is what stands at its path: where another file does, another writer took over. */
export type Lock = Readonly<{ file: Identity; release: () => void }>

/** Makes this process the only writer of a ledger's folder. Throws ERR_LEDGER_LOCKED at once if another process, or this one, holds it; ERR_LEDGER_UNAVAILABLE if there can be no lock. */
export function lockDirectory(directory: string): Lock {
  const busy = `Another process writes to the ledger in ${directory}. Stop it, or choose another state folder.`
  return lockFile(join(directory, LOCK_FILE), busy)
}

/** Makes this process the only one that signs a log with the keys of a folder, of whatever state: a copy of a state is another branch. Throws like {@link lockDirectory}. */
export function lockKeys(keys: string, log: string): Lock {
  const busy = `Another process signs the log ${log} with the keys in ${keys}. Stop it, or give this one a log name (audit.log) of its own.`
  return lockFile(join(keys, keysLockFile(log)), busy)
}

/** Name of the lock file in the keys folder: a log's own, since several logs may share the folder. */
export function keysLockFile(log: string): string {
  return `ledger.${logPart(log)}.lock`
}

/** A log's name as part of a file name. */
export function logPart(log: string): string {
  const encoded = encodeURIComponent(log.toWellFormed())
  return encoded.length <= 120 ? encoded : hash('sha256', log)
}

/**
 * Node has no flock; SQLite takes real kernel locks (fcntl), so an open exclusive transaction on an empty database is one: it dies with
 * its process, and pid namespaces and reused pids cannot fool it.
 */
function lockFile(path: string, busy: string): Lock {
  let database: DatabaseSync | null = null
  try {
    make(path)
    const before = identity(path)
    database = new DatabaseSync(path, { timeout: 0 })
    // A file that cannot be written to is opened for reading only, where even an exclusive transaction shares its lock: a write tells.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1')
    const held = database
    if (before === null || !stands(before)) throw new Error('it was removed while it was locked')
    return { file: before, release: () => held.isOpen && held.close() }
  } catch (cause) {
    database?.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY)
      throw new CustomhouseError('ERR_LEDGER_LOCKED', busy, { cause })
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CustomhouseError('ERR_LEDGER_UNAVAILABLE', `${path} cannot be locked: ${why}`, { cause })
  }
}

/**
 * Whether the lock file is the one that the newest writer held. Where it is not (removed, replaced, never remembered) that one may
 * still be at work: it holds a lock on a file that has no name any more.
 */
export function isRemembered(directory: string, { file }: Lock): boolean {
  const path = join(directory, LOCK_INODE_FILE)
  return statSync(path, { throwIfNoEntry: false }) !== undefined && readText(path) === `${file.ino}\n`
}

export function remember(directory: string, { file }: Lock): void {
  writeAtomically(directory, LOCK_INODE_FILE, `${file.ino}\n`)
}

/** Makes the file if it is not there. One that is there must not be opened by hand: closing any descriptor of it drops the locks that this process has on it. */
function make(path: string): void {
  if (identity(path) !== null) return
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function identity(path: string): Identity | null {
  const there = statSync(path, { throwIfNoEntry: false })
  return there === undefined ? null : { path, dev: there.dev, ino: there.ino }
}

/** Whether a file is still the one at its path. An inode that somebody holds open is given to no other file. */
export function stands({ path, dev, ino }: Identity): boolean {
  const there = statSync(path, { throwIfNoEntry: false })
  return there?.ino === ino && there.dev === dev
}
