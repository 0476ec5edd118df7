import { bigIntOf, type RegoNumber } from './number.ts'
import { isArray, isNumber, isObject, isSet, type RegoObject, type Value } from './value.ts'

/** What a built-in may know of the decision in which it is called. */
export type BuiltinContext = Readonly<{
  /** Nanoseconds since 1970, the same for every call of one decision. */
  now: bigint
  /** What uuid.rfc4122 derives its values from. */
  seed: string
  /** Takes units from the decision's fuel, before work that grows faster than its operands. Throws when none is left. */
  charge: (units: number) => void
}>

/** A built-in function on the host's side. A {@link BuiltinError} makes the expression undefined, as in OPA. */
export type Builtin = (args: readonly Value[], context: BuiltinContext) => Value

/** The operands do not fit: the expression is undefined. Anything else that a built-in throws ends the decision. */
export class BuiltinError extends Error {
  override readonly name = 'BuiltinError'
}

/** Largest text or list that a host built-in answers with: characters, members. What is beyond ends the decision. */
export const LARGEST = { text: 1_048_576, list: 65_536 } as const

/** One operand of any type. */
export function operand(args: readonly Value[], index: number): Value {
  const value = args[index]
  if (value === undefined) throw new BuiltinError(`operand ${index + 1} is missing`)
  return value
}

export function text(args: readonly Value[], index: number): string {
  const value = operand(args, index)
  if (typeof value !== 'string') throw new BuiltinError(`operand ${index + 1} must be a string`)
  return value
}

export function number(args: readonly Value[], index: number): RegoNumber {
  const value = operand(args, index)
  if (!isNumber(value)) throw new BuiltinError(`operand ${index + 1} must be a number`)
  return value
}

export function bigInteger(args: readonly Value[], index: number): bigint {
  const value = bigIntOf(number(args, index))
  if (value === null) throw new BuiltinError(`operand ${index + 1} must be an integer`)
  return value
}

/** An integer of at most 2^53 in size. */
export function integer(args: readonly Value[], index: number): number {
  const value = Number(bigInteger(args, index))
  if (!Number.isSafeInteger(value)) throw new BuiltinError(`operand ${index + 1} is too large`)
  return value
}

export function list(args: readonly Value[], index: number): readonly Value[] {
  const value = operand(args, index)
  if (!isArray(value)) throw new BuiltinError(`operand ${index + 1} must be an array`)
  return value
}

export function object(args: readonly Value[], index: number): RegoObject {
  const value = operand(args, index)
  if (!isObject(value)) throw new BuiltinError(`operand ${index + 1} must be an object`)
  return value
}

/** The strings of a string, an array or a set of strings. */
export function texts(args: readonly Value[], index: number): readonly string[] {
  const value = operand(args, index)
  if (typeof value === 'string') return [value]
  const items = isArray(value) ? value : isSet(value) ? value.set : null
  if (items === null) throw new BuiltinError(`operand ${index + 1} must be a string, a set or an array`)
  return items.map((item) => {
    if (typeof item !== 'string') throw new BuiltinError(`operand ${index + 1} must hold strings only`)
    return item
  })
}

/** A string of bytes that must be UTF-8: a JavaScript string can hold no other, and a wrong one would be a silent lie. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new BuiltinError('the result is no text in UTF-8', { cause: error })
  }
}
