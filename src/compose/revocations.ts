import type { Config } from '../config.ts'
import { fileStore, type RevocationStore, redisStore } from '../identity/revocation/index.ts'

type Settings = NonNullable<Config['identity']['revocation']>

/** Where the list of what is revoked is shared. `password`: revealed, null for none. */
export function revocationStore({ store }: Pick<Settings, 'store'>, password: string | null): RevocationStore {
  return 'file' in store ? fileStore(store.file) : redisStore({ url: store.redis, user: store.user, password })
}
