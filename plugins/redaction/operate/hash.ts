import { keyed, type TenantKeys } from '../token.ts'
import { normalised } from '../value.ts'

/**
 * A name of a value that is the same in every call of a tenant, for indexes and embeddings: `EMAIL_x9c0f...`. Pseudonymous, not anonymous: whoever holds the key can
 * try values of low entropy. `length` in hexadecimal digits.
 */
export function hashed(key: TenantKeys['hash'], type: string, text: string, length: number): string {
  return `${type}_x${keyed(key, [type, normalised(type, text)])
    .toString('hex')
    .slice(0, length)}`
}
