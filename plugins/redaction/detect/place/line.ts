import { PATTERNS } from '../contact/patterns.ts'
import { cueOf, cueOfWord } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, hashOf, LOWER, MARK, type Tokens, UPPER } from '../tokens.ts'
import { stateZipEnd } from './postal.ts'

export const UNIT = cueOf(
  ...'apt apartment suite ste unit room rm floor fl bldg building flat dept lot piso puerta planta escalera esc bajo dpto bloque portal wohnung apto casa interno scala appartement bâtiment bat étage box no'.split(
    ' ',
  ),
)

/** Small words within the names of streets. */
export const WORD_IN = cueOf(
  ...'de del la las los el y e da do das dos di della dei du des le les von van den der the of and san santa saint sankt st am an auf im zum zur a d l'.split(
    ' ',
  ),
)

/** `C/ Mayor`. */
export function isCalle(tokens: Tokens, at: number): boolean {
  return tokens.hash[at] === C && tokens.hash[at + 1] === 0x2f && ((tokens.kind[at + 1] ?? 0) & AFTER_BLANK) === 0
}
const C = hashOf('c')

/** A word of numerals, and perhaps a letter, of at most `most` units. */
export function isNumber(tokens: Tokens, at: number, most: number): boolean {
  return ((tokens.kind[at] ?? 0) & (DIGIT | MARK)) === DIGIT && (tokens.end[at] ?? 0) - (tokens.start[at] ?? 0) <= most
}

/** With the unit, and the city, state and ZIP behind it, if there. */
export function emit(
  reading: Reading,
  first: number,
  last: number,
  score: number,
  rule: string,
  found: Span[],
): number {
  const { tokens, text } = reading
  let end = last
  const unit = unitEnd(reading, end + 1)
  if (unit !== 0) end = unit
  const tail = stateZipEnd(reading, end + 1) || townEnd(reading, end + 1)
  if (tail !== 0) end = tail
  let to = tokens.end[end] ?? 0
  while (to > 0 && text.charCodeAt(to - 1) === 0x2c) to -= 1
  found.push({ start: tokens.start[first] ?? 0, end: to, type: 'ADDRESS', score, rule })
  return end + 1
}

/** Last token of `, Apt. 4B`, `Suite 200`, `#12`; 0 if there is none. */
export function unitEnd(reading: Reading, from: number): number {
  const { hash, kind, start, end, count } = reading.tokens
  let at = from
  if (hash[at] === 0x2c || hash[at] === 0x2e) at += 1
  if (at >= count) return 0
  if (hash[at] === 0x23) return isNumber(reading.tokens, at + 1, 5) ? at + 1 : 0
  if (((kind[at] ?? 0) & MARK) !== 0 || cueOfWord(hash[at] ?? 0, UNIT) === 0) return 0
  at += 1
  while (at < count && (hash[at] === 0x2e || hash[at] === 0x23 || hash[at] === 0x3a)) at += 1
  const short = (end[at] ?? 0) - (start[at] ?? 0) <= 6
  if (
    at < count &&
    short &&
    (((kind[at] ?? 0) & (DIGIT | MARK)) === DIGIT || (end[at] ?? 0) - (start[at] ?? 0) === 1) &&
    ((kind[at] ?? 0) & AFTER_BREAK) === 0 &&
    ((kind[at] ?? 0) & MARK) === 0
  )
    return at
  return 0
}

/** Last token of `, 50667 Köln`, `, London WC1N 3AX`, `, 1012 AB Amsterdam` on the same line or the next; 0 if there is none. */
function townEnd(reading: Reading, from: number): number {
  const { hash, kind, start, end, count } = reading.tokens
  let at = from
  const comma = hash[at] === 0x2c
  if (comma) at += 1
  if (at >= count || !(comma || ((kind[at] ?? 0) & AFTER_BREAK) !== 0)) return 0
  if (isCapital(reading, at)) {
    // A town of one to three words, and a postcode in two pieces.
    let words = 0
    while (at < count && words < 3 && isCapital(reading, at)) {
      at += 1
      words += 1
    }
    if (hash[at] === 0x2c) at += 1
    return isPiece(reading, at, 2, 4) &&
      isPiece(reading, at + 1, 3, 3) &&
      PATTERNS.ukPostcode.test(reading.text.slice(start[at] ?? 0, end[at + 1] ?? 0))
      ? at + 1
      : 0
  }
  if (!isNumber(reading.tokens, at, 5) || (end[at] ?? 0) - (start[at] ?? 0) < 4) return 0
  at += 1
  if (isPiece(reading, at, 2, 2) && ((kind[at] ?? 0) & DIGIT) === 0) at += 1
  return isCapital(reading, at) && ((kind[at] ?? 0) & AFTER_BREAK) === 0 ? at : 0
}

/** A word of letters that begins with a capital and goes on in small ones. */
function isCapital(reading: Reading, at: number): boolean {
  const is = reading.tokens.kind[at] ?? 0
  return (is & UPPER) !== 0 && (is & (LOWER | BEYOND)) !== 0 && (is & (DIGIT | MARK)) === 0
}

/** A word of ASCII capitals and numerals of some length. */
function isPiece(reading: Reading, at: number, least: number, most: number): boolean {
  const { kind, start, end, count } = reading.tokens
  const length = (end[at] ?? 0) - (start[at] ?? 0)
  return (
    at < count && ((kind[at] ?? 0) & (UPPER | LOWER | BEYOND | MARK)) === UPPER && length >= least && length <= most
  )
}
