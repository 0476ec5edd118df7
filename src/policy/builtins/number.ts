import { NumberLexeme } from '../../core/json.ts'

/** A Rego number: a `number` only where JavaScript writes its lexeme back as it came, else the lexeme itself. */
export type RegoNumber = number | NumberLexeme

const SHAPE = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** A number from its lexeme: exact, whatever its size. */
export function numberOf(lexeme: string): RegoNumber {
  const value = Number(lexeme)
  return String(value) === lexeme && (!Number.isInteger(value) || Number.isSafeInteger(value))
    ? value
    : new NumberLexeme(lexeme)
}

export function lexemeOf(value: RegoNumber): string {
  return typeof value === 'number' ? String(value) : value.lexeme
}

export function numberFromBigInt(value: bigint): RegoNumber {
  const near = Number(value)
  return Number.isSafeInteger(near) ? near : new NumberLexeme(value.toString())
}

/** Digits times ten to the power of the exponent; null for what is no decimal number or has an exponent beyond six digits. */
function decimalOf(lexeme: string): { digits: bigint; exponent: number } | null {
  const parts = SHAPE.exec(lexeme)
  if (parts === null) return null
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts
  const exponent = Number(power) - fraction.length
  if (Math.abs(exponent) > 999_999) return null
  const digits = BigInt(whole + fraction)
  return { digits: sign === '-' ? -digits : digits, exponent }
}

/** The integer that the number is, or null if it has a fraction (1.0 and 1e3 are integers), or is beyond 4,096 digits. */
export function bigIntOf(value: RegoNumber): bigint | null {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : null
  const decimal = decimalOf(value.lexeme)
  if (decimal === null || decimal.exponent > 4096 || decimal.exponent < -4096) return null
  if (decimal.exponent >= 0) return decimal.digits * 10n ** BigInt(decimal.exponent)
  const scale = 10n ** BigInt(-decimal.exponent)
  return decimal.digits % scale === 0n ? decimal.digits / scale : null
}

export function compareNumbers(a: RegoNumber, b: RegoNumber): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0
  const left = decimalOf(lexemeOf(a))
  const right = decimalOf(lexemeOf(b))
  if (left === null || right === null || Math.abs(left.exponent - right.exponent) > 4096) {
    const difference = Number(lexemeOf(a)) - Number(lexemeOf(b))
    return difference < 0 ? -1 : difference > 0 ? 1 : 0
  }
  const least = Math.min(left.exponent, right.exponent)
  const x = left.digits * 10n ** BigInt(left.exponent - least)
  const y = right.digits * 10n ** BigInt(right.exponent - least)
  return x < y ? -1 : x > y ? 1 : 0
}
