/** Milliseconds over which a share is meant: so much of it can be taken at once. */
const WINDOW_MS = 1_000

/**
 * What evaluations for each tenant take of the main thread: a bucket of milliseconds that fills at `percent` of the time that passes. Who
 * has used it up is not refused, but evaluated elsewhere.
 */
export class Share {
  readonly #perMs: number
  readonly #clock: () => number
  readonly #buckets = new Map<string, { left: number; at: number }>()

  /** @param clock milliseconds that only grow */
  constructor(percent: number, clock: () => number) {
    this.#perMs = percent / 100
    this.#clock = clock
  }

  has(tenant: string): boolean {
    return this.#bucket(tenant).left > 0
  }

  /** A debt is forgotten after a window, whatever it came from: one evaluation is bounded by its fuel. */
  spend(tenant: string, ms: number): void {
    const bucket = this.#bucket(tenant)
    bucket.left = Math.max(bucket.left - ms, -this.#perMs * WINDOW_MS)
  }

  #bucket(tenant: string): { left: number; at: number } {
    const now = this.#clock()
    const full = this.#perMs * WINDOW_MS
    const bucket = this.#buckets.get(tenant)
    if (bucket === undefined) {
      // One for each tenant of the configuration: nobody else is judged.
      const fresh = { left: full, at: now }
      this.#buckets.set(tenant, fresh)
      return fresh
    }
    bucket.left = Math.min(full, bucket.left + (now - bucket.at) * this.#perMs)
    bucket.at = now
    return bucket
  }
}
