import { cueOf, labelBefore } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { isWordUnit, MARK } from '../tokens.ts'

const LABEL = cueOf(
  ...'year of birth,birth year,born,fecha,fecha de ingreso,fecha de nacimiento,año,geburtsjahr,jahrgang,geboren,année de naissance,né en,née en,anno di nascita,ano de nascimento,geboortejaar,nacido,nacida,nacimiento,nacido en,nacida en,born in'.split(
    ',',
  ),
)
const IN = cueOf(
  'en',
  'desde',
  'hasta',
  'em',
  'nel',
  'dal',
  'año',
  'ano',
  'anno',
  'année',
  'depuis',
  'jahr',
  'jahre',
  'seit',
  'sinds',
)
const ENGLISH = cueOf('in', 'since', 'until', 'year', 'during', 'before', 'after', 'by', 'from')

/**
 * A year alone. Behind a label it is one's own; behind a preposition of clinical Spanish and its kin it is held for a date; English prose says `in 2019` of
 * anything, so there it is left to modes of a lower threshold (45 CFR 164.514(b)(2)(i)(C) lets years stay).
 */
export function bareYear(reading: Reading, at: number, year: number, end: number, found: Span[]): number {
  const { text, tokens } = reading
  const start = tokens.start[at] ?? 0
  if (year < 1900 || year > 2100 || end - start !== 4) return 0
  const next = text.charCodeAt(end)
  if (isWordUnit(next) || next === 0x25 || next === 0x20ac || next === 0x2f) return 0
  if ((next === 0x2e || next === 0x2c) && text.charCodeAt(end + 1) >= 48 && text.charCodeAt(end + 1) <= 57) return 0
  if (at === 0 && reading.hints.key === null) return 0
  if (at > 0 && ((tokens.kind[at - 1] ?? 0) & MARK) === 0 && labelBefore(reading, at, IN) !== 0) {
    found.push({ start, end, type: 'DATE', score: 0.5, rule: 'date/year' })
    return end
  }
  if (labelBefore(reading, at, LABEL) !== 0) {
    found.push({ start, end, type: 'DATE', score: 0.6, rule: 'date/year-label' })
    return end
  }
  if (at > 0 && ((tokens.kind[at - 1] ?? 0) & MARK) === 0 && labelBefore(reading, at, ENGLISH) !== 0) {
    found.push({ start, end, type: 'DATE', score: 0.3, rule: 'date/year-prose' })
    return end
  }
  return 0
}
