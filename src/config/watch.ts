import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

export type Watch = Readonly<{
  /** Looks now, besides the regular times. Resolves after what it found has been told, and what was told has been done. */
  look(): Promise<void>
  stop(): void
}>

/** No file of a configuration is larger, nor a bundle: what is beyond does not count. */
const LARGEST_FILE = 64 * 1024 * 1024
const CHUNK = 64 * 1024
const WANTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/** Whether the system has no more files or memory to give: then nothing is known of what was asked for. */
export function isWant(error: unknown): boolean {
  return error instanceof Error && 'code' in error && WANTS.has(String(error.code))
}

/**
 * SHA-256 (hex) over the names and contents of ordinary files; links are followed. What is absent or cannot be read counts as such, so its coming and going is
 * a change. Contents are compared, not times: a ConfigMap is swapped by a symbolic link, and a file that is mounted alone sends no notice.
 *
 * @throws what the system says where it has no more files or memory to give
 */
export async function contentDigest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    try {
      hash.update(`f${path}\0`).update(await fileDigest(path))
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || isWant(error)) throw error
      hash.update(`-${path}\0${String(error.code)}\0`)
    }
  }
  return hash.digest('hex')
}

async function fileDigest(path: string): Promise<Uint8Array> {
  const hash = createHash('sha256')
  // Nobody waits for the other end of a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const status = await file.stat()
    if (!status.isFile()) return hash.update('no file').digest()
    const bytes = Buffer.alloc(Math.min(status.size, CHUNK) + 1)
    let left = LARGEST_FILE
    for (let more = 1; more > 0 && left > 0; left -= more) {
      more = (await file.read(bytes, 0, bytes.length, null)).bytesRead
      hash.update(bytes.subarray(0, more))
    }
    return hash.digest()
  } finally {
    await file.close()
  }
}

/** A look that takes longer is none. Its bounds are some thousand files: a disk that answers is done in a second. */
const LOOK_MS = 30_000

/**
 * Looks each `everyMs` whether the `digest` of what is on disk is another than the one that was `acted` upon last. One that two looks in a row have found is
 * told to `changed`: what is still being written is left alone. One that was acted upon is told to `unchanged`, with the time at which the look began
 * (milliseconds, as `performance.now()` counts): what came after that it need not have seen.
 *
 * Looks never overlap; the timer keeps no process alive. Whatever fails is given to `failed`, as is, while it goes on, a look that takes longer than `lookMs`: what
 * it finds in the end is not told.
 */
export function watchContent(
  options: Readonly<{
    digest: () => Promise<string>
    acted: () => string
    everyMs: number
    lookMs?: number
    changed: () => Promise<void> | void
    unchanged: (since: number) => Promise<void> | void
    failed: (error: unknown) => void
  }>,
): Watch {
  const lookMs = options.lookMs ?? LOOK_MS
  let found: string | null = null
  let stopped = false
  let looking: Promise<void> | null = null
  /** Null for a look that took too long. */
  const inTime = async (): Promise<string | null> => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      options.failed(new Error(`A look at what is on disk has not ended within ${lookMs} ms and counts as none.`))
    }, lookMs)
    timer.unref()
    try {
      const digest = await options.digest()
      return late ? null : digest
    } finally {
      clearTimeout(timer)
    }
  }
  const once = async () => {
    try {
      const since = performance.now()
      const digest = await inTime()
      if (stopped || digest === null) return
      const still = digest === found
      found = digest
      if (digest === options.acted()) await options.unchanged(since)
      else if (still) await options.changed()
    } catch (error) {
      options.failed(error)
    }
  }
  const look = () => {
    looking ??= once().finally(() => {
      looking = null
    })
    return looking
  }
  const timer = setInterval(look, options.everyMs)
  timer.unref()
  return {
    look,
    stop: () => {
      stopped = true
      clearInterval(timer)
    },
  }
}
