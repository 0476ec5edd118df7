/** A call that wants a slot. It hears one of both, once; neither after it has left. */
export interface Waiting {
  /** It has a slot, and must give it back by `free`, once. */
  granted(): void
  /** The slots are closed. */
  refused(): void
}

/**
 * As many calls at one time as a pool has connections. Those beyond wait here, the oldest first, and not in undici: it has no way to take a
 * call back, so that one whose client has long left would keep its body until its turn came.
 */
export class Slots {
  readonly #max: number
  readonly #waiting = new Set<Waiting>()
  #used = 0
  #closed = false
  /** Made once: a slot that is handed on costs no closure. */
  readonly #handOn = (): void => {
    for (const call of this.#waiting) {
      this.#waiting.delete(call)
      call.granted()
      return
    }
    this.#used -= 1
  }

  constructor(max: number) {
    this.#max = max
  }

  /** Slots that are taken; never more than there are. */
  get used(): number {
    return this.#used
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Where a slot is free, `granted` is called before this returns. */
  enter(call: Waiting): void {
    if (this.#used < this.#max) {
      this.#used += 1
      call.granted()
    } else if (this.#closed) call.refused()
    else this.#waiting.add(call)
  }

  /** A call waits no longer. Safe for one that does not wait. */
  leave(call: Waiting): void {
    this.#waiting.delete(call)
  }

  /**
   * Gives a slot back. While others wait it stays taken, so that none overtakes them, and is handed on when the stack has unwound: this is
   * called from within undici's parser, which must not be entered twice.
   */
  free(): void {
    if (this.#waiting.size === 0) this.#used -= 1
    else queueMicrotask(this.#handOn)
  }

  /** Refuses all that wait, and from now on whoever would have to. */
  close(): void {
    this.#closed = true
    for (const call of this.#waiting) {
      this.#waiting.delete(call)
      call.refused()
    }
  }
}
