import type { Finding, Segment } from '../core/call.ts'
import type { FindingFact, Phase } from '../core/decision.ts'
import type { Generation } from '../core/generation.ts'
import type { Plugin } from '../core/plugin.ts'
import { baseReason, Denial } from './base.ts'
import type { Gateway } from './gateway.ts'

const NONE: readonly Finding[] = []
const NO_FACTS: readonly FindingFact[] = []

const readersOf = new WeakMap<readonly Plugin[], readonly Plugin[]>()

/** The plugins of a generation that read text. */
export function inspectors({ plugins }: Pick<Generation, 'plugins'>): readonly Plugin[] {
  const known = readersOf.get(plugins)
  if (known !== undefined) return known
  const readers = plugins.filter((plugin) => plugin.inspect !== undefined)
  readersOf.set(plugins, readers)
  return readers
}

/**
 * Every inspector reads every segment. One that throws, is late, or reports a place that is not in the text it was given has not
 * read it: the call is denied.
 */
export async function inspect(
  phase: Phase,
  segments: readonly Segment[],
  generation: Generation,
  gateway: Gateway,
  call: string,
): Promise<readonly Finding[]> {
  const readers = inspectors(generation)
  if (readers.length === 0 || segments.length === 0) return NONE
  const over = new AbortController()
  const { signal } = over
  const late = Promise.withResolvers<never>()
  // After a failure it stays, for those that are still reading.
  const timer = setTimeout(() => {
    over.abort()
    late.reject(new Error('time is over'))
  }, generation.limits.inspectMs)
  const reports = await Promise.all(
    readers.map(async (plugin) => {
      try {
        const findings = await Promise.race([Promise.resolve(plugin.inspect?.(phase, segments, signal)), late.promise])
        return checked(findings ?? NONE, segments)
      } catch (error) {
        gateway.report(`inspector ${plugin.name} failed`, error, call)
        throw new Denial([baseReason('inspector-failed', `the inspector ${plugin.name} could not read the call`)], null)
      }
    }),
  )
  clearTimeout(timer)
  return reports.flat()
}

function checked(findings: readonly Finding[], segments: readonly Segment[]): readonly Finding[] {
  if (findings.length === 0) return findings
  const lengths = new Map(segments.map((segment) => [segment.pointer, segment.text.length]))
  for (const { pointer, start, end, type, score } of findings) {
    const length = lengths.get(pointer)
    const sound =
      length !== undefined &&
      Number.isInteger(start) &&
      Number.isInteger(end) &&
      start >= 0 &&
      start < end &&
      end <= length
    if (!sound || typeof type !== 'string' || !(score >= 0 && score <= 1))
      throw new Error(`a finding lies outside of the text (${pointer})`)
  }
  return findings
}

/** Findings as policies may know them: sums, never places. Sorted by type, so that equal findings make equal inputs. */
export function summarise(findings: readonly Readonly<{ finding: Finding; role: string }>[]): readonly FindingFact[] {
  if (findings.length === 0) return NO_FACTS
  const sums = new Map<string, { count: number; roles: Set<string>; max: number }>()
  for (const { finding, role } of findings) {
    const sum = sums.get(finding.type) ?? { count: 0, roles: new Set<string>(), max: 0 }
    sum.count += 1
    sum.roles.add(role)
    sum.max = Math.max(sum.max, finding.score)
    sums.set(finding.type, sum)
  }
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, sum]) => ({ type, count: sum.count, roles: [...sum.roles].sort(), max_score: sum.max }))
}

/** Findings of a call's own segments, with the role of the text they are in. */
export function withRoles(
  findings: readonly Finding[],
  segments: readonly Segment[],
): readonly Readonly<{ finding: Finding; role: string }>[] {
  if (findings.length === 0) return []
  const roles = new Map(segments.map((segment) => [segment.pointer, segment.role]))
  return findings.map((finding) => ({ finding, role: roles.get(finding.pointer) ?? 'none' }))
}
