import { CustomhouseError } from '../core/errors.ts'
import { looksSecret } from './secret.ts'

export type Path = readonly (string | number)[]

/** One thing that is wrong. `message` never holds a value that could be a secret. */
export type Issue = Readonly<{
  path: Path
  message: string
  /** The nearest right name, or the value as it should be written. */
  hint?: string | null
  /** Whether the name itself is at fault (its position is shown), or its value. */
  at?: 'key' | 'value'
}>

/** Where a value came from. Lines and columns count from 1, columns in UTF-16 units. */
export type Place = Readonly<
  | { from: 'file'; line: number; column: number }
  | { from: 'env'; name: string }
  | { from: 'flag'; name: string }
  | { from: 'default' }
>

export type PlacedIssue = Issue & Readonly<{ place: Place }>

/** `providers.openai-eu.contract[0]`; names that would not read back are quoted, one that may be a secret is hidden. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (looksSecret(step)) text += '["***"]'
    else if (/^[A-Za-z0-9_][A-Za-z0-9_/-]*$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}

export function placeText(file: string, place: Place): string {
  if (place.from === 'file') return `${file}:${place.line}:${place.column}`
  if (place.from === 'env') return `env ${place.name}`
  return place.from === 'flag' ? `flag ${place.name}` : 'default'
}

/** `file:line:col  path: message (did you mean "x"?)`. */
export function issueText(file: string, issue: PlacedIssue): string {
  const path = pathText(issue.path)
  const hint = issue.hint === undefined || issue.hint === null ? '' : ` (did you mean ${JSON.stringify(issue.hint)}?)`
  return `${placeText(file, issue.place)}  ${path === '' ? '' : `${path}: `}${issue.message}${hint}`
}

/** More lines than this are counted, not printed: they have one cause. */
const SHOWN = 100

/** All errors at once, by position: those of the file first, then those of the environment and of flags. */
export function configInvalid(file: string, issues: readonly PlacedIssue[]): CustomhouseError {
  const errors = [...new Set([...issues].sort(byPlace).map((issue) => issueText(file, issue)))]
  const count = errors.length === 1 ? '1 error' : `${errors.length} errors`
  const rest = errors.length > SHOWN ? [`... and ${errors.length - SHOWN} more`] : []
  const lines = [...errors.slice(0, SHOWN), ...rest].join('\n')
  return new CustomhouseError('ERR_CONFIG_INVALID', `${file} has ${count}:\n${lines}`, {
    detail: { file, errors },
  })
}

function byPlace(a: PlacedIssue, b: PlacedIssue): number {
  if (a.place.from === 'file' && b.place.from === 'file') {
    return a.place.line - b.place.line || a.place.column - b.place.column || compare(a.message, b.message)
  }
  if (a.place.from === 'file') return -1
  if (b.place.from === 'file') return 1
  return compare(pathText(a.path), pathText(b.path)) || compare(a.message, b.message)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
