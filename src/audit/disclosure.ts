import { createCipheriv, createDecipheriv, hash, type KeyObject, randomFillSync } from 'node:crypto'
import { canonical, canonicalString } from '../core/canonical.ts'
import type { Json } from '../core/json.ts'

/** A disclosure, opened. */
export type Disclosure = Readonly<{ salt: string; name: string; value: Json }>
/** The sealed part of a record: the id of its content key, and base64url(nonce || ciphertext || tag) of AES-256-GCM. */
export type Sealed = Readonly<{ k: string; x: string }>

const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Randomness is drawn in bulk: a system call for each salt would cost more than its digest. */
const POOL = Buffer.allocUnsafe(16_384)
let used = POOL.length

function draw(bytes: number): Buffer {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += bytes
  return POOL.subarray(used - bytes, used)
}

/** One disclosure for each personal field (RFC 9901 4.2.1): base64url(JSON [128-bit salt, name, value]). */
export function disclose(personal: Readonly<Record<string, Json>>): string[] {
  return Object.entries(personal).map(([name, value]) => {
    const salt = draw(SALT_BYTES).toString('base64url')
    return Buffer.from(`["${salt}",${canonicalString(name)},${canonical(value)}]`).toString('base64url')
  })
}

/** RFC 9901 4.2.3: base64url of the SHA-256 of the disclosure's ASCII bytes. */
export function disclosureDigest(disclosure: string): string {
  return hash('sha256', disclosure, 'base64url')
}

/** Reads a disclosure, or null if it is none. */
export function readDisclosure(disclosure: string): Disclosure | null {
  const parsed: unknown = parse(Buffer.from(disclosure, 'base64url').toString())
  if (!Array.isArray(parsed) || parsed.length !== 3) return null
  const [salt, name, value]: Json[] = parsed
  return typeof salt === 'string' && typeof name === 'string' && value !== undefined ? { salt, name, value } : null
}

/** What a sealed part is bound to; it opens nowhere else. */
export function sealContext(log: string, seq: number, id: string): string {
  return `${log}|${seq}|${id}`
}

/**
 * Seals the disclosures of one record. The nonce is random, not counted: a restored backup would count the same numbers again under
 * the same key. A key serves one tenant for one month, far below the 2^32 records that SP 800-38D 8.3 allows.
 */
export function seal(key: KeyObject, context: string, disclosures: readonly string[]): string {
  const nonce = draw(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(context))
  // base64url texts need no JSON escapes.
  const body = cipher.update(`["${disclosures.join('","')}"]`, 'latin1')
  cipher.final()
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url')
}

/** The text of a sealed part, as it stands in its line. Key ids and base64url need no JSON escapes. */
export function sealedText(sealed: Sealed): string {
  return `{"k":"${sealed.k}","x":"${sealed.x}"}`
}

/** What binds a sealed part to its leaf: base64url of the SHA-256 of its text. */
export function sealedDigest(text: string): string {
  return hash('sha256', text, 'base64url')
}

/** Opens a sealed part; null if key or context are not the ones it was sealed with, or it was changed. */
export function unseal(key: KeyObject, context: string, sealed: string): readonly string[] | null {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  const body = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    return null
  }
  const parsed: unknown = parse(body.toString())
  return Array.isArray(parsed) && parsed.every((item) => typeof item === 'string') ? parsed : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
