import { CustomhouseError } from '../core/errors.ts'

/**
 * Bytes of bodies in flight, over all calls. Beyond the limit a call is refused with 503 and Retry-After rather than let many large
 * uploads fill the memory.
 */
export class BodyBudget {
  readonly #limit: number
  #taken = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  /** @throws CustomhouseError ERR_GATEWAY_OVERLOADED */
  take(bytes: number): void {
    if (this.#taken + bytes > this.#limit) {
      throw new CustomhouseError(
        'ERR_GATEWAY_OVERLOADED',
        'The gateway holds as much of other calls as it may. Send the call again later.',
        { detail: { retry_after_seconds: 1 } },
      )
    }
    this.#taken += bytes
  }

  give(bytes: number): void {
    this.#taken -= bytes
  }

  get taken(): number {
    return this.#taken
  }
}
