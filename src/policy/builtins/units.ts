import { numberFromBigInt, numberOf } from './number.ts'
import { type Builtin, BuiltinError, text } from './operand.ts'

const DECIMAL = ['', 'k', 'm', 'g', 't', 'p', 'e']

/** Splits where OPA does (parse_bytes.go): digits, points, signs and exponents are the number; exponents have at most six digits. */
function split(amount: string): { number: string; unit: string } {
  let end = amount.length
  for (let at = 0; at < amount.length; at += 1) {
    const char = amount[at] ?? ''
    if (!/[0-9.eE+-]/.test(char)) {
      end = at
      break
    }
    if (char !== 'e' && char !== 'E') continue
    if (!/[0-9+-]/.test(amount[at + 1] ?? '')) {
      end = at
      break
    }
    if (/[+-]/.test(amount[at + 1] ?? '')) at += 1
    if (/^\d{7}/.test(amount.slice(at + 1, at + 8))) throw new BuiltinError('the exponent is too large')
  }
  if (end === 0) throw new BuiltinError('no amount')
  return { number: amount.slice(0, end), unit: amount.slice(end) }
}

/** An exact fraction. Exponents beyond 4,096 are refused: the result would be megabytes of digits. */
function fraction(number: string): Fraction {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(number)
  const [, sign = '', whole = '', decimals = '', power = '0'] = parts ?? []
  if (parts === null || whole + decimals === '') throw new BuiltinError('the amount is no number')
  const exponent = Number(power) - decimals.length
  if (Math.abs(exponent) > 4096) throw new BuiltinError('the exponent is too large')
  const digits = BigInt(whole + decimals) * (sign === '-' ? -1n : 1n)
  return exponent >= 0
    ? { top: digits * 10n ** BigInt(exponent), bottom: 1n }
    : { top: digits, bottom: 10n ** BigInt(-exponent) }
}

type Fraction = Readonly<{ top: bigint; bottom: bigint }>

/** Rounded to a mantissa of 64 bits, half to even: OPA reckons bytes with big.Float of that precision. */
function mantissa64({ top, bottom }: Fraction): Fraction {
  const size = top < 0n ? -top : top
  if (size === 0n) return { top, bottom }
  let shift = size.toString(2).length - bottom.toString(2).length - 64
  const divide = (): { whole: bigint; twice: bigint; by: bigint } => {
    const numerator = shift < 0 ? size << BigInt(-shift) : size
    const by = shift > 0 ? bottom << BigInt(shift) : bottom
    return { whole: numerator / by, twice: (numerator % by) * 2n, by }
  }
  if (divide().whole >= 2n ** 64n) shift += 1
  const { whole, twice, by } = divide()
  const up = twice > by || (twice === by && whole % 2n === 1n)
  const mantissa = (whole + (up ? 1n : 0n)) * (top < 0n ? -1n : 1n)
  return shift > 0 ? { top: mantissa << BigInt(shift), bottom: 1n } : { top: mantissa, bottom: 1n << BigInt(-shift) }
}

function clean(args: Parameters<Builtin>[0]): string {
  const amount = text(args, 0).replaceAll('"', '')
  if (amount.includes(' ')) throw new BuiltinError('spaces are not allowed')
  return amount
}

function factor(unit: string): bigint {
  const power = DECIMAL.indexOf(unit.replace(/i$/, ''))
  if (power < 0 || (power === 0 && unit !== '')) throw new BuiltinError('the unit is unknown')
  return (unit.endsWith('i') ? 1024n : 1000n) ** BigInt(power)
}

/** Ten decimals, rounded half away from zero (big.Rat.FloatString). */
function tenDecimals(top: bigint, bottom: bigint): string {
  const size = top < 0n ? -top : top
  const scaled = (size * 10n ** 10n * 2n + bottom) / (bottom * 2n)
  const digits = scaled.toString().padStart(11, '0')
  return `${top < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`
}

export const UNITS: Readonly<Record<string, Builtin>> = {
  'units.parse': (args) => {
    const { number, unit } = split(clean(args))
    const short = unit.slice(0, 1) + unit.slice(1).toLowerCase()
    let { top, bottom } = fraction(number)
    if (short === 'm') {
      // OPA multiplies by the double that is nearest to a thousandth, not by a thousandth.
      top *= 1152921504606847n
      bottom *= 1152921504606846976n
    } else top *= factor(/^[KMGTPE]/.test(short) ? short.slice(0, 1).toLowerCase() + short.slice(1) : short)
    return top % bottom === 0n ? numberFromBigInt(top / bottom) : numberOf(tenDecimals(top, bottom))
  },
  'units.parse_bytes': (args) => {
    const { number, unit } = split(clean(args).toLowerCase())
    if (unit === 'b') throw new BuiltinError('the unit is unknown')
    const { top, bottom } = mantissa64(fraction(number))
    const total = mantissa64({ top: top * factor(unit.replace(/b$/, '')), bottom })
    return numberFromBigInt(total.top / total.bottom)
  },
}
