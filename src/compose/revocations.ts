import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Ledger } from '../core/record.ts'
import {
  fileStore,
  kindOf,
  type RevocationEvent,
  type RevocationStore,
  type Revoked,
  redisStore,
} from '../identity/revocation/index.ts'
import { errorFacts } from './log.ts'

type Settings = NonNullable<Config['identity']['revocation']>

/** Where the list of what is revoked is shared. `password`: revealed, null for none. */
export function revocationStore({ store }: Pick<Settings, 'store'>, password: string | null): RevocationStore {
  return 'file' in store ? fileStore(store.file) : redisStore({ url: store.redis, user: store.user, password })
}

/** Records of its own that a change has; of a larger one the rest is counted in one more. */
const RECORDS_MOST = 100

/**
 * Records what took effect here: one record for each name, in the order of the list; all that was in force at the first look in one, counted. Never rejects: a revocation is in
 * force whether it could be recorded or not.
 */
export async function recordRevoked(
  { first, generation, names }: Extract<RevocationEvent, Readonly<{ kind: 'revoked' }>>,
  ledger: Ledger,
  log: Logger,
): Promise<void> {
  log.info({ generation, first, count: names.length }, 'credentials are revoked')
  const named = first ? [] : names.slice(0, RECORDS_MOST)
  const counted = names.slice(named.length)
  const drafts = [
    ...named.map((one) => draftOf(one, generation)),
    ...(counted.length === 0
      ? []
      : [{ body: { generation, first, count: counted.length, kinds: countKinds(counted) }, personal: {} }]),
  ]
  try {
    await Promise.all(
      drafts.map(({ body, personal }) =>
        ledger.append({
          kind: 'identity.revoked',
          tenant: '_gateway',
          call: null,
          body,
          ...(Object.keys(personal).length === 0 ? {} : { personal }),
        }),
      ),
    )
  } catch (error) {
    log.error(errorFacts(error), 'a revocation could not be recorded; it is in force all the same')
  }
}

/** Who somebody is, is personal, and so is what somebody wrote of him. A key's id, an issuer's key and a digest tell of nobody. */
function draftOf({ name, at, until, why }: Revoked, generation: number) {
  const kind = kindOf(name)
  const sealed = kind === 'subject' || kind === 'token'
  return {
    body: { generation, kind, at, until: until ?? null, ...(sealed ? {} : { name }) },
    personal: { ...(sealed ? { name } : {}), ...(why === undefined ? {} : { why }) },
  }
}

function countKinds(names: readonly Revoked[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { name } of names) counts[kindOf(name)] = (counts[kindOf(name)] ?? 0) + 1
  return counts
}
