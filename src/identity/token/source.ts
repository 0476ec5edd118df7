import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import { fetchKeySet } from './fetch.ts'
import type { Issuer } from './issuer.ts'
import type { IssuerKey, KeySet } from './keyset.ts'
import { invalid } from './text.ts'

export type TokensEvent = Readonly<
  | { kind: 'loaded'; issuer: string; keys: readonly string[]; dropped: readonly string[] }
  /** The keys could not be had; the last good ones serve until they are stale. */
  | { kind: 'rejected'; issuer: string; error: CustomhouseError }
>

/** After a failure it is tried again so soon, then twice as long later, up to {@link RETRY_MAX_MS}. */
const RETRY_MS = 1_000
const RETRY_MAX_MS = 15_000

/** Called on demand at most so often: whoever makes up ids of keys cannot make us ask the issuer more. */
export const COOLDOWN_MS = 30_000

/** The keys of one issuer, fetched in the background. Monotonic time throughout: a clock that is set does not make keys fresh. */
export class KeySource {
  readonly #issuer: Issuer
  readonly #report: (event: TokensEvent) => void
  readonly #cooldownMs: number
  readonly #closed = new AbortController()
  #set: KeySet | null = null
  /** When the fetch of the set began. */
  #at = Number.NEGATIVE_INFINITY
  #asked = Number.NEGATIVE_INFINITY
  #failures = 0
  #told = ''
  #fetching: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #due = 0

  constructor(issuer: Issuer, report: (event: TokensEvent) => void, cooldownMs: number) {
    this.#issuer = issuer
    this.#report = report
    this.#cooldownMs = cooldownMs
  }

  /** Fetches now, or waits for the fetch that is under way. Never rejects: what fails is reported. */
  refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  close(): void {
    this.#closed.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Whether a key is still the issuer's. Must throw ERR_IDENTITY_UNAVAILABLE where nobody can tell. */
  holds({ kid, print }: IssuerKey): boolean {
    if (!this.#isFresh()) throw this.#unavailable()
    return this.#set?.byId.get(kid)?.print === print
  }

  /** A key that is here. */
  look(kid: string): IssuerKey | undefined {
    return this.#isFresh() ? this.#set?.byId.get(kid) : undefined
  }

  /** Asks for a key that is not here. Rejects with ERR_IDENTITY_INVALID for one that the issuer does not have, ERR_IDENTITY_UNAVAILABLE where nobody can tell. */
  async seek(kid: string): Promise<IssuerKey> {
    for (;;) {
      const pending = this.#fetching ?? this.#ask()
      if (pending === null) throw this.#lacking()
      await pending
      const key = this.look(kid)
      if (key !== undefined) return key
    }
  }

  /** A fetch for the sake of a key that is not there, unless one was a short while ago; then the next one comes earlier. */
  #ask(): Promise<void> | null {
    if (!this.#isFresh() || this.#closed.signal.aborted) return null
    const now = performance.now()
    const rest = this.#asked + this.#cooldownMs - now
    if (rest > 0) {
      if (this.#due > now + rest) this.#schedule(rest)
      return null
    }
    this.#asked = now
    return this.refresh()
  }

  #isFresh(): boolean {
    return this.#set !== null && performance.now() - this.#at < this.#issuer.keysStaleAfterMs
  }

  #lacking(): CustomhouseError {
    // While the issuer cannot be asked, a key that is not known here may be its newest.
    return this.#isFresh() && this.#failures === 0
      ? invalid('This token is signed with a key that its issuer does not have (kid).')
      : this.#unavailable()
  }

  #unavailable(): CustomhouseError {
    const seconds = Math.min(60, Math.max(1, Math.ceil((this.#due - performance.now()) / 1_000)))
    return new CustomhouseError(
      'ERR_IDENTITY_UNAVAILABLE',
      'The keys of the issuer of this token cannot be had at the moment, so nobody can tell whether it is good.',
      { detail: { retry_after_seconds: seconds } },
    )
  }

  async #fetch(): Promise<void> {
    const began = performance.now()
    const { issuer, keysEveryMs } = this.#issuer
    try {
      const set = await fetchKeySet(this.#issuer, this.#closed.signal)
      this.#set = set
      this.#at = began
      this.#failures = 0
      const keys = [...set.byId.keys()]
      const told = JSON.stringify([keys, set.dropped])
      if (told !== this.#told) this.#report({ kind: 'loaded', issuer, keys, dropped: set.dropped })
      this.#told = told
      this.#schedule(keysEveryMs * (0.85 + 0.15 * Math.random()))
    } catch (cause) {
      if (this.#closed.signal.aborted) return
      const error = isCustomhouseError(cause)
        ? cause
        : new CustomhouseError('ERR_IDENTITY_UNAVAILABLE', 'The keys of an issuer cannot be had.', { cause })
      this.#failures += 1
      if (error.message !== this.#told) this.#report({ kind: 'rejected', issuer, error })
      this.#told = error.message
      const pause = Math.min(RETRY_MAX_MS, keysEveryMs, RETRY_MS * 2 ** Math.min(10, this.#failures - 1))
      this.#schedule(pause * (0.75 + 0.25 * Math.random()))
    }
  }

  #schedule(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#closed.signal.aborted) return
    this.#due = performance.now() + ms
    this.#timer = setTimeout(() => void this.refresh(), ms).unref()
  }
}
