import { hexOf, readBytes } from './escapes.ts'
import { Making } from './mapped.ts'
import type { Run } from './run.ts'

const EQUALS = 0x3d
const PERCENT = 0x25
const PLUS = 0x2b

/**
 * Runs without a blank that have blanks or other text written as `%20` or `=20` in them. In the main view those stay, so that an address is not torn;
 * here they are read.
 */
export function escaped(text: string, found: Run[]): void {
  let at = nextSign(text, 0)
  while (at >= 0) {
    let start = at
    while (start > 0 && text.charCodeAt(start - 1) > 0x20) start -= 1
    let end = at
    while (end < text.length && text.charCodeAt(end) > 0x20) end += 1
    const run = unescapedRun(text, start, end, PERCENT) ?? unescapedRun(text, start, end, EQUALS)
    if (run !== null) found.push(run)
    at = nextSign(text, end)
  }
}

/** The next `%` or `=` with two hexadecimal digits behind it; -1 where there is none. */
function nextSign(text: string, from: number): number {
  for (let i = from; i + 2 < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (
      (unit === PERCENT || unit === EQUALS) &&
      hexOf(text.charCodeAt(i + 1)) >= 0 &&
      hexOf(text.charCodeAt(i + 2)) >= 0
    )
      return i
  }
  return -1
}

function unescapedRun(text: string, start: number, end: number, sign: number): Run | null {
  const made = new Making(end - start)
  let escapes = 0
  for (let i = start; i < end; ) {
    const unit = text.charCodeAt(i)
    if (unit === sign) {
      const { point, length } = readBytes(text, i, sign)
      if (point >= 9 && point !== 0x7f && i + length <= end) {
        escapes += 1
        if (point < 0x10000) made.push(point, i, i + length)
        else {
          made.push(0xd7c0 + (point >> 10), i, i + length)
          made.push(0xdc00 + (point & 0x3ff), i, i + length)
        }
        i += length
        continue
      }
    }
    made.push(unit === PLUS && sign === PERCENT ? 0x20 : unit, i, i + 1)
    i += 1
  }
  if (escapes === 0 || (sign === EQUALS && escapes < 2)) return null
  const percent = sign === PERCENT
  return {
    kind: percent ? 'percent' : 'quoted',
    start,
    end,
    decoded: made.done(),
    encode: percent ? percentEncoded : quotedPrintable,
  }
}

/** Everything but the unreserved characters of RFC 3986 written as `%HH`. */
export function percentEncoded(text: string): string {
  return escapeBytes(text, /[A-Za-z0-9._~-]/, '%')
}

/** Everything but letters, digits and a few marks written as `=HH` (RFC 2045, 6.7). */
export function quotedPrintable(text: string): string {
  return escapeBytes(text, /[A-Za-z0-9._~@:/ -]/, '=')
}

function escapeBytes(text: string, plain: RegExp, sign: string): string {
  let out = ''
  for (const byte of Buffer.from(text.toWellFormed(), 'utf8')) {
    const one = String.fromCharCode(byte)
    out += byte < 0x80 && plain.test(one) ? one : `${sign}${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
