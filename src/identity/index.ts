/** Who calls: gateway keys, and signatures made with their pairs, proved against their store. */
export { type GatewayKeys, type KeysEvent, type KeysOptions, openKeys } from './authenticator.ts'
export { type Accepted, CREDENTIAL_HEADERS } from './credential.ts'
export {
  createKey,
  type Issued,
  type IssuedPair,
  type KeyRequest,
  listKeys,
  pairKey,
  revokeKey,
  rotateKey,
  unpairKey,
} from './issue.ts'
export { isKeyId, KEY_PREFIX, newKey, newKeyId, readKeyId } from './key.ts'
export { STORE_NAME } from './store.ts'
export type { KeyView } from './view.ts'
