/** Bodies that are being read, so that all of them can be given up at once. Listening to a signal costs each more, the more there are. */
export class Uploads {
  readonly #open = new Set<(error: Error) => void>()
  #stopped: (() => Error) | null = null

  /** @throws what `stop` was told, from then on */
  check(): void {
    if (this.#stopped !== null) throw this.#stopped()
  }

  begin(giveUp: (error: Error) => void): void {
    this.#open.add(giveUp)
  }

  end(giveUp: (error: Error) => void): void {
    this.#open.delete(giveUp)
  }

  /** Gives up all that there are, and all that come. */
  stop(why: () => Error): void {
    this.#stopped = why
    for (const giveUp of this.#open) giveUp(why())
    this.#open.clear()
  }
}
