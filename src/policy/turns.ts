import { CustomhouseError } from '../core/errors.ts'

/** Waiting at most, for one tenant. What waits is the body of a call that is in memory anyway, so `limits.in_flight_bytes` bounds its bytes. */
export const MOST_WAITING = 64

/**
 * A line for each tenant, served in turn: whoever sends a thousand waits for a thousand of its own, and holds up every other tenant by
 * one at a time.
 */
export class Turns<T> {
  /** In the order of their turns; a tenant with nothing in its line is not among them. */
  readonly #lines = new Map<string, T[]>()

  /** Error: ERR_GATEWAY_OVERLOADED where the tenant's line is full. */
  add(tenant: string, item: T): void {
    const line = this.#lines.get(tenant)
    if (line === undefined) this.#lines.set(tenant, [item])
    else if (!this.full(tenant)) line.push(item)
    else
      throw new CustomhouseError(
        'ERR_GATEWAY_OVERLOADED',
        'Too many calls of this tenant wait for the policy: each takes much of its time. Send fewer at once.',
        { detail: { retry_after_seconds: 1 } },
      )
  }

  /** The next one, of the tenant whose turn it is; that tenant's next turn comes after those of all others. */
  take(): T | undefined {
    for (const [tenant, line] of this.#lines) {
      const item = line.shift()
      this.#lines.delete(tenant)
      if (line.length > 0) this.#lines.set(tenant, line)
      return item
    }
    return undefined
  }

  /** Takes out an item that need not be served any more. */
  remove(tenant: string, item: T): void {
    const line = this.#lines.get(tenant)
    const place = line?.indexOf(item) ?? -1
    if (line === undefined || place < 0) return
    line.splice(place, 1)
    if (line.length === 0) this.#lines.delete(tenant)
  }

  full(tenant: string): boolean {
    return (this.#lines.get(tenant)?.length ?? 0) >= MOST_WAITING
  }

  get empty(): boolean {
    return this.#lines.size === 0
  }
}
