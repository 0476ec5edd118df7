import type { ProviderConfig, Secret } from '../config.ts'
import type { Provider } from '../core/port.ts'
import { createOpenAI } from '../providers/openai.ts'

/** Connections to one provider at most. Calls beyond it wait, inside the time for the first byte. */
const MAX_SOCKETS = 512

/**
 * The providers of all generations. One whose configuration did not change keeps its connections over a reload; its credential is
 * looked up at each call, so that a rotated one takes effect.
 */
export class Providers {
  readonly #made = new Map<string, Provider>()
  #credentials = new Map<string, Secret>()

  /** The adapter for a provider of a configuration; made at the first asking. */
  get(name: string, config: ProviderConfig): Provider {
    const key = keyOf(name, config)
    const before = this.#made.get(key)
    if (before !== undefined) return before
    const { baseUrl, timeouts } = config
    const made = createOpenAI({
      name,
      baseUrl,
      timeouts,
      maxSockets: MAX_SOCKETS,
      credential: () => this.#credentials.get(key)?.reveal(),
    })
    this.#made.set(key, made)
    return made
  }

  /** A configuration has been activated: its credentials stand from now on, and providers that it lacks close when their calls have ended. */
  async activate(providers: ReadonlyMap<string, ProviderConfig>): Promise<void> {
    const credentials = new Map<string, Secret>()
    const kept = new Set<string>()
    for (const [name, config] of providers) {
      const key = keyOf(name, config)
      kept.add(key)
      if (config.credential !== null) credentials.set(key, config.credential)
    }
    for (const [key, secret] of this.#credentials) if (!credentials.has(key)) credentials.set(key, secret)
    this.#credentials = credentials
    const gone = [...this.#made].filter(([key]) => !kept.has(key))
    for (const [key] of gone) this.#made.delete(key)
    await Promise.all(
      gone.map(async ([key, provider]) => {
        await provider.close()
        this.#credentials.delete(key)
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.#made.values()].map((provider) => provider.close()))
  }
}

function keyOf(name: string, { kind, baseUrl, credential, timeouts }: ProviderConfig): string {
  return JSON.stringify([name, kind, baseUrl, credential?.reference ?? null, timeouts])
}
