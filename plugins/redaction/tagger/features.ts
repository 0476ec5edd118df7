import type { Reading } from '../detect/detector.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, hashOf, LOWER, MARK, type Tokens, UPPER } from '../detect/tokens.ts'
import { type Gazetteer, lookUp } from './gazetteer.ts'

/** Features of a token. The order is part of the model: another order is another training. */
export const FEATURES = 27

/** What the features of a text are made of: columns over its tokens, reused from text to text and as long as the longest so far. */
export type Columns = {
  room: number
  shape: Uint8Array
  known: Uint8Array
  affix: Int32Array
  prefix: Int32Array
  suffix: Int32Array
  ending: Int32Array
  cue: Int32Array
  /** Index of the nearest word in front of a token and behind it; -1 where there is none in its line. */
  before: Int32Array
  after: Int32Array
}

export function columnsOf(room: number): Columns {
  return {
    room,
    shape: new Uint8Array(room),
    known: new Uint8Array(room),
    affix: new Int32Array(room),
    prefix: new Int32Array(room),
    suffix: new Int32Array(room),
    ending: new Int32Array(room),
    cue: new Int32Array(room),
    before: new Int32Array(room),
    after: new Int32Array(room),
  }
}

/** Shapes: 0 mark, 1 number, 2 lower, 3 Capital, 4 CAPITALS, 5 one capital letter, 6 mIxed, 7 letters and digits. Plus 8 at the begin of a sentence. */
const SENTENCE = 8
const EDGE = 0x51ed270b

/** Upper-case letters beyond ASCII, read off the Unicode tables once. */
const CAPITAL = new Uint8Array(65_536)
for (let c = 0x80; c < 65_536; c++) {
  if (c >= 0xd800 && c <= 0xdfff) continue
  const text = String.fromCharCode(c)
  if (text.toLowerCase() !== text) CAPITAL[c] = 1
}

function isCapital(unit: number): boolean {
  return unit < 128 ? unit >= 0x41 && unit <= 0x5a : CAPITAL[unit] === 1
}

function shapeOf(text: string, start: number, end: number, kind: number): number {
  if ((kind & MARK) !== 0) return 0
  if ((kind & DIGIT) !== 0) return (kind & (LOWER | UPPER | BEYOND)) === 0 ? 1 : 7
  if ((kind & (UPPER | BEYOND)) === 0) return 2
  const first = isCapital(text.charCodeAt(start))
  if (end - start === 1) return first ? 5 : 2
  if ((kind & BEYOND) === 0) {
    if ((kind & LOWER) === 0) return 4
    if (!first) return 6
  }
  let capitals = 0
  for (let i = start; i < end; i++) if (isCapital(text.charCodeAt(i))) capitals += 1
  if (capitals === 0) return 2
  if (capitals === end - start) return 4
  return first && (capitals === 1 || capitals * 3 <= end - start) ? 3 : 6
}

/** Fills the columns of a text. `known` may be narrowed by the trainer, so that the model learns to do without a list. */
export function survey(reading: Reading, gazetteer: Gazetteer, columns: Columns): void {
  const { text, tokens } = reading
  const { count, start, end, kind, hash } = tokens
  const { shape, known, affix, prefix, suffix, ending, cue, before, after } = columns
  const { key } = reading.hints
  let label = key === null ? 0 : labelOf(key)
  let last = -1
  let lastWord = label
  let opens = true
  for (let i = 0; i < count; i++) {
    const bits = kind[i] ?? 0
    const from = start[i] ?? 0
    const to = end[i] ?? 0
    if ((bits & AFTER_BREAK) !== 0 && i > 0) {
      label = 0
      last = -1
      lastWord = 0
      opens = true
    }
    const is = shapeOf(text, from, to, bits)
    shape[i] = opens ? is + SENTENCE : is
    before[i] = last
    cue[i] = label
    if (is === 0) {
      const unit = hash[i] ?? 0
      // 58 : 61 = are labels' ends; 44 , 59 ; 123 { 125 } end what a label stands for.
      if (unit === 58 || unit === 61) label = lastWord
      else if (unit === 44 || unit === 59 || unit === 123 || unit === 125) label = 0
      if (unit === 46 || unit === 33 || unit === 63 || unit === 58 || unit === 45 || unit === 0x2022) opens = true
      known[i] = 0
      affix[i] = 0
      prefix[i] = 0
      suffix[i] = 0
      ending[i] = 0
      continue
    }
    if (is !== 1) opens = false
    known[i] = is === 1 ? 0 : lookUp(gazetteer, hash[i] ?? 0)
    // Lower case of ASCII, and as it is beyond: letters with marks are too rare at an end to tell their cases apart.
    const a = text.charCodeAt(from) | 32
    const b = from + 1 < to ? text.charCodeAt(from + 1) | 32 : 0
    const c = from + 2 < to ? text.charCodeAt(from + 2) | 32 : 0
    const z = text.charCodeAt(to - 1) | 32
    const y = to - 2 >= from ? text.charCodeAt(to - 2) | 32 : 0
    const x = to - 3 >= from ? text.charCodeAt(to - 3) | 32 : 0
    const w = to - 4 >= from ? text.charCodeAt(to - 4) | 32 : 0
    if (is === 1) {
      affix[i] = Math.min(to - from, 9)
      prefix[i] = 0
      suffix[i] = 0
      ending[i] = 0
    } else {
      affix[i] = Math.min(to - from, 12) + 16
      prefix[i] = (a << 16) ^ (b << 8) ^ c
      suffix[i] = (x << 16) ^ (y << 8) ^ z
      ending[i] = Math.imul(w, 0x01000193) ^ (x << 16) ^ (y << 8) ^ z
    }
    last = i
    lastWord = hash[i] ?? 0
  }
  let next = -1
  for (let i = count - 1; i >= 0; i--) {
    after[i] = next
    if (((shape[i] ?? 0) & 7) !== 0) next = i
    if (((kind[i] ?? 0) & AFTER_BREAK) !== 0) next = -1
  }
}

/** The last word of a member's name: `billing_contactName` is a name. */
function labelOf(key: string): number {
  const parts = key.split(/[^\p{L}\p{N}]+|(?<=\p{Ll})(?=\p{Lu})/u).filter((part) => part !== '')
  const last = parts.at(-1)
  return last === undefined ? 0 : hashOf(last)
}

/** What a line looks like, 0..3: usual, without any capital, mostly in capitals, few words. Of the tokens from..to. */
export function manner(columns: Columns, from: number, to: number): number {
  let words = 0
  let capital = 0
  let capitals = 0
  for (let i = from; i < to; i++) {
    const is = (columns.shape[i] ?? 0) & 7
    if (is < 2) continue
    words += 1
    if (is === 3 || is === 6) capital += 1
    if (is === 4) capitals += 1
  }
  if (words >= 3 && capital === 0 && capitals === 0) return 1
  if (capitals >= 2 && capitals * 2 > words) return 2
  return words < 5 ? 3 : 0
}

/** Writes the {@link FEATURES} buckets of one token into `into` from `at` on. `log`: binary logarithm of the buckets. */
export function featuresOf(
  tokens: Tokens,
  columns: Columns,
  i: number,
  mode: number,
  log: number,
  into: Int32Array,
  at: number,
): void {
  const { count, hash, kind } = tokens
  const { shape, known, affix, prefix, suffix, ending, cue, before, after } = columns
  const shift = 32 - log
  const w = hash[i] ?? 0
  const is = shape[i] ?? 0
  const bits = known[i] ?? 0
  const glued = ((kind[i] ?? 0) & AFTER_BLANK) === 0 ? 1 : 0
  const w1 = i > 0 ? (hash[i - 1] ?? 0) : EDGE
  const w2 = i > 1 ? (hash[i - 2] ?? 0) : EDGE
  const s1 = i > 0 ? (shape[i - 1] ?? 0) : 16
  const k1 = i > 0 ? (known[i - 1] ?? 0) : 0
  const ends = i + 1 >= count || ((kind[i + 1] ?? 0) & AFTER_BREAK) !== 0
  const v1 = ends ? EDGE : (hash[i + 1] ?? 0)
  const v2 = i + 2 < count ? (hash[i + 2] ?? 0) : EDGE
  const z1 = ends ? 16 : (shape[i + 1] ?? 0)
  const y1 = ends ? 0 : (known[i + 1] ?? 0)
  const b = before[i] ?? -1
  const a = after[i] ?? -1
  const bw = b < 0 ? (cue[i] ?? 0) ^ EDGE : (hash[b] ?? 0)
  const aw = a < 0 ? EDGE : (hash[a] ?? 0)
  const bk = b < 0 ? 0 : (known[b] ?? 0)
  const ak = a < 0 ? 0 : (known[a] ?? 0)
  const bs = b < 0 ? 16 : (shape[b] ?? 0)
  const as = a < 0 ? 16 : (shape[a] ?? 0)
  const own = is | (bits << 5)
  const cased = is | (mode << 5)
  into[at] = bucket(1, w, 0, shift)
  into[at + 1] = bucket(2, w, cased, shift)
  into[at + 2] = bucket(3, w1, is & 7, shift)
  into[at + 3] = bucket(4, v1, is & 7, shift)
  into[at + 4] = bucket(5, w2, is & 7, shift)
  into[at + 5] = bucket(6, v2, is & 7, shift)
  into[at + 6] = bucket(7, w1, w, shift)
  into[at + 7] = bucket(8, w, v1, shift)
  into[at + 8] = bucket(9, prefix[i] ?? 0, is & 7, shift)
  into[at + 9] = bucket(10, suffix[i] ?? 0, is & 7, shift)
  into[at + 10] = bucket(11, ending[i] ?? 0, is & 7, shift)
  into[at + 11] = bucket(12, s1 | (is << 5) | (z1 << 10), glued | (mode << 1), shift)
  into[at + 12] = bucket(13, own, mode, shift)
  into[at + 13] = bucket(14, own | (k1 << 13), s1, shift)
  into[at + 14] = bucket(15, own | (y1 << 13), z1, shift)
  into[at + 15] = bucket(16, own | (bk << 13), bs, shift)
  into[at + 16] = bucket(17, own | (ak << 13), as, shift)
  into[at + 17] = bucket(18, bits | (bk << 8) | (ak << 16), mode, shift)
  into[at + 18] = bucket(19, cue[i] ?? 0, is & 7, shift)
  into[at + 19] = bucket(20, Math.imul(w2, 31) ^ w1, is & 7, shift)
  into[at + 20] = bucket(21, Math.imul(v2, 31) ^ v1, is & 7, shift)
  into[at + 21] = bucket(22, bw, own, shift)
  into[at + 22] = bucket(23, aw, own, shift)
  into[at + 23] = bucket(24, Math.imul(bw, 31) ^ aw, is & 7, shift)
  into[at + 24] = bucket(25, affix[i] ?? 0, cased, shift)
  into[at + 25] = bucket(26, cue[i] ?? 0, own, shift)
  into[at + 26] = bucket(27, suffix[i] ?? 0, (k1 << 8) | y1, shift)
}

function bucket(template: number, x: number, y: number, shift: number): number {
  let h = Math.imul(x ^ Math.imul(y + template * 0x1f123bb5, 0x9e3779b1), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  return (h ^ (h >>> 13)) >>> shift
}
