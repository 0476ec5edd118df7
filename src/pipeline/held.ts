/**
 * How many bytes of an answer wait, counted by the reads that brought them: events leave in order, so those of the first reads leave first.
 * Text is the smaller part of an event, and many have none.
 */
export class HeldBytes {
  #reads: { readonly events: number; readonly bytes: number }[] = []
  #events = 0
  #bytes = 0
  /** Read, but no event is complete yet. */
  #begun = 0

  came(bytes: number, events: number): void {
    this.#begun += bytes
    if (events === 0) return
    this.#reads.push({ events, bytes: this.#begun })
    this.#events += events
    this.#bytes += this.#begun
    this.#begun = 0
  }

  /** Bytes of the last `events` events, with what came in one read with them. */
  of(events: number): number {
    let gone = 0
    for (const read of this.#reads) {
      if (this.#events - read.events < events) break
      this.#events -= read.events
      this.#bytes -= read.bytes
      gone += 1
    }
    if (gone > 0) this.#reads.splice(0, gone)
    return this.#bytes
  }
}
