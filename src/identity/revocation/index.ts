/** What is revoked, over several gateways. */

export { lift, revoke } from './change.ts'
export { fileStore } from './file.ts'
export {
  holds,
  isName,
  isWhy,
  kindOf,
  type Lifted,
  REVOCABLE,
  type Revocable,
  type RevocationList,
  type Revoked,
} from './list.ts'
export { type RedisOptions, redisStore } from './redis.ts'
export type { Look, RevocationStore } from './store.ts'
export { openRevocations, type RevocationEvent, type RevocationOptions, type Revocations } from './watch.ts'
