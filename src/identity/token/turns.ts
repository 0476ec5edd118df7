/**
 * Who may do something that only so many may do at one time. Each line has its own order of coming, and lines take turns: a long one makes no other wait
 * longer than for one of its own.
 */
export class Turns {
  #free: number
  readonly #lines = new Map<string, (() => void)[]>()

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** Resolves when it is the caller's turn; who has had it must call {@link leave}. */
  take(line: string): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = this.#lines.get(line)
    if (waiting === undefined) this.#lines.set(line, [resolve])
    else waiting.push(resolve)
    return promise
  }

  leave(): void {
    for (const [line, waiting] of this.#lines) {
      const next = waiting.shift()
      this.#lines.delete(line)
      if (waiting.length > 0) this.#lines.set(line, waiting)
      if (next === undefined) continue
      next()
      return
    }
    this.#free++
  }
}
