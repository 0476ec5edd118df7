import type { Json } from '../../../src/core/json.ts'

/** What is done to a value. `token` and `surrogate` are put back in the answer; the others cannot be. */
export type Operator =
  | Readonly<{ operator: 'token' | 'surrogate' | 'drop' | 'refuse' | 'keep' }>
  | Readonly<{ operator: 'mask'; first: number; last: number }>
  | Readonly<{ operator: 'generalise'; to: Width | null }>
  | Readonly<{ operator: 'hash'; length: number }>

/** How wide `generalise` is, where a type leaves a choice. */
export type Width = 'year' | 'month' | 'type'

const NAMES = ['token', 'mask', 'generalise', 'surrogate', 'hash', 'drop', 'refuse', 'keep'] as const

/** Sensitive authentication data (PCI DSS 4.0.1, 3.3) and its like: nothing of it is ever kept, in no form that could be led back to it. */
export const NEVER_KEPT: ReadonlySet<string> = new Set(['CVV', 'TRACK', 'PIN'])

/** PCI DSS 4.0.1, 3.4.1: at most the BIN (six) and the last four. */
const MOST_FIRST = 6
const MOST_LAST = 4
/** Hexadecimal digits. 16 are 64 bits: below that, values of many tenants' worth of calls would meet. */
const LEAST_HASH = 16
const MOST_HASH = 64

/** An operator of policy data for a type, or what is wrong with it as the end of a sentence. */
export function readOperator(type: string, value: Json): Operator | string {
  const asked = typeof value === 'string' ? { operator: value } : value
  if (asked === null || typeof asked !== 'object' || !isPlain(asked)) return 'must be an operator'
  const { operator: word, ...options } = asked
  const name = NAMES.find((each) => each === word)
  if (name === undefined) return `must be one of ${NAMES.join(', ')}`
  const read = withOptions(name, options)
  if (typeof read === 'string' || !NEVER_KEPT.has(type)) return read
  if (read.operator === 'drop' || read.operator === 'refuse') return read
  if (read.operator === 'mask' && read.first === 0 && read.last === 0) return read
  return 'may never be kept: it takes drop, refuse, or mask without first and last'
}

function withOptions(name: (typeof NAMES)[number], options: Readonly<Record<string, Json>>): Operator | string {
  const names = Object.keys(options)
  switch (name) {
    case 'mask': {
      const { first = 0, last = 0 } = options
      if (names.some((option) => option !== 'first' && option !== 'last')) return 'mask takes first and last'
      if (!within(first, 0, MOST_FIRST)) return `mask: first must be 0 to ${MOST_FIRST}`
      if (!within(last, 0, MOST_LAST)) return `mask: last must be 0 to ${MOST_LAST}`
      return { operator: 'mask', first, last }
    }
    case 'hash': {
      const { length = LEAST_HASH } = options
      if (names.some((option) => option !== 'length')) return 'hash takes length'
      if (!within(length, LEAST_HASH, MOST_HASH)) {
        return `hash: length must be ${LEAST_HASH} to ${MOST_HASH} hexadecimal digits`
      }
      return { operator: 'hash', length }
    }
    case 'generalise': {
      const { to = null } = options
      if (names.some((option) => option !== 'to')) return 'generalise takes to'
      if (to !== null && to !== 'year' && to !== 'month' && to !== 'type') {
        return 'generalise: to must be year, month or type'
      }
      return { operator: 'generalise', to }
    }
    default:
      return names.length === 0 ? { operator: name } : `${name} takes no options`
  }
}

function isPlain(value: object): value is Readonly<Record<string, Json>> {
  return !Array.isArray(value)
}

function within(value: Json | undefined, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}
