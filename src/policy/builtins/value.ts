import { type Json, NumberLexeme } from '../../core/json.ts'
import { compareNumbers, lexemeOf, numberOf, type RegoNumber } from './number.ts'
import { quote } from './quote.ts'

/** A set; its members in no particular order. {@link sorted} gives OPA's. */
export type RegoSet = Readonly<{ set: readonly Value[] }>
/** An object; its keys may be of any type. */
export type RegoObject = Readonly<{ entries: readonly (readonly [Value, Value])[] }>
/** A Rego value as it crosses between the module and the host: nothing is lost that JSON would lose. */
export type Value = null | boolean | string | RegoNumber | readonly Value[] | RegoSet | RegoObject

export const isNumber = (value: Value): value is RegoNumber =>
  typeof value === 'number' || value instanceof NumberLexeme
export const isArray = (value: Value): value is readonly Value[] => Array.isArray(value)
export const isSet = (value: Value): value is RegoSet =>
  typeof value === 'object' && value !== null && !isArray(value) && 'set' in value
export const isObject = (value: Value): value is RegoObject =>
  typeof value === 'object' && value !== null && !isArray(value) && 'entries' in value

/** Reads what opa_value_dump writes: JSON with sets (`{1, 2}`, `set()`) and keys of any type. */
export function parseValue(text: string): Value {
  const reader = { text, at: 0 }
  const value = read(reader)
  if (reader.at !== text.length) throw new SyntaxError('a Rego value with something after it')
  return value
}

type Reader = { readonly text: string; at: number }

function read(reader: Reader): Value {
  const { text } = reader
  const start = reader.at
  switch (text[start]) {
    case '"':
      return readString(reader)
    case '[':
      reader.at += 1
      return readList(reader, ']')
    case '{':
      reader.at += 1
      return readBraces(reader)
    case 's':
      return readWord(reader, 'set()', { set: [] })
    case 't':
      return readWord(reader, 'true', true)
    case 'f':
      return readWord(reader, 'false', false)
    case 'n':
      return readWord(reader, 'null', null)
    default: {
      let end = start
      while (end < text.length && !', ]}:'.includes(text[end] ?? '')) end += 1
      if (end === start) throw new SyntaxError('a Rego value that is none')
      reader.at = end
      return numberOf(text.slice(start, end))
    }
  }
}

function readWord<T>(reader: Reader, word: string, value: T): T {
  if (!reader.text.startsWith(word, reader.at)) throw new SyntaxError('a Rego value that is none')
  reader.at += word.length
  return value
}

function readString(reader: Reader): string {
  const { text } = reader
  let end = reader.at + 1
  while (text[end] !== '"') {
    if (end >= text.length) throw new SyntaxError('a Rego string without an end')
    end += text[end] === '\\' ? 2 : 1
  }
  const value: unknown = JSON.parse(text.slice(reader.at, end + 1))
  reader.at = end + 1
  return String(value)
}

function separator(reader: Reader, close: string): boolean {
  if (reader.text[reader.at] === close) {
    reader.at += 1
    return false
  }
  if (!reader.text.startsWith(', ', reader.at)) throw new SyntaxError('a Rego collection without a separator')
  reader.at += 2
  return true
}

function readList(reader: Reader, close: string, first?: Value): Value[] {
  const items: Value[] = first === undefined ? [] : [first]
  if (first === undefined && reader.text[reader.at] === close) {
    reader.at += 1
    return items
  }
  let more = first === undefined || separator(reader, close)
  while (more) {
    items.push(read(reader))
    more = separator(reader, close)
  }
  return items
}

function readBraces(reader: Reader): RegoSet | RegoObject {
  if (reader.text[reader.at] === '}') {
    reader.at += 1
    return { entries: [] }
  }
  const first = read(reader)
  if (reader.text[reader.at] !== ':') return { set: readList(reader, '}', first) }
  const entries: [Value, Value][] = []
  let key = first
  for (;;) {
    readWord(reader, ': ', null)
    entries.push([key, read(reader)])
    if (!separator(reader, '}')) return { entries }
    key = read(reader)
  }
}

/** Writes a value so that opa_value_parse reads it back. */
export function formatValue(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (isNumber(value)) return lexemeOf(value)
  if (isArray(value)) return `[${value.map(formatValue).join(',')}]`
  if (isSet(value)) return value.set.length === 0 ? 'set()' : `{${value.set.map(formatValue).join(',')}}`
  return `{${value.entries.map(([key, item]) => `${formatValue(key)}:${formatValue(item)}`).join(',')}}`
}

/** The text that OPA gives a value in a message (ast.Value.String): sorted, strings quoted as Go quotes them. */
export function display(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quote(value)
  if (isNumber(value)) return lexemeOf(value)
  if (isArray(value)) return `[${value.map(display).join(', ')}]`
  if (isSet(value)) return value.set.length === 0 ? 'set()' : `{${sorted(value.set).map(display).join(', ')}}`
  const entries = [...value.entries].sort(([a], [b]) => compare(a, b))
  return `{${entries.map(([key, item]) => `${display(key)}: ${display(item)}`).join(', ')}}`
}

export const sorted = (values: readonly Value[]): Value[] => [...values].sort(compare)

function rank(value: Value): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (isNumber(value)) return 2
  if (typeof value === 'string') return 3
  if (isArray(value)) return 4
  return isObject(value) ? 5 : 6
}

/** By code points, which is the order of the bytes in UTF-8 and Go's. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    // A surrogate stands for a code point above all others of the basic plane.
    if (x !== y) return (x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x) - (y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y)
  }
  return a.length - b.length
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (const [index, x] of a.entries()) {
    const y = b[index]
    if (y === undefined) return 1
    const order = compare(x, y)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** OPA's total order of values (ast.Compare): null, booleans, numbers, strings, arrays, objects, sets. */
export function compare(a: Value, b: Value): number {
  const order = rank(a) - rank(b)
  if (order !== 0) return order
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b)
  if (isArray(a) && isArray(b)) return compareLists(a, b)
  if (isSet(a) && isSet(b)) return compareLists(sorted(a.set), sorted(b.set))
  if (isObject(a) && isObject(b)) return compareObjects(a, b)
  return 0
}

/** Key by key in sorted order, each with its value. */
function compareObjects(a: RegoObject, b: RegoObject): number {
  const byKey = (x: readonly [Value, Value], y: readonly [Value, Value]): number => compare(x[0], y[0])
  const left = [...a.entries].sort(byKey)
  const right = [...b.entries].sort(byKey)
  for (const [index, x] of left.entries()) {
    const y = right[index]
    if (y === undefined) return 1
    const order = compare(x[0], y[0]) || compare(x[1], y[1])
    if (order !== 0) return order
  }
  return left.length - right.length
}

export function get(object: RegoObject, key: Value): Value | undefined {
  return object.entries.find(([name]) => compare(name, key) === 0)?.[1]
}

/** A Rego value of plain data. Numbers are exact only as far as JavaScript's are. */
export function valueOfJson(json: Json): Value {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(valueOfJson)
  return { entries: Object.entries(json).map(([key, item]): [Value, Value] => [key, valueOfJson(item)]) }
}
