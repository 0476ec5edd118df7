import { CustomhouseError } from '../core/errors.ts'
import { locked, sweep, writeDurably } from './durable.ts'
import { newKey, newKeyId } from './key.ts'
import { hashKey, makePepper, type Peppers, readPeppers } from './pepper.ts'
import { isWord, parseStore, pepperOf, readStore, type Store, type StoredKey, storeText, timeOf } from './store.ts'

/** A key as it may be shown: everything but its secrets. */
export type KeyView = Readonly<{
  id: string
  subject: string
  tenant: string
  groups: readonly string[]
  created: string
  expiresAt: string | null
  revokedAt: string | null
  status: 'live' | 'rotating' | 'expired' | 'revoked'
  /** When each secret that is still accepted ends; null for the one without an end. */
  secrets: readonly Readonly<{ created: string; ends: string | null }>[]
}>

/** A key with its secret: shown once, kept nowhere. */
export type Issued = Readonly<{ key: string; view: KeyView }>

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
    if (statusOf(key, now) === 'revoked')
      throw new CustomhouseError('ERR_CLI_USAGE', `Key ${id} is revoked: create a new one.`)
    if (statusOf(key, now) === 'expired')
      throw new CustomhouseError('ERR_CLI_USAGE', `Key ${id} has expired: create a new one.`)
    const live = key.secrets.filter((secret) => secret.ends === undefined || Date.parse(secret.ends) > now)
    if (live.length > 1 && overlapMs > 0) {
      const ends = live[0]?.ends ?? ''
      throw new CustomhouseError(
        'ERR_CLI_USAGE',
        `Key ${id} has two live secrets, the older one until ${ends}: wait for that, or use --overlap 0s to end both at once.`,
      )
    }
    const issued = newKey(id)
    const before = overlapMs > 0 ? live.map((secret) => ({ ...secret, ends: timeOf(now + overlapMs) })) : []
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

/** All keys, in the order in which they were made. Needs no lock: a store is replaced as a whole. */
export async function listKeys(file: string, now: number = Date.now()): Promise<readonly KeyView[]> {
  const bytes = await readStore(file)
  return bytes === null ? [] : parseStore(file, bytes).keys.map((key) => viewOf(key, now))
}

type Change<T> = (store: Store, peppers: Peppers) => Readonly<{ store: Store | null; result: T }>

/** Reads, changes and replaces the store as its only writer. `store: null` leaves it as it is. */
function change<T>(file: string, work: Change<T>): Promise<T> {
  return locked(file, async () => {
    await sweep(file)
    const bytes = await readStore(file)
    const store: Store = bytes === null ? { version: 1, keys: [] } : parseStore(file, bytes)
    const { store: next, result } = work(store, await peppersFor(file, store))
    if (next !== null) await writeDurably(file, storeText(next))
    return result
  })
}

async function peppersFor(file: string, store: Store): Promise<Peppers> {
  const pepper = pepperOf(file)
  const found = await readPeppers(pepper)
  if (found !== null) return found
  // A new pepper beside old keys would hide that the old one is lost, and with it every key.
  if (store.keys.length > 0) {
    throw new CustomhouseError(
      'ERR_KEYS_STORE',
      `${pepper} is missing: restore it from a backup. Without it no gateway key can be proved.`,
    )
  }
  await makePepper(pepper)
  const made = await readPeppers(pepper)
  if (made === null) throw new CustomhouseError('ERR_KEYS_STORE', `${pepper} vanished while it was made.`)
  return made
}

function stored(key: string, peppers: Peppers, now: number) {
  const pepper = peppers.byVersion.get(peppers.current)
  if (pepper === undefined) throw new CustomhouseError('ERR_KEYS_STORE', 'The current pepper has no value.')
  return { pepper: peppers.current, hmac: hashKey(key, pepper).toString('base64url'), created: timeOf(now) }
}

function find(store: Store, id: string): StoredKey {
  const key = store.keys.find((one) => one.id === id)
  if (key === undefined)
    throw new CustomhouseError('ERR_CLI_USAGE', `There is no key with the id ${JSON.stringify(id)}.`)
  return key
}

function replaced(store: Store, key: StoredKey): Store {
  return { ...store, keys: store.keys.map((one) => (one.id === key.id ? key : one)) }
}

function statusOf(key: StoredKey, now: number): KeyView['status'] {
  if (key.revoked_at !== undefined) return 'revoked'
  if (key.expires_at !== undefined && Date.parse(key.expires_at) <= now) return 'expired'
  const live = key.secrets.filter((secret) => secret.ends === undefined || Date.parse(secret.ends) > now)
  return live.length > 1 ? 'rotating' : 'live'
}

function viewOf(key: StoredKey, now: number): KeyView {
  return {
    id: key.id,
    subject: key.subject,
    tenant: key.tenant,
    groups: key.groups,
    created: key.created,
    expiresAt: key.expires_at ?? null,
    revokedAt: key.revoked_at ?? null,
    status: statusOf(key, now),
    secrets: key.secrets
      .filter((secret) => secret.ends === undefined || Date.parse(secret.ends) > now)
      .map((secret) => ({ created: secret.created, ends: secret.ends ?? null })),
  }
}
