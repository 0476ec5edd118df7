import { CustomhouseError } from './errors.ts'
import { freeze } from './frozen.ts'
import type { Json } from './json.ts'

/** Deeper values are refused: what we record is flat, and a hostile file must not exhaust the stack of its verifier. */
export const CANONICAL_MAX_DEPTH = 128

/**
 * The canonical form of a value: RFC 8785 (JCS). Members are sorted by UTF-16 code units (3.2.3), numbers are written as ECMAScript
 * writes them (3.2.2.3), strings as JSON.stringify does (3.2.2.2). What has no canonical form is refused with
 * ERR_GATEWAY_INTERNAL, never mended: numbers that are not finite, lone surrogates, `undefined`, and whatever JSON does not know.
 */
export function canonical(value: Json): string {
  return write(value, 0)
}

const CONSTANTS = new WeakMap<object, string>()

/** Freezes plain data to its leaves and keeps its canonical form: for what stands in one record after the other. */
export function constant<T extends Json & object>(value: T): T {
  freeze(value)
  CONSTANTS.set(value, canonical(value))
  return value
}

function write(value: Json, depth: number): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value)
    case 'number':
      if (!Number.isFinite(value)) throw refused('a number that is not finite')
      return String(value === 0 ? 0 : value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return CONSTANTS.get(value) ?? writeNested(value, depth)
    default:
      throw refused(`a value of type ${typeof value}`)
  }
}

function writeNested(value: object, depth: number): string {
  if (depth >= CANONICAL_MAX_DEPTH) throw refused(`a value nested deeper than ${CANONICAL_MAX_DEPTH}`)
  return isArray(value)
    ? writeArray(value, depth + 1)
    : writeObject(value as { readonly [key: string]: Json }, depth + 1)
}

/** ASCII that needs no escape: nearly every string of ours, and twice as fast to test for as to serialise. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A string as JCS writes it (RFC 8785 3.2.2.2). */
export function canonicalString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw refused('a string with a lone surrogate')
  return JSON.stringify(value)
}

function writeArray(items: readonly Json[], depth: number): string {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (item === undefined) throw refused('an array with a hole')
    text += i === 0 ? write(item, depth) : `,${write(item, depth)}`
  }
  return `${text}]`
}

function writeObject(members: { readonly [key: string]: Json }, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(members)
  if (prototype !== Object.prototype && prototype !== null) throw refused('an object that is not plain data')
  const names = Object.keys(members)
  if (!sorted(names)) names.sort()
  let text = '{'
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    const value = members[name]
    if (value === undefined) throw refused('a member that is undefined')
    text += `${i === 0 ? '' : ','}${canonicalString(name)}:${write(value, depth)}`
  }
  return `${text}}`
}

function sorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] ?? '') > (names[i] ?? '')) return false
  return true
}

function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value)
}

function refused(what: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `There is no canonical JSON (RFC 8785) for ${what}.`)
}
