import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'
import { isKeyId } from './key.ts'

/** From when to when something is accepted. Times are RFC 3339, UTC. */
export type Lasting = Readonly<{ created: string; ends?: string }>

/** One of a key's secrets: its HMAC. */
export type StoredSecret = Lasting & Readonly<{ pepper: string; hmac: string }>

/** One of a key's pairs for AWS SDKs: what its secret is derived from, together with the pepper. `id` is the second half of its access key id. */
export type StoredPair = Lasting & Readonly<{ id: string; pepper: string; salt: string }>

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
  /** The same for pairs. */
  aws?: readonly StoredPair[]
}>

export type Store = Readonly<{ keys: readonly StoredKey[] }>

/** What is accepted at `now`. */
export function live<T extends Lasting>(all: readonly T[], now: number): readonly T[] {
  return all.filter(({ ends }) => ends === undefined || Date.parse(ends) > now)
}

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
  const keys = isObject(value) && Object.keys(value).length === 2 ? value.keys : undefined
  const version = isObject(value) ? value.version : undefined
  if (!Array.isArray(keys) || (version !== 1 && version !== 2)) throw damaged(file, 'version and keys')
  const ids = new Set<string>()
  for (const [index, key] of keys.entries()) {
    if (!isStoredKey(key) || (version === 1 && key.aws !== undefined)) throw damaged(file, `keys[${index}]`)
    if (ids.has(key.id)) throw damaged(file, `keys[${index}], which repeats an id`)
    ids.add(key.id)
  }
  return { keys }
}

/** Version 2 has pairs. A store without any is written as version 1, so that a gateway from before them can still read it. */
export function storeText({ keys }: Store): string {
  const version = keys.some((key) => key.aws !== undefined) ? 2 : 1
  return `${JSON.stringify({ version, keys }, null, 1)}\n`
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
  'aws',
])
const SECRET_MEMBERS: ReadonlySet<string> = new Set(['pepper', 'hmac', 'created', 'ends'])
const PAIR_MEMBERS: ReadonlySet<string> = new Set(['id', 'pepper', 'salt', 'created', 'ends'])

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
    isOneOrTwo(value.secrets) &&
    value.secrets.every(isStoredSecret) &&
    (value.aws === undefined || (isOneOrTwo(value.aws) && value.aws.every(isStoredPair)))
  )
}

function isOneOrTwo(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && (value.length === 1 || value.length === 2)
}

function isStoredSecret(value: unknown): boolean {
  if (!isObject(value) || !Object.keys(value).every((name) => SECRET_MEMBERS.has(name))) return false
  return (
    isWord(value.pepper) && typeof value.hmac === 'string' && /^[A-Za-z0-9_-]{43}$/.test(value.hmac) && isLasting(value)
  )
}

function isStoredPair(value: unknown): boolean {
  if (!isObject(value) || !Object.keys(value).every((name) => PAIR_MEMBERS.has(name))) return false
  return (
    typeof value.id === 'string' &&
    isKeyId(value.id) &&
    isWord(value.pepper) &&
    typeof value.salt === 'string' &&
    /^[A-Za-z0-9_-]{22}$/.test(value.salt) &&
    isLasting(value)
  )
}

function isLasting(value: Members): boolean {
  return isTime(value.created) && (value.ends === undefined || isTime(value.ends))
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
