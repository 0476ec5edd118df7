import type { RequestInput, ResponseInput } from '../core/decision.ts'
import type { Reads } from './toolchain/index.ts'

/** Decisions kept at most; the oldest go first. What a client can vary (a task, a model) must not fill the memory. */
const MOST = 4096

/**
 * Remembers decisions. A policy that neither reads the clock nor takes its input as a whole is a function of the paths that it reads
 * (OPA's compiler says which): where two inputs agree on all of them, evaluating it again could only say the same.
 */
export class Memo<T> {
  readonly #paths: readonly (readonly string[])[]
  readonly #known = new Map<string, T>()

  private constructor(paths: readonly (readonly string[])[]) {
    this.#paths = paths
  }

  /** Null where nothing may be remembered: without sources, or where a decision is more than a function of some paths. */
  static of<T>(reads: Reads | null): Memo<T> | null {
    return reads === null || reads.whole || reads.volatile ? null : new Memo<T>(outermost(reads.paths))
  }

  /** What the policy would read of this input, as one text. */
  key(input: RequestInput | ResponseInput): string {
    let key = ''
    for (const path of this.#paths) key += `${textOf(at(input, path))}\n`
    return key
  }

  get(key: string): T | undefined {
    return this.#known.get(key)
  }

  set(key: string, value: T): void {
    if (this.#known.size >= MOST) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(key, value)
  }
}

/** A path says nothing that a shorter one does not: `target.id` where `target` is read as well. */
function outermost(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return paths.filter(
    (path) => !paths.some((other) => other.length < path.length && other.every((name, index) => name === path[index])),
  )
}

function at(input: RequestInput | ResponseInput, path: readonly string[]): unknown {
  let value: unknown = input
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

const texts = new WeakMap<object, string>()

/** The JSON of a value. That of a frozen object (a target, the list of controls) is made once: it is the same at every call. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Object.isFrozen(value)) {
    const known = texts.get(value)
    if (known !== undefined) return known
    const text = JSON.stringify(value)
    texts.set(value, text)
    return text
  }
  if (!Array.isArray(value)) return JSON.stringify(value)
  let text = '['
  for (const item of value) text += `${textOf(item)},`
  return `${text}]`
}
