import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import { shown } from './text.ts'

/** A public key of an issuer, and the algorithms that it may be used with: never what a token says alone. */
export type IssuerKey = Readonly<{
  kid: string
  key: KeyObject
  algorithms: ReadonlySet<string>
  /** SHA-256 of its SPKI: another key under the same id is another one. */
  print: string
}>

export type KeySet = Readonly<{
  byId: ReadonlyMap<string, IssuerKey>
  /** What was left out, and why: `kid: reason`. */
  dropped: readonly string[]
}>

const KEYS_MAX = 100

/** Which algorithms of RFC 7518 and RFC 8037 a kind of key can prove. A key of one curve proves one only (RFC 8725 3.1). */
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVES: ReadonlyMap<string, string> = new Map([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
])

/**
 * Reads a set of keys (RFC 7517 5). What cannot serve is left out, and told; a set that leaves all out is a good set of no keys.
 *
 * @param algorithms those of the configuration
 * @throws CustomhouseError ERR_IDENTITY_UNAVAILABLE where it is no set of keys
 */
export function readKeySet(bytes: Uint8Array, algorithms: readonly string[]): KeySet {
  const tree = parseTree(bytes, { code: 'ERR_IDENTITY_UNAVAILABLE', what: 'the set of keys', depth: 8, values: 10_000 })
  const list = tree instanceof Map ? tree.get('keys') : undefined
  if (!Array.isArray(list) || list.length > KEYS_MAX || !list.every((one) => one instanceof Map)) {
    throw new CustomhouseError(
      'ERR_IDENTITY_UNAVAILABLE',
      `What came is no set of keys: an object with a list \`keys\` of at most ${KEYS_MAX} objects.`,
    )
  }
  const dropped: string[] = []
  const byId = new Map<string, IssuerKey>()
  const twice = new Set<string>()
  for (const jwk of list) {
    const read = readKey(jwk, algorithms)
    const kid = jwk.get('kid')
    const known = typeof kid === 'string' && kid !== '' && kid.length <= 256
    if (!known) dropped.push('a key without an id (kid)')
    else if (byId.has(kid) || twice.has(kid)) {
      byId.delete(kid)
      twice.add(kid)
      dropped.push(`${shown(kid)}: its id stands twice`)
    } else if (typeof read === 'string') {
      twice.add(kid)
      dropped.push(`${shown(kid)}: ${read}`)
    } else byId.set(kid, { kid, ...read })
  }
  return { byId, dropped }
}

/** A key, or why it cannot serve. */
function readKey(jwk: TreeObject, allowed: readonly string[]): Omit<IssuerKey, 'kid'> | string {
  const [use, operations, alg] = [jwk.get('use'), jwk.get('key_ops'), jwk.get('alg')]
  if (jwk.get('kty') === 'oct' || jwk.has('k')) return 'it is a shared secret'
  if (['d', 'p', 'q'].some((name) => jwk.has(name))) return 'it is a private key, and everybody can read it'
  if (use !== undefined && use !== 'sig') return 'it is not for signatures (use)'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'it is not for checking signatures (key_ops)'
  }
  const able = ableOf(jwk)
  const algorithms = able.filter((one) => allowed.includes(one) && (alg === undefined || alg === one))
  if (algorithms.length === 0) return 'none of the configured algorithms goes with it (kty, crv, alg)'
  const key = publicKeyOf(jwk)
  if (key === null) return 'it cannot be read'
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength === undefined || modulusLength < 2_048) return 'it has fewer than 2048 bits'
    if (modulusLength > 8_192) return 'it has more than 8192 bits'
    if (publicExponent === undefined || publicExponent < 3n || publicExponent >= 1n << 33n) {
      return 'its exponent is out of all bounds'
    }
  }
  const print = hash('sha256', key.export({ type: 'spki', format: 'der' }), 'hex')
  return { key, algorithms: new Set(algorithms), print }
}

function ableOf(jwk: TreeObject): readonly string[] {
  const [kty, crv] = [jwk.get('kty'), jwk.get('crv')]
  if (kty === 'RSA') return RSA
  if (kty === 'OKP' && crv === 'Ed25519') return ['EdDSA']
  const one = kty === 'EC' && typeof crv === 'string' ? CURVES.get(crv) : undefined
  return one === undefined ? [] : [one]
}

function publicKeyOf(jwk: TreeObject): KeyObject | null {
  const members: Record<string, string> = {}
  for (const name of ['kty', 'crv', 'n', 'e', 'x', 'y']) {
    const value: JsonTree | undefined = jwk.get(name)
    if (typeof value === 'string') members[name] = value
  }
  try {
    return createPublicKey({ key: members, format: 'jwk' })
  } catch {
    return null
  }
}
