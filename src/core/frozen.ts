import type { Json } from './json.ts'

/**
 * Whether a value is plain data that can never change: frozen down to its last member, and with nothing in it that says what it likes each
 * time (a getter, a `toJSON`, a Date, a number that JSON does not know).
 */
export function isFrozen(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || !Object.isFrozen(value)) return false
  const kind: unknown = Object.getPrototypeOf(value)
  if (kind !== Object.prototype && kind !== Array.prototype && kind !== null) return false
  return Object.values(Object.getOwnPropertyDescriptors(value)).every(
    (member) => 'value' in member && isFrozen(member.value),
  )
}

/** Freezes plain data down to its last member. */
export function freeze<T extends Json>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) freeze(member as Json)
  return Object.freeze(value)
}
