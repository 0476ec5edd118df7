import { isAscii } from 'node:buffer'
import { type Cursor, exceed, fail, goTo, PATHS } from './cursor.ts'
import { CustomhouseError, type ErrorCode } from './errors.ts'
import { type JsonTree, NumberLexeme, type TreeObject } from './json.ts'
import { JSON_NUMBER, rememberBytes } from './tree.ts'

export type ParseLimits = Readonly<{
  /** Deepest nesting of arrays and objects; 128 if not given. */
  depth?: number
  /** Most values of all kinds, so that a small body cannot become a large tree; 100,000 if not given. */
  values?: number
  /** Code to throw: ERR_CALL_MALFORMED (for what is only too much ERR_CALL_TOO_LARGE) if not given; ERR_PROVIDER_MALFORMED for an answer. */
  code?: ErrorCode
  /** What the bytes are, for the message: `the body` if not given. */
  what?: string
}>

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON text (RFC 8259) and loses nothing of it: see {@link JsonTree}. Refuses what parsers are known to read in different
 * ways, since two readings of one body are a way round an inspector: bytes that are not UTF-8, a byte order mark, a member name
 * twice in one object (compared after unescaping), anything after the value. Refuses what is too much: nesting and values beyond the
 * limits, a value under member names and indices of more than 1,024 UTF-16 units together, and more than 16 million such units (64 a value,
 * where more values are allowed) over all values. Escapes of lone surrogates stay in the string as they are.
 *
 * Throws a CustomhouseError of `limits.code`; its detail holds `offset` (bytes), `line` and `column` (from 1, UTF-16 units), its
 * message the JSON pointer as well. Member names of more than 40 characters or with anything but letters, `_` and `-` are shown as
 * `*` there: messages are logged, and a name can hold anything.
 */
export function parseTree(bytes: Uint8Array, limits: ParseLimits = {}): JsonTree {
  const code = limits.code ?? 'ERR_CALL_MALFORMED'
  const what = limits.what ?? 'the body'
  const most = limits.values ?? 100_000
  const cursor: Cursor = {
    text: decodeText(bytes, code, what),
    bytes,
    depth: limits.depth ?? 128,
    code,
    what,
    tooMuch: limits.code ?? 'ERR_CALL_TOO_LARGE',
    most,
    values: 0,
    along: 0,
    paths: Math.max(PATHS, 64 * most),
    at: 0,
    plain: true,
    path: [],
    level: 0,
  }
  if (cursor.text.charCodeAt(0) === 0xfeff) fail(cursor, 'a byte order mark, which JSON does not allow', 0)
  space(cursor)
  const tree = value(cursor)
  space(cursor)
  if (cursor.at < cursor.text.length) fail(cursor, 'something after the JSON value')
  if (cursor.plain && tree instanceof Map) rememberBytes(tree, bytes)
  return tree
}

function decodeText(bytes: Uint8Array, code: ErrorCode, what: string): string {
  // Node decodes ASCII as Latin-1 about three times as fast as through TextDecoder.
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  try {
    return DECODER.decode(bytes)
  } catch (cause) {
    const offset = firstBadByte(bytes)
    throw new CustomhouseError(code, `${what} is not UTF-8 at byte ${offset}; send JSON in UTF-8`, {
      cause,
      detail: { offset },
    })
  }
}

/** Where a lenient decoder begins to write something else than it read. */
function firstBadByte(bytes: Uint8Array): number {
  const lenient = Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  let at = 0
  while (at < bytes.length && bytes[at] === lenient[at]) at++
  return at
}

function space(cursor: Cursor): void {
  const { text } = cursor
  let at = cursor.at
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) at++
    else break
  }
  if (at === cursor.at) return
  cursor.at = at
  cursor.plain = false
}

function value(cursor: Cursor): JsonTree {
  if (++cursor.values > cursor.most) exceed(cursor, `more than ${cursor.most} JSON values; send fewer at a time`)
  cursor.paths -= cursor.along
  if (cursor.paths < 0)
    exceed(cursor, 'too many values under long member names; shorten the names, or send less at a time')
  const c = cursor.text.charCodeAt(cursor.at)
  if (c === 0x22) return string(cursor)
  if (c === 0x7b) return object(cursor)
  if (c === 0x5b) return array(cursor)
  if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return number(cursor)
  if (c === 0x74) return word(cursor, 'true', true)
  if (c === 0x66) return word(cursor, 'false', false)
  if (c === 0x6e) return word(cursor, 'null', null)
  return fail(cursor, Number.isNaN(c) ? 'the end where a value should be' : 'something that is no JSON value')
}

function word<T extends JsonTree>(cursor: Cursor, lexeme: string, meaning: T): T {
  if (!cursor.text.startsWith(lexeme, cursor.at)) return fail(cursor, 'something that is no JSON value')
  cursor.at += lexeme.length
  return meaning
}

function enter(cursor: Cursor): void {
  if (cursor.level >= cursor.depth) fail(cursor, `more than ${cursor.depth} levels of nesting`)
  cursor.level++
  cursor.at++
}

function object(cursor: Cursor): TreeObject {
  enter(cursor)
  const { text, path } = cursor
  const members: TreeObject = new Map()
  const slot = cursor.level - 1
  const base = cursor.along
  path[slot] = ''
  space(cursor)
  if (text.charCodeAt(cursor.at) === 0x7d) {
    cursor.at++
    cursor.level--
    return members
  }
  for (;;) {
    if (text.charCodeAt(cursor.at) !== 0x22) fail(cursor, 'no member name in double quotes where one should be')
    const start = cursor.at
    const name = string(cursor)
    path[slot] = name
    goTo(cursor, base, name.length)
    if (members.has(name)) fail(cursor, 'a member name that came before in the same object', start)
    space(cursor)
    if (text.charCodeAt(cursor.at) !== 0x3a) fail(cursor, 'no colon after a member name')
    cursor.at++
    space(cursor)
    members.set(name, value(cursor))
    space(cursor)
    const c = text.charCodeAt(cursor.at)
    if (c === 0x2c) {
      cursor.at++
      space(cursor)
    } else if (c === 0x7d) {
      cursor.at++
      cursor.level--
      cursor.along = base
      return members
    } else fail(cursor, 'neither a comma nor the end of the object')
  }
}

function array(cursor: Cursor): JsonTree[] {
  enter(cursor)
  const { text, path } = cursor
  const items: JsonTree[] = []
  const slot = cursor.level - 1
  const base = cursor.along
  let digits = 1
  let ten = 10
  path[slot] = 0
  space(cursor)
  if (text.charCodeAt(cursor.at) === 0x5d) {
    cursor.at++
    cursor.level--
    return items
  }
  for (;;) {
    if (items.length === ten) {
      digits++
      ten *= 10
    }
    path[slot] = items.length
    goTo(cursor, base, digits)
    items.push(value(cursor))
    space(cursor)
    const c = text.charCodeAt(cursor.at)
    if (c === 0x2c) {
      cursor.at++
      space(cursor)
    } else if (c === 0x5d) {
      cursor.at++
      cursor.level--
      cursor.along = base
      return items
    } else fail(cursor, 'neither a comma nor the end of the array')
  }
}

/** A number stays a `number` only where JavaScript writes it back as it came; see {@link NumberLexeme}. */
function number(cursor: Cursor): number | NumberLexeme {
  const { text } = cursor
  const start = cursor.at
  let at = start
  let c = text.charCodeAt(at)
  while (isNumberPart(c)) c = text.charCodeAt(++at)
  const lexeme = text.slice(start, at)
  if (!JSON_NUMBER.test(lexeme)) fail(cursor, 'something that is no JSON number')
  cursor.at = at
  const n = Number(lexeme)
  return String(n) === lexeme ? n : new NumberLexeme(lexeme)
}

function isNumberPart(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x2d || c === 0x2b || c === 0x65 || c === 0x45
}

function string(cursor: Cursor): string {
  const { text } = cursor
  const start = cursor.at + 1
  let at = start
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === 0x22) {
      cursor.at = at + 1
      return text.slice(start, at)
    }
    if (c === 0x5c) return escaped(cursor, start, at)
    if (!(c >= 0x20))
      return fail(cursor, at < text.length ? 'a control character in a string' : 'the end in a string', at)
    at++
  }
}

function escaped(cursor: Cursor, start: number, first: number): string {
  const { text } = cursor
  let out = text.slice(start, first)
  let at = first
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === 0x22) {
      cursor.at = at + 1
      if (cursor.plain && JSON.stringify(out) !== text.slice(start - 1, at + 1)) cursor.plain = false
      return out
    }
    if (c === 0x5c) {
      const e = text.charCodeAt(at + 1)
      if (e === 0x75) {
        const digits = text.slice(at + 2, at + 6)
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail(cursor, 'an unfinished \\u escape', at)
        out += String.fromCharCode(Number.parseInt(digits, 16))
        at += 6
      } else {
        const meaning = ESCAPES.get(e)
        if (meaning === undefined) return fail(cursor, 'an escape that JSON does not know', at)
        out += meaning
        at += 2
      }
    } else if (c >= 0x20) {
      const from = at
      for (let d = c; d >= 0x20 && d !== 0x22 && d !== 0x5c; d = text.charCodeAt(at)) at++
      out += text.slice(from, at)
    } else fail(cursor, at < text.length ? 'a control character in a string' : 'the end in a string', at)
  }
}

const ESCAPES: ReadonlyMap<number, string> = new Map(
  ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map((pair) => [pair.charCodeAt(0), pair.slice(1)]),
)
