/** Who calls: gateway keys, proved against their store. */
export { type GatewayKeys, type KeysEvent, type KeysOptions, openKeys } from './authenticator.ts'
export { CREDENTIAL_HEADERS } from './credential.ts'
export { createKey, type Issued, type KeyRequest, type KeyView, listKeys, revokeKey, rotateKey } from './issue.ts'
export { isKeyId, KEY_PREFIX, newKey, newKeyId, readKeyId } from './key.ts'
export { STORE_NAME } from './store.ts'
