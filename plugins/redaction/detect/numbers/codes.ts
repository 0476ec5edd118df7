import type { Reading, Span } from '../detector.ts'
import { ACCOUNT_CODES, BIC } from '../finance/accounts.ts'
import { SECURITIES } from '../finance/securities.ts'
import { DIAGNOSIS, HEALTH_CODES } from '../health/providers.ts'
import { MORE_CODES, NATIONAL_CODES, NINO } from '../national/table.ts'
import { TRAVEL_CODES } from '../national/travel.ts'
import { AFTER_BLANK, MARK } from '../tokens.ts'
import { at, scoreOf } from './context.ts'
import type { CodeForm } from './form.ts'

const FORMS: readonly CodeForm[] = [
  ...ACCOUNT_CODES,
  ...SECURITIES,
  ...HEALTH_CODES,
  NINO,
  ...NATIONAL_CODES,
  ...MORE_CODES,
  ...TRAVEL_CODES,
]
const SAMPLES: readonly RegExp[] = FORMS.flatMap(({ pattern }) => (pattern instanceof RegExp ? [pattern] : []))

/** The types that codes of letters and digits may be. */
export const CODE_TYPES: readonly string[] = [...FORMS, BIC].map(({ type }) => type)

const SEPARATORS = /[\s.\-‐‑–—/_·,|]/g

/** Whether the unit in front of an offset makes what follows a part of a longer word: `550e-8400`, `a.b1`. */
function isInside(reading: Reading, token: number): boolean {
  const { kind, hash } = reading.tokens
  if (token < 2 || ((kind[token] ?? 0) & AFTER_BLANK) !== 0) return false
  if (((kind[token - 1] ?? 0) & MARK) === 0 || ((kind[token - 1] ?? 0) & AFTER_BLANK) !== 0) return false
  const mark = hash[token - 1]
  const joins = mark === 0x2d || mark === 0x2e || mark === 0x40 || mark === 0x2f || mark === 0x2b
  return joins && ((kind[token - 2] ?? 0) & MARK) === 0
}

/** Every code that begins at a token. */
export function scanCodes(reading: Reading, token: number, found: Span[]): void {
  const { text, tokens } = reading
  const start = tokens.start[token] ?? 0
  if (isInside(reading, token) || text.charCodeAt(start - 1) === 0x40) return
  for (const form of FORMS) tryCode(reading, token, start, form, found)
  DIAGNOSIS.lastIndex = start
  if (DIAGNOSIS.test(text)) {
    found.push({ start, end: DIAGNOSIS.lastIndex, type: 'HEALTH', score: 0.6, rule: 'health/icd-10' })
  }
}

/** ISO 9362 codes are words of capitals, so they are tried at others than codes with digits. */
export function scanBic(reading: Reading, token: number, found: Span[]): void {
  tryCode(reading, token, reading.tokens.start[token] ?? 0, BIC, found)
}

function tryCode(reading: Reading, token: number, start: number, form: CodeForm, found: Span[]): void {
  const { text, tokens } = reading
  const { pattern } = form
  let end = -1
  if (pattern instanceof RegExp) {
    pattern.lastIndex = start
    if (!pattern.test(text)) return
    end = pattern.lastIndex
  } else {
    end = pattern(text, start)
    if (end < 0) return
  }
  if (end < text.length && text.charCodeAt(end) === 0x2d && isWord(text.charCodeAt(end + 1))) return
  const written = text.slice(start, end)
  const code = written.replace(SEPARATORS, '').toUpperCase()
  const valid = form.valid(code)
  if (!valid && form.scores.invalid === 0) return
  let last = token
  while (last + 1 < tokens.count && (tokens.start[last + 1] ?? 0) < end) last += 1
  at(token, last)
  const score = scoreOf(form.scores, form.cue, valid, code.length !== written.length ? 2 : 0, false)
  if (score > 0) found.push({ start, end, type: form.type, score, rule: form.rule })
}

const isWord = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)

/** For the tests: every pattern of the table. */
export const CODE_PATTERNS: readonly RegExp[] = [
  ...SAMPLES,
  DIAGNOSIS,
  ...(BIC.pattern instanceof RegExp ? [BIC.pattern] : []),
]
