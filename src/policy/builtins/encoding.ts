import { type Builtin, BuiltinError, object, text, textOfBytes } from './operand.ts'
import { compareStrings, isArray, isSet, sorted, type Value } from './value.ts'

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(byte)
    if (/[A-Za-z0-9\-_.~]/.test(char)) out += char
    else out += char === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** Go's url.QueryUnescape. */
function queryUnescape(text: string): string {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw new BuiltinError('an escape that is none')
  if (!/[%+]/.test(text)) return text
  const source = Buffer.from(text.replaceAll('+', ' '), 'utf8')
  const bytes: number[] = []
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at] ?? 0
    if (byte === 0x25) {
      bytes.push(Number.parseInt(source.toString('latin1', at + 1, at + 3), 16))
      at += 2
    } else bytes.push(byte)
  }
  return textOfBytes(Uint8Array.from(bytes))
}

function valuesOf(value: Value): readonly string[] {
  if (typeof value === 'string') return [value]
  const items = isArray(value) ? value : isSet(value) ? sorted(value.set) : null
  if (items === null) throw new BuiltinError('values must be strings, arrays or sets of strings')
  return items.map((item) => {
    if (typeof item !== 'string') throw new BuiltinError('values must be strings')
    return item
  })
}

function encodeObject(args: readonly Value[]): string {
  const pairs = object(args, 0).entries.map(([key, value]): [string, readonly string[]] => {
    if (typeof key !== 'string') throw new BuiltinError('keys must be strings')
    return [key, valuesOf(value)]
  })
  pairs.sort(([a], [b]) => compareStrings(a, b))
  return pairs.flatMap(([key, values]) => values.map((value) => `${queryEscape(key)}=${queryEscape(value)}`)).join('&')
}

/** Go's url.ParseQuery: a semicolon in a pair is an error. */
function decodeObject(query: string): Value {
  const found = new Map<string, string[]>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    if (pair.includes(';')) throw new BuiltinError('a semicolon in a query')
    const at = pair.indexOf('=')
    const key = queryUnescape(at < 0 ? pair : pair.slice(0, at))
    const value = queryUnescape(at < 0 ? '' : pair.slice(at + 1))
    const values = found.get(key)
    if (values === undefined) found.set(key, [value])
    else values.push(value)
  }
  return { entries: [...found] }
}

export const ENCODING: Readonly<Record<string, Builtin>> = {
  'hex.encode': (args) => Buffer.from(text(args, 0), 'utf8').toString('hex'),
  'hex.decode': (args) => {
    const digits = text(args, 0)
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw new BuiltinError('no hexadecimal')
    return textOfBytes(Buffer.from(digits, 'hex'))
  },
  'base64url.encode_no_pad': (args) => Buffer.from(text(args, 0), 'utf8').toString('base64url'),
  'urlquery.encode': (args) => queryEscape(text(args, 0)),
  'urlquery.decode': (args) => queryUnescape(text(args, 0)),
  'urlquery.encode_object': encodeObject,
  'urlquery.decode_object': (args) => decodeObject(text(args, 0)),
}
