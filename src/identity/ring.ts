import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Principal } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import { accessKeyIdOf, secretAccessKey } from './pair.ts'
import { readPeppers } from './pepper.ts'
import { type Lasting, parseStore, pepperOf, type StoredKey } from './store.ts'

/** What proves a principal; `name` tells it from the other proofs of its key, and survives a new reading of the store. */
type Proof = Readonly<{ name: string; ends: number; principal: Principal }>
export type Secret = Proof & Readonly<{ pepper: KeyObject; hmac: Buffer }>
/** `secret` is `AWS4` and the secret access key, from which signing keys are derived. */
export type Pair = Proof & Readonly<{ secret: KeyObject }>
export type Key = Readonly<{
  id: string
  secrets: readonly Secret[]
  pairs: readonly Pair[]
  expires: number
  revoked: boolean
  principal: Principal
}>

/** The store as calls are proved against it. */
export type Ring = Readonly<{ keys: ReadonlyMap<string, Key>; pairs: ReadonlyMap<string, Pair> }>

export const NO_KEYS: Ring = { keys: new Map(), pairs: new Map() }

/** Which proof a principal stands on: so that a wait does not outlive it, though its key has another one. */
const PROOFS = new WeakMap<Principal, string>()

/** Reads a store and the peppers beside it. Must throw ERR_KEYS_STORE when either is damaged, or a pepper is lacking. */
export async function ringOf(file: string, bytes: Uint8Array): Promise<Ring> {
  const store = parseStore(file, bytes)
  const peppers = await readPeppers(pepperOf(file))
  const pepperFor = (version: string): KeyObject => {
    const pepper = peppers?.byVersion.get(version)
    if (pepper !== undefined) return pepper
    throw new CustomhouseError(
      'ERR_KEYS_STORE',
      `${pepperOf(file)} lacks the version ${version}: restore it from a backup.`,
    )
  }
  const keys = new Map<string, Key>()
  const pairs = new Map<string, Pair>()
  for (const key of store.keys) {
    const secrets = key.secrets.map(
      (secret): Secret => ({
        ...proofOf(key, 'key', secret.hmac, secret),
        pepper: pepperFor(secret.pepper),
        hmac: Buffer.from(secret.hmac, 'base64url'),
      }),
    )
    const own = (key.aws ?? []).map((pair): Pair => {
      const id = accessKeyIdOf(key.id, pair.id)
      const secret = createSecretKey(Buffer.from(`AWS4${secretAccessKey(id, pair.salt, pepperFor(pair.pepper))}`))
      return { ...proofOf(key, 'signature', id, pair), secret }
    })
    for (const pair of own) pairs.set(pair.name, pair)
    const expires = timeOr(key.expires_at)
    const revoked = key.revoked_at !== undefined
    keys.set(key.id, { id: key.id, secrets, pairs: own, expires, revoked, principal: principalOf(key, 'key') })
  }
  return { keys, pairs }
}

function proofOf(key: StoredKey, kind: Principal['proof'], name: string, { ends }: Lasting): Proof {
  const principal = principalOf(key, kind)
  PROOFS.set(principal, name)
  return { name, ends: timeOr(ends), principal }
}

function principalOf(key: StoredKey, proof: Principal['proof']): Principal {
  return Object.freeze({
    subject: key.subject,
    tenant: key.tenant,
    groups: Object.freeze([...key.groups]),
    purpose: null,
    proof,
    keyId: key.id,
  })
}

const timeOr = (text: string | undefined): number => (text === undefined ? Number.POSITIVE_INFINITY : Date.parse(text))

/**
 * Refuses what was good once. Only for who has shown that he holds a secret that we gave out: he may hear why it is not accepted any more.
 * @throws CustomhouseError ERR_IDENTITY_INVALID
 */
export function refuseEnded(ring: Ring, proved: Proof, now: number): void {
  const { keyId } = proved.principal
  const key = ring.keys.get(keyId)
  const ended = (why: string) => new CustomhouseError('ERR_IDENTITY_INVALID', `Gateway key ${keyId} ${why}.`)
  if (key === undefined) throw ended('is gone')
  if (key.revoked) throw ended('has been revoked')
  if (key.expires <= now) throw ended('has expired')
  if (![...key.secrets, ...key.pairs].some(({ name, ends }) => name === proved.name && ends > now))
    throw ended('was rotated, and the time of its old secret is over')
}

/** Whether the key of a principal was revoked, or taken out of the store. An end that was set beforehand, by a rotation too, is none. */
export function revoked(ring: Ring, { keyId }: Principal): boolean {
  return ring.keys.get(keyId)?.revoked ?? true
}

/** Whether what proved a principal is still good, and still says the same of it. */
export function stands(ring: Ring, principal: Principal, now: number): boolean {
  const key = ring.keys.get(principal.keyId)
  if (key === undefined || key.revoked || key.expires <= now) return false
  const same = key.principal
  if (same.subject !== principal.subject || same.tenant !== principal.tenant) return false
  if (same.groups.length !== principal.groups.length || same.groups.some((group, i) => group !== principal.groups[i]))
    return false
  const name = PROOFS.get(principal)
  return [...key.secrets, ...key.pairs].some((one) => one.ends > now && (name === undefined || one.name === name))
}
