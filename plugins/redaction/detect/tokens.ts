/** Bits of {@link Tokens.kind}. A word has one or more of the first four; anything else that is no blank is a mark of one unit. */
export const LOWER = 1
export const UPPER = 2
export const DIGIT = 4
/** A letter or digit beyond ASCII. */
export const BEYOND = 8
export const MARK = 16
/** A blank stands in front of it; a line break does. The first token has both. */
export const AFTER_BLANK = 32
export const AFTER_BREAK = 64

/**
 * The words and marks of a text, in order, as columns: no string is made of any of them. Words are longest runs of letters, digits and combining marks; a
 * mark is any other unit but blanks. `hash`: 32-bit FNV-1a over the UTF-16 units of a word in lower case (a mark: its unit), so that words of lists are
 * compared as integers ({@link hashOf}).
 */
export type Tokens = Readonly<{
  count: number
  start: Int32Array
  end: Int32Array
  kind: Uint8Array
  hash: Int32Array
}>

const BLANK = 32
const PLAIN = new Uint8Array(128)
for (let c = 0; c < 128; c++) {
  PLAIN[c] = MARK
  if (c >= 0x30 && c <= 0x39) PLAIN[c] = DIGIT
  if (c >= 0x41 && c <= 0x5a) PLAIN[c] = UPPER
  if (c >= 0x61 && c <= 0x7a) PLAIN[c] = LOWER
  if (c <= 0x20 || c === 0x7f) PLAIN[c] = BLANK
}
/** Of the units from 0x80 on, read off the Unicode tables once. */
const WIDE = new Uint8Array(65_536)
const LETTER = /^[\p{L}\p{N}\p{M}]$/u
const SPACE = /^[\s\u0085]$/
for (let c = 0x80; c < 65_536; c++) {
  const text = String.fromCharCode(c)
  const surrogate = c >= 0xd800 && c <= 0xdfff
  WIDE[c] = SPACE.test(text) ? BLANK : !surrogate && LETTER.test(text) ? BEYOND : MARK
}

/** Whether a UTF-16 unit is part of a word. */
export function isWordUnit(unit: number): boolean {
  return ((unit < 128 ? PLAIN[unit] : WIDE[unit]) ?? MARK) < MARK
}

const OFFSET = 0x811c9dc5 | 0
const PRIME = 0x01000193

/** Lower case of one unit, as far as it is one unit: the same for a word's hash and for its units one by one. */
const FOLDED = new Uint16Array(65_536)
for (let c = 0; c < 65_536; c++) {
  const lower = c >= 0xd800 && c <= 0xdfff ? '' : String.fromCharCode(c).toLowerCase()
  FOLDED[c] = lower.length === 1 ? lower.charCodeAt(0) : c
}

/** The {@link Tokens.hash} of a word. */
export function hashOf(word: string): number {
  let hash = OFFSET
  for (let i = 0; i < word.length; i++) {
    const unit = word.charCodeAt(i)
    hash = Math.imul(hash ^ (FOLDED[unit] ?? unit), PRIME)
  }
  return hash
}

/** A {@link Tokens} of a text. Linear; some 5 ns a unit. */
export function tokensOf(text: string): Tokens {
  const most = text.length
  let start = new Int32Array(Math.min(most, 1024))
  let end = new Int32Array(start.length)
  let kind = new Uint8Array(start.length)
  let hashes = new Int32Array(start.length)
  let count = 0
  let i = 0
  let before = AFTER_BLANK | AFTER_BREAK
  while (i < most) {
    const unit = text.charCodeAt(i)
    const is = (unit < 128 ? PLAIN[unit] : WIDE[unit]) ?? MARK
    if (is === BLANK) {
      before |=
        unit === 10 || unit === 13 || unit === 0x2028 || unit === 0x2029 ? AFTER_BLANK | AFTER_BREAK : AFTER_BLANK
      i += 1
      continue
    }
    if (count === start.length) {
      const room = Math.min(most, count * 2)
      start = grown(start, new Int32Array(room))
      end = grown(end, new Int32Array(room))
      kind = grown(kind, new Uint8Array(room))
      hashes = grown(hashes, new Int32Array(room))
    }
    start[count] = i
    let bits = is
    if (is === MARK) {
      hashes[count] = unit
      i += 1
    } else {
      let hash = Math.imul(OFFSET ^ (FOLDED[unit] ?? unit), PRIME)
      i += 1
      while (i < most) {
        const next = text.charCodeAt(i)
        const bit = (next < 128 ? PLAIN[next] : WIDE[next]) ?? MARK
        if (bit >= MARK) break
        bits |= bit
        hash = Math.imul(hash ^ (FOLDED[next] ?? next), PRIME)
        i += 1
      }
      hashes[count] = hash
    }
    end[count] = i
    kind[count] = bits | before
    before = 0
    count += 1
  }
  return { count, start, end, kind, hash: hashes }
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
