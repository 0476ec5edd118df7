import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CustomhouseError } from '../../core/errors.ts'

/** Bounds of the memory cache: answers, and characters in all of them together. */
const MOST_ANSWERS = 128
const MOST_CHARACTERS = 64 * 1024 * 1024

/**
 * Answers by the SHA-256 of what was asked, least recently used first out. With a folder, answers put there by `keep` also
 * outlive the process; a file whose first line is not the SHA-256 of the rest is passed over, never believed.
 */
export class AnswerCache {
  readonly #folder: string | undefined
  readonly #memory = new Map<string, string>()
  #characters = 0

  constructor(folder?: string) {
    this.#folder = folder
  }

  find(key: string, onDisk: boolean): string | undefined {
    const held = this.#memory.get(key)
    if (held !== undefined) {
      this.#memory.delete(key)
      this.#memory.set(key, held)
      return held
    }
    if (!onDisk || this.#folder === undefined) return undefined
    const answer = this.#within(this.#folder, (folder) => read(join(folder, `${key}.answer`)))
    if (answer !== undefined) this.#hold(key, answer)
    return answer
  }

  keep(key: string, answer: string, onDisk: boolean): void {
    this.#hold(key, answer)
    if (!onDisk || this.#folder === undefined) return
    this.#within(this.#folder, (folder) => {
      try {
        write(folder, `${key}.answer`, `${digest(answer)}\n${answer}`)
      } catch (error) {
        // An answer that finds no room is as good: it is made anew after the next start.
        if (!lacksRoom(error)) throw error
      }
    })
  }

  #within<T>(folder: string, work: (folder: string) => T): T {
    try {
      return work(folder)
    } catch (cause) {
      throw new CustomhouseError(
        'ERR_POLICY_TOOLCHAIN',
        `The folder ${folder} for compiled policies cannot be used; make it readable and writable, or configure another.`,
        { cause },
      )
    }
  }

  #hold(key: string, answer: string): void {
    this.#characters += answer.length - (this.#memory.get(key)?.length ?? 0)
    this.#memory.set(key, answer)
    for (const [oldest, text] of this.#memory) {
      if (this.#memory.size <= MOST_ANSWERS && this.#characters <= MOST_CHARACTERS) return
      this.#memory.delete(oldest)
      this.#characters -= text.length
    }
  }
}

function lacksRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** By draft and rename, so that a reader sees a whole file or none. */
function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `${name}.${process.pid}.draft`)
  try {
    writeFileSync(draft, text, { mode: 0o600 })
    renameSync(draft, join(folder, name))
  } finally {
    rmSync(draft, { force: true })
  }
}

function read(path: string): string | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const end = text.indexOf('\n')
  const answer = text.slice(end + 1)
  return text.slice(0, end) === digest(answer) ? answer : undefined
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
