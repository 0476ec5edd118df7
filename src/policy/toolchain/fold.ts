import type { Diagnostic } from './diagnostic.ts'
import type { Fault } from './protocol.ts'

type Found = Readonly<{ fault: Fault; diagnostic: Diagnostic }>

/**
 * Sorts by place and folds. OPA reports one cause as many faults: a variable without a value once for every expression,
 * a wrong reference once for every use, a cycle once for every rule in it, a syntax error twice at one place.
 */
export function fold(found: readonly Found[]): Diagnostic[] {
  const sorted = found.toSorted((a, b) => compare(a.diagnostic, b.diagnostic) || causesFirst(a, b))
  // What only follows from another fault comes after all causes, wherever it stands.
  const follows = ({ fault }: Found): boolean => fault.detail?.follows !== undefined
  const ordered = [...sorted.filter((one) => !follows(one)), ...sorted.filter(follows)]
  const kept: { found: Found; related: Diagnostic['related'][number][] }[] = []
  for (const one of ordered) {
    const cause = kept.find(({ found: earlier }) => sameCause(earlier, one))
    if (cause === undefined) {
      kept.push({ found: one, related: [...one.diagnostic.related] })
      continue
    }
    const { file, line, column } = one.diagnostic
    const first = cause.found.diagnostic
    const told = [first, ...cause.related].some((place) => compare(place, one.diagnostic) === 0)
    if (!told && one.fault.code !== 'rego_parse_error') {
      cause.related.push({ file, line, column, message: followUp(one) })
    }
  }
  return kept.map(({ found: { diagnostic }, related }) => ({ ...diagnostic, related })).sort(compare)
}

type Point = Readonly<{ file: string; line: number; column: number }>

function compare(a: Point, b: Point): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

function causesFirst(a: Found, b: Found): number {
  const vague = /^(illegal token|match error)/
  const rank = ({ fault }: Found): number => (vague.test(fault.message) ? 1 : 0)
  return rank(a) - rank(b)
}

function sameCause(earlier: Found, later: Found): boolean {
  const a = earlier.fault
  const b = later.fault
  if (a.code === 'rego_recursion_error' && b.code === a.code) return cycleOf(a) === cycleOf(b)
  if (isPackageConflict(a) && isPackageConflict(b)) return true
  if (earlier.diagnostic.file !== later.diagnostic.file) return false
  // OPA's parser goes on as well as it can; what it then says of the same line is noise.
  if (a.code === 'rego_parse_error' && b.code === a.code) return earlier.diagnostic.line === later.diagnostic.line
  if (compare(earlier.diagnostic, later.diagnostic) === 0) return true
  if (a.code !== b.code) return false
  if (a.code === 'rego_unsafe_var_error') return wordOf(a) === (b.detail?.follows ?? wordOf(b))
  return a.message === b.message && /^undefined (ref|function)|annotation scope/.test(a.message)
}

function followUp({ fault, diagnostic }: Found): string {
  if (fault.detail?.follows !== undefined) return `\`${fault.detail.name}\` has no value either, because of it`
  if (fault.code === 'rego_recursion_error') return 'part of the same circle'
  if (/^(undefined|var )/.test(fault.message)) return 'here too'
  return diagnostic.message
}

function wordOf(fault: Fault): string {
  return fault.detail?.name ?? fault.message
}

function cycleOf(fault: Fault): string {
  const path = fault.message.split(': ')[1] ?? ''
  return [...new Set(path.split(' -> '))].sort().join(' ')
}

function isPackageConflict(fault: Fault): boolean {
  return /^package \S+ conflicts with rule|^rule \S+ conflicts with/.test(fault.message)
}
