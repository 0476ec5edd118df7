import { CustomhouseError } from '../core/errors.ts'

/**
 * Bytes of bodies in flight, over all calls. Beyond the limit a call is refused with 503 and Retry-After rather than let many large
 * uploads fill the memory. One tenant gets at most half of it, so that none can shut out the others.
 */
export class BodyBudget {
  readonly #limit: number
  readonly #share: number
  #taken = 0
  /** Tenants that ever sent a body; a tenant with nothing in flight stays, since the next call is not far. */
  readonly #byTenant = new Map<string, number>()

  /** @param largestBody a tenant's share is no smaller, or its largest calls could never be made */
  constructor(limitBytes: number, largestBody = 0) {
    this.#limit = limitBytes
    this.#share = Math.max(Math.floor(limitBytes / 2), largestBody)
  }

  /** @throws CustomhouseError ERR_GATEWAY_OVERLOADED */
  take(bytes: number, tenant: string): void {
    this.check(bytes, tenant)
    this.#taken += bytes
    this.#byTenant.set(tenant, (this.#byTenant.get(tenant) ?? 0) + bytes)
  }

  /** Whether there is room now; takes nothing. Must throw ERR_GATEWAY_OVERLOADED where there is none. */
  check(bytes: number, tenant: string): void {
    if (this.#taken + bytes > this.#limit) throw overloaded('other calls as it may')
    if ((this.#byTenant.get(tenant) ?? 0) + bytes > this.#share) throw overloaded("this tenant's calls as it may")
  }

  give(bytes: number, tenant: string): void {
    this.#taken -= bytes
    this.#byTenant.set(tenant, (this.#byTenant.get(tenant) ?? 0) - bytes)
  }

  get taken(): number {
    return this.#taken
  }
}

function overloaded(what: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_GATEWAY_OVERLOADED',
    `The gateway holds as much of ${what}. Send the call again later.`,
    { detail: { retry_after_seconds: 1 } },
  )
}
