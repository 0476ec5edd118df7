import type { ProviderConfig, Secret } from '../config.ts'
import type { Provider } from '../core/port.ts'
import { createOpenAI } from '../providers/openai.ts'

/** Connections to one provider at most. Calls beyond it wait, inside the time for the first byte. */
const MAX_SOCKETS = 512

type Made = {
  readonly name: string
  readonly provider: Provider
  readonly totalMs: number
  leaving: NodeJS.Timeout | null
}

/**
 * The providers of all generations. One whose configuration did not change keeps its connections over a reload; its credential is
 * looked up at each call, so that a rotated one takes effect.
 */
export class Providers {
  readonly #made = new Map<string, Made>()
  readonly #failed: (name: string, error: unknown) => void
  #credentials = new Map<string, Secret>()

  /** `failed` hears of a provider that could not be closed: no call is affected by that any more. */
  constructor(failed: (name: string, error: unknown) => void) {
    this.#failed = failed
  }

  /** The adapter for a provider of a configuration; made at the first asking. */
  get(name: string, config: ProviderConfig): Provider {
    const key = keyOf(name, config)
    const before = this.#made.get(key)
    if (before !== undefined) return before.provider
    const { baseUrl, timeouts } = config
    const provider = createOpenAI({
      name,
      baseUrl,
      timeouts,
      totalMs: timeouts.totalMs,
      maxSockets: MAX_SOCKETS,
      credential: () => this.#credentials.get(key)?.reveal(),
    })
    this.#made.set(key, { name, provider, totalMs: timeouts.totalMs, leaving: null })
    return provider
  }

  /**
   * A configuration has been activated: its credentials stand from now on. Providers that it lacks are closed once no call can use them
   * any more: an attempt that began before ends within the provider's total time, and no later one sees the old generation. Waits
   * for nothing, so that one long stream holds up no reload.
   */
  activate(providers: ReadonlyMap<string, ProviderConfig>): void {
    const credentials = new Map<string, Secret>()
    const kept = new Set<string>()
    for (const [name, config] of providers) {
      const key = keyOf(name, config)
      kept.add(key)
      if (config.credential !== null) credentials.set(key, config.credential)
    }
    for (const [key, secret] of this.#credentials) if (!credentials.has(key)) credentials.set(key, secret)
    this.#credentials = credentials
    for (const [key, made] of this.#made) {
      if (kept.has(key)) {
        clearTimeout(made.leaving ?? undefined)
        made.leaving = null
      } else if (made.leaving === null) {
        made.leaving = setTimeout(() => void this.#leave(key, made), made.totalMs)
        made.leaving.unref()
      }
    }
  }

  async close(): Promise<void> {
    for (const { leaving } of this.#made.values()) clearTimeout(leaving ?? undefined)
    await Promise.all([...this.#made.values()].map(({ provider }) => provider.close()))
  }

  async #leave(key: string, { name, provider }: Made): Promise<void> {
    this.#made.delete(key)
    this.#credentials.delete(key)
    try {
      await provider.close()
    } catch (error) {
      this.#failed(name, error)
    }
  }
}

function keyOf(name: string, { kind, baseUrl, credential, timeouts }: ProviderConfig): string {
  return JSON.stringify([name, kind, baseUrl, credential?.reference ?? null, timeouts])
}
