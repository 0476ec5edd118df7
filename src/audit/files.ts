import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Suffix of files that are not whole yet; recovery removes them. */
export const UNFINISHED = '.unfinished'

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

/** Gives a file's name to a copy of it, durably: who has the old one open goes on in a file that nobody will ever read. */
export function detach(directory: string, name: string): void {
  const unfinished = join(directory, name + UNFINISHED)
  try {
    copyFileSync(join(directory, name), unfinished, constants.COPYFILE_FICLONE)
    const fd = openSync(unfinished, constants.O_RDWR)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(unfinished, join(directory, name))
  } catch (error) {
    // Half a copy would take the room that is wanting.
    rmSync(unfinished, { force: true, recursive: true })
    throw error
  }
  syncDirectory(directory)
}

/** Writes a file so that its name never stands for half of it: content durable, then the name, then the directory. */
export function writeAtomically(directory: string, name: string, content: string | Uint8Array, mode = 0o600): void {
  const unfinished = join(directory, name + UNFINISHED)
  rmSync(unfinished, { force: true })
  const fd = openSync(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
  try {
    writeWhole(fd, typeof content === 'string' ? Buffer.from(content) : content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(unfinished, join(directory, name))
  syncDirectory(directory)
}
