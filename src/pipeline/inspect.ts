import type { CallFacts, Finding, Segment } from '../core/call.ts'
import type { FindingFact, Phase } from '../core/decision.ts'
import type { Generation } from '../core/generation.ts'
import type { Plugin } from '../core/plugin.ts'
import { baseReason, Denial } from './base.ts'
import { brief } from './brief.ts'
import { inTime } from './deadline.ts'
import type { Gateway } from './gateway.ts'
import { Tally } from './tally.ts'

const NONE: readonly Finding[] = []

/**
 * Every inspector reads every segment. One that throws, is late, reports nothing at all, or a place that is not in the text it was given,
 * has not read it: the call is denied.
 */
export async function inspect(
  phase: Phase,
  segments: readonly Segment[],
  readers: readonly Plugin[],
  { limits }: Pick<Generation, 'limits'>,
  gateway: Pick<Gateway, 'report'>,
  call: CallFacts,
): Promise<readonly Finding[]> {
  if (readers.length === 0 || segments.length === 0) return NONE
  const over = new AbortController()
  const read = async (plugin: Plugin): Promise<readonly Finding[]> => {
    try {
      const work = async (): Promise<unknown> => plugin.inspect?.(phase, segments, over.signal, call)
      return checked(await inTime(work, limits.inspectMs), segments)
    } catch (error) {
      // Those that are still reading are told to stop, and that they stopped is no failure of theirs.
      if (!over.signal.aborted) gateway.report(`inspector ${plugin.name} failed`, error, call.id)
      over.abort()
      throw new Denial([baseReason('inspector-failed', `the inspector ${plugin.name} could not read the call`)], null)
    }
  }
  return (await Promise.all(readers.map(read))).flat()
}

function checked(reported: unknown, segments: readonly Segment[]): readonly Finding[] {
  if (!Array.isArray(reported)) throw new Error('it did not report a list of findings')
  if (reported.length === 0) return NONE
  const lengths = new Map(segments.map((segment) => [segment.pointer, segment.text.length]))
  const findings: readonly Finding[] = reported
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
      throw new Error(`a finding lies outside of the text (${brief(String(pointer), 128)})`)
  }
  return findings
}

/** Findings of a whole call as policies may know them. */
export function summarise(findings: readonly Readonly<{ finding: Finding; role: string }>[]): readonly FindingFact[] {
  const tally = new Tally()
  for (const { finding, role } of findings) tally.add(finding, role)
  return tally.facts()
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
