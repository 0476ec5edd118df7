import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CustomhouseError } from '../core/errors.ts'

/** Name of the lock file in the ledger's folder. */
export const LOCK_FILE = 'lock'

/** A lock that is held. */
export type Lock = Readonly<{ release: () => void }>

/**
 * Makes this process the only writer of a folder. Node has no flock; SQLite takes real kernel locks (fcntl), so an open exclusive
 * transaction on an empty database is one: it dies with its process, and pid namespaces and reused pids cannot fool it.
 * Throws ERR_LEDGER_LOCKED at once if another process, or this one, holds it.
 */
export function lockDirectory(directory: string): Lock {
  const database = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new CustomhouseError(
      'ERR_LEDGER_LOCKED',
      `Another process writes to the ledger in ${directory}. Stop it, or choose another state folder.`,
      {
        cause,
      },
    )
  }
  return { release: () => database.close() }
}
