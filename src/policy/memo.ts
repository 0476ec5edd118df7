import type { RequestInput, ResponseInput } from '../core/decision.ts'
import { isFrozen } from '../core/frozen.ts'
import type { Reads } from './toolchain/index.ts'

/** Decisions kept at most; the oldest go first. What a client can vary (a task, a model) must not fill the memory. */
const MOST = 4096

/** Longest key that is kept, UTF-16 units: with {@link MOST} the bound of what a client can make it hold. */
const LONGEST = 8192

/**
 * Remembers decisions. A policy that neither reads the clock nor takes its input as a whole is a function of the paths that it reads
 * (OPA's compiler says which): where two inputs agree on all of them, evaluating it again could only say the same. The decider itself reads the
 * required controls and the ids of the targets, so these always count.
 */
export class Memo<T> {
  readonly #paths: readonly (readonly string[])[]
  readonly #ids: boolean
  readonly #known = new Map<string, T>()

  private constructor(paths: readonly (readonly string[])[]) {
    this.#paths = outermost([...paths, ['context', 'controls'], ['target', 'id']])
    this.#ids = !paths.some((path) => path.length === 1 && path[0] === 'targets')
  }

  /** Null where nothing may be remembered: without sources, or where a decision is more than a function of some paths. */
  static of<T>(reads: Reads | null): Memo<T> | null {
    return reads === null || reads.whole || reads.volatile ? null : new Memo<T>(reads.paths)
  }

  /**
   * What of this input the decision depends on, as one text; JSON, so that no text in it can be taken for a line's end. Undefined where that is too long
   * to be kept.
   */
  key(input: RequestInput | ResponseInput): string | undefined {
    let key = ''
    for (const path of this.#paths) {
      const text = textOf(at(input, path))
      if (text === undefined) return undefined
      key += `${text}\n`
      if (key.length > LONGEST) return undefined
    }
    if (this.#ids && input.phase === 'request') for (const { id } of input.targets) key += `${JSON.stringify(id)}\n`
    return key.length > LONGEST ? undefined : key
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

/** A path says nothing that a shorter one, or an earlier one like it, does not: `target.id` where `target` is read as well. */
function outermost(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return paths.filter((path, place) => {
    const covers = (other: readonly string[], index: number): boolean =>
      (other.length < path.length || (other.length === path.length && index < place)) &&
      other.every((name, part) => name === path[part])
    return !paths.some(covers)
  })
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

/**
 * The JSON of a value, or undefined where it is a list that is too long to be a part of a key: lists are what a client can make long, so they are written no
 * further than that. That of what can never change (a target, the list of controls) is made once: it is the same at every call.
 */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const known = texts.get(value)
  if (known !== undefined) return known
  if (isFrozen(value)) {
    const text = JSON.stringify(value)
    texts.set(value, text)
    return text
  }
  if (!Array.isArray(value)) return JSON.stringify(value)
  let text = '['
  for (const item of value) {
    text += `${textOf(item)},`
    if (text.length > LONGEST) return undefined
  }
  return `${text}]`
}
