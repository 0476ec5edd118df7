import { CustomhouseError, isCustomhouseError } from '../../core/errors.ts'
import { endOf, holds, kindOf, type Lifted, type Revocable, type RevocationList, type Revoked } from './list.ts'
import type { RevocationStore } from './store.ts'

/** What is newly in force at this gateway. `first`: all that was, when it looked for the first time. */
export type RevocationEvent = Readonly<
  | { kind: 'revoked'; first: boolean; generation: number; names: readonly Revoked[] }
  /** The store could not be looked at, or is not what it was; the last good list stands. Told once for as long as it is the same. */
  | { kind: 'lost'; error: CustomhouseError }
  /** It can be looked at again. */
  | { kind: 'found'; generation: number }
>

export type RevocationOptions = Readonly<{
  store: RevocationStore
  everyMs: number
  /** Without a good look for so long nobody can tell any more who is revoked. */
  staleAfterMs: number
  report?: (event: RevocationEvent) => void
}>

/** What is revoked, as this gateway knows it. */
export type Revocations = Readonly<{
  /** Whether none of the names is revoked now. Says nothing of {@link Revocations.fresh}. */
  stands(names: readonly string[]): boolean
  fresh(): boolean
  /** Looks now, and resolves when that is over. Never rejects. */
  refresh(): Promise<void>
  close(): Promise<void>
}>

/**
 * Looks once, and then every `everyMs`. It opens without a good look too: until there is one it is not fresh. A list takes the place of the one before as a whole, but only where it
 * accounts for every name that was in force: one from a store that was emptied, restored or failed over does not, and is not taken.
 */
export async function openRevocations(options: RevocationOptions): Promise<Revocations> {
  const { store, everyMs, staleAfterMs, report = () => undefined } = options
  let inForce: ReadonlyMap<string, Revoked> = new Map()
  let version: string | null = null
  let generation = 0
  // On the clock that nobody sets.
  let goodAt = Number.NEGATIVE_INFINITY
  let lost = ''
  let looking: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false

  const take = (list: RevocationList): void => {
    const first = version === null
    const now = Date.now()
    const missing = unaccounted(inForce, list, now)
    if (missing.length > 0) throw setBack(store.where, missing)
    const next = new Map(list.revoked.filter((one) => holds(one, now)).map((one) => [one.name, one]))
    const names = [...next.values()].filter(({ name }) => !inForce.has(name))
    inForce = next
    generation = list.generation
    if (names.length > 0) report({ kind: 'revoked', first, generation, names })
  }

  const look = async (): Promise<void> => {
    // What it tells is at least as new as the asking.
    const began = performance.now()
    try {
      const found = await store.look(version)
      if (found !== null) {
        take(found.list)
        version = found.version
      }
      goodAt = began
      if (lost !== '') report({ kind: 'found', generation })
      lost = ''
    } catch (cause) {
      const error = isCustomhouseError(cause) ? cause : unavailable(store.where, cause)
      if (error.message !== lost && !closed) report({ kind: 'lost', error })
      lost = error.message
    }
  }

  const refresh = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = null
    })
    return looking
  }
  const again = (): void => {
    if (closed) return
    timer = setTimeout(() => void refresh().then(again), everyMs)
    timer.unref()
  }
  await refresh()
  again()

  return {
    stands: (names) => {
      if (inForce.size === 0) return true
      for (const name of names) {
        const entry = inForce.get(name)
        if (entry !== undefined && holds(entry, Date.now())) return false
      }
      return true
    },
    fresh: () => performance.now() - goodAt < staleAfterMs,
    refresh,
    close: async () => {
      closed = true
      if (timer !== null) clearTimeout(timer)
      await store.close()
    },
  }
}

/**
 * Names that were in force, whose time is not over, and for which a list does not account. It does where it revokes the name for at least as long, or says what else it does later: an
 * older list may well have the name, lifted or for a shorter time.
 */
function unaccounted(before: ReadonlyMap<string, Revoked>, list: RevocationList, now: number): readonly string[] {
  if (before.size === 0) return []
  const revoked = new Map<string, Revoked>(list.revoked.map((one) => [one.name, one]))
  const lifted = new Map<string, Lifted>(list.lifted.map((one) => [one.name, one]))
  const accounts = (one: Revoked): boolean => {
    const still = revoked.get(one.name)
    if (still !== undefined && endOf(still) >= endOf(one)) return true
    const said = still ?? lifted.get(one.name)
    return said !== undefined && Date.parse(said.at) >= Date.parse(one.at)
  }
  return [...before.values()].filter((one) => holds(one, now) && !accounts(one)).map(({ name }) => name)
}

function setBack(where: string, names: readonly string[]): CustomhouseError {
  const count = new Map<Revocable, number>()
  for (const name of names) count.set(kindOf(name), (count.get(kindOf(name)) ?? 0) + 1)
  const what = [...count].map(([kind, many]) => `${many} ${kind}`).join(', ')
  // The names of subjects are personal, and this is logged.
  return new CustomhouseError(
    'ERR_KEYS_STORE',
    `The list of what is revoked in ${where} lacks names that it had (${what}), or revokes them for less, and nobody has lifted them since: it was emptied, or an old one was put back. The last good list stands. Revoke or lift them (\`customhouse revoke ... --undo\`), or restore the list.`,
    { detail: { missing: names.length } },
  )
}

function unavailable(where: string, cause: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_IDENTITY_UNAVAILABLE',
    `The list of what is revoked in ${where} cannot be looked at.`,
    {
      cause,
    },
  )
}
