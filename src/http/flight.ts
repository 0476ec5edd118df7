/** The calls under way, counted: whoever drains needs to know only when there is none. Nothing here refers to a call. */
export class Flight {
  #open = 0
  #waiting: (() => void)[] = []

  get size(): number {
    return this.#open
  }

  begin(): void {
    this.#open += 1
  }

  end(): void {
    this.#open -= 1
    if (this.#open > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when no call is under way. */
  async over(): Promise<void> {
    while (this.#open > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
