import { PATTERNS } from '../contact/patterns.ts'
import { cueOf, cueOfWord, labelBefore } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { AFTER_BREAK, BEYOND, DIGIT, LOWER, MARK, UPPER } from '../tokens.ts'
import { alsoWord, isDay, isWeekday, isYear } from './months.ts'

/** Between the parts of a date: `5th of March of 2019`, `12 de marzo del 1990`, `den`. */
const OF = cueOf('of', 'de', 'del', 'di', 'do', 'da', 'van', 'the', 'den', 'year', 'año')
const ORDINAL = cueOf('st', 'nd', 'rd', 'th', 'er', 'º', 'ª', 'e', 'ste', 'o')
const MONTH_ALONE = cueOf('mes', 'mes de', 'month', 'month of', 'monat', 'mois de', 'mese di', 'mês de', 'maand')
const IN = cueOf(
  'in',
  'en',
  'em',
  'im',
  'since',
  'until',
  'desde',
  'hasta',
  'seit',
  'last',
  'next',
  'this',
  'early',
  'late',
  'mid',
  'depuis',
  'dal',
)
/** `-`, `/`, `.`, `,`, apostrophes, degree and ordinal signs. */
const JOINS = new Set([0x2d, 0x2f, 0x2e, 0x2c, 0x27, 0x2019, 0xb0, 0xba, 0xaa, 0x2013])

/** A date with a month's name; the offset behind it, 0 if it is none. */
export function named(reading: Reading, at: number, month: number, found: Span[]): number {
  const { tokens } = reading
  const { hash, kind, start, end, count } = tokens
  let first = at
  let last = at
  let day = 0
  let year = 0
  let glued = false
  // Backwards: a day with its ordinal, `of` and a joining mark between.
  let token = at - 1
  for (let steps = 0; token >= 0 && steps < 3; steps++, token--) {
    const is = kind[token] ?? 0
    if (((kind[token + 1] ?? 0) & AFTER_BREAK) !== 0 && token + 1 > 0) break
    if ((is & MARK) !== 0 ? JOINS.has(hash[token] ?? 0) : cueOfWord(hash[token] ?? 0, OF) !== 0) continue
    const value = dayOf(reading, token)
    if (value !== 0 && isDay(0, month, value) && !partOfNumber(reading, token)) {
      day = value
      first = token
      glued = token === at - 1 || (token === at - 2 && ((kind[at - 1] ?? 0) & MARK) !== 0)
    } else if ((is & MARK) === 0 && cueOfWord(hash[token] ?? 0, ORDINAL) !== 0) continue
    break
  }
  // Forwards: a day unless there is one, then a year.
  token = at + 1
  for (let steps = 0; token < count && steps < 8; steps++, token++) {
    const is = kind[token] ?? 0
    if ((is & AFTER_BREAK) !== 0) break
    if ((is & MARK) !== 0) {
      if (JOINS.has(hash[token] ?? 0)) continue
      break
    }
    if ((is & DIGIT) === 0) {
      if (
        cueOfWord(hash[token] ?? 0, OF) !== 0 ||
        (token > at + 1 && cueOfWord(hash[token] ?? 0, ORDINAL) !== 0 && (is & BEYOND) === 0 && last === token - 1)
      )
        continue
      break
    }
    const width = (end[token] ?? 0) - (start[token] ?? 0)
    const value = numberOf(reading, token)
    const mark = hash[token + 1] ?? 0
    const ends = token + 1 >= count || ((kind[token + 1] ?? 0) & MARK) === 0 || (mark !== 0x3a && mark !== 0x25)
    if (width === 4 && isYear(value) && (is & (LOWER | UPPER)) === 0) {
      year = value
      last = token
      break
    }
    const asDay = dayOf(reading, token)
    if (day === 0 && asDay !== 0 && isDay(0, month, asDay) && ends && !decimal(reading, token)) {
      day = asDay
      last = token
      continue
    }
    // `March 5-7, 2019`.
    if (day !== 0 && last === token - 2 && (hash[token - 1] === 0x2d || hash[token - 1] === 0x2013) && asDay !== 0) {
      last = token
      continue
    }
    if (
      year === 0 &&
      width === 2 &&
      value >= 0 &&
      ends &&
      (is & (LOWER | UPPER)) === 0 &&
      joined(reading, token, last)
    ) {
      year = value
      last = token
    }
    break
  }
  if (day === 0 && year === 0) return alone(reading, at, found)
  if (alsoWord(hash[at] ?? 0) && year === 0 && !glued && last === at) return 0
  // `may 5`: a verb unless it is written like a month.
  if (alsoWord(hash[at] ?? 0) && ((kind[at] ?? 0) & UPPER) === 0 && year === 0 && first === at) return 0
  if (first > 1 && (hash[first - 1] === 0x2c || hash[first - 1] === 0x2e) && isWeekday(hash[first - 2] ?? 0)) first -= 2
  else if (first > 0 && ((kind[first] ?? 0) & AFTER_BREAK) === 0 && isWeekday(hash[first - 1] ?? 0)) first -= 1
  const score = day !== 0 && year !== 0 ? 0.97 : year >= 100 ? 0.85 : alsoWord(hash[at] ?? 0) ? 0.6 : 0.8
  found.push({ start: start[first] ?? 0, end: end[last] ?? 0, type: 'DATE', score, rule: 'date/named' })
  return end[last] ?? 0
}

/** A month's name with no number beside it. */
function alone(reading: Reading, at: number, found: Span[]): number {
  const { hash, start, end, kind } = reading.tokens
  if (labelBefore(reading, at, MONTH_ALONE) !== 0) {
    found.push({ start: start[at] ?? 0, end: end[at] ?? 0, type: 'DATE', score: 0.6, rule: 'date/month' })
    return end[at] ?? 0
  }
  if (at === 0 || alsoWord(hash[at] ?? 0) || ((kind[at] ?? 0) & UPPER) === 0) return 0
  if (cueOfWord(hash[at - 1] ?? 0, IN) === 0) return 0
  found.push({ start: start[at] ?? 0, end: end[at] ?? 0, type: 'DATE', score: 0.4, rule: 'date/month' })
  return end[at] ?? 0
}

/** Value of a day with or without its ordinal ending (`5th`, `1er`, `2nd`), 0 if it is none. */
function dayOf(reading: Reading, token: number): number {
  const { text, tokens } = reading
  if (((tokens.kind[token] ?? 0) & DIGIT) === 0) return 0
  const start = tokens.start[token] ?? 0
  const end = tokens.end[token] ?? 0
  let i = start
  let value = 0
  while (i < end && i - start < 3) {
    const unit = text.charCodeAt(i)
    if (unit < 48 || unit > 57) break
    value = value * 10 + unit - 48
    i += 1
  }
  if (i === start || i - start > 2 || value > 31) return 0
  if (i === end) return value
  if (end - i > 3) return 0
  const ending = text.slice(i, end).toLowerCase()
  return ['st', 'nd', 'rd', 'th', 'er', 're', 'º', 'ª', 'e', 'ste', 'de', 'o'].includes(ending) ? value : 0
}

function numberOf(reading: Reading, token: number): number {
  const text = reading.text.slice(
    reading.tokens.start[token] ?? 0,
    Math.min(reading.tokens.end[token] ?? 0, (reading.tokens.start[token] ?? 0) + 5),
  )
  return PATTERNS.shortNumber.test(text) ? Number(text) : -1
}

/** `1.5 May`: the piece behind a point or a slash of a number. */
function partOfNumber(reading: Reading, token: number): boolean {
  const { text, tokens } = reading
  const start = tokens.start[token] ?? 0
  const before = text.charCodeAt(start - 1)
  const digit = text.charCodeAt(start - 2)
  return (
    (before === 0x2e || before === 0x2c || before === 0x3a || before === 0x24) &&
    (before === 0x24 || (digit >= 48 && digit <= 57))
  )
}

function decimal(reading: Reading, token: number): boolean {
  const { text, tokens } = reading
  const end = tokens.end[token] ?? 0
  const digit = text.charCodeAt(end + 1)
  return (text.charCodeAt(end) === 0x2e || text.charCodeAt(end) === 0x2c) && digit >= 48 && digit <= 57
}

/** Whether two digits are joined to the date in front as a year is: by a mark, or a blank only. */
function joined(reading: Reading, token: number, last: number): boolean {
  return token - last <= 3 && ((reading.tokens.kind[token] ?? 0) & AFTER_BREAK) === 0
}
