import { createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import { readKeyId } from './key.ts'
import { hashKey } from './pepper.ts'
import { type Ring, refuseEnded, type Secret } from './ring.ts'

/** Hashed with and compared against when an id is unknown. */
const NOBODY = createSecretKey(randomBytes(32))
const NO_HMAC = randomBytes(32)

/** Who a gateway key proves. Must throw ERR_IDENTITY_INVALID. */
export function proveKey(ring: Ring, credential: string, now: number): Principal {
  const id = readKeyId(credential)
  if (id === null) throw malformed(credential)
  const proved = provedBy(credential, ring.keys.get(id)?.secrets ?? [])
  if (proved === null) throw new CustomhouseError('ERR_IDENTITY_INVALID', 'This gateway key is not known.')
  refuseEnded(ring, proved, now)
  return proved.principal
}

/** One hash in all usual cases, an unknown id's included: nothing can be told from the time that it took. */
function provedBy(credential: string, secrets: readonly Secret[]): Secret | null {
  let pepper = secrets[0]?.pepper ?? NOBODY
  let hmac = hashKey(credential, pepper)
  let proved: Secret | null = null
  for (const secret of secrets) {
    if (secret.pepper !== pepper) [pepper, hmac] = [secret.pepper, hashKey(credential, secret.pepper)]
    if (timingSafeEqual(hmac, secret.hmac)) proved = secret
  }
  if (secrets.length === 0) timingSafeEqual(hmac, NO_HMAC)
  return proved
}

function malformed(credential: string): CustomhouseError {
  if (!credential.startsWith('chk_')) {
    return new CustomhouseError(
      'ERR_IDENTITY_INVALID',
      "This is no gateway key: those begin with chk_. A provider's own key is not accepted here.",
    )
  }
  return new CustomhouseError(
    'ERR_IDENTITY_INVALID',
    'This gateway key has a typing error: its check characters do not fit. Copy it again.',
  )
}
