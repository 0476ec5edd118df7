import { runsOf } from './carried.ts'
import { composed, located, Making, type Mapped, type Range } from './mapped.ts'
import { looksJson, normalised } from './normalised.ts'
import type { Carrier } from './run.ts'
import { tagged } from './tags.ts'

export { applyTo, type Replacement } from './apply.ts'

/**
 * A text as detectors read it. `locate`: the smallest range of the ORIGINAL that holds these units whole, UTF-16 offsets, end exclusive: never half an escape,
 * half a surrogate pair or a letter without its marks.
 */
export type View = Readonly<{
  text: string
  kind: 'plain' | 'tags' | Carrier
  locate: (start: number, end: number) => Range
}>

/** How deep carried text is read: text in base64 that is in base64. */
const DEPTH = 2
/** The main view of the whole text, then one for each way of writing in which runs of it carry text. A text that needs no normalising is its own view. */
export function viewsOf(text: string, json: boolean): readonly View[] {
  const main = normalised(text, json)
  const views: View[] = [viewOf(main, text.length, 'plain')]
  carriedIn(main, text.length, DEPTH, views)
  const hidden = tagged(text)
  if (hidden !== null) views.push(viewOf(hidden, text.length, 'tags'))
  return views
}

function viewOf(mapped: Mapped, length: number, kind: View['kind']): View {
  return { text: mapped.text, kind, locate: (start, end) => located(mapped, length, start, end) }
}

/** How far in front of a run its label may begin. */
const LABEL = 48
const BREAK = 10

/** Runs of one kind are one view, each behind what stands in front of it on its line: a number may be known by its label alone. */
function carriedIn(mapped: Mapped, length: number, depth: number, views: View[]): void {
  const kinds = new Map<Carrier, Making>()
  const ends = new Map<Carrier, number>()
  let past = 0
  for (const run of runsOf(mapped.text)) {
    const into = kinds.get(run.kind) ?? new Making(run.decoded.text.length + LABEL)
    kinds.set(run.kind, into)
    const end = ends.get(run.kind) ?? 0
    // Two breaks part what two runs carry; they belong to the end of the first.
    if (end > 0) for (let k = 0; k < 2; k++) into.push(BREAK, end - 1, end)
    ends.set(run.kind, run.end)
    if (run.kind === 'base64' || run.kind === 'hex') {
      for (let i = labelOf(mapped.text, past, run.start); i < run.start; i++)
        into.push(mapped.text.charCodeAt(i), i, i + 1)
      past = run.end
    }
    const { text, from, to } = composed(run.decoded, normalised(run.decoded.text, looksJson(run.decoded.text)))
    for (let i = 0; i < text.length; i++) into.push(text.charCodeAt(i), from?.[i] ?? 0, to?.[i] ?? 0)
  }
  for (const [kind, made] of kinds) {
    const inner = composed(mapped, made.done())
    views.push(viewOf(inner, length, kind))
    if (depth > 1) carriedIn(inner, length, depth - 1, views)
  }
}

/** Where the label of the run at `start` begins: not in the run before it, nor on another line, nor within a word. */
function labelOf(text: string, past: number, start: number): number {
  let from = Math.max(past, start - LABEL)
  const line = text.slice(from, start).lastIndexOf('\n')
  if (line >= 0) return from + line + 1
  if (from > past) while (from < start && text.charCodeAt(from) > 0x20) from += 1
  return from
}
