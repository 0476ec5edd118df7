import type { Reading, Span } from '../detect/detector.ts'
import { isDayName } from '../detect/time/months.ts'
import { AFTER_BLANK, AFTER_BREAK, DIGIT, hashOf, MARK } from '../detect/tokens.ts'
import { type Columns, columnsOf, FEATURES, featuresOf, manner, survey } from './features.ts'
import { COMMON, FIRST, LAST, ORGANISATION, PLACE, REGION, WORD } from './gazetteer.ts'
import { LABELS, marginals, STRIDE, TYPES } from './lattice.ts'
import type { Model } from './model.ts'

/** A chain ends at a line break, and else after this many tokens. */
export const WINDOW = 256
/** The lowest marginal probability of a span that is told. */
export const LEAST = 0.2

/** End of the chain that begins at token `from`: what is one for the trainer is one here. */
export function chainEnd(kind: Uint8Array, from: number, count: number): number {
  const most = Math.min(count, from + WINDOW)
  let i = from + 1
  while (i < most && ((kind[i] ?? 0) & AFTER_BREAK) === 0) i += 1
  return i
}

/** The working storage of one thread; it holds numbers of the last text, never its units. */
export function taggerOf(model: Model): (reading: Reading, found: Span[]) => void {
  const { log, weights, scale, gazetteer } = model
  const moves = model.moves.map(Math.exp)
  const begins = model.begins.map(Math.exp)
  const scores = new Float64Array(WINDOW * LABELS)
  const forward = new Float64Array(WINDOW * LABELS)
  const posterior = new Float64Array(WINDOW * LABELS)
  const features = new Int32Array(FEATURES)
  let columns = columnsOf(1024)
  return (reading, found) => {
    const { tokens } = reading
    const { count, kind } = tokens
    if (columns.room < count) columns = columnsOf(count * 2)
    survey(reading, gazetteer, columns)
    let from = 0
    while (from < count) {
      const to = chainEnd(kind, from, count)
      const mode = manner(columns, from, to)
      for (let i = from; i < to; i++) {
        featuresOf(tokens, columns, i, mode, log, features, 0)
        emit(features, weights, scale, scores, (i - from) * LABELS)
      }
      marginals(scores, moves, begins, to - from, forward, posterior)
      spansOf(reading, columns, from, to, posterior, found)
      from = to
    }
    if (columns.room > 65_536) columns = columnsOf(1024)
  }
}

function emit(features: Int32Array, weights: Int8Array, scale: number, scores: Float64Array, at: number): void {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let s4 = 0
  let s5 = 0
  let s6 = 0
  for (let f = 0; f < FEATURES; f++) {
    const w = (features[f] ?? 0) * STRIDE
    s0 += weights[w] ?? 0
    s1 += weights[w + 1] ?? 0
    s2 += weights[w + 2] ?? 0
    s3 += weights[w + 3] ?? 0
    s4 += weights[w + 4] ?? 0
    s5 += weights[w + 5] ?? 0
    s6 += weights[w + 6] ?? 0
  }
  // Relative to the best label, and never less than e^-30, so that no sum of a chain can be 0.
  const most = Math.max(s0, s1, s2, s3, s4, s5, s6)
  scores[at] = Math.exp(Math.max(-30, (s0 - most) * scale))
  scores[at + 1] = Math.exp(Math.max(-30, (s1 - most) * scale))
  scores[at + 2] = Math.exp(Math.max(-30, (s2 - most) * scale))
  scores[at + 3] = Math.exp(Math.max(-30, (s3 - most) * scale))
  scores[at + 4] = Math.exp(Math.max(-30, (s4 - most) * scale))
  scores[at + 5] = Math.exp(Math.max(-30, (s5 - most) * scale))
  scores[at + 6] = Math.exp(Math.max(-30, (s6 - most) * scale))
}

/** Runs of tokens that are more likely part of a name than not, and those that may be, apart: a lower threshold adds to spans, it does not stretch them. */
function spansOf(
  reading: Reading,
  columns: Columns,
  from: number,
  to: number,
  posterior: Float64Array,
  found: Span[],
): void {
  const { start, end, kind, hash } = reading.tokens
  let open = -1
  let type = 0
  let likely = false
  let sum = 0
  for (let i = from; i <= to; i++) {
    const at = (i - from) * LABELS
    const named = i < to ? 1 - (posterior[at] ?? 1) : 0
    const within = named >= LEAST
    let best = 0
    if (within) {
      let most = 0
      for (let t = 0; t < 3; t++) {
        const p = (posterior[at + 1 + 2 * t] ?? 0) + (posterior[at + 2 + 2 * t] ?? 0)
        if (p > most) {
          most = p
          best = t
        }
      }
    }
    if (open >= 0) {
      const begins = (posterior[at + 1 + 2 * best] ?? 0) > (posterior[at + 2 + 2 * best] ?? 0)
      const glued = i < to && ((kind[i] ?? 0) & AFTER_BLANK) === 0
      if (within && !begins && best === type && named >= 0.5 === likely) {
        sum += named
        continue
      }
      // A word that is glued to a name, as of a hyphen, is not cut off from it for being likely less.
      if (within && !begins && best === type && glued && likely) {
        sum += named
        continue
      }
      const score = sum / (i - open)
      let last = i - 1
      // Marks at its edges are of the sentence; but a full stop ends an initial, and `Inc.`
      while (open <= last && ((kind[open] ?? 0) & MARK) !== 0) open += 1
      while (last > open && ((kind[last] ?? 0) & MARK) !== 0) {
        const abbreviates = (end[last - 1] ?? 0) - (start[last - 1] ?? 0) === 1 || type === 2
        if (hash[last] === 46 && abbreviates) break
        last -= 1
      }
      while (last > open && isTail(columns, kind, open, last, type)) last -= 1
      if (type === 0 && likely && open <= last) {
        while (isJoined(reading, open - 2, from, to, HYPHENS)) open -= 2
        while (isJoined(reading, last, from, to, JOINS)) last += 2
      }
      if (open <= last && !(open === last && isDayName(hash[open] ?? 0))) {
        found.push({
          start: start[open] ?? 0,
          end: end[last] ?? 0,
          type: TYPES[type] ?? 'PERSON',
          score,
          rule: 'tagger',
        })
      }
      open = -1
    }
    if (within) {
      open = i
      type = best
      likely = named >= 0.5
      sum = named
    }
  }
}

const HYPHENS: ReadonlySet<number> = new Set([0x2d, 0x2010, 0x2011])
const JOINS: ReadonlySet<number> = new Set([...HYPHENS, 0x27, 0x2019, 0x2bc])
/** What follows an apostrophe and is no part of a name: `Anna's`, `Will'll`. */
const SHORT: ReadonlySet<number> = new Set(['s', 't', 'd', 'm', 'll', 're', 've'].map(hashOf))

/** Whether word, mark and word stand together without a blank, as in `Min-ho` and `Kerc'hoat`: half of such a name is the name. */
function isJoined({ tokens }: Reading, word: number, from: number, to: number, marks: ReadonlySet<number>): boolean {
  const { kind, hash } = tokens
  if (word < from || word + 2 >= to) return false
  for (const at of [word, word + 2]) if (((kind[at] ?? 0) & (MARK | DIGIT)) !== 0) return false
  for (const at of [word + 1, word + 2]) if (((kind[at] ?? 0) & AFTER_BLANK) !== 0) return false
  const mark = hash[word + 1] ?? 0
  return marks.has(mark) && (HYPHENS.has(mark) || !SHORT.has(hash[word + 2] ?? 0))
}

const NAMES = FIRST | LAST | PLACE | REGION | ORGANISATION

/** Whether the last of these words is an ordinary one in lower case behind a name with capitals, `Porto e`: no name ends so. */
function isTail(columns: Columns, kind: Uint8Array, open: number, last: number, type: number): boolean {
  const first = (columns.shape[open] ?? 0) & 7
  if (type === 2 || first < 3 || ((columns.shape[last] ?? 0) & 7) !== 2 || ((kind[last] ?? 0) & AFTER_BLANK) === 0)
    return false
  const is = columns.known[last] ?? 0
  return (is & COMMON) !== 0 || ((is & WORD) !== 0 && (is & NAMES) === 0)
}
