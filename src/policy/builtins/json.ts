import { numberOf } from './number.ts'
import { BuiltinError } from './operand.ts'
import type { Value } from './value.ts'

type Reader = { readonly text: string; at: number }

/** JSON text to a Rego value, numbers exact, the last of two members of one name kept, as Go's decoder does. */
export function parseJson(text: string): Value {
  try {
    // The grammar is JSON.parse's; what follows only reads what is known to be well-formed.
    JSON.parse(text)
  } catch (error) {
    throw new BuiltinError('no JSON', { cause: error })
  }
  return read({ text, at: 0 })
}

function space(reader: Reader): string {
  while (' \t\n\r'.includes(reader.text[reader.at] ?? 'x')) reader.at += 1
  return reader.text[reader.at] ?? ''
}

function token(reader: Reader, shape: RegExp): string {
  shape.lastIndex = reader.at
  const [found = ''] = shape.exec(reader.text) ?? []
  reader.at += found.length
  return found
}

function readString(reader: Reader): string {
  return String(JSON.parse(token(reader, /"(?:[^"\\]|\\.)*"/y)))
}

function read(reader: Reader): Value {
  const char = space(reader)
  if (char === '"') return readString(reader)
  if (char === '[') return readArray(reader)
  if (char === '{') return readObject(reader)
  const word = token(reader, /[^\s,\]}]+/y)
  if (word === 'true' || word === 'false') return word === 'true'
  return word === 'null' ? null : numberOf(word)
}

function readArray(reader: Reader): Value {
  const items: Value[] = []
  reader.at += 1
  while (space(reader) !== ']') {
    if (items.length > 0) reader.at += 1
    items.push(read(reader))
  }
  reader.at += 1
  return items
}

function readObject(reader: Reader): Value {
  const members = new Map<string, Value>()
  reader.at += 1
  for (let first = true; space(reader) !== '}'; first = false) {
    if (!first) reader.at += 1
    space(reader)
    const key = readString(reader)
    space(reader)
    reader.at += 1
    members.set(key, read(reader))
  }
  reader.at += 1
  return { entries: [...members] }
}
