import type { Finding, Segment } from '../../src/core/call.ts'

/** UTF-16 units in front of what is not released yet that detectors see: a number is one by its label, a name by the words around it. */
const LEAD = 256

/** What was last shown of each text of an answer that goes on, with its lead. */
export type Shown = Map<string, string>

/** An answer's texts with what was released in front of them, and how much of each is that. */
export type Led = Readonly<{ segments: readonly Segment[]; leads: ReadonlyMap<string, number> }>

/**
 * The gate shows of each text what is not released yet. Without the label that was released in front of it a value would be no find any more the next time it is
 * looked at, and would go out as it is.
 */
export function led(segments: readonly Segment[], shown: Shown): Led {
  const leads = new Map<string, number>()
  const texts = segments.map((segment) => {
    const { pointer, text } = segment
    // Complete in its event, and shown once.
    if (pointer.startsWith('@')) return segment
    const lead = leadOf(shown.get(pointer) ?? '', text)
    const whole = lead + text
    shown.set(pointer, whole)
    if (lead === '') return segment
    leads.set(pointer, lead.length)
    return { ...segment, text: whole }
  })
  return { segments: texts, leads }
}

/** Findings in offsets of what is not released yet. Of one that reaches into it, what can still be edited. */
export function ahead(findings: readonly Finding[], { leads }: Led): readonly Finding[] {
  if (leads.size === 0) return findings
  return findings.flatMap((finding) => {
    const lead = leads.get(finding.pointer) ?? 0
    if (lead === 0) return [finding]
    if (finding.end <= lead) return []
    return [{ ...finding, start: Math.max(0, finding.start - lead), end: finding.end - lead }]
  })
}

/** What of `before`, which was shown last, stands in front of `text`: its end is where `text` begins. It begins with a word. */
function leadOf(before: string, text: string): string {
  const first = text.charCodeAt(0)
  let at = 0
  while (at < before.length && !(before.charCodeAt(at) === first && text.startsWith(before.slice(at)))) at += 1
  let from = Math.max(0, at - LEAD)
  if (from > 0) while (from < at && before.charCodeAt(from) > 0x20) from += 1
  return before.slice(from, at)
}
