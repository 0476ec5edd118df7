import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * A gateway key: `chk_<id>_<secret>_<check>`. The prefix is for secret scanners, the id (8 characters) for look-up, the secret is 32 random
 * bytes in base62 (43 characters), the check a CRC-32 of all before it in base62 (6 characters): typing errors are found
 * before anything is looked up.
 */
export const KEY_PREFIX = 'chk'
export const ID_LENGTH = 8
/** Of 256 bits in base62. */
export const SECRET_LENGTH = 43
const CHECK_LENGTH = 6
const SECRET_AT = KEY_PREFIX.length + 1 + ID_LENGTH + 1
const CHECK_AT = SECRET_AT + SECRET_LENGTH + 1
export const KEY_LENGTH = CHECK_AT + CHECK_LENGTH

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Uniform over 62 characters: bytes beyond the last multiple of 62 are thrown away. */
export function newKeyId(): string {
  let id = ''
  while (id.length < ID_LENGTH) {
    for (const byte of randomBytes(ID_LENGTH)) if (byte < 248 && id.length < ID_LENGTH) id += ALPHABET[byte % 62]
  }
  return id
}

/** A new key for an id. The only moment at which its secret exists in clear. */
export function newKey(id: string, secret: Uint8Array = randomBytes(32)): string {
  const body = `${KEY_PREFIX}_${id}_${base62(secret, SECRET_LENGTH)}`
  return `${body}_${check(body)}`
}

/** The id of a key whose form and check are right; null for anything else, a provider's key for example. */
export function readKeyId(key: string): string | null {
  if (key.length !== KEY_LENGTH || !key.startsWith(`${KEY_PREFIX}_`)) return null
  if (key[SECRET_AT - 1] !== '_' || key[CHECK_AT - 1] !== '_') return null
  if (check(key.slice(0, CHECK_AT - 1)) !== key.slice(CHECK_AT)) return null
  return key.slice(KEY_PREFIX.length + 1, SECRET_AT - 1)
}

/** Whether an id has the form of one. */
export function isKeyId(text: string): boolean {
  return /^[0-9A-Za-z]{8}$/.test(text)
}

function check(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let i = 0; i < CHECK_LENGTH; i++) {
    text = `${ALPHABET[rest % 62]}${text}`
    rest = Math.floor(rest / 62)
  }
  return text
}

/** `bytes` as one number in base62, most significant digit first. */
export function base62(bytes: Uint8Array, length: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  let text = ''
  for (let i = 0; i < length; i++) {
    text = `${ALPHABET[Number(rest % 62n)]}${text}`
    rest /= 62n
  }
  return text
}
