/**
 * The calls under way, counted: whoever drains needs to know only when there is none. Nothing here refers to a call. A call is answered when
 * its outcome is on record and its answer is on its way, and over when that has left.
 */
export class Flight {
  #unanswered = 0
  #leaving = 0
  #waiting: (() => void)[] = []

  get size(): number {
    return this.#unanswered + this.#leaving
  }

  begin(): void {
    this.#unanswered += 1
  }

  answered(): void {
    this.#unanswered -= 1
    this.#leaving += 1
    this.#wake()
  }

  end(): void {
    this.#leaving -= 1
    this.#wake()
  }

  /** Resolves when every call was answered. */
  allAnswered(): Promise<void> {
    return this.#until(() => this.#unanswered === 0)
  }

  /** Resolves when no call is under way. */
  over(): Promise<void> {
    return this.#until(() => this.size === 0)
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    if (this.#waiting.length > 0 && this.#unanswered === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
