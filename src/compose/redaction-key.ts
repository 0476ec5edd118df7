import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CustomhouseError } from '../core/errors.ts'

/** What tokens are made with: 32 bytes in base64url. Gateways that serve the same conversations need the same file. */
export const REDACTION_KEY_FILE = 'redaction.key'

const FORM = /^[A-Za-z0-9_-]{43}\n?$/

/**
 * The secret of the tokens; made by whoever needs it first. A file that is there is never written over: with another secret the tokens of a conversation would
 * change in its middle.
 *
 * @throws ERR_KEYS_STORE where it cannot be read or made, or is not what it was made as
 */
export function redactionKey(keys: string): Uint8Array {
  const file = join(keys, REDACTION_KEY_FILE)
  try {
    return read(file) ?? made(keys, file)
  } catch (cause) {
    const why = cause instanceof Misshapen ? cause.message : 'cannot be read or made'
    throw new CustomhouseError('ERR_KEYS_STORE', `The key of the tokens, ${file}, ${why}.`, { cause })
  }
}

class Misshapen extends Error {}

/** Null where there is none. */
function read(file: string): Uint8Array | null {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
  if (!FORM.test(text)) throw new Misshapen('does not hold 32 bytes in base64url: restore it from its backup')
  return Uint8Array.from(Buffer.from(text.trimEnd(), 'base64url'))
}

/** Bytes on disk, then the name, which nobody else can have given, then the folder that holds it: another gateway that is as early takes the same key. */
function made(keys: string, file: string): Uint8Array {
  mkdirSync(keys, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    writeFileSync(temporary, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx', flush: true })
    try {
      linkSync(temporary, file)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  } finally {
    rmSync(temporary, { force: true })
  }
  const folder = openSync(keys, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  const key = read(file)
  if (key === null) throw new Misshapen('was taken away while it was made')
  return key
}
