import { bigIntOf } from './number.ts'
import { type Builtin, BuiltinError, list, operand } from './operand.ts'
import { compare, get, isArray, isNumber, isObject, isSet, type RegoObject, type Value } from './value.ts'

type Path = readonly Value[]

function fail(what: string): BuiltinError {
  return new BuiltinError(`json.patch: ${what}`)
}

/** A path is a JSON pointer (with or without its leading slash) or a list of keys of any type. */
function pathOf(value: Value): Path {
  if (isArray(value)) return value
  if (typeof value !== 'string') throw fail('a path is a string or an array')
  if (value === '') return []
  const bare = value.replace(/^\/+/, '')
  return bare.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** An index of an array: a number, or digits without a leading zero; `-` is the place after the last. */
function indexOf(key: Value, length: number): number {
  if (typeof key === 'string') {
    if (key === '-') return length
    if (!/^(?:0|[1-9]\d*)$/.test(key)) throw fail('no index of an array')
    return Number(key)
  }
  const index = isNumber(key) ? bigIntOf(key) : null
  if (index === null) throw fail('no index of an array')
  return Number(index)
}

const equal = (a: Value, b: Value): boolean => compare(a, b) === 0

function withEntry(object: RegoObject, key: Value, value: Value): RegoObject {
  const present = object.entries.findIndex(([name]) => equal(name, key))
  if (present < 0) return { entries: [...object.entries, [key, value]] }
  return { entries: object.entries.with(present, [key, value]) }
}

const withMember = (members: readonly Value[], value: Value): Value => ({
  set: members.some((member) => equal(member, value)) ? members : [...members, value],
})

function child(value: Value, key: Value): Value {
  if (isObject(value)) {
    const found = get(value, key)
    if (found !== undefined) return found
  } else if (isSet(value)) {
    const found = value.set.find((member) => equal(member, key))
    if (found !== undefined) return found
  } else if (isArray(value)) {
    const found = value[indexOf(key, value.length)]
    if (found !== undefined) return found
  }
  throw fail('the path does not exist')
}

function read(value: Value, path: Path): Value {
  return path.reduce<Value>(child, value)
}

/** The value with the child at `key` changed by `change`. A changed member of a set leaves its old self behind no more. */
function edit(value: Value, key: Value, change: (child: Value) => Value): Value {
  const before = child(value, key)
  const after = change(before)
  if (isObject(value)) return withEntry(value, key, after)
  if (isSet(value)) {
    return withMember(
      value.set.filter((member) => !equal(member, before)),
      after,
    )
  }
  if (isArray(value)) return value.with(indexOf(key, value.length), after)
  throw fail('the path does not exist')
}

function add(value: Value, path: Path, added: Value): Value {
  const [key, ...rest] = path
  if (key === undefined) return added
  if (rest.length > 0) return edit(value, key, (inner) => add(inner, rest, added))
  if (isObject(value)) return withEntry(value, key, added)
  if (isSet(value)) {
    if (!equal(key, added)) throw fail('the key of a set is its member')
    return withMember(value.set, added)
  }
  if (!isArray(value)) throw fail('the path does not exist')
  const index = indexOf(key, value.length)
  if (index < 0 || index > value.length) throw fail('an index beyond the array')
  return value.toSpliced(index, 0, added)
}

function remove(value: Value, path: Path): Value {
  const [key, ...rest] = path
  if (key === undefined) throw fail('the whole document cannot be removed')
  if (rest.length > 0) return edit(value, key, (inner) => remove(inner, rest))
  const removed = child(value, key)
  if (isObject(value)) return { entries: value.entries.filter(([name]) => !equal(name, key)) }
  if (isSet(value)) return { set: value.set.filter((member) => !equal(member, removed)) }
  if (isArray(value)) return value.toSpliced(indexOf(key, value.length), 1)
  throw fail('the path does not exist')
}

function attribute(operation: RegoObject, name: string): Value {
  const value = get(operation, name)
  if (value === undefined) throw fail(`the attribute ${name} is missing`)
  return value
}

function apply(document: Value, operation: Value): Value {
  if (!isObject(operation)) throw fail('an operation is an object')
  const path = pathOf(attribute(operation, 'path'))
  const from = (): Path => pathOf(attribute(operation, 'from'))
  switch (attribute(operation, 'op')) {
    case 'add':
      return add(document, path, attribute(operation, 'value'))
    case 'remove':
      return remove(document, path)
    case 'replace':
      return add(path.length === 0 ? document : remove(document, path), path, attribute(operation, 'value'))
    case 'move': {
      const source = from()
      return add(source.length === 0 ? document : remove(document, source), path, read(document, source))
    }
    case 'copy':
      return add(document, path, read(document, from()))
    case 'test':
      if (!equal(read(document, path), attribute(operation, 'value'))) throw fail('the test does not hold')
      return document
    default:
      throw fail('an unknown operation')
  }
}

function size(value: Value): number {
  if (isArray(value)) return value.reduce<number>((sum, item) => sum + size(item), 1)
  if (isSet(value)) return size(value.set)
  return isObject(value) ? value.entries.reduce<number>((sum, [, item]) => sum + 1 + size(item), 1) : 1
}

export const PATCH: Readonly<Record<string, Builtin>> = {
  'json.patch': (args, { charge }) => {
    const operations = list(args, 1)
    // Each operation may copy a level of the document at every step of its path.
    charge(operations.length * (size(operand(args, 0)) + size(operations)))
    return operations.reduce<Value>(apply, operand(args, 0))
  },
}
