import { isUtf8 } from 'node:buffer'

/** Deeper bodies are not read: they name nothing. */
const DEPTH = 128

type Cursor = { readonly bytes: Uint8Array; at: number }

/**
 * Members of the outermost object of a JSON text, read from its bytes without making a tree of it: of each of `wanted` its text, null for JSON's null or where it is
 * no string, absent where it is not there. Null where two readers could find another answer: what is no JSON object (RFC 8259), no UTF-8 or begins with a byte order
 * mark, a wanted member that stands twice, or in other capitals, which some servers do not tell apart.
 */
export function membersIn(bytes: Uint8Array, wanted: readonly string[]): ReadonlyMap<string, string | null> | null {
  if (!isUtf8(bytes)) return null
  const cursor = { bytes, at: 0 }
  const found = new Map<string, string | null>()
  space(cursor)
  if (bytes[cursor.at] !== 0x7b) return null
  cursor.at++
  space(cursor)
  if (bytes[cursor.at] === 0x7d) cursor.at++
  else {
    for (;;) {
      const start = cursor.at
      if (!string(cursor)) return null
      const name = wantedName(bytes, start, cursor.at, wanted)
      if (name === 'unclear') return null
      space(cursor)
      if (bytes[cursor.at++] !== 0x3a) return null
      space(cursor)
      const from = cursor.at
      if (!value(cursor, 1)) return null
      if (name !== null) {
        if (found.has(name)) return null
        found.set(name, bytes[from] === 0x22 ? textOf(bytes, from, cursor.at) : null)
      }
      space(cursor)
      const next = bytes[cursor.at++]
      if (next === 0x7d) break
      if (next !== 0x2c) return null
      space(cursor)
    }
  }
  space(cursor)
  return cursor.at === bytes.length ? found : null
}

/** The wanted name that a member has, null for another one. */
function wantedName(bytes: Uint8Array, from: number, to: number, wanted: readonly string[]): string | null | 'unclear' {
  // Escapes only ever make a name longer.
  if (wanted.every(({ length }) => to - from - 2 < length)) return null
  const name = textOf(bytes, from, to)
  const folded = name.toLowerCase()
  const meant = wanted.find((one) => one === folded)
  return meant === undefined ? null : meant === name ? name : 'unclear'
}

/** A string that was found to be one, without its quotes and escapes. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  const text: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8'))
  return typeof text === 'string' ? text : ''
}

function space(cursor: Cursor): void {
  const { bytes } = cursor
  for (;;) {
    const c = bytes[cursor.at]
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return
    cursor.at++
  }
}

/** Passes over a value; false where there is none. */
function value(cursor: Cursor, level: number): boolean {
  const { bytes } = cursor
  const c = bytes[cursor.at]
  if (c === 0x22) return string(cursor)
  if (c === 0x7b || c === 0x5b) return level < DEPTH && nested(cursor, c === 0x7b, level + 1)
  if (c === 0x74) return word(cursor, 'true')
  if (c === 0x66) return word(cursor, 'false')
  if (c === 0x6e) return word(cursor, 'null')
  return number(cursor)
}

function nested(cursor: Cursor, isObject: boolean, level: number): boolean {
  const { bytes } = cursor
  const end = isObject ? 0x7d : 0x5d
  cursor.at++
  space(cursor)
  if (bytes[cursor.at] === end) {
    cursor.at++
    return true
  }
  for (;;) {
    if (isObject) {
      if (!string(cursor)) return false
      space(cursor)
      if (bytes[cursor.at++] !== 0x3a) return false
      space(cursor)
    }
    if (!value(cursor, level)) return false
    space(cursor)
    const next = bytes[cursor.at++]
    if (next === end) return true
    if (next !== 0x2c) return false
    space(cursor)
  }
}

function string(cursor: Cursor): boolean {
  const { bytes } = cursor
  if (bytes[cursor.at] !== 0x22) return false
  let at = cursor.at + 1
  for (;;) {
    const c = bytes[at++]
    if (c === undefined || c < 0x20) return false
    if (c === 0x22) break
    if (c !== 0x5c) continue
    const e = bytes[at++]
    if (e === 0x75) {
      for (const last = at + 4; at < last; at++) if (!isHex(bytes[at])) return false
    } else if (e === undefined || !ESCAPES.has(e)) return false
  }
  cursor.at = at
  return true
}

const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))

function isHex(c: number | undefined): boolean {
  return c !== undefined && (isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66))
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39
}

function word(cursor: Cursor, text: string): boolean {
  for (let index = 0; index < text.length; index++)
    if (cursor.bytes[cursor.at + index] !== text.charCodeAt(index)) return false
  cursor.at += text.length
  return true
}

function number(cursor: Cursor): boolean {
  const { bytes } = cursor
  if (bytes[cursor.at] === 0x2d) cursor.at++
  if (bytes[cursor.at] === 0x30) cursor.at++
  else if (!digits(cursor)) return false
  if (bytes[cursor.at] === 0x2e) {
    cursor.at++
    if (!digits(cursor)) return false
  }
  const c = bytes[cursor.at]
  if (c !== 0x65 && c !== 0x45) return true
  cursor.at++
  const sign = bytes[cursor.at]
  if (sign === 0x2b || sign === 0x2d) cursor.at++
  return digits(cursor)
}

function digits(cursor: Cursor): boolean {
  const start = cursor.at
  while (isDigit(cursor.bytes[cursor.at])) cursor.at++
  return cursor.at > start
}
