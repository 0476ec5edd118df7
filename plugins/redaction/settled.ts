import type { Placed } from './detect/detector.ts'
import { NEVER_KEPT } from './operate/operator.ts'
import { resolve } from './resolve.ts'

/**
 * Marks in order, none over another: what overlaps is settled among what the params ask for alone. What must never be kept takes all that it touches with it:
 * neither is kept.
 */
export function settled<T extends Placed>(marks: readonly T[], text: string): readonly T[] {
  if (marks.length < 2) return marks
  const never: T[] = []
  const others: T[] = []
  for (const mark of marks) (NEVER_KEPT.has(mark.type) ? never : others).push(mark)
  const sorted = [...resolve(others, text), ...never].sort((a, b) => a.start - b.start || b.end - a.end)
  const result: T[] = []
  for (const mark of sorted) {
    const last = result.at(-1)
    if (last === undefined || mark.start >= last.end) result.push(mark)
    else {
      const kept = NEVER_KEPT.has(last.type) ? last : mark
      result[result.length - 1] = { ...kept, start: last.start, end: Math.max(mark.end, last.end) }
    }
  }
  return result
}
