import { type Builtin, BuiltinError, operand, text } from './operand.ts'
import { compareStrings } from './value.ts'

type Version = Readonly<{ numbers: readonly bigint[]; preRelease: string }>

const IDENTIFIERS = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/
const NUMERIC = /^\d+$/
const LARGEST_NUMBER = 2n ** 63n - 1n

function cut(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** A version as OPA reads it (internal/semver): a leading `v` is allowed, leading zeros are not. */
function parse(version: string): Version | null {
  const [rest, metadata] = cut(version.replace(/^v/, ''), '+')
  if (metadata !== undefined && !IDENTIFIERS.test(metadata)) return null
  const [core, preRelease] = cut(rest, '-')
  if (preRelease !== undefined) {
    if (!IDENTIFIERS.test(preRelease)) return null
    if (preRelease.split('.').some((id) => id.length > 1 && id.startsWith('0') && NUMERIC.test(id))) return null
  }
  const parts = core.split('.')
  if (parts.length !== 3 || !parts.every((part) => /^(?:0|[1-9]\d*)$/.test(part))) return null
  const numbers = parts.map(BigInt)
  return numbers.some((number) => number > LARGEST_NUMBER) ? null : { numbers, preRelease: preRelease ?? '' }
}

/** Atoi clamps what is beyond 64 bits, so that two such identifiers are equal. */
function clamp(id: string): bigint {
  const value = BigInt(id)
  return value > LARGEST_NUMBER ? LARGEST_NUMBER : value
}

function compareIdentifiers(a: string, b: string): number {
  const numericA = NUMERIC.test(a)
  const numericB = NUMERIC.test(b)
  if (numericA !== numericB) return numericA ? -1 : 1
  if (!numericA) return Math.sign(compareStrings(a, b))
  const x = clamp(a)
  const y = clamp(b)
  return x < y ? -1 : x > y ? 1 : 0
}

function comparePreReleases(a: string, b: string): number {
  if (a === b) return 0
  if (a === '') return 1
  if (b === '') return -1
  const left = a.split('.')
  const right = b.split('.')
  for (const [index, id] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    const order = compareIdentifiers(id, other)
    if (order !== 0) return order
  }
  return left.length < right.length ? -1 : 0
}

function compare(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n
    if (number !== other) return number > other ? 1 : -1
  }
  return comparePreReleases(a.preRelease, b.preRelease)
}

function version(text: string): Version {
  const parsed = parse(text)
  if (parsed === null) throw new BuiltinError('an operand is no semantic version')
  return parsed
}

export const SEMVER: Readonly<Record<string, Builtin>> = {
  'semver.compare': (args) => compare(version(text(args, 0)), version(text(args, 1))),
  'semver.is_valid': (args) => {
    const value = operand(args, 0)
    return typeof value === 'string' && parse(value) !== null
  },
}
