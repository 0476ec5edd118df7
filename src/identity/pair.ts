import { createHmac, type KeyObject } from 'node:crypto'
import { base62, SECRET_LENGTH } from './key.ts'

/**
 * The pair that an AWS SDK signs with on behalf of a gateway key. Its id is `CHKA`, the key's id and the pair's own, 20 letters and digits as
 * AWS's own ids have. Who verifies an HMAC needs its secret, so a hash would not do: the secret is derived from pepper and salt whenever it is
 * needed, and stored nowhere. It takes both files to sign in a key's name.
 */
const PREFIX = 'CHKA'

export const accessKeyIdOf = (keyId: string, pairId: string): string => `${PREFIX}${keyId}${pairId}`

/** Whether an access key id has the form of ours. */
export const isAccessKeyId = (text: string): boolean => /^CHKA[0-9A-Za-z]{16}$/.test(text)

/** The secret access key, 43 letters and digits. What a gateway key is hashed from begins with `chk_`, so that the two never meet. */
export function secretAccessKey(accessKeyId: string, salt: string, pepper: KeyObject): string {
  const mac = createHmac('sha256', pepper).update(`aws4 pair\n${accessKeyId}\n${salt}`).digest()
  return base62(mac, SECRET_LENGTH)
}
