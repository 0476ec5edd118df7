import { runsOf } from './carried.ts'
import { percentEncoded, quotedPrintable } from './escaped.ts'
import { unescapedJson } from './escapes.ts'
import { literalsOf } from './literals.ts'
import { composed, covering, located, type Mapped, type Range } from './mapped.ts'
import { looksJson, normalised } from './normalised.ts'
import type { Run } from './run.ts'
import { inTags, isTagged } from './tags.ts'

export type Replacement = Readonly<{ start: number; end: number; text: string }>

/** How many writings deep an edit is made in: strings of JSON that hold JSON that holds base64. Deeper, the whole of the outermost is replaced. */
const DEPTH = 4

/**
 * Makes of replacements, given in offsets of the original, the edits really made, in order and apart: escaped where they fall into a string of JSON, a number
 * there becomes a string; encoded as what stands around them is (percent, quoted-printable, HTML); a base64 or hexadecimal run is decoded, edited and
 * encoded anew, as one edit. Replacements that overlap are one, with the text of the first.
 */
export function applyTo(text: string, json: boolean, spans: readonly Replacement[]): readonly Replacement[] {
  return spans.length === 0 ? [] : appliedAt(text, json, apart(spans), DEPTH)
}

function appliedAt(text: string, json: boolean, spans: readonly Replacement[], depth: number): readonly Replacement[] {
  if (depth === 0) return spans
  return json || isJson(text) ? inJson(text, spans, depth) : inPlain(text, spans, depth)
}

/** Whether a text that does not say so is JSON: a tool's result, what a run of base64 decodes to. */
function isJson(text: string): boolean {
  if (!looksJson(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** `text` with edits made, which must be in order and apart. */
export function edited(text: string, edits: readonly Replacement[]): string {
  let out = ''
  let at = 0
  for (const edit of edits) {
    out += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return out + text.slice(at)
}

function apart(spans: readonly Replacement[]): readonly Replacement[] {
  const sorted = [...spans].sort((a, b) => a.start - b.start || b.end - a.end)
  const out: Replacement[] = []
  for (const span of sorted) {
    const last = out.at(-1)
    if (last === undefined || span.start >= last.end) out.push(span)
    else if (span.end > last.end) out[out.length - 1] = { ...last, end: span.end }
  }
  return out
}

/** The same replacements in offsets of `mapped.text`. Two that would share a unit become one. */
function inside(mapped: Mapped, spans: readonly Replacement[]): readonly Replacement[] {
  return apart(spans.map((span) => ({ ...covering(mapped, span.start, span.end), text: span.text })))
}

function inPlain(text: string, spans: readonly Replacement[], depth: number): readonly Replacement[] {
  const main = normalised(text, false)
  const out: Replacement[] = []
  const escaped = main.from !== null && looksJson(main.text)
  const local = (at: number): number => {
    const span = spans[at]
    if (span !== undefined) out.push({ ...span, text: writtenAs(text, span, escaped) })
    return at + 1
  }
  let next = 0
  for (const run of runsOf(main.text)) {
    if (run.kind !== 'base64' && run.kind !== 'hex') break
    const place = located(main, text.length, run.start, run.end)
    while (next < spans.length && (spans[next]?.end ?? 0) <= place.start) next = local(next)
    const first = next
    while (next < spans.length && (spans[next]?.start ?? 0) < place.end) next += 1
    const ours = spans.slice(first, next)
    if (ours.length === 0) continue
    // Two runs may share a unit of the original (a ligature): the second is then edited as it stands.
    const free = (out.at(-1)?.end ?? 0) <= place.start
    const held = (ours[0]?.start ?? 0) >= place.start && (ours.at(-1)?.end ?? 0) <= place.end
    if (held && free) out.push(recoded(text, run, place, composed(main, run.decoded), ours, depth))
    else if (held) for (let i = first; i < next; ) i = local(i)
    else {
      // What reaches beyond the run takes the run with it: a piece of base64 is no text.
      const [one] = apart([...ours, { ...place, text: '' }])
      if (one !== undefined)
        out.push({
          ...one,
          start: Math.max(one.start, out.at(-1)?.end ?? 0),
          text: ours.map((span) => span.text).join(''),
        })
    }
  }
  while (next < spans.length) next = local(next)
  return out
}

function recoded(
  text: string,
  run: Run,
  place: Range,
  decoded: Mapped,
  spans: readonly Replacement[],
  depth: number,
): Replacement {
  const plain = decoded.text
  const anew = run.encode(edited(plain, appliedAt(plain, false, inside(decoded, spans), depth - 1)))
  return { ...place, text: text.slice(place.start, place.end).includes('%') ? percentEncoded(anew) : anew }
}

/** How far around a replacement it is looked how the text is written. */
const AROUND = 256
const SAFE = /^[A-Za-z0-9_.~-]*$/

/** The replacement in the writing of what it replaces; `json`: what is so written is JSON in its turn. */
function writtenAs(text: string, span: Replacement, json: boolean): string {
  const slice = text.slice(span.start, span.end)
  if (isTagged(slice)) return inTags(span.text)
  if (SAFE.test(span.text)) return span.text
  const plain = json ? JSON.stringify(span.text).slice(1, -1) : span.text
  if (/&#?\w{1,20};/.test(slice)) return plain.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)
  if (/\\["\\/nrtux]/.test(slice)) return JSON.stringify(plain).slice(1, -1)
  if (/\s/.test(slice)) return plain
  const before = /\S*$/.exec(text.slice(Math.max(0, span.start - AROUND), span.start))?.[0] ?? ''
  const after = /^\S*/.exec(text.slice(span.end, span.end + AROUND))?.[0] ?? ''
  if (/%[0-9A-Fa-f]{2}/.test(before + slice + after)) return percentEncoded(plain)
  return /=[0-9A-F]{2}/.test(slice) ? quotedPrintable(plain) : plain
}

function inJson(text: string, spans: readonly Replacement[], depth: number): readonly Replacement[] {
  const out: Replacement[] = []
  // Index of the first span that is not behind us; of those whose text has been written, the rest is only taken out.
  let next = 0
  const written = new Set<Replacement>()
  const pieceOf = (span: Replacement, place: Range): Replacement => {
    const piece = { start: Math.max(span.start, place.start), end: Math.min(span.end, place.end) }
    const text = written.has(span) ? '' : span.text
    written.add(span)
    return { ...piece, text }
  }
  for (const literal of literalsOf(text)) {
    while (next < spans.length && (spans[next]?.end ?? 0) <= literal.start) next += 1
    const pieces: Replacement[] = []
    for (let i = next; i < spans.length; i++) {
      const span = spans[i]
      if (span === undefined || span.start >= literal.end) break
      // What goes on from one value into the next takes both, and leaves the name between them.
      if (literal.kind === 'name' && written.has(span)) continue
      pieces.push(pieceOf(span, literal))
    }
    if (pieces.length === 0) continue
    if (literal.kind === 'string' || literal.kind === 'name') inString(text, literal, pieces, depth, out)
    else if (literal.kind === 'number') out.push(quoted(text, literal, pieces))
    else out.push(...pieces)
  }
  return out
}

function inString(text: string, place: Range, pieces: readonly Replacement[], depth: number, out: Replacement[]): void {
  const content = text.slice(place.start, place.end)
  const decoded = unescapedJson(content) ?? { text: content, from: null, to: null }
  const moved = pieces.map((piece) => ({ ...piece, start: piece.start - place.start, end: piece.end - place.start }))
  for (const edit of appliedAt(decoded.text, false, inside(decoded, moved), depth - 1)) {
    const range = located(decoded, content.length, edit.start, edit.end)
    out.push({
      start: place.start + range.start,
      end: place.start + range.end,
      text: JSON.stringify(edit.text).slice(1, -1),
    })
  }
}

/** A number with pieces of it replaced can only be a string. */
function quoted(text: string, place: Range, pieces: readonly Replacement[]): Replacement {
  const number = text.slice(place.start, place.end)
  const moved = pieces.map((piece) => ({ ...piece, start: piece.start - place.start, end: piece.end - place.start }))
  return { ...place, text: JSON.stringify(edited(number, moved)) }
}
