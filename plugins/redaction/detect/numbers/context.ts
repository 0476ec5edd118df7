import { cueOf, cueOfWord, cuesAfter, labelBefore, nearestBefore } from '../context.ts'
import type { Reading } from '../detector.ts'
import { AFTER_BREAK, DIGIT, MARK, tokensOf } from '../tokens.ts'
import type { Scores } from './form.ts'
import { CUE, LABELS } from './labels.ts'
import { columnHead, enterTable, leaveTable } from './table.ts'

/**
 * What is around the value at hand, read at most once for each value and only when a form asks. One reading at a time: `enter` begins a reading, `at` a value.
 */
let reading: Reading | undefined
let from = 0
let to = 0
let label = -1
let near = -1
let alone = -1

export function enter(next: Reading): void {
  reading = next
  enterTable(next)
  alone = -1
  at(-1, -1)
}

/** Forgets what was read last, so that nothing of a text is kept. */
export function leave(): void {
  reading = undefined
  leaveTable()
}

export function at(first: number, last: number): void {
  from = first
  to = last
  label = -1
  near = -1
}

/** Cues of the label directly in front of the value. */
export function labelOf(): number {
  if (label < 0 && reading !== undefined) {
    label = labelBefore(reading, from, LABELS)
    if (label === 0) label = labelOfColumn(reading)
  }
  return Math.max(label, 0)
}

/** What the column is called that the value stands in. */
function labelOfColumn({ text, tokens, hints }: Reading): number {
  const { kind, hash, start } = tokens
  const is = kind[from] ?? 0
  const mark = from > 0 ? (kind[from - 1] ?? 0) & MARK : 0
  // A cell begins behind a mark, a line break or a tab.
  if (mark === 0 && (is & AFTER_BREAK) === 0 && text.charCodeAt((start[from] ?? 0) - 1) !== 0x09) return 0
  if (mark !== 0 && !CELL_MARKS.has(hash[from - 1] ?? 0)) return 0
  const head = columnHead(start[from] ?? 0)
  if (head === null) return 0
  const words = tokensOf(head)
  return labelBefore({ text: head, tokens: words, hints: { ...hints, key: null } }, words.count, LABELS)
}

const CELL_MARKS = new Set([...',;|"\'`*'].map((mark) => mark.charCodeAt(0)))

/** Takes a label as read: of a word that is glued to its value. */
export function setLabel(cues: number): void {
  label = cues
}

/**
 * Cues of a label that is not directly in front of the value: earlier in its sentence, with `is`, `:` or the like in front of the value and no other number
 * between; or behind it (`… is my member ID`, `… (MRN)`). 0 if there is none.
 */
export function labelFurther(): number {
  if (reading === undefined) return 0
  const { count, kind, hash } = reading.tokens
  const next = to + 1
  if (next < count && ((kind[next] ?? 0) & AFTER_BREAK) === 0) {
    const opens = hash[next] === 0x28
    if (opens || cueOfWord(hash[next] ?? 0, LINKS) !== 0) {
      let end = next + 1
      while (
        end < count &&
        end - next <= 6 &&
        ((kind[end] ?? 0) & (DIGIT | AFTER_BREAK)) === 0 &&
        !ENDS.has(hash[end] ?? 0)
      )
        end += 1
      const closed =
        end === count ||
        hash[end] === 0x29 ||
        hash[end] === 0x2e ||
        hash[end] === 0x2c ||
        ((kind[end] ?? 0) & AFTER_BREAK) !== 0
      const cues = closed ? cuesAfter(reading, to, LABELS, end - to - 1) : 0
      if (cues !== 0) return cues
    }
  }
  if (from === 0) return 0
  const link = hash[from - 1] ?? 0
  if (link !== 0x3a && link !== 0x3d && link !== 0x3e && cueOfWord(link, LINKS) === 0) return 0
  let reach = 0
  while (reach < 16 && from - reach > 0 && ((kind[from - reach - 1] ?? 0) & (DIGIT | MARK)) !== DIGIT) reach += 1
  return nearestBefore(reading, from, LABELS, reach)
}

/** Words between a label and its value, whichever comes first. */
const LINKS = cueOf(
  ...'is was are being as reads used ist war lautet sind es era est était è era é jest brzmi luidt'.split(' '),
)
const ENDS = new Set([...'():=,;.?!'].map((mark) => mark.charCodeAt(0)))

/** The nearest cue in front, and all close behind. */
function nearOf(): number {
  if (near < 0 && reading !== undefined)
    near = nearestBefore(reading, from, LABELS, 14) | cuesAfter(reading, to, LABELS, 6)
  return Math.max(near, 0)
}

/** Whether the text is nothing but values: no word of more than two letters, 8 words and marks at most, no member name. */
function isAlone(): boolean {
  if (alone < 0 && reading !== undefined) {
    const { count, kind, start, end } = reading.tokens
    alone = count <= 8 && reading.hints.key === null ? 1 : 0
    for (let i = 0; alone === 1 && i < count; i++)
      if (((kind[i] ?? 0) & (DIGIT | MARK)) === 0 && (end[i] ?? 0) - (start[i] ?? 0) > 3) alone = 0
  }
  return alone === 1
}

/** Whether anything around the value speaks for a cue. Read in front of validators that cost more than it. */
export function hasContext(cue: number): boolean {
  return (labelOf() & cue) !== 0 || (nearOf() & cue) !== 0 || isAlone()
}

/** 0: no separators. 1: a grouping of the type. 2: one that little else has. */
export type Grouping = 0 | 1 | 2

/** The score of a form at the value at hand, 0 for none. `inside`: the value is a part of a longer row of groups. */
export function scoreOf(scores: Scores, cue: number, valid: boolean, grouping: Grouping, inside: boolean): number {
  if (!valid) return scores.invalid > 0 && (labelOf() & cue) !== 0 ? scores.invalid : 0
  let score = grouping === 2 ? scores.grouped : scores.form
  if (inside && scores.form < 1) score = Math.min(score, 0.4)
  if (score >= 1 && (labelOf() & CUE.other) === 0) return score
  const front = labelOf()
  if ((front & cue) !== 0) return Math.max(score, scores.label)
  // What is called an order number or a phone number is believed to be one, but for what a checksum proves by itself.
  if ((front & CUE.other) !== 0) return score >= 1 ? 0.7 : Math.min(score, 0.4)
  if (front !== 0) return score
  if (inside) return score
  if (scores.near > score && (nearOf() & cue) !== 0) return scores.near
  if (scores.alone > 0 && isAlone())
    return grouping > 0 && scores.alone >= 0.45 ? Math.max(score, scores.alone, 0.6) : Math.max(score, scores.alone)
  return score
}
