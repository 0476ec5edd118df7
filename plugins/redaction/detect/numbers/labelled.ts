import { cueNear, isFiller } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { ACCOUNT_LABELS } from '../finance/accounts.ts'
import { CARD_SECRETS, EXPIRY } from '../finance/cards.ts'
import { RECORDS } from '../health/records.ts'
import { TRAVEL_LABELS } from '../national/travel.ts'
import { AFTER_BLANK, AFTER_BREAK, DIGIT, hashOf, MARK, UPPER } from '../tokens.ts'
import { at, labelFurther, labelOf } from './context.ts'
import type { LabelledForm } from './form.ts'
import { CUE, HOLDERS } from './labels.ts'
import { isDigits, isPartOfMore, pieceEnd } from './run.ts'

const FORMS: readonly LabelledForm[] = [...CARD_SECRETS, ...TRAVEL_LABELS, ...RECORDS, ...ACCOUNT_LABELS]
const ALL = FORMS.reduce((bits, { cue }) => bits | cue, 0)

/** The types that a label alone can tell. */
export const LABELLED_TYPES: readonly string[] = [...FORMS.map(({ type }) => type), 'DATE']

const DATE =
  /^(?:(?:19|20)\d\d[-./][01]?\d[-./][0-3]?\d|[0-3]?\d[-./][0-3]?\d[-./](?:(?:19|20)\d\d|\d\d)|\d{1,2}[-./][A-Za-z]{3,9}[-./]\d{2,4})$/
const AMOUNT = /^\d+\.\d{1,2}$/
/** A laboratory's limits, a span of pages. */
const RANGE = /^\d{1,4}[-/]\d{1,4}$/
const SERIES = /^[A-Za-z]{1,4}-?\d{5,12}$/
/** Counts and amounts. */
const ROUND = /^[1-9]\d{0,3}0{4,}$/
const RFC = hashOf('rfc')
const YEAR = /^(?:19|20)\d\d$/

/**
 * The value behind a label, beginning at a token that begins a piece (nothing joins it to a word in front of it). Gives the last token of the value, or -1
 * if there is none.
 */
export function scanLabelled(reading: Reading, token: number, found: Span[]): number {
  const { text, tokens } = reading
  let last = pieceEnd(tokens, token)
  if (!hasDigits(tokens.kind, token, last)) {
    // Capitals in front of the digits: a series (`AB 123456`), no word of the sentence.
    const next = last + 1
    const series =
      last === token &&
      ((tokens.kind[token] ?? 0) & 0x1f) === UPPER &&
      (tokens.end[token] ?? 0) - (tokens.start[token] ?? 0) <= 3 &&
      next < tokens.count &&
      (tokens.start[next] ?? 0) === (tokens.end[token] ?? 0) + 1 &&
      ((tokens.kind[next] ?? 0) & DIGIT) !== 0
    if (!series || isFiller(tokens.hash[token] ?? 0)) return -1
    last = pieceEnd(tokens, next)
  }
  at(token, last)
  const label = labelOf()
  if ((label & (ALL | CUE.expiry)) === 0) {
    if (label !== 0) return -1
    const further = scanFurther(reading, token, last, found)
    return further >= 0 ? further : scanHeld(reading, token, last, found)
  }
  const start = tokens.start[token] ?? 0
  // `RFC 9110` is a standard; the Mexican taxpayer's number has letters.
  if (token > 0 && tokens.hash[token - 1] === RFC && isDigits(tokens, token)) return -1
  if ((label & CUE.expiry) !== 0) {
    EXPIRY.lastIndex = start
    if (EXPIRY.test(text)) found.push({ start, end: EXPIRY.lastIndex, type: 'DATE', score: 0.85, rule: 'card/expiry' })
    return -1
  }
  for (const form of FORMS) {
    if ((form.cue & label) === 0) continue
    const behind = form.grouped ? groupsBehind(reading, token, last) : last
    const end = tokens.end[behind] ?? 0
    if (!fits(text, start, end, form)) continue
    found.push({ start, end, type: form.type, score: form.score, rule: `${form.type.toLowerCase()}/label` })
    return behind
  }
  return -1
}

/** A value that looks like a number of something, whose label is further off. */
function scanFurther(reading: Reading, token: number, last: number, found: Span[]): number {
  const { text, tokens } = reading
  const cues = labelFurther()
  if (cues === 0 || (cues & CUE.other) !== 0) return -1
  const start = tokens.start[token] ?? 0
  for (const form of FORMS) {
    if ((form.cue & cues) === 0 || !FURTHER.has(form.type)) continue
    const behind = form.grouped ? groupsBehind(reading, token, last) : last
    const end = tokens.end[behind] ?? 0
    if (!fits(text, start, end, form) || !isTelling(text.slice(start, end))) continue
    found.push({ start, end, type: form.type, score: 0.6, rule: `${form.type.toLowerCase()}/further` })
    return behind
  }
  return -1
}

const FURTHER: ReadonlySet<string> = new Set([
  'MRN',
  'ID',
  'US_ACCOUNT',
  'PASSPORT',
  'DRIVER_LICENSE',
  'PLATE',
  'VIN',
  'IMEI',
])

/** Six digits, or capitals and three: less is a count of something. */
function isTelling(value: string): boolean {
  const digits = value.replace(/[^0-9]/g, '').length
  return digits >= 6 || (digits >= 2 && /[A-Z]/.test(value) && value.length >= 5)
}

/** A series and a number behind `id`, `no.` or `#`, of somebody named a few words before: `insurance Blue Cross ID R55120984`. */
function scanHeld(reading: Reading, token: number, last: number, found: Span[]): number {
  const { text, tokens } = reading
  if (token === 0 || !isFiller(tokens.hash[token - 1] ?? 0)) return -1
  const start = tokens.start[token] ?? 0
  const end = tokens.end[last] ?? 0
  if (end - start > 18 || !SERIES.test(text.slice(start, end))) return -1
  if (cueNear(reading, token, last, HOLDERS, 8, 0) === 0) return -1
  found.push({ start, end, type: 'ID', score: 0.65, rule: 'id/holder' })
  return last
}

/** Groups of digits that go on behind blanks (`28 12345678 40`), if the first is short. */
function groupsBehind(reading: Reading, token: number, last: number): number {
  const { tokens } = reading
  const { count, kind, start, end } = tokens
  if (last !== token || !isDigits(tokens, token) || (end[token] ?? 0) - (start[token] ?? 0) > 4) return last
  let at = last
  for (let groups = 1; groups < 6 && at + 1 < count; groups++) {
    const next = at + 1
    const is = kind[next] ?? 0
    const single = (start[next] ?? 0) - (end[at] ?? 0) <= 2
    if (!single || (is & AFTER_BREAK) !== 0 || (is & AFTER_BLANK) === 0 || !isDigits(tokens, next)) break
    if (pieceEnd(tokens, next) !== next) break
    at = next
  }
  return at
}

function hasDigits(kind: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i <= to; i++) if (((kind[i] ?? 0) & (DIGIT | MARK)) === DIGIT) return true
  for (let i = from; i <= to; i++) if (((kind[i] ?? 0) & DIGIT) !== 0) return true
  return false
}

/** Whether a value may be what its label says: long enough, with enough digits, no date, year or amount. */
function fits(text: string, start: number, end: number, form: LabelledForm): boolean {
  const length = end - start
  if (length < form.from || length > form.to) return false
  let digits = 0
  let letters = 0
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x30 && unit <= 0x39) digits += 1
    else if ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a) letters += 1
    else if (unit > 0x7f && unit !== 0xa0 && unit !== 0x2010 && unit !== 0x2011) return false
  }
  if (digits < form.digits || (!form.letters && letters > 0)) return false
  // A word with few digits (`covid-19`, `section-4b`) is a word.
  if (letters > 8 && digits < 4) return false
  const after = text.charCodeAt(end)
  if (after === 0x40 || after === 0x25 || text.charCodeAt(start - 1) === 0x40) return false
  if (letters === 0 && isPartOfMore(text, start, end)) return false
  const value = text.slice(start, end)
  if (DATE.test(value) || AMOUNT.test(value)) return false
  if (form.type === 'DRIVER_LICENSE' && RANGE.test(value)) return false
  if (form.type !== 'US_ACCOUNT' && ROUND.test(value)) return false
  return form.years || !YEAR.test(value)
}
