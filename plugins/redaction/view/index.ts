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
/** The main view of the whole text, then one for each run in it that decodes to text. A text that needs no normalising is its own view. */
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
    const raw = composed(mapped, run.decoded)
    const inner = composed(raw, normalised(raw.text, looksJson(raw.text)))
    views.push(viewOf(inner, length, run.kind))
    if (depth > 1) carriedIn(inner, length, depth - 1, views)
  }
}
