import { namedEntity } from './entities.ts'
import { Making, type Mapped } from './mapped.ts'

const AMPERSAND = 0x26
const PERCENT = 0x25
const BACKSLASH = 0x5c
const EQUALS = 0x3d
const QUOTE = 0x22
const COLON = 0x3a
const LF = 10
const CR = 13
/** Longest name of a reference that is looked for. */
const LONGEST_NAME = 20

/** Value of a hexadecimal digit, -1 for any other unit. */
export function hexOf(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const lower = unit | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The byte that the two digits at `at` write, or -1. */
export function byteAt(text: string, at: number): number {
  const high = hexOf(text.charCodeAt(at))
  const low = hexOf(text.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** What was read of an escape: its code point, -1 where it is none, and how long it is. One object for all readings: they are read at once. */
const read = { point: -1, length: 0 }

function none(): void {
  read.point = -1
}

/** Reads the character that bytes of the form `%HH` or `=HH` write from `at` on: ASCII, or a whole valid UTF-8 sequence. */
export function readBytes(text: string, at: number, sign: number): Readonly<{ point: number; length: number }> {
  none()
  const lead = byteAt(text, at + 1)
  if (lead < 0) return read
  const more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
  if (more < 0) return read
  let point = more === 0 ? lead : lead & (0x3f >> more)
  for (let k = 1; k <= more; k++) {
    if (text.charCodeAt(at + 3 * k) !== sign) return read
    const byte = byteAt(text, at + 3 * k + 1)
    if (byte < 0x80 || byte > 0xbf) return read
    point = point * 64 + (byte & 0x3f)
  }
  if ((more === 2 && point < 0x800) || (more === 3 && (point < 0x10000 || point > 0x10ffff))) return read
  if (point >= 0xd800 && point <= 0xdfff) return read
  read.point = point
  read.length = 3 * (more + 1)
  return read
}

function isNameUnit(unit: number): boolean {
  const lower = unit | 0x20
  return (lower >= 0x61 && lower <= 0x7a) || (unit >= 0x30 && unit <= 0x39)
}

/** `&amp;`, `&#52;`, `&#x34;`; numeric ones also without the semicolon, as browsers read them. */
function readReference(text: string, at: number): void {
  none()
  let i = at + 1
  if (text.charCodeAt(i) !== 0x23) {
    let end = i
    while (end - i <= LONGEST_NAME && isNameUnit(text.charCodeAt(end))) end += 1
    if (text.charCodeAt(end) !== 0x3b) return
    const point = namedEntity(text.slice(i, end))
    if (point === undefined) return
    read.point = point
    read.length = end + 1 - at
    return
  }
  i += 1
  const hex = (text.charCodeAt(i) | 0x20) === 0x78
  if (hex) i += 1
  const first = i
  let point = 0
  for (; i - first < 8; i++) {
    const digit = hexOf(text.charCodeAt(i))
    if (digit < 0 || (!hex && digit > 9)) break
    point = point * (hex ? 16 : 10) + digit
  }
  if (i === first || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return
  read.point = point
  read.length = i + (text.charCodeAt(i) === 0x3b ? 1 : 0) - at
}

/** What follows the backslash at `at`: `uXXXX`, `u{X}`, `xXX`, and the letters of JSON. `length` counts the backslash. */
function readBackslash(text: string, at: number): void {
  none()
  const kind = text.charCodeAt(at + 1)
  if (kind === 0x75) {
    if (text.charCodeAt(at + 2) === 0x7b) {
      let point = 0
      let i = at + 3
      for (; i < at + 9; i++) {
        const digit = hexOf(text.charCodeAt(i))
        if (digit < 0) break
        point = point * 16 + digit
      }
      if (i === at + 3 || text.charCodeAt(i) !== 0x7d || point > 0x10ffff) return
      read.point = point
      read.length = i + 1 - at
      return
    }
    const high = byteAt(text, at + 2)
    const low = byteAt(text, at + 4)
    if (high < 0 || low < 0) return
    read.point = high * 256 + low
    read.length = 6
    return
  }
  if (kind === 0x78) {
    const byte = byteAt(text, at + 2)
    if (byte < 0) return
    read.point = byte
    read.length = 4
    return
  }
  read.length = 2
  if (kind === QUOTE || kind === 0x2f) read.point = kind
  else if (kind === 0x6e) read.point = 10
  else if (kind === 0x74) read.point = 9
  else if (kind === 0x72) read.point = 13
}

/** One level of JSON escapes taken off, in the strings of a JSON text; null where it has none. */
export function unescapedJson(text: string): Mapped | null {
  if (!text.includes('\\')) return null
  const made = new Making(text.length)
  for (let i = 0; i < text.length; ) {
    const unit = text.charCodeAt(i)
    if (unit !== BACKSLASH) {
      made.push(unit, i, i + 1)
      i += 1
      continue
    }
    readBackslash(text, i)
    const next = text.charCodeAt(i + 1)
    let point = read.point
    let length = read.length
    if (next === BACKSLASH) [point, length] = [BACKSLASH, 2]
    else if (next === 0x62 || next === 0x66) [point, length] = [32, 2]
    if (point < 0) [point, length] = [unit, 1]
    put(made, point, i, i + length)
    i += length
  }
  return made.done()
}

function put(made: Making, point: number, from: number, to: number): void {
  if (point < 0x10000) {
    made.push(point, from, to)
    return
  }
  made.push(0xd7c0 + (point >> 10), from, to)
  made.push(0xdc00 + (point & 0x3ff), from, to)
}

/** Signs that a text is quoted-printable: soft line breaks, its name, an equals sign or a letter beyond ASCII written so. */
const QUOTED =
  /[^\s=]=\r?\n|quoted-printable|=3D|=[C-F][0-9A-F]=[89AB][0-9A-F]|=[2-7][0-9A-F]=[2-7][0-9A-F]=[2-7][0-9A-F]/

/** What has no blank in it is a web address: a blank that is written `%20` there does not end it. */
const ADDRESS = /:\/\/|^www\./i

/**
 * One level of the escapes that plain text carries taken off: `\u0041` and the like however often escaped, references of HTML, `%41` but for a blank in a web
 * address (which must not fall apart), quoted-printable where the text looks it. Null where it has none. Linear.
 */
export function unescaped(text: string): Mapped | null {
  const backslashes = text.includes('\\')
  const references = text.includes('&')
  const percents = text.includes('%')
  const quoted = text.includes('=') && QUOTED.test(text)
  if (!backslashes && !references && !percents && !quoted) return null
  const made = new Making(text.length)
  let changed = false
  // A path of Windows keeps its backslashes: `C:\new` has no line break in it.
  let path = false
  // Where what has no blank in it began, and how it was judged last.
  let word = 0
  let judged = -1
  let address = false
  const length = text.length
  for (let i = 0; i < length; ) {
    const unit = text.charCodeAt(i)
    let point = -1
    let long = 1
    if (unit === BACKSLASH && backslashes) {
      let run = 1
      while (text.charCodeAt(i + run) === BACKSLASH) run += 1
      if (isPath(text, i, run)) path = true
      readBackslash(text, i + run - 1)
      point = path && read.length === 2 ? -1 : read.point
      long = point < 0 ? run : run - 1 + read.length
    } else if (unit === AMPERSAND && references) {
      readReference(text, i)
      point = read.point
    } else if (unit === PERCENT && percents) {
      readBytes(text, i, PERCENT)
      point = read.point
      if (point >= 0 && point <= 0x20) {
        if (judged !== word) address = ADDRESS.test(text.slice(word, i))
        judged = word
        if (address) point = -1
      }
    } else if (unit === EQUALS && quoted) {
      readBytes(text, i, EQUALS)
      point = read.point
      const next = text.charCodeAt(i + 1)
      const soft = next === LF ? 2 : next === CR && text.charCodeAt(i + 2) === LF ? 3 : 0
      if (soft > 0 && i > 0) {
        made.extend(i + soft)
        changed = true
        i += soft
        continue
      }
    } else if (unit <= 0x20 || unit === QUOTE) {
      path = false
      word = i + 1
    }
    if (point >= 0) {
      if (unit !== BACKSLASH) long = read.length
      put(made, point, i, i + long)
      changed = true
    } else for (let k = 0; k < long; k++) made.push(unit, i + k, i + k + 1)
    i += long
  }
  return changed ? made.done() : null
}

/** `C:\` or `\\server`: a path begins. */
function isPath(text: string, at: number, run: number): boolean {
  if (text.charCodeAt(at - 1) === COLON) {
    const drive = text.charCodeAt(at - 2) | 0x20
    return drive >= 0x61 && drive <= 0x7a && (at < 3 || !(text.charCodeAt(at - 3) > 0x2f))
  }
  return run === 2 && (at === 0 || text.charCodeAt(at - 1) <= 0x20)
}
