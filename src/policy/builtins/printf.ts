import { BuiltinError, LARGEST } from './operand.ts'
import type { Value } from './value.ts'
import { type Arg, argOf, type Flags, noFlags, printArg } from './verbs.ts'

type State = { readonly format: string; at: number; next: number; reordered: boolean; good: boolean }

/** Digits at the cursor; widths beyond a million are none, as in Go. */
function readNumber(state: State): number | null {
  const digits = /^\d+/.exec(state.format.slice(state.at, state.at + 32))?.[0]
  if (digits === undefined) return null
  const number = Number(digits)
  if (number > 1_000_000) {
    state.at = state.format.length
    return null
  }
  state.at += digits.length
  return number
}

/** An explicit argument index, `[n]`; whether there was one. */
function readIndex(state: State, count: number): boolean {
  if (state.format[state.at] !== '[') return false
  state.reordered = true
  const close = state.format.indexOf(']', state.at)
  if (close < 0) {
    state.good = false
    state.at += 1
    return false
  }
  const inner = state.format.slice(state.at + 1, close)
  state.at = close + 1
  const index = /^\d+$/.test(inner) ? Number(inner) - 1 : Number.NaN
  if (Number.isNaN(index)) {
    state.good = false
    return false
  }
  if (index >= 0 && index < count) state.next = index
  else state.good = false
  return true
}

/** A width or precision taken from an operand (`*`). */
function takeInteger(state: State, args: readonly Arg[]): number | null {
  const arg = args[state.next]
  if (state.next < args.length) state.next += 1
  if (arg?.type !== 'int64' || arg.value > 1_000_000n || arg.value < -1_000_000n) return null
  return Number(arg.value)
}

function readFlags(state: State): Flags {
  const flags = noFlags()
  for (; ; state.at += 1) {
    const char = state.format[state.at]
    if (char === '#') flags.sharp = true
    else if (char === '0') flags.zero = true
    else if (char === '+') flags.plus = true
    else if (char === '-') flags.minus = true
    else if (char === ' ') flags.space = true
    else return flags
  }
}

/** Reads width, precision and index; what they wrong is written at once, as Go does. */
function readMeasures(state: State, flags: Flags, args: readonly Arg[]): string {
  let wrong = ''
  let indexed = readIndex(state, args.length)
  if (state.format[state.at] === '*') {
    state.at += 1
    const width = takeInteger(state, args)
    if (width === null) wrong += '%!(BADWIDTH)'
    else if (width < 0) {
      flags.minus = true
      flags.zero = false
    }
    flags.width = width === null ? null : Math.abs(width)
    indexed = false
  } else {
    flags.width = readNumber(state)
    if (indexed && flags.width !== null) state.good = false
  }
  if (state.format[state.at] === '.' && state.at + 1 < state.format.length) {
    state.at += 1
    if (indexed) state.good = false
    indexed = readIndex(state, args.length)
    if (state.format[state.at] === '*') {
      state.at += 1
      const precision = takeInteger(state, args)
      flags.precision = precision === null || precision < 0 ? null : precision
      if (flags.precision === null) wrong += '%!(BADPREC)'
      indexed = false
    } else flags.precision = readNumber(state) ?? 0
  }
  if (!indexed) readIndex(state, args.length)
  return wrong
}

/**
 * Go's fmt.Sprintf over what OPA makes of Rego values (topdown/strings.go, fmt/print.go), down to `%!d(string=x)`, `%!(EXTRA ...)` and
 * `%!v(MISSING)`. Not supported, hence undefined: floats with %b, %x and #.
 */
export function sprintf(format: string, values: readonly Value[]): string {
  const args = values.map(argOf)
  const state: State = { format, at: 0, next: 0, reordered: false, good: true }
  let out = ''
  while (state.at < format.length) {
    if (out.length > LARGEST.text) throw new BuiltinError('the result of sprintf is too long')
    state.good = true
    const percent = format.indexOf('%', state.at)
    if (percent < 0) {
      out += format.slice(state.at)
      break
    }
    out += format.slice(state.at, percent)
    state.at = percent + 1
    const flags = readFlags(state)
    out += readMeasures(state, flags, args)
    if (state.at >= format.length) {
      out += '%!(NOVERB)'
      break
    }
    const verb = String.fromCodePoint(format.codePointAt(state.at) ?? 0)
    state.at += verb.length
    const arg = args[state.next]
    if (verb === '%') out += '%'
    else if (!state.good) out += `%!${verb}(BADINDEX)`
    else if (arg === undefined) out += `%!${verb}(MISSING)`
    else {
      state.next += 1
      if (verb === 'v' || verb === 'w') {
        flags.goSyntax = flags.sharp
        flags.sharp = false
        flags.plus = false
      }
      out += printArg(arg, verb, flags)
    }
  }
  if (!state.reordered && state.next < args.length) {
    const extra = args.slice(state.next).map((arg) => `${arg.type}=${printArg(arg, 'v', noFlags())}`)
    out += `%!(EXTRA ${extra.join(', ')})`
  }
  return out
}
