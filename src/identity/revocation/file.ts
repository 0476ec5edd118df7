import { type FileHandle, open, stat } from 'node:fs/promises'
import { CustomhouseError } from '../../core/errors.ts'
import { locked, sweep, writeDurably } from '../durable.ts'
import { EMPTY, listText, MOST_BYTES, parseList, type RevocationList } from './list.ts'
import { absent, present, type RevocationStore } from './store.ts'

/** A list in a file that all gateways read, on one machine or a shared folder. It is replaced whole, and on disk before its name is. */
export function fileStore(file: string): RevocationStore {
  return {
    where: file,
    look: async (version) => {
      const found = await read(file, version)
      if (found === 'same') return null
      return { version: found.version, list: parseList(file, found.bytes) }
    },
    change: (work) =>
      locked(file, async () => {
        await sweep(file)
        const found = await read(file, null)
        if (found === 'same') throw new Error('nothing was known of it')
        const list: RevocationList = parseList(file, found.bytes)
        const next = work(list)
        if (next !== null) await writeDurably(file, listText(next))
        return next ?? list
      }),
    make: () =>
      locked(file, async () => {
        await sweep(file)
        if (await exists(file)) throw present(file)
        await writeDurably(file, listText(EMPTY))
      }),
    close: async () => undefined,
  }
}

type Found = Readonly<{ version: string; bytes: Uint8Array }>

/** The file's own identity and times are its version: a replacement has another inode, and a write in place another time. */
async function read(file: string, version: string | null): Promise<Found | 'same'> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') throw absent(file)
    throw unreadable(file, cause)
  }
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, mode } = await handle.stat({ bigint: true })
    if ((mode & 0o002n) !== 0n) {
      throw new CustomhouseError('ERR_KEYS_STORE', `${file} can be written by everybody on this machine: chmod 600 it.`)
    }
    const now = [dev, ino, size, mtimeNs, ctimeNs].join('.')
    if (now === version) return 'same'
    if (size > BigInt(MOST_BYTES))
      throw new CustomhouseError('ERR_KEYS_STORE', `${file} is larger than ${MOST_BYTES} bytes.`)
    return { version: now, bytes: await handle.readFile() }
  } catch (cause) {
    throw cause instanceof CustomhouseError ? cause : unreadable(file, cause)
  } finally {
    await handle.close()
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): CustomhouseError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  return new CustomhouseError('ERR_KEYS_STORE', `${file} cannot be read (${code}).`, { cause })
}
