import { type KeyObject, randomBytes } from 'node:crypto'
import { CustomhouseError } from '../core/errors.ts'
import { change, find, replaced } from './change.ts'
import { newKey, newKeyId } from './key.ts'
import { accessKeyIdOf, secretAccessKey } from './pair.ts'
import { hashKey, type Peppers } from './pepper.ts'
import {
  isWord,
  type Lasting,
  live,
  parseStore,
  readStore,
  type StoredKey,
  type StoredPair,
  type StoredSecret,
  timeOf,
} from './store.ts'
import { type KeyView, statusOf, viewOf } from './view.ts'

/** A key with its secret: shown once, kept nowhere. */
export type Issued = Readonly<{ key: string; view: KeyView }>

/** A pair for AWS SDKs with its secret: shown once, kept nowhere. */
export type IssuedPair = Readonly<{ accessKeyId: string; secretAccessKey: string; view: KeyView }>

export type KeyRequest = Readonly<{ subject: string; tenant: string; groups?: readonly string[]; lifetimeMs?: number }>

/** Makes a key. `file` is the store inside the folder of keys; folder, store and pepper are made at first use. */
export function createKey(file: string, wanted: KeyRequest, now: number = Date.now()): Promise<Issued> {
  for (const word of [wanted.subject, wanted.tenant, ...(wanted.groups ?? [])]) {
    if (!isWord(word))
      throw new CustomhouseError('ERR_CLI_USAGE', 'A name, tenant or group must be 1 to 256 printable characters.')
  }
  return change(file, (store, peppers) => {
    let id = newKeyId()
    while (store.keys.some((key) => key.id === id)) id = newKeyId()
    const issued = newKey(id)
    const key: StoredKey = {
      id,
      subject: wanted.subject,
      tenant: wanted.tenant,
      groups: [...new Set(wanted.groups ?? [])],
      created: timeOf(now),
      ...(wanted.lifetimeMs === undefined ? {} : { expires_at: timeOf(now + wanted.lifetimeMs) }),
      secrets: [stored(issued, peppers, now)],
    }
    return { store: { ...store, keys: [...store.keys, key] }, result: { key: issued, view: viewOf(key, now) } }
  })
}

/**
 * Gives a key a second secret and the one before it an end in `overlapMs` (0: at once). A third is refused while two are live: somebody still
 * relies on the older one, or it must be ended knowingly.
 */
export function rotateKey(file: string, id: string, overlapMs: number, now: number = Date.now()): Promise<Issued> {
  return change(file, (store, peppers) => {
    const key = find(store, id)
    refuseEnded(key, now)
    const before = overlapping(id, key.secrets, 'secrets', overlapMs, now)
    const issued = newKey(id)
    const rotated: StoredKey = { ...key, secrets: [...before, stored(issued, peppers, now)] }
    return { store: replaced(store, rotated), result: { key: issued, view: viewOf(rotated, now) } }
  })
}

/** Ends a key. A second time changes nothing: the first time of revocation stands. */
export function revokeKey(file: string, id: string, now: number = Date.now()): Promise<KeyView> {
  return change(file, (store) => {
    const key = find(store, id)
    if (key.revoked_at !== undefined) return { store: null, result: viewOf(key, now) }
    const revoked: StoredKey = { ...key, revoked_at: timeOf(now) }
    return { store: replaced(store, revoked), result: viewOf(revoked, now) }
  })
}

/**
 * Gives a key a pair for AWS SDKs. One that it has ends in `overlapMs` (0: at once); a third is refused while two are live.
 *
 * @throws CustomhouseError ERR_CLI_USAGE for a key that is unknown, revoked or expired
 */
export function pairKey(file: string, id: string, overlapMs: number, now: number = Date.now()): Promise<IssuedPair> {
  return change(file, (store, peppers) => {
    const key = find(store, id)
    refuseEnded(key, now)
    const before = overlapping(id, key.aws ?? [], 'pairs', overlapMs, now)
    const pair: StoredPair = {
      id: newPairId(key),
      pepper: peppers.current,
      salt: randomBytes(16).toString('base64url'),
      created: timeOf(now),
    }
    const paired: StoredKey = { ...key, aws: [...before, pair] }
    const accessKeyId = accessKeyIdOf(id, pair.id)
    const secret = secretAccessKey(accessKeyId, pair.salt, currentOf(peppers))
    return {
      store: replaced(store, paired),
      result: { accessKeyId, secretAccessKey: secret, view: viewOf(paired, now) },
    }
  })
}

/** Ends the pairs of a key at once; the key itself goes on. Without a pair it changes nothing. */
export function unpairKey(file: string, id: string, now: number = Date.now()): Promise<KeyView> {
  return change(file, (store) => {
    const { aws, ...rest } = find(store, id)
    return { store: aws === undefined ? null : replaced(store, rest), result: viewOf(rest, now) }
  })
}

/** All keys, in the order in which they were made. Needs no lock: a store is replaced as a whole. */
export async function listKeys(file: string, now: number = Date.now()): Promise<readonly KeyView[]> {
  const bytes = await readStore(file)
  return bytes === null ? [] : parseStore(file, bytes).keys.map((key) => viewOf(key, now))
}

function stored(key: string, peppers: Peppers, now: number): StoredSecret {
  return { pepper: peppers.current, hmac: hashKey(key, currentOf(peppers)).toString('base64url'), created: timeOf(now) }
}

function currentOf(peppers: Peppers): KeyObject {
  const pepper = peppers.byVersion.get(peppers.current)
  if (pepper === undefined) throw new CustomhouseError('ERR_KEYS_STORE', 'The current pepper has no value.')
  return pepper
}

function newPairId(key: StoredKey): string {
  let id = newKeyId()
  while (key.aws?.some((pair) => pair.id === id)) id = newKeyId()
  return id
}

function refuseEnded(key: StoredKey, now: number): void {
  const status = statusOf(key, now)
  if (status === 'revoked') throw new CustomhouseError('ERR_CLI_USAGE', `Key ${key.id} is revoked: create a new one.`)
  if (status === 'expired') throw new CustomhouseError('ERR_CLI_USAGE', `Key ${key.id} has expired: create a new one.`)
}

/** What is live, ending in `overlapMs`. */
function overlapping<T extends Lasting>(
  id: string,
  all: readonly T[],
  what: string,
  overlapMs: number,
  now: number,
): readonly T[] {
  const before = live(all, now)
  if (overlapMs === 0) return []
  if (before.length > 1) {
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      `Key ${id} has two live ${what}, the older one until ${before[0]?.ends ?? ''}: wait for that, or use --overlap 0s to end both at once.`,
    )
  }
  return before.map((one) => ({ ...one, ends: timeOf(now + overlapMs) }))
}
