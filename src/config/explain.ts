import type { z } from 'zod'
import { mendCountry } from './country.ts'
import { type Issue, type Path, pathText } from './issue.ts'
import { nearest } from './nearest.ts'
import { namesAt, type Shape, valueAt } from './shape.ts'
import type { Raw } from './source.ts'
import { mendUnit } from './unit.ts'

type Fault = z.core.$ZodIssue

const REQUIRED = 'is required'
const UNKNOWN = 'unknown name'
/** Said of a name that does not belong to this kind of provider. */
export const BEDROCK_ONLY = 'is for `kind: bedrock` only'

const KINDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

/** Plain words for the faults that the schema gives no words of its own. Given to zod as its error map. */
export function describeFault(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    if (issue.input === undefined) return REQUIRED
    return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}${advice(issue.expected, issue.input)}`
  }
  if (issue.code === 'invalid_value') {
    if (issue.input === undefined) return REQUIRED
    const values = issue.values.map((value) => JSON.stringify(value))
    if (values.length > 1) return `must be one of ${values.join(', ')}`
    return `must be ${values[0]}${typeof issue.input === 'string' && issue.input === values[0] ? ': remove the quotes' : ''}`
  }
  if (issue.code === 'too_big')
    return `must be at most ${String(issue.maximum)}${issue.origin === 'string' ? ' characters' : ''}`
  if (issue.code === 'too_small') return `must be at least ${String(issue.minimum)}`
  return issue.code === 'unrecognized_keys' ? UNKNOWN : undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number with a fraction'
  return typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`
}

function advice(expected: string, value: unknown): string {
  if ((expected === 'object' || expected === 'record') && value === null) return ': write {} if there is nothing to say'
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return ': put quotes around it'
  if ((expected === 'number' || expected === 'int') && typeof value === 'string') return ': remove the quotes'
  if (expected === 'boolean' && typeof value === 'string') return ': in YAML 1.2, yes, no, on and off are strings'
  return expected === 'array' ? ': write [ ... ]' : ''
}

/** Issues of the configuration, from the schema's: one for each unknown name, unions seen from the branch that was meant. */
export function explain(faults: readonly Fault[], shape: Shape, raw: Raw, base: Path = []): Issue[] {
  return faults.flatMap((fault): Issue[] => {
    const path: Path = [...base, ...fault.path.filter((step) => typeof step !== 'symbol')]
    const value = valueAt(raw, path)
    if (fault.code === 'unrecognized_keys') {
      const known = namesAt(shape, path, raw)
      return fault.keys.map((key) => ({
        path: [...path, key],
        message: UNKNOWN,
        hint: nearest(key, known),
        at: 'key',
      }))
    }
    if (fault.code === 'invalid_key') {
      return fault.issues.map((one) => ({ path, message: one.message, at: 'key' }))
    }
    if (fault.code === 'invalid_union') {
      const meant = fault.errors.find(
        (errors) => !errors.some((one) => one.code === 'invalid_type' && one.path.length === 0),
      )
      if (meant !== undefined) return explain(meant, shape, raw, path)
      return [
        {
          path,
          message: value === undefined ? REQUIRED : 'must be an entry of the catalogue such as openai/eu, or a map',
        },
      ]
    }
    if (fault.code === 'invalid_value' && typeof value === 'string' && fault.values.length > 1) {
      return [
        {
          path,
          message: fault.message,
          hint: nearest(
            value,
            fault.values.filter((one) => typeof one === 'string'),
          ),
        },
      ]
    }
    const group =
      fault.message.startsWith('must be a country') && (value === 'EU' || value === 'EEA')
        ? ': a group is written out, country by country'
        : ''
    return [{ path, message: `${fault.message}${group}`, hint: mend(fault.message, value) }]
  })
}

/**
 * Leaves out what only follows from a misspelt name: that the right one is missing, and what is said about the values below it. And what is said
 * about the value of a name that must go.
 */
export function withoutEchoes(issues: readonly Issue[]): Issue[] {
  const unknown = issues.filter((issue) => issue.message === UNKNOWN)
  const misplaced = new Set(issues.filter((issue) => issue.message === BEDROCK_ONLY).map(({ path }) => pathText(path)))
  const under = (path: Path, above: Path) => path.length >= above.length && above.every((step, i) => step === path[i])
  return issues.filter((issue) => {
    if (issue.message !== UNKNOWN && unknown.some((one) => under(issue.path, one.path))) return false
    if (issue.message !== BEDROCK_ONLY && misplaced.has(pathText(issue.path))) return false
    if (issue.message !== REQUIRED) return true
    const [name, around] = [issue.path.at(-1), issue.path.slice(0, -1)]
    return !unknown.some((one) => one.hint === name && pathText(one.path.slice(0, -1)) === pathText(around))
  })
}

function mend(message: string, value: Raw | undefined): string | null {
  if (message.startsWith('must be a duration')) return mendUnit(value, 'duration')
  if (message.startsWith('must be a size')) return mendUnit(value, 'size')
  if (message.startsWith('must be a country') && typeof value === 'string') return mendCountry(value)
  if (message.startsWith('must be host:port')) {
    if (typeof value === 'number') return `127.0.0.1:${value}`
    if (typeof value === 'string' && /^:[0-9]+$/.test(value)) return `127.0.0.1${value}`
  }
  return null
}
