import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { CustomhouseError } from '../core/errors.ts'
import { writeDurably } from './durable.ts'

/**
 * The keys that secrets are hashed under, by version. A line of the file is `<version> <32 bytes in base64url>`; the last line is the one for new
 * secrets, the others still prove old ones. A copy of the key store alone, without this file, proves nothing and cannot be searched.
 */
export type Peppers = Readonly<{ current: string; byVersion: ReadonlyMap<string, KeyObject> }>

const LINE = /^([A-Za-z0-9-]{1,32}) ([A-Za-z0-9_-]{43})$/

/** Reads the peppers; null when there is no file yet. Must throw ERR_KEYS_STORE for a file that is damaged or that everybody can read. */
export async function readPeppers(file: string): Promise<Peppers | null> {
  let text: string
  try {
    if (((await stat(file)).mode & 0o007) !== 0) {
      throw new CustomhouseError('ERR_KEYS_STORE', `${file} can be read by everybody on this machine: chmod 600 it.`)
    }
    text = await readFile(file, 'utf8')
  } catch (cause) {
    if (cause instanceof CustomhouseError) throw cause
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new CustomhouseError('ERR_KEYS_STORE', `${file} cannot be read.`, { cause })
  }
  const byVersion = new Map<string, KeyObject>()
  let current = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const match = LINE.exec(line)
    if (match?.[1] === undefined || match[2] === undefined || byVersion.has(match[1])) {
      throw new CustomhouseError(
        'ERR_KEYS_STORE',
        `${file} is damaged: restore it from a backup. Without it no gateway key can be proved.`,
      )
    }
    current = match[1]
    byVersion.set(current, createSecretKey(Buffer.from(match[2], 'base64url')))
  }
  if (current === '') throw new CustomhouseError('ERR_KEYS_STORE', `${file} is empty: restore it from a backup.`)
  return { current, byVersion }
}

/** Makes the first pepper. The caller must hold the store's lock. */
export async function makePepper(file: string): Promise<void> {
  const version = `p${randomBytes(4).toString('hex')}`
  await writeDurably(file, `${version} ${randomBytes(32).toString('base64url')}\n`)
}

/** HMAC-SHA-256 of a key. A secret of 256 random bits needs no slow hash. */
export function hashKey(key: string, pepper: KeyObject): Buffer {
  return createHmac('sha256', pepper).update(key).digest()
}
