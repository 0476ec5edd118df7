import type { Tokens } from '../tokens.ts'

/** Bits of {@link unitClass}. */
export const NUMERAL = 1
export const HEX = 2
export const ALNUM = 4
/** What a URL may hold without an escape, brackets and quotes apart. */
export const IN_URL = 8
/** What the local part of a mail address may hold unquoted (RFC 5322 atext and the full stop), without what surrounds addresses more often. */
export const IN_LOCAL = 16
/** The alphabets of keys: base64, base64url. */
export const IN_KEY = 32

const CLASS = new Uint8Array(128)
for (let c = 33; c < 127; c++) {
  const text = String.fromCharCode(c)
  let bits = 0
  if (c >= 48 && c <= 57) bits |= NUMERAL | HEX | ALNUM
  if ('abcdefABCDEF'.includes(text)) bits |= HEX
  if ((c >= 65 && c <= 90) || (c >= 97 && c <= 122)) bits |= ALNUM
  if (!'"<>\\^`{}|'.includes(text)) bits |= IN_URL
  if ((bits & ALNUM) !== 0 || "._%+-!#$&*=~'".includes(text)) bits |= IN_LOCAL
  if ((bits & ALNUM) !== 0 || '_-+/'.includes(text)) bits |= IN_KEY
  CLASS[c] = bits
}

/** The classes of a UTF-16 unit, 0 beyond ASCII and where there is none (an offset out of the text). */
export function unitClass(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit < 128 ? (CLASS[unit] ?? 0) : 0
}

/** Whether a unit is in one of some classes. */
export function isOf(text: string, at: number, classes: number): boolean {
  return (unitClass(text, at) & classes) !== 0
}

/** First token that ends behind an offset. */
export function tokenAt(tokens: Tokens, offset: number): number {
  let low = 0
  let high = tokens.count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((tokens.end[middle] ?? 0) > offset) high = middle
    else low = middle + 1
  }
  return low
}

/** Value of the numerals from an offset on, at most `most` of them; where they end. -1 if there is none. */
export function numeralsFrom(text: string, at: number, most: number): Readonly<{ value: number; end: number }> {
  let value = 0
  let end = at
  while (end - at < most && isOf(text, end, NUMERAL)) {
    value = value * 10 + text.charCodeAt(end) - 48
    end += 1
  }
  return { value: end === at ? -1 : value, end }
}
