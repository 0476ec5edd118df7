/** A share can be taken ahead for so many milliseconds: no stretch of time has more than the share of itself and of this. */
const AHEAD_MS = 250

type Bucket = { left: number; at: number }

/**
 * What evaluations for each tenant take of the main thread: a bucket of milliseconds that fills at `percent` of the time that passes. Who
 * has used it up is not refused, but evaluated elsewhere.
 */
export class Share {
  readonly #perMs: number
  readonly #full: number
  readonly #clock: () => number
  /** One for each tenant of the configuration: nobody else is judged. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param clock milliseconds that only grow */
  constructor(percent: number, clock: () => number) {
    this.#perMs = percent / 100
    this.#full = this.#perMs * AHEAD_MS
    this.#clock = clock
  }

  has(tenant: string): boolean {
    return this.#bucket(tenant).left > 0
  }

  /** What an evaluation, bounded by its fuel, took beyond what was left is owed. */
  spend(tenant: string, ms: number): void {
    this.#bucket(tenant).left -= ms
  }

  #bucket(tenant: string): Bucket {
    const now = this.#clock()
    const bucket = this.#buckets.get(tenant)
    if (bucket === undefined) {
      const fresh = { left: this.#full, at: now }
      this.#buckets.set(tenant, fresh)
      return fresh
    }
    bucket.left = Math.min(this.#full, bucket.left + (now - bucket.at) * this.#perMs)
    bucket.at = now
    return bucket
  }
}
