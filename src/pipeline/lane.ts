import type { Finding, Part } from '../core/call.ts'
import type { LaneEdit } from '../core/plugin.ts'

/** A run of text that goes on through several events: what one choice says, one tool call's arguments. */
export type Lane = {
  readonly name: string
  readonly role: Part['role']
  readonly channel: Part['channel']
  readonly signed: boolean
  readonly json: boolean
  readonly tool: string | null
  readonly argument: string | undefined
  /** UTF-16 units released before `text`. */
  released: number
  /** No more text will come. */
  closed: boolean
  /** Text that is not released yet. Offsets below count from its first unit. */
  text: string
  findings: readonly Finding[]
  edits: readonly LaneEdit[]
  /** Insertions that were released in front of the first unit: a filter that is asked again makes them again. */
  made: readonly LaneEdit[]
  /** How much of `text` may be released now. */
  settled: number
}

/**
 * How much of a lane may go while `back` units are held back: nothing is cut in two, neither what a filter replaces nor what an inspector found. From
 * the last to the first, so that one pass is enough where one lies over the next.
 */
export function settledOf({ closed, text, edits, findings }: Lane, back: number): number {
  if (closed && back !== Number.POSITIVE_INFINITY) return text.length
  let settled = Math.max(0, text.length - back)
  if (settled === 0) return 0
  const whole = [...edits, ...findings].filter(({ end }) => end > 0).sort((a, b) => b.start - a.start)
  for (const { start, end } of whole) if (start < settled && end > settled) settled = Math.max(0, start)
  return settled
}

/** Whether a release may end at `end`. */
export function uncut(lane: Lane, end: number): boolean {
  for (const edit of lane.edits) if (edit.start < end && edit.end > end) return false
  for (const finding of lane.findings) if (finding.start < end && finding.end > end) return false
  return true
}

/**
 * The first `length` units of a lane with its edits made. An edit's new text stands where the edit begins; one that began in an
 * earlier piece (start < 0) only takes out what is left of it. An insertion at a boundary belongs to the earlier piece.
 */
export function piece(lane: Lane, length: number): string {
  let result = ''
  let at = 0
  for (const { start, end, text } of lane.edits) {
    if (start > length || (start === length && end > start)) break
    if (end === 0 && start < 0) continue
    result += lane.text.slice(at, Math.max(at, start)) + (start >= 0 ? text : '')
    at = Math.min(length, end)
  }
  return result + lane.text.slice(at, length)
}
