import { formatFloat } from './float.ts'
import { bigIntOf, lexemeOf } from './number.ts'
import { BuiltinError } from './operand.ts'
import { quote } from './quote.ts'
import { display, isNumber, type Value } from './value.ts'

/** What OPA hands to fmt.Sprintf for a value: a Go int64, *big.Int, float64 or string. */
export type Arg =
  | Readonly<{ type: 'int64' | '*big.Int'; value: bigint }>
  | Readonly<{ type: 'float64'; value: number }>
  | Readonly<{ type: 'string'; value: string }>

export function argOf(value: Value): Arg {
  if (typeof value === 'string') return { type: 'string', value }
  if (!isNumber(value)) return { type: 'string', value: display(value) }
  const lexeme = lexemeOf(value)
  if (/[.eE]/.test(lexeme)) {
    const float = Number(lexeme)
    return Number.isFinite(float) ? { type: 'float64', value: float } : { type: 'string', value: lexeme }
  }
  const whole = bigIntOf(value)
  if (whole === null) return { type: 'string', value: lexeme }
  return { type: BigInt.asIntN(64, whole) === whole ? 'int64' : '*big.Int', value: whole }
}

export type Flags = {
  sharp: boolean
  zero: boolean
  plus: boolean
  minus: boolean
  space: boolean
  goSyntax: boolean
  width: number | null
  precision: number | null
}

export const noFlags = (): Flags => ({
  sharp: false,
  zero: false,
  plus: false,
  minus: false,
  space: false,
  goSyntax: false,
  width: null,
  precision: null,
})

const runes = (text: string): number => {
  let count = 0
  for (const _ of text) count += 1
  return count
}

function pad(text: string, flags: Flags, zero = flags.zero): string {
  const lacking = (flags.width ?? 0) - runes(text)
  if (lacking <= 0) return text
  if (flags.minus) return text + ' '.repeat(lacking)
  return (zero ? '0' : ' ').repeat(lacking) + text
}

function badVerb(verb: string, arg: Arg, flags: Flags): string {
  return `%!${verb}(${arg.type}=${printArg(arg, 'v', flags)})`
}

function formatText(text: string, verb: string, flags: Flags): string | null {
  const { precision } = flags
  const cut = precision === null ? text : [...text].slice(0, precision).join('')
  switch (verb) {
    case 'v':
      return flags.goSyntax ? quoted(cut, flags) : pad(cut, flags)
    case 's':
      return pad(cut, flags)
    case 'q':
      return quoted(cut, flags)
    case 'x':
    case 'X':
      return hexOfText(text, verb, flags)
    default:
      return null
  }
}

function quoted(text: string, flags: Flags): string {
  const backquotable = !/[`\ufeff]|[^\P{Cc}\t]/u.test(text.replace(/[\u0080-\u009f]/g, ''))
  return pad(flags.sharp && backquotable ? `\`${text}\`` : quote(text, '"', flags.plus), flags)
}

function hexOfText(text: string, verb: 'x' | 'X', flags: Flags): string {
  const bytes = Buffer.from(text, 'utf8')
  const pairs = [...bytes.subarray(0, flags.precision ?? bytes.length)].map((byte) =>
    byte.toString(16).padStart(2, '0'),
  )
  if (pairs.length === 0) return pad('', flags)
  const lead = flags.sharp ? '0x' : ''
  const joined = flags.space ? pairs.map((pair) => lead + pair).join(' ') : lead + pairs.join('')
  return pad(verb === 'X' ? joined.toUpperCase() : joined, flags)
}

const BASES: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }

function formatInteger(value: bigint, verb: string, flags: Flags): string | null {
  const base = BASES[verb]
  if (base === undefined) return formatRune(value, verb, flags)
  const negative = value < 0n
  const { precision, width } = flags
  if (precision === 0 && value === 0n) return ' '.repeat(width ?? 0)
  let digits = (negative ? -value : value).toString(base)
  const signed = negative || flags.plus || flags.space
  if (precision !== null) digits = digits.padStart(precision, '0')
  else if (flags.zero && !flags.minus && width !== null) digits = digits.padStart(width - (signed ? 1 : 0), '0')
  if (flags.sharp && base === 2) digits = `0b${digits}`
  if (flags.sharp && base === 8 && !digits.startsWith('0')) digits = `0${digits}`
  if (flags.sharp && base === 16) digits = `0x${digits}`
  if (verb === 'O') digits = `0o${digits}`
  if (verb === 'X') digits = digits.toUpperCase()
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  return pad(sign + digits, flags, false)
}

/** *big.Int formats itself: zero padding comes after sign and prefix, and other verbs are refused in words of its own. */
function formatBig(value: bigint, verb: string, flags: Flags): string {
  const base = verb === 's' ? 10 : BASES[verb]
  if (base === undefined) return `%!${verb}(big.Int=${value})`
  const negative = value < 0n
  let digits = (negative ? -value : value).toString(base)
  if (verb === 'X') digits = digits.toUpperCase()
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  const lead: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' }
  const prefix = verb === 'O' ? '0o' : flags.sharp ? (lead[verb] ?? '') : ''
  if (flags.precision !== null) digits = digits.padStart(flags.precision, '0')
  const bare = sign + prefix + digits
  const lacking = (flags.width ?? 0) - bare.length
  if (lacking > 0 && flags.zero && !flags.minus && flags.precision === null)
    return sign + prefix + '0'.repeat(lacking) + digits
  return pad(bare, flags, false)
}

function formatRune(value: bigint, verb: string, flags: Flags): string | null {
  const valid = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value < 0xe000n)
  const char = valid ? String.fromCodePoint(Number(value)) : '\ufffd'
  if (verb === 'c') return pad(char, flags)
  if (verb === 'q') return pad(quote(char, "'", flags.plus), flags)
  if (verb !== 'U') return null
  const code = BigInt.asUintN(64, value).toString(16).toUpperCase()
  const text = `U+${code.padStart(Math.max(4, flags.precision ?? 4), '0')}`
  return pad(
    flags.sharp && value >= 0n && value <= 0x10ffffn && !quote(char).includes('\\') ? `${text} '${char}'` : text,
    flags,
    false,
  )
}

function formatNumber(value: number, verb: string, flags: Flags): string | null {
  const { precision } = flags
  let text: string
  if (verb === 'v') text = formatFloat(value, 'g', precision ?? -1)
  else if (verb === 'g' || verb === 'G') text = formatFloat(value, verb, precision ?? -1)
  else if (verb === 'e' || verb === 'E') text = formatFloat(value, verb, precision ?? 6)
  else if (verb === 'f' || verb === 'F') text = formatFloat(value, 'f', precision ?? 6)
  else if (verb === 'b' || verb === 'x' || verb === 'X')
    throw new BuiltinError(`sprintf of a float with %${verb} is not supported`)
  else return null
  if (flags.sharp) throw new BuiltinError('sprintf of a float with # is not supported')
  const negative = text.startsWith('-')
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : ''
  const digits = negative ? text.slice(1) : text
  const lacking = (flags.width ?? 0) - sign.length - digits.length
  if (sign !== '' && flags.zero && !flags.minus && lacking > 0) return sign + '0'.repeat(lacking) + digits
  return pad(sign + digits, flags)
}

/** One operand under one verb, as Go's printArg writes it. */
export function printArg(arg: Arg, verb: string, flags: Flags): string {
  if (verb === 'T') return formatText(arg.type, 's', flags) ?? ''
  if (verb === 'p') return badVerb(verb, arg, flags)
  let text: string | null
  if (arg.type === 'string') text = formatText(arg.value, verb, flags)
  else if (arg.type === 'float64') text = formatNumber(arg.value, verb, flags)
  else if (arg.type === 'int64') text = formatInteger(arg.value, verb, flags)
  else text = formatBig(arg.value, verb, flags)
  return text ?? badVerb(verb, arg, flags)
}
