import type { ErrorCode } from '../core/errors.ts'
import type { Ledger } from '../core/record.ts'

/**
 * Calls that ended before they were judged: bad credentials, malformed bodies, unknown paths. They are counted here and recorded in
 * aggregate, one record in a while for each tenant, so that strangers cannot fill the disk.
 */
export class Refusals {
  readonly #ledger: Ledger
  readonly #timer: NodeJS.Timeout
  #counts = new Map<string, Map<ErrorCode, number>>()

  constructor(ledger: Ledger, everyMs: number) {
    this.#ledger = ledger
    this.#timer = setInterval(() => void this.flush(), everyMs)
    this.#timer.unref()
  }

  count(code: ErrorCode, tenant: string | null): void {
    const key = tenant ?? '_gateway'
    const counts = this.#counts.get(key) ?? new Map<ErrorCode, number>()
    counts.set(code, (counts.get(code) ?? 0) + 1)
    this.#counts.set(key, counts)
  }

  /** Records what was counted since the last time. A ledger that fails has latched, and says so itself. */
  async flush(): Promise<void> {
    const counts = this.#counts
    if (counts.size === 0) return
    this.#counts = new Map()
    const drafts = [...counts].map(
      ([tenant, codes]) =>
        ({
          kind: 'access.refused',
          tenant,
          call: null,
          body: { counts: Object.fromEntries([...codes].sort()) },
        }) as const,
    )
    await Promise.allSettled(drafts.map((draft) => this.#ledger.append(draft)))
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
