import { closeSync, constants, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CustomhouseError } from '../core/errors.ts'

/** Name of the lock file in the ledger's folder. */
export const LOCK_FILE = 'lock'

/** Primary result code of SQLite for a lock that another holds. */
const SQLITE_BUSY = 5

/** Which file stands at a path. */
export type Identity = Readonly<{ path: string; dev: number; ino: number }>

/**
 * A lock that is held. While it is, `file` is what stands at its path: where another file does, another writer took the log over.
 * `made`: there was no lock file before, so a writer whose file was removed may still be at work.
 */
export type Lock = Readonly<{ file: Identity; made: boolean; release: () => void }>

/**
 * Makes this process the only writer of a folder. Node has no flock; SQLite takes real kernel locks (fcntl), so an open exclusive
 * transaction on an empty database is one: it dies with its process, and pid namespaces and reused pids cannot fool it.
 * Throws ERR_LEDGER_LOCKED at once if another process, or this one, holds it; ERR_LEDGER_UNAVAILABLE if there can be no lock.
 */
export function lockDirectory(directory: string): Lock {
  const path = join(directory, LOCK_FILE)
  let database: DatabaseSync | null = null
  try {
    const made = make(path)
    const before = identity(path)
    database = new DatabaseSync(path, { timeout: 0 })
    // A file that cannot be written to is opened for reading only, where even an exclusive transaction shares its lock: a write tells.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1')
    const held = database
    if (before === null || !stands(before)) throw new Error('it was removed while it was locked')
    return { file: before, made, release: () => held.isOpen && held.close() }
  } catch (cause) {
    database?.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      const message = `Another process writes to the ledger in ${directory}. Stop it, or choose another state folder.`
      throw new CustomhouseError('ERR_LEDGER_LOCKED', message, { cause })
    }
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CustomhouseError('ERR_LEDGER_UNAVAILABLE', `${path} cannot be locked: ${why}`, { cause })
  }
}

/** Makes the file if it is not there. One that is there must not be opened by hand: closing any descriptor of it drops the locks that this process has on it. */
function make(path: string): boolean {
  if (identity(path) !== null) return false
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600))
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
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
