import { createHash } from 'node:crypto'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'

export type Watch = Readonly<{
  /** Looks now, besides the regular times. Resolves after `changed` has been called, if it was. */
  look(): Promise<void>
  /** The caller has acted upon this content by itself (SIGHUP): it is what the next look compares with. */
  acted(digest: string): void
  stop(): void
}>

const MAX_FILES = 10_000

/**
 * SHA-256 (hex) over names and contents of files and folders (below a folder: every file whose name has no dot in front). What cannot be read counts
 * as absent, so its coming and going is a change. Contents are compared, not times: a ConfigMap is swapped by a symbolic link, and a
 * file that is mounted alone sends no notice.
 */
export async function contentDigest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  let left = MAX_FILES
  // Links are followed, since ConfigMaps are made of them; a folder is entered once, so that a circle ends.
  const folders = new Set<string>()
  const add = async (path: string): Promise<void> => {
    try {
      const found = await stat(path)
      if (found.isDirectory()) {
        const real = await realpath(path)
        if (folders.has(real)) return
        folders.add(real)
        const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
        for (const name of names) await add(join(path, name))
      } else if (found.isFile() && left-- > 0) {
        hash.update(`f${path}\0`).update(
          createHash('sha256')
            .update(await readFile(path))
            .digest(),
        )
      }
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error
      hash.update(`-${path}\0${String(error.code)}\0`)
    }
  }
  for (const path of paths) await add(path)
  return hash.digest('hex')
}

/**
 * Calls `changed` whenever the content of `paths` has become another one, compared every `everyMs`. `from` is the digest that the caller already
 * acted upon, best taken before it read; without it the content at the time of this call is. Looks never overlap; the timer keeps no process alive. `changed` must handle its own
 * errors: a rejection is given to `failed` and the same content is not tried again. A look that found nothing new tells `unchanged` when it began
 * (milliseconds, as `performance.now()` counts): what came after that it need not have seen.
 */
export function watchContent(
  options: Readonly<{
    paths: () => readonly string[]
    everyMs: number
    from?: string
    changed: (digest: string) => Promise<void> | void
    unchanged?: (since: number) => void
    failed: (error: unknown) => void
  }>,
): Watch {
  let last = options.from
  let stopped = false
  let looking: Promise<void> | null = null
  const once = async () => {
    try {
      const since = performance.now()
      const digest = await contentDigest(options.paths())
      if (stopped) return
      if (digest === last) return options.unchanged?.(since)
      const first = last === undefined
      last = digest
      if (!first) await options.changed(digest)
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
  if (last === undefined) void look()
  const timer = setInterval(look, options.everyMs)
  timer.unref()
  return {
    look,
    acted: (digest) => {
      last = digest
    },
    stop: () => {
      stopped = true
      clearInterval(timer)
    },
  }
}
