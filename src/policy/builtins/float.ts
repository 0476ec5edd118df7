/** A finite double as an exact fraction: mantissa times two to the power of the exponent. */
function exactOf(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0) & 0x7fff_ffff_ffff_ffffn
  const biased = Number(bits >> 52n)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 }
}

/** value times ten to the power, rounded half to even: what strconv does, and toFixed does not (it rounds 2.5 to 3). */
function scaled(value: number, power: number): bigint {
  const { mantissa, exponent } = exactOf(value)
  let top = mantissa
  let bottom = 1n
  if (exponent >= 0) top <<= BigInt(exponent)
  else bottom <<= BigInt(-exponent)
  if (power >= 0) top *= 10n ** BigInt(power)
  else bottom *= 10n ** BigInt(-power)
  const whole = top / bottom
  const twice = (top % bottom) * 2n
  return twice > bottom || (twice === bottom && whole % 2n === 1n) ? whole + 1n : whole
}

type Digits = Readonly<{ digits: string; point: number }>

/** Shortest digits that read back as the same double; `point` is where the decimal point stands in them. */
function shortest(value: number): Digits {
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toExponential().split('e')
  return { digits: mantissa.replace('.', ''), point: value === 0 ? 0 : Number(exponent) + 1 }
}

function rounded(value: number, count: number): Digits {
  if (value === 0) return { digits: '0', point: 0 }
  const { point } = shortest(value)
  const digits = scaled(value, count - point).toString()
  return digits.length > count ? { digits: digits.slice(0, count), point: point + 1 } : { digits, point }
}

function exponential({ digits, point }: Digits, precision: number, mark: string): string {
  const exponent = /^0*$/.test(digits) ? 0 : point - 1
  const tail = digits.slice(1, precision + 1).padEnd(precision, '0')
  const power = String(Math.abs(exponent)).padStart(2, '0')
  return `${digits[0] ?? '0'}${precision > 0 ? `.${tail}` : ''}${mark}${exponent < 0 ? '-' : '+'}${power}`
}

function plain({ digits, point }: Digits, precision: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0'
  const fraction = `${'0'.repeat(Math.max(0, -point))}${digits.slice(Math.max(0, point))}`
  return precision > 0 ? `${whole}.${fraction.slice(0, precision).padEnd(precision, '0')}` : whole
}

/**
 * Go's strconv.FormatFloat(value, verb, precision, 64) for the verbs e, E, f, g and G; a negative precision means the shortest text that reads
 * back as the same number.
 */
export function formatFloat(value: number, verb: 'e' | 'E' | 'f' | 'g' | 'G', precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : `${sign || '+'}Inf`
  const size = Math.abs(value)
  if (verb === 'f') {
    if (precision < 0) {
      const short = shortest(size)
      return sign + plain(short, Math.max(short.digits.length - short.point, 0))
    }
    const digits = scaled(size, precision)
      .toString()
      .padStart(precision + 1, '0')
    return sign + plain({ digits, point: digits.length - precision }, precision)
  }
  if (verb === 'e' || verb === 'E') {
    if (precision < 0) {
      const short = shortest(size)
      return sign + exponential(short, short.digits.length - 1, verb)
    }
    return sign + exponential(rounded(size, precision + 1), precision, verb)
  }
  return sign + general(size, verb === 'g' ? 'e' : 'E', precision)
}

function general(size: number, mark: string, precision: number): string {
  const short = precision < 0
  const count = precision === 0 ? 1 : precision
  const all = short ? shortest(size) : rounded(size, count)
  const digits = all.digits.replace(/0+$/, '')
  const trimmed: Digits = { digits: digits === '' ? '0' : digits, point: all.point }
  let limit = count
  if (limit > digits.length && digits.length >= all.point) limit = digits.length
  if (short) limit = 6
  const exponent = all.point - 1
  if (exponent < -4 || exponent >= limit) return exponential(trimmed, Math.max(digits.length - 1, 0), mark)
  return plain(trimmed, Math.max(digits.length - all.point, 0))
}
