import { Making, type Mapped } from './mapped.ts'

/** How bytes say text: `mixed` is UTF-8 with bytes of windows-1252 in it. */
type Charset = 'utf-8' | 'mixed' | 'windows-1252' | 'utf-16le' | 'utf-16be'

/** Windows-1252 from 0x80 to 0x9f; above it is Latin-1. */
const UPPER = new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i))
const LOWER = new Map([...UPPER].map((letter, i) => [letter.charCodeAt(0), 0x80 + i]))

const points1252 = (byte: number): number => (byte >= 0x80 && byte < 0xa0 ? UPPER.charCodeAt(byte - 0x80) : byte)

/** What may be bad before it is seen how long the text is. */
const SLACK = 2

/**
 * Judges bytes one by one, so that what is no text shows it early. UTF-16 is known by its mark, or by the zeros of its letters; UTF-8 is valid with hardly any
 * controls; else no more than one byte in eight is no UTF-8, without controls: keys, pictures and packed data never are.
 */
export class Reading {
  #charset: 'utf-16le' | 'utf-16be' | null = null
  #marked = false
  #first = 0
  #count = 0
  #controls = 0
  #words = 0
  // UTF-8: what a sequence still needs, and what it has.
  #more = 0
  #had = 0
  #lowest = 0x80
  #highest = 0xbf
  #bad = 0
  #sequences = 0
  // UTF-16: the unit before was the first of a pair; units beyond Latin-1.
  #pair = false
  #beyond = 0

  takes(byte: number): boolean {
    this.#count += 1
    if (this.#count === 2) this.#begins(this.#first, byte)
    if (this.#charset !== null) {
      if (this.#count % 2 === 0)
        return this.#unit(this.#charset === 'utf-16le' ? byte * 256 + this.#first : this.#first * 256 + byte)
      this.#first = byte
      return true
    }
    this.#first = byte
    return this.#byte(byte) || this.#count === 1
  }

  /** The charset of all bytes so far; null where they are no text. */
  charset(): Charset | null {
    if (this.#count === 0) return null
    if (this.#charset !== null) {
      if (this.#count % 2 !== 0 || this.#pair || this.#count < 4) return null
      return this.#marked || this.#beyond * 16 <= this.#count ? this.#charset : null
    }
    const bad = this.#bad + (this.#more > 0 ? this.#had : 0)
    if (bad === 0) return this.#controls * 16 <= this.#count ? 'utf-8' : null
    if (bad * 8 > this.#count || this.#controls > 0 || this.#words * 2 < this.#count) return null
    return this.#sequences > 0 ? 'mixed' : 'windows-1252'
  }

  #begins(first: number, second: number): void {
    this.#marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
    if (this.#marked) this.#charset = first === 0xff ? 'utf-16le' : 'utf-16be'
    else if (second === 0 && first >= 0x20 && first !== 0x7f) this.#charset = 'utf-16le'
    else if (first === 0 && second >= 0x20 && second !== 0x7f) this.#charset = 'utf-16be'
    if (this.#charset !== null) this.#controls = 0
  }

  #unit(unit: number): boolean {
    const low = unit >= 0xdc00 && unit < 0xe000
    if (low !== this.#pair) return false
    this.#pair = unit >= 0xd800 && unit < 0xdc00
    if ((unit >= 0xe000 && unit < 0xf900) || (unit >= 0xfdd0 && unit < 0xfdf0) || unit >= 0xfffe) return false
    if (unit > 0xff && unit !== 0xfeff) this.#beyond += 1
    if (isControl(unit)) this.#controls += 1
    if (!this.#marked && this.#beyond * 16 > this.#count + 16) return false
    return this.#controls * 16 <= this.#count
  }

  #byte(byte: number): boolean {
    if (this.#more > 0) {
      if (byte >= this.#lowest && byte <= this.#highest) {
        this.#more -= 1
        this.#had += 1
        this.#lowest = 0x80
        this.#highest = 0xbf
        if (this.#more === 0) this.#sequences += 1
        return true
      }
      this.#bad += this.#had
      this.#more = 0
    }
    if (byte < 0x80) {
      if (isControl(byte)) this.#controls += 1
      else if (isOfWords(byte)) this.#words += 1
    } else if (byte < 0xc2 || byte > 0xf4) this.#bad += 1
    else {
      this.#had = 1
      this.#more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
      this.#lowest = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80
      this.#highest = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf
    }
    if (this.#bad > 0) return this.#controls === 0 && (this.#bad - SLACK) * 8 <= this.#count
    return this.#controls * 16 <= this.#count
  }
}

function isControl(unit: number): boolean {
  return (unit < 0x20 && (unit < 9 || unit > 13)) || unit === 0x7f
}

function isOfWords(byte: number): boolean {
  const lower = byte | 0x20
  return byte === 0x20 || (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x7a)
}

/** The text of bytes, and where each unit of it comes from: `from` and `to` place the beginning and the end of a byte. */
export function textOf(
  bytes: Uint8Array,
  charset: Charset,
  from: (byte: number) => number,
  to: (byte: number) => number,
): Mapped {
  const count = bytes.length
  const made = new Making(count)
  if (charset === 'utf-16le' || charset === 'utf-16be') {
    const low = charset === 'utf-16le' ? 0 : 1
    for (let i = 0; i + 1 < count; i += 2) {
      const unit = (bytes[i + low] ?? 0) + (bytes[i + 1 - low] ?? 0) * 256
      // Both halves of a pair have one place.
      const high = unit >= 0xd800 && unit < 0xdc00
      const second = unit >= 0xdc00 && unit < 0xe000
      made.push(unit, from(second ? i - 2 : i), to(high ? i + 3 : i + 1))
    }
    return made.done()
  }
  for (let i = 0; i < count; ) {
    const lead = bytes[i] ?? 0
    const more = charset === 'windows-1252' ? 0 : sequence(bytes, i)
    const start = from(i)
    const end = to(i + more)
    let point = more === 0 ? points1252(lead) : lead & (0x3f >> more)
    for (let k = 1; k <= more; k++) point = point * 64 + ((bytes[i + k] ?? 0) & 0x3f)
    if (point < 0x10000) made.push(point, start, end)
    else {
      made.push(0xd7c0 + (point >> 10), start, end)
      made.push(0xdc00 + (point & 0x3ff), start, end)
    }
    i += more + 1
  }
  return made.done()
}

/** How many bytes belong to the one at `at` in UTF-8; 0 where they are none. */
function sequence(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0xc2 || lead > 0xf4) return 0
  const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
  for (let k = 1; k <= more; k++) {
    const byte = bytes[at + k] ?? 0
    const lowest = k > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const highest = k > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (byte < lowest || byte > highest) return 0
  }
  return more
}

/** Text as bytes of the charset; `mixed` becomes UTF-8. What windows-1252 does not have becomes `?`. */
export function bytesOf(text: string, charset: Charset): Buffer {
  if (charset === 'utf-16le') return Buffer.from(text, 'utf16le')
  if (charset === 'utf-16be') return Buffer.from(text, 'utf16le').swap16()
  if (charset !== 'windows-1252') return Buffer.from(text, 'utf8')
  return Buffer.from(
    Array.from(text, (letter) => {
      const point = letter.codePointAt(0) ?? 0
      return point < 0x80 || (point >= 0xa0 && point < 0x100) ? point : (LOWER.get(point) ?? 0x3f)
    }),
  )
}
