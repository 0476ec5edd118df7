import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CustomhouseError } from '../core/errors.ts'

/**
 * Replaces a file as a whole, readable by its owner only. Order: bytes on disk, then the name, then the folder that holds the name; a crash at any point leaves the old
 * file or the new one.
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    const folder = await open(dirname(file), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new CustomhouseError('ERR_KEYS_STORE', `${file} cannot be written.`, { cause })
  }
}

/** Removes what a killed writer left. The caller must hold the lock: a temporary file of a living writer looks the same. */
export async function sweep(file: string): Promise<void> {
  for (const name of await readdir(dirname(file))) {
    if (name.startsWith(`${basename(file)}.`) && name.endsWith('.tmp'))
      await rm(join(dirname(file), name), { force: true })
  }
}

const WAIT_MS = 15_000

/**
 * Runs `work` as the only writer of `file` on this machine. The lock is SQLite's, on an empty database beside the file: the kernel frees it
 * when the holder dies, however it dies, and it holds between containers that share the folder. (Node offers no flock; a lock file with a process id
 * has a gap between finding it stale and taking it.)
 */
export async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  let database: DatabaseSync
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    database = new DatabaseSync(lock)
  } catch (cause) {
    throw new CustomhouseError('ERR_KEYS_STORE', `${lock} cannot be opened.`, { cause })
  }
  try {
    await chmod(lock, 0o600)
    await begin(database, lock)
    return await work()
  } finally {
    database.close()
  }
}

/** Waits without SQLite's own waiting, which would block this thread: the writer that we wait for may run on it. */
async function begin(database: DatabaseSync, lock: string): Promise<void> {
  const giveUp = Date.now() + WAIT_MS
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return
    } catch (cause) {
      if (!(cause instanceof Error) || !/locked|busy/i.test(cause.message)) {
        throw new CustomhouseError('ERR_KEYS_STORE', `${lock} cannot be locked.`, { cause })
      }
      if (Date.now() > giveUp) {
        throw new CustomhouseError(
          'ERR_KEYS_STORE',
          `${lock} has been held by another process for ${WAIT_MS / 1000} s.`,
          { cause },
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20))
    }
  }
}
