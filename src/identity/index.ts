/** Who calls: gateway keys and signatures made with their pairs, tokens of identity providers, client certificates; and which of them are revoked. */
export { type GatewayKeys, type KeyCredential, type KeysEvent, type KeysOptions, openKeys } from './authenticator.ts'
export { type CertificateSubject, type Certificates, openCertificates } from './certificate.ts'
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
export { createAuthenticator, type Proofs, type Revocable } from './joined.ts'
export { isKeyId, KEY_PREFIX, newKey, newKeyId, readKeyId } from './key.ts'
export { STORE_NAME } from './store.ts'
export { type Issuer, openTokens, type Tokens, type TokensEvent, type TokensOptions } from './token/index.ts'
export type { KeyView } from './view.ts'
