/** A share can be taken ahead for so many milliseconds: no stretch of time has more than the share of itself and of this. */
const AHEAD_MS = 250
/** A tenant is alone when no other was judged for so long. */
export const ALONE_MS = 250
/** What is lent to a tenant that is alone can be taken ahead for so many milliseconds. */
const LENT_AHEAD_MS = 100
/** Percent of the main thread that a tenant may come to with what is lent: this many times its share, and no more than the second. */
const LENT_TIMES = 4
const LENT_MOST = 80

/** Milliseconds that fill at a rate. What was taken beyond them is owed. */
class Bucket {
  left: number
  readonly #perMs: number
  readonly #full: number
  #at: number

  constructor(percent: number, aheadMs: number, now: number) {
    this.#perMs = percent / 100
    this.#full = this.#perMs * aheadMs
    this.left = this.#full
    this.#at = now
  }

  fill(now: number): number {
    this.left = Math.min(this.#full, this.left + (now - this.#at) * this.#perMs)
    this.#at = now
    return this.left
  }
}

/** From what an evaluation on the main thread is paid. */
export type Account = 'own' | 'lent'

/**
 * What evaluations for each tenant take of the main thread: a bucket of milliseconds that fills at `percent` of the time that passes. Who
 * has used it up is not refused, but evaluated elsewhere; and where that cannot be at once, out of what nobody else wants: a tenant that is alone is
 * lent further milliseconds, until another one comes.
 */
export class Share {
  readonly #percent: number
  readonly #clock: () => number
  /** One of each kind for each tenant of the configuration: nobody else is judged. */
  readonly #own = new Map<string, Bucket>()
  readonly #lent = new Map<string, Bucket>()
  /** The tenant that was judged last, and when; and when last another one than that was. */
  #latest: string | undefined
  #latestAt = Number.NEGATIVE_INFINITY
  #otherAt = Number.NEGATIVE_INFINITY

  /** @param clock milliseconds that only grow */
  constructor(percent: number, clock: () => number) {
    this.#percent = percent
    this.#clock = clock
  }

  /** A tenant has a call to judge, and has its share of the thread from now on, wherever its decision comes from. */
  came(tenant: string): void {
    if (tenant !== this.#latest) {
      this.#otherAt = this.#latestAt
      this.#latest = tenant
    }
    this.#latestAt = this.#clock()
  }

  has(tenant: string): boolean {
    return this.#bucket('own', tenant).fill(this.#clock()) > 0
  }

  /** Whether a tenant that has used up its share may go on all the same: no other one has come for {@link ALONE_MS}. */
  lends(tenant: string): boolean {
    const now = this.#clock()
    const otherAt = tenant === this.#latest ? this.#otherAt : this.#latestAt
    return now - otherAt > ALONE_MS && this.#bucket('lent', tenant).fill(now) > 0
  }

  /** What an evaluation, bounded by its fuel, took beyond what was left is owed. */
  spend(tenant: string, ms: number, from: Account = 'own'): void {
    const bucket = this.#bucket(from, tenant)
    bucket.fill(this.#clock())
    bucket.left -= ms
  }

  #bucket(account: Account, tenant: string): Bucket {
    const buckets = account === 'own' ? this.#own : this.#lent
    const known = buckets.get(tenant)
    if (known !== undefined) return known
    const share = this.#percent
    const bucket =
      account === 'own'
        ? new Bucket(share, AHEAD_MS, this.#clock())
        : new Bucket(Math.max(0, Math.min(LENT_MOST, LENT_TIMES * share) - share), LENT_AHEAD_MS, this.#clock())
    buckets.set(tenant, bucket)
    return bucket
  }
}
