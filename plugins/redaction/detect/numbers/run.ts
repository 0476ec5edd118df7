import type { Reading } from '../detector.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, LOWER, MARK, type Tokens, UPPER } from '../tokens.ts'

const LETTERS = LOWER | UPPER | BEYOND

/** Digits of the number at hand, most significant first. One reading at a time. */
export const DIGITS = new Uint8Array(24)

/** Whether a token is nothing but ASCII digits. */
export function isDigits(tokens: Tokens, token: number): boolean {
  return ((tokens.kind[token] ?? 0) & (LETTERS | DIGIT | MARK)) === DIGIT
}

/**
 * The token of the next group of digits behind one, and what separates them: a blank, `-` or `.`. -1 if none follows so; a line break ends a number.
 */
export function nextGroup(tokens: Tokens, token: number): number {
  const { count, kind, hash } = tokens
  const next = token + 1
  if (next >= count) return -1
  const is = kind[next] ?? 0
  if ((is & AFTER_BREAK) !== 0) return -1
  if ((is & MARK) === 0) return (is & AFTER_BLANK) !== 0 && isDigits(tokens, next) ? next : -1
  const mark = hash[next]
  if ((mark !== 0x2d && mark !== 0x2e && mark !== 0x2010 && mark !== 0x2011) || (is & AFTER_BLANK) !== 0) return -1
  const behind = next + 1
  return behind < count && ((kind[behind] ?? 0) & AFTER_BLANK) === 0 && isDigits(tokens, behind) ? behind : -1
}

/** The unit that separates two groups: a blank of any kind is 0x20. */
export function separator(reading: Reading, from: number, to: number): number {
  return to === from + 1 ? 0x20 : (reading.tokens.hash[from + 1] ?? 0)
}

/** The group behind one, by any separator: its token, -1 for none, the mark (a blank 0x20, all dashes `-`), and whether a line breaks there. */
export type Loose = { token: number; mark: number; breaks: number }

const LOOSE_MARKS = new Map(
  [...'-‐‑‒–—−./_·•,|~+*'].map((mark) => [mark.charCodeAt(0), '‐‑‒–—−'.includes(mark) ? 0x2d : mark.charCodeAt(0)]),
)

/** The next group of digits behind a token, over a mark, the same mark twice, emphasis, tags, or a line break, with or without blanks. */
export function looseGroup({ count, kind, hash }: Tokens, token: number, into: Loose): void {
  into.token = -1
  into.mark = 0x20
  into.breaks = 0
  let next = token + 1
  let most = 3
  for (let marks = 0; next < count && marks < most; marks++, next++) {
    const is = kind[next] ?? 0
    if ((is & AFTER_BREAK) !== 0) into.breaks = 1
    if (hash[next] === 0x3c && (is & MARK) !== 0) {
      next = tagEnd(kind, hash, next, count)
      if (next < 0 || marks > 2) return
      into.mark = 0x3c
      continue
    }
    // `**4111** **1111**`: emphasis ends and begins.
    if (hash[next] === 0x2a || hash[next] === 0x5f) most = 7
    if ((is & MARK) === 0) {
      if ((is & (LETTERS | DIGIT)) === DIGIT) into.token = next
      return
    }
    const mark = LOOSE_MARKS.get(hash[next] ?? 0)
    if (mark === undefined || (marks > 0 && mark !== into.mark)) return
    into.mark = mark
  }
}

/** Token of the `>` of a tag without attributes, `<b>` or `</td>`; -1 if it is none. */
function tagEnd(kind: Uint8Array, hash: Int32Array, token: number, count: number): number {
  let at = token + 1
  if (hash[at] === 0x2f) at += 1
  if (at + 1 >= count || ((kind[at] ?? 0) & (MARK | AFTER_BLANK)) !== 0) return -1
  return ((kind[at + 1] ?? 0) & MARK) !== 0 && hash[at + 1] === 0x3e ? at + 1 : -1
}

/** Last token of what is written in one piece from a token on: words with `-`, `.`, `/`, `_`, `:` or `#` between, no blank. */
export function pieceEnd(tokens: Tokens, token: number): number {
  const { count, kind, hash } = tokens
  let at = token
  while (at + 1 < count && at - token < 40) {
    if (((kind[at + 1] ?? 0) & AFTER_BLANK) !== 0) return at
    if (((kind[at + 1] ?? 0) & MARK) === 0) {
      at += 1
      continue
    }
    const mark = hash[at + 1]
    const joins = mark === 0x2d || mark === 0x2e || mark === 0x2f || mark === 0x5f || mark === 0x2010 || mark === 0x2011
    const word = at + 2 < count && ((kind[at + 2] ?? 0) & (MARK | AFTER_BLANK)) === 0
    if (!joins || !word) return at
    at += 2
  }
  return at
}

/** Whether what is left and right of a range of the text would make it part of a larger number, an amount of money or a percentage. */
export function isPartOfMore(text: string, start: number, end: number): boolean {
  const before = text.charCodeAt(start - 1)
  const after = text.charCodeAt(end)
  const long = end - start >= 12
  const digitBefore = isDigit(text.charCodeAt(start - 2))
  const digitAfter = isDigit(text.charCodeAt(end + 1))
  if (before === 0x24 || before === 0xa3 || before === 0x20ac || before === 0xa5) return !long
  if (before === 0x2b) return true
  if ((before === 0x2e || before === 0x2d) && digitBefore) return true
  if ((before === 0x2c || before === 0x2f || before === 0x3a) && digitBefore && !long) {
    const front = edge(text, start, 1)
    return front <= 4 && !(before === 0x2c && start + front < end && text.charCodeAt(start + front) === 0x2d)
  }
  if (after === 0x25 || after === 0x20ac || after === 0xb0) return !long
  if ((after === 0x2e || after === 0x2d) && digitAfter) return true
  // Thousands have three digits behind their comma; what is joined by hyphens is no amount.
  if (after === 0x2c && digitAfter) {
    const front = edge(text, end - 1, -1)
    if (long || text.charCodeAt(end - front - 1) === 0x2d) return false
    return (front <= 3 && edge(text, end + 1, 1) === 3) || isCents(text, end + 1)
  }
  if ((after === 0x2f || after === 0x3a) && digitAfter && !long) return edge(text, end - 1, -1) <= 4
  return false
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39

/** Digits in a row from an offset on, in a direction, as far as five. */
function edge(text: string, at: number, step: 1 | -1): number {
  let length = 0
  while (length < 5 && isDigit(text.charCodeAt(at + length * step))) length += 1
  return length
}

/** Two digits, and no more: what stands behind a decimal comma. */
const isCents = (text: string, at: number): boolean => edge(text, at, 1) === 2
