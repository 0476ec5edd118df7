import { formatFloat } from './float.ts'
import { BuiltinError } from './operand.ts'

const LARGEST = 2n ** 63n
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const HOURS: Readonly<Record<string, number>> = { d: 24, w: 168, y: 8760 }

function invalid(): BuiltinError {
  return new BuiltinError('no duration')
}

/** Nanoseconds of a fraction of a unit, in doubles, as Go's ParseDuration reckons it; it stops reading digits before 64 bits overflow. */
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n
  let scale = 1
  for (const digit of digits) {
    if (value > (LARGEST - 1n) / 10n) break
    const next = value * 10n + BigInt(digit)
    if (next > LARGEST) break
    value = next
    scale *= 10
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)))
}

/** Go's time.ParseDuration, in nanoseconds. */
function parseGo(text: string): bigint {
  const negative = text.startsWith('-')
  const bare = text.replace(/^[+-]/, '')
  if (bare === '0') return 0n
  let rest = bare
  if (rest === '') throw invalid()
  let total = 0n
  while (rest !== '') {
    const parts = /^(\d*)(?:\.(\d*))?([^\d.]+)/.exec(rest)
    if (parts === null) throw invalid()
    const [whole, digits = '', fraction = '', name = ''] = parts
    const unit = UNITS[name]
    if (digits + fraction === '' || unit === undefined) throw invalid()
    const amount = BigInt(digits === '' ? '0' : digits)
    if (amount > LARGEST / unit) throw invalid()
    total += amount * unit + fractionOf(fraction, unit)
    if (total > LARGEST) throw invalid()
    rest = rest.slice(whole.length)
  }
  if (!negative && total >= LARGEST) throw invalid()
  return negative ? -total : total
}

/** OPA's durations: Go's, with days, weeks and years of 365 days beside. Nanoseconds. */
export function parseDuration(text: string): bigint {
  if (!/[dwy]/.test(text)) return parseGo(text)
  const shape = /^([-+]?)((?:[0-9.]+(?:ms|us|µs|ns|[a-z]))+)$/.exec(text)
  if (shape === null) throw invalid()
  const [, sign = '', segments = ''] = shape
  const rewritten = segments.replace(
    /([0-9.]+)(ms|us|µs|ns|[a-z])/g,
    (segment: string, digits: string, unit: string) => {
      const hours = HOURS[unit]
      if (hours === undefined) return segment
      const value = Number(digits)
      if (!Number.isFinite(value)) throw invalid()
      return `${formatFloat(value * hours, 'f', -1)}h`
    },
  )
  return parseGo(sign + rewritten)
}
