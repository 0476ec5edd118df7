import type { Custom } from './custom/index.ts'
import type { Detector, Hints, Span } from './detect/detector.ts'
import { DETECTORS } from './detect/index.ts'
import { type Tokens, tokensOf } from './detect/tokens.ts'
import { type Index, indexOf, propagate, type Seed, seedsOf } from './propagate.ts'
import { distinct, resolve } from './resolve.ts'
import type { Tagger } from './tagger/index.ts'
import { TOKEN_SHAPES } from './token.ts'
import { type View, viewsOf } from './view/index.ts'

/** A text to be read. `json`: it is itself JSON. `protocol`: a word of the protocol, in which no names are looked for ({@link isProtocol}). */
export type Given = Readonly<{ text: string; hints: Hints; json: boolean; protocol?: true }>

/** What reads: the built-in detectors, what the tenant's policy adds to them, and the tagger where there is one. */
export type Reader = Readonly<{ tagger: Tagger | null; custom: Custom; tenant: string }>

/** Finds what a text holds by itself, see {@link readIn}. Offsets are of the text as it was given. */
export function findOwn({ text, hints, json, protocol }: Given, { tagger, custom, tenant }: Reader): readonly Span[] {
  if (text.length === 0) return []
  const added = custom.detectorsFor(tenant)
  const spans: Span[] = []
  for (const view of viewsOf(text, json)) {
    const reading = { text: view.text, tokens: tokensOf(view.text), hints }
    const found: Span[] = []
    for (const detector of DETECTORS) detector.scan(reading, found)
    TOKEN_SHAPES.scan(reading, found)
    for (const detector of added) detector.scan(reading, found)
    if (protocol !== true) tagger?.tag(reading, found)
    locate(view, text, found, (span, shown) => !custom.allows(tenant, span.type, shown), spans)
  }
  return distinct(spans, text)
}

/** Places of a view as places of the original, but for what is let pass. */
function locate(
  view: View,
  text: string,
  found: readonly Span[],
  wanted: (span: Span, shown: string) => boolean,
  spans: Span[],
): void {
  const same = view.text === text
  for (const span of found) {
    if (span.end <= span.start) continue
    if (!wanted(span, view.text.slice(span.start, span.end))) continue
    spans.push(same ? span : { ...span, ...view.locate(span.start, span.end) })
  }
}

/** Collects the values of a text's spans that are looked for in the other texts of a call. */
export function gather({ text, json }: Given, spans: readonly Span[], seeds: Map<string, Seed>): void {
  if (spans.length === 0) return
  const shown = ({ start, end }: Span): string => plainOf(text.slice(start, end), json)
  seedsOf(resolve(spans, text), shown, wordsOf, seeds)
}

function plainOf(text: string, json: boolean): string {
  return viewsOf(text, json)[0]?.text ?? text
}

function wordsOf(value: string): readonly string[] {
  const tokens = tokensOf(value)
  const words: string[] = []
  for (let i = 0; i < tokens.count; i++) words.push(value.slice(tokens.start[i] ?? 0, tokens.end[i] ?? 0))
  return words
}

/** What a text holds by itself, and what else of the call's values it repeats. */
export function withSeeds(
  { text, json, protocol }: Given,
  own: readonly Span[],
  index: Index,
  { custom, tenant }: Omit<Reader, 'tagger'>,
): readonly Span[] {
  if (index.size === 0 || text.length === 0 || protocol === true) return own
  const view = viewsOf(text, json)[0]
  if (view === undefined) return own
  const found: Span[] = []
  const tokens: Tokens = tokensOf(view.text)
  propagate(view.text, tokens, index, found)
  if (found.length === 0) return own
  const spans = [...own]
  locate(view, text, found, (span, shown) => !custom.allows(tenant, span.type, shown), spans)
  return distinct(spans, text)
}

/**
 * The whole reading of the texts of one call: views, words, detectors, tagger, what the policy adds, and values found in one text found in all. For each text
 * its spans, sorted, in offsets of the text as it was given; none over another of its type. What lies within a span of another type is told too: who takes out
 * cards and not addresses of the web must take out the card in one. So what overlaps is settled ({@link resolve}) when it is known which types count, not before.
 */
export function readIn(texts: readonly Given[], reader: Reader): readonly (readonly Span[])[] {
  const own = texts.map((given) => findOwn(given, reader))
  const seeds = new Map<string, Seed>()
  texts.forEach((given, at) => {
    gather(given, own[at] ?? [], seeds)
  })
  const index = indexOf(seeds.values())
  return texts.map((given, at) => withSeeds(given, own[at] ?? [], index, reader))
}

/** The same where every type counts: none over another. */
export function findIn(texts: readonly Given[], reader: Reader): readonly (readonly Span[])[] {
  return readIn(texts, reader).map((spans, at) => resolve(spans, texts[at]?.text ?? ''))
}

/** All types that may be found, with those that a tenant's policy adds. */
export function typesOf(added: readonly Detector[]): ReadonlySet<string> {
  const types = new Set(['PERSON', 'LOCATION', 'ORG', 'TOKEN'])
  for (const { finds } of [...DETECTORS, ...added]) for (const type of finds) types.add(type)
  return types
}
