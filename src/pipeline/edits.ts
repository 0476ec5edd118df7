import type { LaneEdit } from '../core/plugin.ts'

/**
 * Edits of one text as one list: sorted, and where two overlap, one edit over both. What was to be taken out stays out, even
 * where two plugins disagree on how far it reaches; the text of the earlier one stands.
 */
export function mergeEdits(edits: readonly LaneEdit[]): readonly LaneEdit[] {
  if (edits.length < 2) return edits
  const sorted = [...edits].sort((a, b) => a.start - b.start || b.end - a.end)
  const merged: LaneEdit[] = []
  for (const edit of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && edit.start < last.end) {
      if (edit.end > last.end) merged[merged.length - 1] = { ...last, end: edit.end }
    } else {
      merged.push(edit)
    }
  }
  return merged
}

/** `text` with merged edits made. */
export function applyEdits(text: string, merged: readonly LaneEdit[]): string {
  let result = ''
  let at = 0
  for (const { start, end, text: replacement } of merged) {
    result += text.slice(at, start) + replacement
    at = end
  }
  return result + text.slice(at)
}

/** Whether an edit lies within a text of that length; an edit that does not is a plugin's fault and stops the call. */
export function fits(edit: LaneEdit, length: number): boolean {
  return (
    typeof edit.text === 'string' &&
    Number.isInteger(edit.start) &&
    Number.isInteger(edit.end) &&
    edit.start >= 0 &&
    edit.start <= edit.end &&
    edit.end <= length
  )
}
