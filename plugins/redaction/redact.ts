import type { Edit, Finding, Segment } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { irreversible } from './operate/irreversible.ts'
import type { Operator } from './operate/operator.ts'
import { operatorFor, type Params, scoreFor } from './params.ts'
import { createPseudonyms, type Live, type Pseudonyms } from './pseudonyms.ts'
import { ownFirst } from './resolve.ts'
import { settled } from './settled.ts'
import { surfaceOf } from './surface.ts'
import { isForeign, shapesIn, type TenantKeys } from './token.ts'
import { applyTo, type View, viewsOf } from './view/index.ts'

/** What a request's redaction came to. `refused`: why it cannot be made; it names types and places, never text. */
export type Redacted = Readonly<
  | { refused: null; edits: readonly Edit[]; live: readonly Live[]; notes: Readonly<Record<string, Json>> }
  | { refused: string }
>

/** A finding that something is done about, in its segment. */
type Marked = Readonly<{ start: number; end: number; type: string; score: number; operator: Operator }>
type Place = Readonly<{ segment: Segment; marks: readonly Marked[] }>

const TOKEN: Operator = { operator: 'token' }
const TOKEN_TYPE = 'TOKEN'

/** Takes out of a call's segments what the params say. Pure but for the year: the same call is redacted in the same way, in every process. */
export function redact(
  params: Params,
  segments: readonly Segment[],
  findings: readonly Finding[],
  keys: TenantKeys,
): Redacted {
  const byPointer = grouped(findings)
  const further = new Set([...params.types.keys(), ...findings.map(({ type }) => type)])
  const places: Place[] = []
  const fixed = new Set<string>()
  const refused = new Map<string, number>()
  for (const segment of segments) {
    const marks = marksOf(params, segment, byPointer.get(segment.pointer) ?? NONE)
    for (const { type, operator } of marks) {
      if (operator.operator === 'refuse') refused.set(type, (refused.get(type) ?? 0) + 1)
    }
    const editable = isEditable(segment)
    const told = editable ? undefined : marks.find(({ type }) => type !== TOKEN_TYPE)
    if (told !== undefined && refused.size === 0) {
      return { refused: `${told.type} stands where nothing can be edited: ${placeOf(segment, byPointer)}` }
    }
    shapesIn(segment.text, (shape) => {
      if (!isForeign(shape, further)) return
      if (editable) marks.push({ start: shape.start, end: shape.end, type: TOKEN_TYPE, score: 1, operator: TOKEN })
      else if (segment.signed !== true) fixed.add(shape.token)
    })
    if (editable && marks.length > 0) places.push({ segment, marks: settled(marks, segment.text) })
  }
  if (refused.size > 0) {
    const counts = [...refused].map(([type, count]) => `${type} (${count})`)
    return { refused: `the call holds what may not be sent: ${counts.join(', ')}` }
  }
  if (places.length === 0) return { refused: null, edits: [], live: [], notes: {} }
  return edited(places, segments, fixed, keys)
}

const NONE: readonly Finding[] = []

function grouped(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const byPointer = new Map<string, Finding[]>()
  for (const finding of findings) {
    const list = byPointer.get(finding.pointer)
    if (list === undefined) byPointer.set(finding.pointer, [finding])
    else list.push(finding)
  }
  return byPointer
}

function marksOf(params: Params, { channel, role }: Segment, findings: readonly Finding[]): Marked[] {
  const marks: Marked[] = []
  const asked = (params.channels?.has(channel) ?? true) && (params.roles?.has(role) ?? true)
  const counts = ({ type, score }: Finding): boolean =>
    asked && operatorFor(params, type) !== null && score >= scoreFor(params, type)
  for (const { type, start, end, score } of ownFirst(findings, counts)) {
    if (end <= start) continue
    if (type === TOKEN_TYPE) {
      marks.push({ start, end, type, score, operator: TOKEN })
      continue
    }
    const operator = operatorFor(params, type)
    if (!asked || operator === null || operator.operator === 'keep' || score < scoreFor(params, type)) continue
    marks.push({ start, end, type, score, operator })
  }
  return marks
}

/** A member's name, a number, what a provider has signed: read, but never edited. */
function isEditable({ pointer, signed }: Segment): boolean {
  return signed !== true && !pointer.endsWith('#')
}

/** A pointer as a message may name it: without the members' names in which something was found. */
function placeOf({ pointer, signed }: Segment, byPointer: ReadonlyMap<string, unknown>): string {
  const number = pointer.endsWith('~#')
  const steps = pointer.slice(0, number ? -2 : pointer.endsWith('#') ? -1 : undefined).split('/')
  let path = ''
  let shown = ''
  for (const step of steps.slice(1)) {
    path += `/${step}`
    shown += byPointer.has(`${path}#`) ? '/*' : `/${step}`
  }
  const what = number ? 'a number' : signed === true ? 'a signed text' : 'the name of a member'
  return `${what} at ${shown}`
}

function edited(
  places: readonly Place[],
  segments: readonly Segment[],
  fixed: ReadonlySet<string>,
  keys: TenantKeys,
): Redacted {
  let asked = 0
  const pseudonyms = createPseudonyms(keys, {
    token: (text) => fixed.has(text),
    // Each is looked for in all that is sent: beyond so many a call would hold up the others.
    surrogate: (text) => ++asked > MOST_SURROGATES || isSent(text, segments, places),
  })
  const thisYear = new Date().getUTCFullYear()
  const counts = new Map<string, Map<string, number>>()
  const edits: Edit[] = []
  for (const { segment, marks } of inOrder(places)) {
    const json = segment.json === true
    const changes: { start: number; end: number; text: string }[] = []
    const views = viewsOf(segment.text, json)
    for (const mark of marks) {
      const text = standIn({ mark, segment, views }, pseudonyms, keys, thisYear)
      const surface = segment.text.slice(mark.start, mark.end)
      if (text !== surface) changes.push({ start: mark.start, end: mark.end, text })
      const { operator } = mark.operator
      const byOperator = counts.get(mark.type) ?? new Map<string, number>()
      byOperator.set(operator, (byOperator.get(operator) ?? 0) + 1)
      counts.set(mark.type, byOperator)
    }
    for (const change of applyTo(segment.text, json, changes)) edits.push({ pointer: segment.pointer, ...change })
  }
  return { refused: null, edits, live: pseudonyms.live(), notes: notesOf(counts) }
}

/**
 * The order in which values are numbered: that of the document, but what stands outside of the messages first. A turn more then changes no number before it,
 * wherever in the body the messages stand, and what the provider has cached of it is good again.
 */
function inOrder(places: readonly Place[]): readonly Place[] {
  const isTurn = ({ segment }: Place): boolean => segment.pointer.includes('/messages/')
  return [...places.filter((place) => !isTurn(place)), ...places.filter(isTurn)]
}

/** So many surrogates stand in a call at most; what comes after them leaves as tokens. */
const MOST_SURROGATES = 500

/** Whether a text stands anywhere in what is sent, outside of what is taken out. */
function isSent(text: string, segments: readonly Segment[], places: readonly Place[]): boolean {
  for (const segment of segments) {
    for (let at = segment.text.indexOf(text); at >= 0; at = segment.text.indexOf(text, at + 1)) {
      const end = at + text.length
      const marks = places.find((place) => place.segment === segment)?.marks ?? []
      if (!marks.some((mark) => mark.start < end && mark.end > at)) return true
    }
  }
  return false
}

const WORD = /[\p{L}\p{N}\p{M}_]/u

/** What is sent in place of a finding. */
function standIn(
  { mark, segment, views }: Readonly<{ mark: Marked; segment: Segment; views: readonly View[] }>,
  pseudonyms: Pseudonyms,
  keys: TenantKeys,
  thisYear: number,
): string {
  const { type, operator } = mark
  const { surface, value } = surfaceOf(segment, views, mark.start, mark.end)
  const changed = irreversible(type, value, operator, keys, thisYear)
  if (changed !== null) return changed
  switch (operator.operator) {
    case 'drop':
      // An empty text is one that providers refuse: where nothing else is left, the type is.
      return mark.end - mark.start === segment.text.trim().length ? type : ''
    case 'surrogate':
      // Surrogates are put back by whole words only; in the middle of one stands a token.
      return pseudonyms.of({ type, surface, value }, isWholeWord(segment.text, mark) ? 'surrogate' : 'token')
    default:
      return pseudonyms.of({ type, surface, value }, 'token')
  }
}

function isWholeWord(text: string, { start, end }: Marked): boolean {
  return !WORD.test(text.slice(Math.max(0, start - 1), start)) && !WORD.test(text.slice(end, end + 1))
}

/** So many types stand in a record, the most frequent ones: 2,000 bytes are what it has for them. */
const MOST_TYPES = 30

function notesOf(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): Readonly<Record<string, Json>> {
  const sum = (byOperator: ReadonlyMap<string, number>): number => [...byOperator.values()].reduce((a, b) => a + b, 0)
  const listed = [...counts].sort(([, a], [, b]) => sum(b) - sum(a))
  const notes = listed.slice(0, MOST_TYPES).map(([type, byOperator]) => [type, Object.fromEntries(byOperator)] as const)
  return Object.fromEntries(notes)
}
