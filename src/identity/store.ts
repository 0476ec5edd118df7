import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { isKeyId } from './key.ts'

/** One of a key's secrets: its HMAC, and from when to when it is accepted. Times are RFC 3339, UTC. */
export type StoredSecret = Readonly<{ pepper: string; hmac: string; created: string; ends?: string }>

export type StoredKey = Readonly<{
  /** 8 characters of base62; in records as `keyId`. */
  id: string
  /** Who calls with it: the principal's subject. */
  subject: string
  tenant: string
  groups: readonly string[]
  created: string
  expires_at?: string
  revoked_at?: string
  /** One, or two while a rotation overlaps; the newest is last. */
  secrets: readonly StoredSecret[]
}>

export type Store = Readonly<{ version: 1; keys: readonly StoredKey[] }>

/** Names inside the folder of keys. */
export const STORE_NAME = 'gateway-keys.json'
export const pepperOf = (file: string): string => join(dirname(file), 'pepper')

/** What the store holds. Its bytes are what a change is known by. */
export async function readStore(file: string): Promise<Buffer | null> {
  try {
    if (((await stat(file)).mode & 0o002) !== 0) {
      throw new CustomhouseError('ERR_KEYS_STORE', `${file} can be written by everybody on this machine: chmod 600 it.`)
    }
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof CustomhouseError) throw cause
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new CustomhouseError('ERR_KEYS_STORE', `${file} cannot be read.`, { cause })
  }
}

/** Reads a store strictly. Must throw ERR_KEYS_STORE for anything that this version did not write. */
export function parseStore(file: string, bytes: Uint8Array): Store {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new CustomhouseError('ERR_KEYS_STORE', `${file} is damaged: it is no JSON. Restore it from a backup.`, {
      cause,
    })
  }
  const keys = isObject(value) && value.version === 1 && Object.keys(value).length === 2 ? value.keys : undefined
  if (!Array.isArray(keys)) throw damaged(file, 'version and keys')
  const ids = new Set<string>()
  for (const [index, key] of keys.entries()) {
    if (!isStoredKey(key)) throw damaged(file, `keys[${index}]`)
    if (ids.has(key.id)) throw damaged(file, `keys[${index}], which repeats an id`)
    ids.add(key.id)
  }
  return { version: 1, keys }
}

export function storeText(store: Store): string {
  return `${JSON.stringify(store, null, 1)}\n`
}

function damaged(file: string, where: string): CustomhouseError {
  return new CustomhouseError('ERR_KEYS_STORE', `${file} is damaged at ${where}. Restore it from a backup.`)
}

type Members = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const KEY_MEMBERS: ReadonlySet<string> = new Set([
  'id',
  'subject',
  'tenant',
  'groups',
  'created',
  'expires_at',
  'revoked_at',
  'secrets',
])
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['pepper', 'hmac', 'created', 'ends'])

/** An unknown member is refused: a newer version may mean a restriction by it. */
function isStoredKey(value: unknown): value is StoredKey {
  if (!isObject(value) || !Object.keys(value).every((name) => KEY_MEMBERS.has(name))) return false
  return (
    typeof value.id === 'string' &&
    isKeyId(value.id) &&
    isWord(value.subject) &&
    isWord(value.tenant) &&
    Array.isArray(value.groups) &&
    value.groups.every(isWord) &&
    isTime(value.created) &&
    (value.expires_at === undefined || isTime(value.expires_at)) &&
    (value.revoked_at === undefined || isTime(value.revoked_at)) &&
    Array.isArray(value.secrets) &&
    value.secrets.length >= 1 &&
    value.secrets.length <= 2 &&
    value.secrets.every(isStoredSecret)
  )
}

function isStoredSecret(value: unknown): boolean {
  if (!isObject(value) || !Object.keys(value).every((name) => SECRET_MEMBERS.has(name))) return false
  return (
    isWord(value.pepper) &&
    typeof value.hmac === 'string' &&
    /^[A-Za-z0-9_-]{43}$/.test(value.hmac) &&
    isTime(value.created) &&
    (value.ends === undefined || isTime(value.ends))
  )
}

/** Text for one line of a log: not empty, at most 256 characters, no control characters. */
export function isWord(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= 256 &&
    [...value].every((c) => c >= ' ' && c !== '\x7f')
  )
}

function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  )
}

export const timeOf = (ms: number): string => new Date(ms).toISOString()
