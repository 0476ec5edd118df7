import { cueOf, labelBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { DIGIT, isWordUnit, MARK } from '../tokens.ts'
import { HEX, isOf, NUMERAL, numeralsFrom } from './units.ts'

const DOT = 0x2e
const COLON = 0x3a
const VERSION = cueOf(
  'version',
  'ver',
  'v',
  'firmware',
  'release',
  'build',
  'versión',
  'versione',
  'versão',
  'versie',
  'section',
  'chapter',
  'oid',
  'assembly version',
  'file version',
)
const LABEL = cueOf(
  'ip',
  'ipv4',
  'ipv6',
  'address',
  'host',
  'server',
  'gateway',
  'dns',
  'dirección',
  'adresse',
  'indirizzo',
  'client',
)

/** IPv4 (dotted decimal) and IPv6 (RFC 4291 2.2, RFC 4007 zones). */
export const ip: Detector = {
  name: 'ip',
  finds: ['IP'],
  scan(reading, found) {
    const { count, hash, kind, start, end } = reading.tokens
    let past = 0
    for (let at = 0; at < count; at++) {
      const offset = start[at] ?? 0
      if (offset < past) continue
      const is = kind[at] ?? 0
      if ((is & MARK) !== 0) {
        if (hash[at] === COLON && reading.text.charCodeAt(offset + 1) === COLON) past = six(reading, at, offset, found)
      } else if ((is & DIGIT) !== 0 && (end[at] ?? 0) - offset <= 3 && reading.text.charCodeAt(end[at] ?? 0) === DOT) {
        past = four(reading, at, found)
      } else if (
        (end[at] ?? 0) - offset <= 4 &&
        reading.text.charCodeAt(end[at] ?? 0) === COLON &&
        isOf(reading.text, offset, HEX)
      ) {
        past = six(reading, at, offset, found)
      }
    }
  },
}

function four(reading: Reading, at: number, found: Span[]): number {
  const { text, tokens } = reading
  const start = tokens.start[at] ?? 0
  const end = quadEnd(text, start)
  if (end === 0) return 0
  const before = text.charCodeAt(start - 1)
  // A piece of something longer: five numbers with dots, a decimal behind it, a name.
  if (before === DOT && isOf(text, start - 2, NUMERAL)) return end
  if (text.charCodeAt(end) === DOT && isOf(text, end + 1, NUMERAL)) return end
  if (isWordUnit(text.charCodeAt(end)) || before === 0x2b) return end
  const version = before === 0x5f || (labelBefore(reading, at, VERSION) !== 0 && labelBefore(reading, at, LABEL) === 0)
  found.push({
    start,
    end: prefixEnd(text, end, 32),
    type: 'IP',
    score: version ? 0.3 : 1,
    rule: version ? 'ip/version' : 'ip/v4',
  })
  return end
}

/** End of four numbers of 0 to 255 with dots between, 0 if there are none. */
function quadEnd(text: string, at: number): number {
  let i = at
  for (let part = 0; part < 4; part++) {
    const read = numeralsFrom(text, i, 4)
    if (read.value < 0 || read.value > 255 || read.end - i > 3) return 0
    // `010` is 8 to some and 10 to others (RFC 6943 3.1.1), and most often no address.
    if (read.end - i > 1 && text.charCodeAt(i) === 48) return 0
    i = read.end
    if (part < 3) {
      if (text.charCodeAt(i) !== DOT) return 0
      i += 1
    }
  }
  return i
}

/** An address that a prefix length follows (`/24`) is the address with it. */
function prefixEnd(text: string, at: number, most: number): number {
  if (text.charCodeAt(at) !== 0x2f) return at
  const read = numeralsFrom(text, at + 1, 3)
  return read.value >= 0 && read.value <= most && !isOf(text, read.end, NUMERAL) && text.charCodeAt(read.end) !== 0x2f
    ? read.end
    : at
}

/** Reads the run of hexadecimals and colons once; the offset behind it. */
function six(reading: Reading, at: number, start: number, found: Span[]): number {
  const { text } = reading
  let end = start
  let colons = 0
  while (end < text.length && (isOf(text, end, HEX) || text.charCodeAt(end) === COLON)) {
    if (text.charCodeAt(end) === COLON) colons += 1
    end += 1
  }
  const run = end
  if (colons < 2) return start + 1
  let quad = false
  if (text.charCodeAt(end) === DOT) {
    let last = end
    while (last > start && text.charCodeAt(last - 1) !== COLON) last -= 1
    const ends = quadEnd(text, last)
    if (ends !== 0) {
      end = ends
      quad = true
    }
  }
  const before = text.charCodeAt(start - 1)
  if (start > 0 && (isWordUnit(before) || before === COLON)) return quad ? start + 1 : run
  while (text.charCodeAt(end - 1) === COLON && text.charCodeAt(end - 2) !== COLON) end -= 1
  if (isWordUnit(text.charCodeAt(end))) return run
  if (!quad && text.charCodeAt(end) === DOT && isOf(text, end + 1, NUMERAL)) return run
  const groups = groupsOf(text, start, end, quad)
  if (groups === 0) return quad ? start + 1 : run
  let numerals = false
  for (let i = start; i < end && !numerals; i++) numerals = isOf(text, i, NUMERAL)
  const sure = numerals || groups > 2 || labelBefore(reading, at, LABEL) !== 0
  let last = end
  if (text.charCodeAt(last) === 0x25) {
    let zone = last + 1
    while (zone - last < 17 && isWordUnit(text.charCodeAt(zone))) zone += 1
    if (zone > last + 1) last = zone
  }
  found.push({ start, end: prefixEnd(text, last, 128), type: 'IP', score: sure ? 1 : 0.3, rule: 'ip/v6' })
  return last
}

/** How many groups are written of a valid address, 0 if it is none. `quad`: the last part is an IPv4 address. */
function groupsOf(text: string, start: number, end: number, quad: boolean): number {
  let groups = 0
  let gap = false
  let i = start
  if (text.charCodeAt(i) === COLON) {
    if (text.charCodeAt(i + 1) !== COLON) return 0
    gap = true
    i += 2
  }
  while (i < end) {
    let next = i
    while (next < end && next - i <= 5 && text.charCodeAt(next) !== COLON && text.charCodeAt(next) !== DOT) next += 1
    if (quad && text.charCodeAt(next) === DOT) {
      groups += 2
      i = end
      break
    }
    if (next === i || next - i > 4) return 0
    groups += 1
    if (next >= end) break
    i = next + 1
    if (text.charCodeAt(i) === COLON) {
      if (gap) return 0
      gap = true
      i += 1
    } else if (i >= end) return 0
  }
  if (groups === 0) return 0
  return gap ? (groups <= 7 ? groups : 0) : groups === 8 ? groups : 0
}
