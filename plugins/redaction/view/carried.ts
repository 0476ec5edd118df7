import { bytesOf, Reading, textOf } from './charset.ts'
import { escaped } from './escaped.ts'
import { hexOf } from './escapes.ts'
import type { Run } from './run.ts'

/** Shortest run, with its padding: `123-45-6789` has 16 in base64, ten digits have 20 in hexadecimal. */
const LEAST_BASE64 = 16
const LEAST_HEX = 20
/** Of a run without its padding: what is skipped at a time while there is none. */
const STRIDE = 14
/** Lines of base64 that go on in the next: narrower ones may be words. */
const NARROWEST = 20
const WIDEST = 1000
const INDENT = 16

const VALUE = new Int8Array(128).fill(-1)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let i = 0; i < 64; i++) VALUE[ALPHABET.charCodeAt(i)] = i
VALUE[0x2d] = 62
VALUE[0x5f] = 63

function sextet(unit: number): number {
  return unit < 128 ? (VALUE[unit] ?? -1) : -1
}

const EQUALS = 0x3d
const DOT = 0x2e

/** The runs of a text that decode to text: first packed ones, in order and apart, then escaped ones, which may hold packed ones. Linear: a run that is no text shows it within a few units. */
export function runsOf(text: string): readonly Run[] {
  const found: Run[] = []
  packed(text, found)
  if (text.includes('%') || text.includes('=')) escaped(text, found)
  return found
}

/** Longest runs of the base64 alphabet: looked for backwards from every {@link STRIDE}th unit, so that most units are never looked at. */
function packed(text: string, found: Run[]): void {
  const length = text.length
  let start = 0
  while (start + STRIDE <= length) {
    let i = start + STRIDE - 1
    while (i >= start && sextet(text.charCodeAt(i)) >= 0) i -= 1
    if (i >= start) {
      start = i + 1
      continue
    }
    let end = start + STRIDE
    while (end < length && sextet(text.charCodeAt(end)) >= 0) end += 1
    end = lines(text, start, end)
    let past = end
    while (past < end + 2 && text.charCodeAt(past) === EQUALS) past += 1
    if (!isToken(text, start, end)) candidate(text, start, end, past, found)
    start = Math.max(past, end)
  }
}

/** A part of a JSON web token is left to whoever looks for those. */
function isToken(text: string, start: number, end: number): boolean {
  return text.charCodeAt(start - 1) === DOT || (text.charCodeAt(end) === DOT && text.startsWith('eyJ', start))
}

/** Base64 is broken into lines of one width (76 or 64 in MIME), with an indent or not: where the line is full, the run goes on behind the break. */
function lines(text: string, start: number, first: number): number {
  const width = first - start
  if (width < NARROWEST || width > WIDEST || width % 4 !== 0) return first
  let end = first
  while (true) {
    const next = text.charCodeAt(end) === 13 ? end + 1 : end
    if (text.charCodeAt(next) !== 10) return end
    let from = next + 1
    while (from - next <= INDENT && (text.charCodeAt(from) === 0x20 || text.charCodeAt(from) === 9)) from += 1
    let i = from
    while (i - from < width && sextet(text.charCodeAt(i)) >= 0) i += 1
    if (i === from || sextet(text.charCodeAt(i)) >= 0) return end
    end = i
    if (i - from < width) return end
  }
}

function candidate(text: string, start: number, end: number, past: number, found: Run[]): void {
  const run = unhexed(text, start, end, true) ?? unpacked(text, start, end, past, true)
  if (run !== null) {
    found.push(run)
    return
  }
  // What stands in a path or behind a name: `/v1/aGVsbG8...`, `id-aGVsbG8...`.
  let from = start
  for (let i = start; i <= end; i++) {
    const unit = text.charCodeAt(i)
    const parts = unit === 0x2f || unit === 0x2d || unit === 0x5f || unit === 0x2b
    if (i < end && !parts) continue
    if (i - from >= STRIDE && !(from === start && i === end)) {
      const part = unhexed(text, from, i, false) ?? unpacked(text, from, i, i === end ? past : i, false)
      if (part !== null) found.push(part)
    }
    from = i + 1
  }
}

/** `any`: in any charset. A piece between slashes is too short to tell one from a key by, and must be UTF-8. */
function unhexed(text: string, start: number, end: number, any: boolean): Run | null {
  const from = text.charCodeAt(start) === 0x30 && (text.charCodeAt(start + 1) | 0x20) === 0x78 ? start + 2 : start
  const count = end - from
  if (count < LEAST_HEX || count % 2 !== 0) return null
  const bytes = new Uint8Array(count / 2)
  let upper = false
  const reading = new Reading()
  for (let i = from; i < end; i += 2) {
    const high = hexOf(text.charCodeAt(i))
    const low = hexOf(text.charCodeAt(i + 1))
    if (high < 0 || low < 0) return null
    upper ||=
      (text.charCodeAt(i + 1) >= 0x41 && text.charCodeAt(i + 1) <= 0x46) ||
      (text.charCodeAt(i) <= 0x46 && text.charCodeAt(i) >= 0x41)
    const byte = high * 16 + low
    if (!reading.takes(byte)) return null
    bytes[(i - from) / 2] = byte
  }
  const charset = reading.charset()
  if (charset === null || !(any || charset === 'utf-8')) return null
  const decoded = textOf(
    bytes,
    charset,
    (byte) => from + 2 * byte,
    (byte) => from + 2 * byte + 2,
  )
  const encode = (plain: string): string => {
    const digits = bytesOf(plain, charset).toString('hex')
    return upper ? digits.toUpperCase() : digits
  }
  return { kind: 'hex', start: from, end, decoded, encode }
}

function unpacked(text: string, start: number, end: number, past: number, any: boolean): Run | null {
  if (past - start < LEAST_BASE64) return null
  const bytes = new Uint8Array(Math.floor(((end - start) * 3) / 4))
  // Where each sextet stands, for a run of several lines only; otherwise they stand side by side.
  const places: number[] = []
  let count = 0
  let held = 0
  let bits = 0
  let sextets = 0
  let url = false
  let broken = false
  const reading = new Reading()
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i)
    const value = sextet(unit)
    if (value < 0) {
      if (!broken) for (let k = 0; k < sextets; k++) places.push(start + k)
      broken = true
      continue
    }
    if (broken) places.push(i)
    url ||= unit === 0x2d || unit === 0x5f
    held = ((held << 6) | value) & 0xffff
    bits += 6
    sextets += 1
    if (bits < 8) continue
    bits -= 8
    const byte = (held >> bits) & 0xff
    if (!reading.takes(byte)) return null
    bytes[count] = byte
    count += 1
  }
  const charset = reading.charset()
  if (sextets % 4 === 1 || charset === null || !(any || charset === 'utf-8')) return null
  const place = (k: number): number => (broken ? (places[k] ?? end) : start + k)
  const decoded = textOf(
    bytes.subarray(0, count),
    charset,
    (byte) => place(Math.floor((byte * 4) / 3)),
    (byte) => place(Math.ceil(((byte + 1) * 4) / 3) - 1) + 1,
  )
  const padded = past > end || (sextets % 4 === 0 && !url)
  const encode = (plain: string): string => {
    const packed = bytesOf(plain, charset).toString(url ? 'base64url' : 'base64')
    if (!padded) return packed.replace(/=+$/, '')
    return url ? packed.padEnd(Math.ceil(packed.length / 4) * 4, '=') : packed
  }
  return { kind: 'base64', start, end: past, decoded, encode }
}
