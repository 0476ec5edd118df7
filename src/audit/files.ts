import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Suffix of files that are not whole yet; recovery removes them. */
export const UNFINISHED = '.unfinished'

/** All of a file. Node aborts the whole process where the close of a file fails that it opened itself to read it whole; here that is an error. */
export function readText(path: string): string {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** Makes names in a directory durable: after a create, a rename, a removal. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes a directory with all its parents, durably. */
export function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (first !== undefined) syncDirectory(dirname(first))
}

/** Writes all of it: a full disk gives a short write first, and the error only at the next one. */
export function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const written = writeSync(fd, bytes, done)
    if (written === 0) throw new Error('The file takes no more bytes.')
    done += written
  }
}

/** Gives a file's name to a copy of it, durably: who has the old one open goes on in a file that nobody will ever read. `before` as in {@link writeAtomically}. */
export function detach(directory: string, name: string, before: () => void): void {
  const unfinished = join(directory, name + UNFINISHED)
  try {
    copyFileSync(join(directory, name), unfinished, constants.COPYFILE_FICLONE)
    const fd = openSync(unfinished, constants.O_RDWR)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    before()
    renameSync(unfinished, join(directory, name))
  } catch (error) {
    // Half a copy would take the room that is wanting.
    rmSync(unfinished, { force: true, recursive: true })
    throw error
  }
  syncDirectory(directory)
}

/** Writes a file under the name that recovery removes, content durable. What fails leaves nothing: half a file would take the room that is wanting. */
function writeUnfinished(directory: string, name: string, content: string | Uint8Array, mode: number): string {
  const unfinished = join(directory, name + UNFINISHED)
  rmSync(unfinished, { force: true })
  try {
    const fd = openSync(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
    try {
      writeWhole(fd, typeof content === 'string' ? Buffer.from(content) : content)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  }
  return unfinished
}

/**
 * Writes a file so that its name never stands for half of it: content durable, then the name, then the directory. `before` is called
 * when only the name is wanting, and may throw: whoever was superseded while the disk worked must replace nothing.
 */
export function writeAtomically(
  directory: string,
  name: string,
  content: string | Uint8Array,
  mode = 0o600,
  before?: () => void,
): void {
  const unfinished = writeUnfinished(directory, name, content, mode)
  before?.()
  renameSync(unfinished, join(directory, name))
  syncDirectory(directory)
}

/** The same for a file that must not be there yet: a link never replaces one, as a rename does. Throws EEXIST. */
export function publish(directory: string, name: string, content: string, before: () => void): void {
  const unfinished = writeUnfinished(directory, name, content, 0o600)
  before()
  linkSync(unfinished, join(directory, name))
  rmSync(unfinished)
  syncDirectory(directory)
}

/** Writes so many bytes to a folder and removes them again: only that tells a want of room, a quota and a read-only folder alike. */
export function probeWrites(directory: string, name: string, bytes: number): void {
  rmSync(writeUnfinished(directory, name, Buffer.alloc(bytes), 0o600))
}
