import { type Carrier, runsOf } from './carried.ts'
import { composed, located, type Mapped, type Range } from './mapped.ts'
import { looksJson, normalised } from './normalised.ts'

export { applyTo, type Replacement } from './apply.ts'

/**
 * A text as detectors read it. `locate`: the smallest range of the ORIGINAL that holds these units whole, UTF-16 offsets, end exclusive: never half an escape,
 * half a surrogate pair or a letter without its marks.
 */
export type View = Readonly<{ text: string; kind: 'plain' | Carrier; locate: (start: number, end: number) => Range }>

/** How deep carried text is read: text in base64 that is in base64. */
const DEPTH = 2
/** The main view of the whole text, then one for each run in it that decodes to text, with its label in front. A text that needs no normalising is its own view. */
export function viewsOf(text: string, json: boolean): readonly View[] {
  const main = normalised(text, json)
  const views: View[] = [viewOf(main, text.length, 'plain')]
  carriedIn(main, text.length, DEPTH, views)
  return views
}

function viewOf(mapped: Mapped, length: number, kind: View['kind']): View {
  return { text: mapped.text, kind, locate: (start, end) => located(mapped, length, start, end) }
}

function carriedIn(mapped: Mapped, length: number, depth: number, views: View[]): void {
  for (const run of runsOf(mapped.text)) {
    const inner = composed(run.decoded, normalised(run.decoded.text, looksJson(run.decoded.text)))
    views.push(viewOf(composed(mapped, withLabel(mapped.text, run.start, inner)), length, run.kind))
    if (depth > 1) carriedIn(composed(mapped, inner), length, depth - 1, views)
  }
}

/** How far in front of a run its label may begin. */
const LABEL = 48

/** What was carried, behind what stands in front of it on its line: a number may be known by its label alone. */
function withLabel(text: string, start: number, carried: Mapped): Mapped {
  let from = Math.max(0, start - LABEL)
  const line = text.slice(from, start).lastIndexOf('\n')
  if (line >= 0) from += line + 1
  else if (from > 0) while (from < start && text.charCodeAt(from) > 0x20) from += 1
  const label = start - from
  if (label === 0 || carried.from === null || carried.to === null) return carried
  const count = label + carried.text.length
  const [starts, ends] = [new Int32Array(count), new Int32Array(count)]
  for (let i = 0; i < label; i++) {
    starts[i] = from + i
    ends[i] = from + i + 1
  }
  starts.set(carried.from, label)
  ends.set(carried.to, label)
  return { text: text.slice(from, start) + carried.text, from: starts, to: ends }
}
