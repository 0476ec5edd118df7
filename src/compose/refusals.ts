import type { ErrorCode } from '../core/errors.ts'
import type { Ledger } from '../core/record.ts'

/** What is not on record yet, of one tenant. At most one number for each code there is. */
type Window = { since: number; readonly counts: Map<ErrorCode, number> }

/**
 * Calls that ended before they were judged: bad credentials, malformed bodies, unknown paths. They are counted here and recorded in
 * aggregate, one record in a while for each tenant, so that strangers cannot fill the disk. A tenant is one of a credential that stands, or `_gateway`, so
 * strangers cannot fill the memory either. A crash loses at most one window.
 */
export class Refusals {
  readonly #ledger: Ledger
  readonly #timer: NodeJS.Timeout
  #windows = new Map<string, Window>()
  #turn: Promise<void> = Promise.resolve()

  constructor(ledger: Ledger, everyMs: number) {
    this.#ledger = ledger
    this.#timer = setInterval(() => void this.flush(), everyMs)
    this.#timer.unref()
  }

  count(code: ErrorCode, tenant: string | null): void {
    this.#add(tenant ?? '_gateway', Date.now(), code, 1)
  }

  /** Calls that are not on record yet. */
  get pending(): number {
    let sum = 0
    for (const { counts } of this.#windows.values()) for (const count of counts.values()) sum += count
    return sum
  }

  /** Records what was counted since the last time, one flush after another. What cannot be recorded now (a volume without room) is tried again by the next. */
  flush(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#record())
    return this.#turn
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #add(tenant: string, since: number, code: ErrorCode, count: number): void {
    let window = this.#windows.get(tenant)
    if (window === undefined) {
      window = { since, counts: new Map() }
      this.#windows.set(tenant, window)
    }
    if (since < window.since) window.since = since
    window.counts.set(code, (window.counts.get(code) ?? 0) + count)
  }

  async #record(): Promise<void> {
    const windows = this.#windows
    if (windows.size === 0) return
    this.#windows = new Map()
    const until = Date.now()
    await Promise.all(
      [...windows].map(async ([tenant, { since, counts }]) => {
        const body = {
          counts: Object.fromEntries([...counts].sort()),
          since: new Date(since).toISOString(),
          // A wall clock may have been put back meanwhile.
          until: new Date(Math.max(since, until)).toISOString(),
        }
        try {
          await this.#ledger.append({ kind: 'access.refused', tenant, call: null, body })
        } catch {
          // Too little room, which passes; or it has latched, and says so itself.
          for (const [code, count] of counts) this.#add(tenant, since, code, count)
        }
      }),
    )
  }
}
