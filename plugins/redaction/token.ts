import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { Detector } from './detect/detector.ts'
import { ENTITIES } from './entity.ts'

/**
 * Tokens stand for values in what is sent: `PERSON_1_k7bc`, `PERSON_1B_x02q`. Type, number of the value, letters of another form of the same value,
 * four check characters. ASCII, no angle or square bracket: those are eaten by HTML, Markdown and JSON escapes on the way.
 */

/** Characters of a check: no vowel, so that they spell no word. */
export const CHECK_ALPHABET = '0123456789bcdfghjklmnpqrstvwxyz'
export const CHECK_LENGTH = 4
const CHECKS = CHECK_ALPHABET.length ** CHECK_LENGTH

/** Secrets of one tenant, derived (RFC 5869) from the gateway's: what one of them protects says nothing of another. */
export type TenantKeys = Readonly<{ check: KeyObject; hash: KeyObject; shift: KeyObject }>

export function tenantKeys(secret: Uint8Array, tenant: string): TenantKeys {
  const derive = (what: string): KeyObject =>
    createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', `customhouse redaction ${what}\0${tenant}`, 32)))
  return { check: derive('check'), hash: derive('hash'), shift: derive('shift') }
}

/**
 * HMAC-SHA-256 over parts, each with its length in front: no two lists of parts are one message. Some 4 us with a key object and one update, 20 with bytes and
 * several.
 */
export function keyed(key: KeyObject, parts: readonly string[]): Buffer {
  let message = ''
  for (const part of parts) message += `${part.length}:${part}`
  return createHmac('sha256', key).update(message, 'utf16le').digest()
}

/** Letters of the `form`-th way in which a value was written, from 0: none, then B, C ... Z, AA, AB ... */
export function lettersOf(form: number): string {
  let letters = ''
  for (let left = form === 0 ? 0 : form + 1; left > 0; left = Math.floor((left - 1) / 26)) {
    letters = String.fromCharCode(0x41 + ((left - 1) % 26)) + letters
  }
  return letters
}

/** The token of a value, as `surface` was written. */
export function tokenOf(keys: TenantKeys, type: string, number: number, letters: string, surface: string): string {
  const digest = keyed(keys.check, [type, String(number), letters, surface])
  let left = digest.readUIntBE(0, 6) % CHECKS
  let check = ''
  for (let i = 0; i < CHECK_LENGTH; i++) {
    check += CHECK_ALPHABET.charAt(left % CHECK_ALPHABET.length)
    left = Math.floor(left / CHECK_ALPHABET.length)
  }
  return `${typeName(type)}_${number}${letters}_${check}`
}

/** A type as a token names it. No digit follows an underscore, so that a token's number begins at the first that does and none is the beginning of another. */
function typeName(type: string): string {
  return type.replaceAll(/_(?=[0-9])/g, '')
}

/** Token-shaped text: the name in front of the number, and the token without what stood between its parts. */
export type Shape = Readonly<{ start: number; end: number; name: string; token: string }>

const MOST_NAME = 40
const MOST_DIGITS = 6
const MOST_LETTERS = 3
const MOST_GAP = 8

/**
 * Text of the shape of a token: as it is written, with the escapes, marks of emphasis and units of no width that its underscores may have got on the way.
 * Other separators make none here (`SSN 123-4567` is no token), though a restorer may read them: it compares with tokens that it knows. Linear: looks around
 * digits only.
 */
export function shapesIn(text: string, each: (shape: Shape) => void): void {
  for (let i = 0; i < text.length; i++) {
    if (!isDigit(text.charCodeAt(i))) continue
    let end = i + 1
    while (end < text.length && isDigit(text.charCodeAt(end))) end += 1
    const shape = end - i > MOST_DIGITS ? null : around(text, i, end)
    if (shape === null) {
      i = end - 1
      continue
    }
    each(shape)
    i = shape.end - 1
  }
}

function around(text: string, digits: number, afterDigits: number): Shape | null {
  let start = gapBefore(text, digits)
  if (start === digits) return null
  let name = ''
  while (start > 0 && name.length < MOST_NAME) {
    const unit = text.charCodeAt(start - 1)
    if (isUpper(unit) || isDigit(unit)) {
      name = text.charAt(start - 1) + name
      start -= 1
      continue
    }
    const gap = gapBefore(text, start)
    if (gap === start || gap === 0 || !isUpper(text.charCodeAt(gap - 1))) break
    name = `_${name}`
    start = gap
  }
  if (name.length < 2 || !isUpper(name.charCodeAt(0)) || isWord(text.charCodeAt(start - 1))) return null
  let at = afterDigits
  while (at - afterDigits < MOST_LETTERS && isUpper(text.charCodeAt(at))) at += 1
  const check = gapAfter(text, at)
  const end = check + CHECK_LENGTH
  if (check === at || end > text.length || isWord(text.charCodeAt(end))) return null
  const marks = text.slice(check, end)
  for (const mark of marks) if (!CHECK_ALPHABET.includes(mark)) return null
  return { start, end, name, token: `${name}_${text.slice(digits, at)}_${marks}` }
}

/** Where an underscore before `at` begins, with what clings to it; `at` where there is none. */
function gapBefore(text: string, at: number): number {
  let gap = at
  let under = false
  while (gap > 0 && at - gap < MOST_GAP && isGap(text.charCodeAt(gap - 1))) {
    gap -= 1
    under ||= text.charCodeAt(gap) === UNDERSCORE
  }
  return under ? gap : at
}

function gapAfter(text: string, at: number): number {
  let gap = at
  let under = false
  while (gap < text.length && gap - at < MOST_GAP && isGap(text.charCodeAt(gap))) {
    under ||= text.charCodeAt(gap) === UNDERSCORE
    gap += 1
  }
  return under ? gap : at
}

const UNDERSCORE = 0x5f

function isGap(unit: number): boolean {
  return (
    unit === UNDERSCORE ||
    unit === 0x5c ||
    unit === 0x2a ||
    unit === 0xad ||
    unit === 0x2060 ||
    unit === 0xfeff ||
    (unit >= 0x200b && unit <= 0x200d)
  )
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

function isUpper(unit: number): boolean {
  return unit >= 0x41 && unit <= 0x5a
}

function isWord(unit: number): boolean {
  return isDigit(unit) || isUpper(unit) || (unit >= 0x61 && unit <= 0x7a)
}

const BUILT_IN: ReadonlySet<string> = new Set(Object.keys(ENTITIES))

/** Whether token-shaped text names a type that this gateway makes tokens of. */
export function isForeign(shape: Shape, further?: ReadonlySet<string>): boolean {
  return BUILT_IN.has(shape.name) || further?.has(shape.name) === true
}

/** Reports token-shaped text in what is sent: history comes back restored, so it is somebody else's, or made up. */
export const TOKEN_SHAPES: Detector = {
  name: 'token',
  finds: ['TOKEN'],
  scan: ({ text }, found) => {
    shapesIn(text, (shape) => {
      if (!isForeign(shape)) return
      found.push({ start: shape.start, end: shape.end, type: 'TOKEN', score: 1, rule: 'token/shape' })
    })
  },
}
