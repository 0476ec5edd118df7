import { CustomhouseError } from '../core/errors.ts'

/** Whose bytes: a tenant's, or null for callers that are only claimed yet, together. */
type Owner = string | null

/**
 * Bytes of bodies in memory, over all calls. Beyond the limit a call is refused with 503 and Retry-After rather than let many large uploads fill
 * the memory. One tenant gets at most half of it, so that none can shut out the others; callers that nobody has proved get an eighth together, which
 * is all that strangers can take.
 */
export class BodyBudget {
  readonly #limit: number
  readonly #share: number
  readonly #claimed: number
  #taken = 0
  /** Those that ever sent a body; a tenant with nothing in flight stays, since the next call is not far. */
  readonly #byOwner = new Map<Owner, number>()

  /** @param largestBody no share is smaller, or the largest body could never be taken */
  constructor(limitBytes: number, largestBody = 0) {
    this.#limit = limitBytes
    this.#share = Math.max(Math.floor(limitBytes / 2), largestBody)
    this.#claimed = Math.max(Math.floor(limitBytes / 8), largestBody)
  }

  /** Nothing yet, for one call. */
  hold(owner: Owner): Hold {
    return new Hold(this, owner)
  }

  /** @throws CustomhouseError ERR_GATEWAY_OVERLOADED, and takes nothing */
  take(bytes: number, owner: Owner): void {
    this.check(bytes, owner)
    this.#taken += bytes
    this.#byOwner.set(owner, this.#of(owner) + bytes)
  }

  /** Whether there is room now; takes nothing. Must throw ERR_GATEWAY_OVERLOADED where there is none. */
  check(bytes: number, owner: Owner): void {
    if (this.#taken + bytes > this.#limit) throw overloaded('other calls as it may')
    this.#checkShare(bytes, owner)
  }

  /** The same bytes, another owner. Must throw ERR_GATEWAY_OVERLOADED, and change nothing, where his share has no room. */
  move(bytes: number, from: Owner, to: Owner): void {
    this.#checkShare(bytes, to)
    this.#byOwner.set(from, this.#of(from) - bytes)
    this.#byOwner.set(to, this.#of(to) + bytes)
  }

  give(bytes: number, owner: Owner): void {
    this.#taken -= bytes
    this.#byOwner.set(owner, this.#of(owner) - bytes)
  }

  get taken(): number {
    return this.#taken
  }

  #of(owner: Owner): number {
    return this.#byOwner.get(owner) ?? 0
  }

  #checkShare(bytes: number, owner: Owner): void {
    if (this.#of(owner) + bytes <= (owner === null ? this.#claimed : this.#share)) return
    throw overloaded(
      owner === null
        ? 'signed calls whose sender can be proved by their body alone as it may: name its digest (x-amz-content-sha256), or use a gateway key'
        : "this tenant's calls as it may",
    )
  }
}

/** What one call holds of a budget, until `release`. */
export class Hold {
  readonly #budget: BodyBudget
  #owner: Owner
  #bytes = 0

  constructor(budget: BodyBudget, owner: Owner) {
    this.#budget = budget
    this.#owner = owner
  }

  /** As {@link BodyBudget.check}. */
  check(bytes: number): void {
    this.#budget.check(bytes, this.#owner)
  }

  /** As {@link BodyBudget.take}. */
  take(bytes: number): void {
    this.#budget.take(bytes, this.#owner)
    this.#bytes += bytes
  }

  /** Its owner was proved. As {@link BodyBudget.move}. */
  moveTo(owner: string): void {
    this.#budget.move(this.#bytes, this.#owner, owner)
    this.#owner = owner
  }

  /** Gives everything back; once more, nothing. */
  release(): void {
    this.#budget.give(this.#bytes, this.#owner)
    this.#bytes = 0
  }
}

function overloaded(what: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_OVERLOADED',
    `The gateway holds as much of ${what}. Send the call again later.`,
    { detail: { retry_after_seconds: 1 } },
  )
}
