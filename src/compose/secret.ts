import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { publish } from '../audit/files.ts'
import { CustomhouseError } from '../core/errors.ts'

/** In the folder of the keys. */
export const REDACTION_KEY = 'redaction.key'

/**
 * What the tokens of all tenants are derived from: 32 random bytes, made where there are none. Gateways that one conversation may pass must share it; with
 * another, tokens that are under way are nobody's any more, and come back as they are.
 *
 * @throws ERR_KEYS_STORE where the file cannot be read or written, or is none of ours
 */
export function openRedactionKey(folder: string): Uint8Array {
  const there = read(folder)
  if (there !== null) return there
  try {
    publish(folder, REDACTION_KEY, `${randomBytes(32).toString('hex')}\n`, () => undefined)
  } catch (cause) {
    // Another gateway of the same keys was quicker: its key is the one.
    if (codeOf(cause) !== 'EEXIST') throw unusable(folder, 'cannot be written', cause)
  }
  const made = read(folder)
  if (made === null) throw unusable(folder, 'is not there, though it was written')
  return made
}

function read(folder: string): Uint8Array | null {
  let text: string
  try {
    text = readFileSync(join(folder, REDACTION_KEY), 'latin1')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null
    throw unusable(folder, 'cannot be read', cause)
  }
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw unusable(folder, 'is no key of 64 hexadecimal digits: restore it')
  return Buffer.from(text.trim(), 'hex')
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null

function unusable(folder: string, what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError('ERR_KEYS_STORE', `${join(folder, REDACTION_KEY)} ${what}.`, { cause })
}
