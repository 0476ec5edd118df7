import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CustomhouseError } from '../core/errors.ts'

/** Name of the lock file in the ledger's folder. */
export const LOCK_FILE = 'lock'

/** Primary result code of SQLite for a lock that another holds. */
const SQLITE_BUSY = 5

/** A lock that is held. */
export type Lock = Readonly<{ release: () => void }>

/**
 * Makes this process the only writer of a folder. Node has no flock; SQLite takes real kernel locks (fcntl), so an open exclusive
 * transaction on an empty database is one: it dies with its process, and pid namespaces and reused pids cannot fool it.
 * Throws ERR_LEDGER_LOCKED at once if another process, or this one, holds it; ERR_LEDGER_UNAVAILABLE if there can be no lock.
 */
export function lockDirectory(directory: string): Lock {
  const file = join(directory, LOCK_FILE)
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    const held = database
    return { release: () => held.isOpen && held.close() }
  } catch (cause) {
    database?.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      const message = `Another process writes to the ledger in ${directory}. Stop it, or choose another state folder.`
      throw new CustomhouseError('ERR_LEDGER_LOCKED', message, { cause })
    }
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CustomhouseError('ERR_LEDGER_UNAVAILABLE', `${file} cannot be locked: ${why}`, { cause })
  }
}
