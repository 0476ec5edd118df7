import { cueOfWord } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isCard, TRACK } from '../finance/cards.ts'
import { AFTER_BLANK, BEYOND, DIGIT, hashOf, LOWER, MARK, UPPER } from '../tokens.ts'
import { CODE_TYPES, scanBic, scanCodes } from './codes.ts'
import { at, enter, leave, setLabel } from './context.ts'
import { DIGIT_TYPES, judge, scanDigits, scanLoose } from './digits.ts'
import { LABELLED_TYPES, scanLabelled } from './labelled.ts'
import { LABELS } from './labels.ts'
import { DIGITS, isDigits } from './run.ts'

/** Numbers and codes by check digits, forms and labels: one pass over the words, work only where there are digits or capitals of a bank code's length. */
export const NUMBERS: Detector = {
  name: 'numbers',
  finds: [...new Set([...DIGIT_TYPES, ...CODE_TYPES, ...LABELLED_TYPES, 'TRACK', 'HEALTH'])],
  scan(reading, found) {
    enter(reading)
    try {
      scan(reading, found)
    } finally {
      leave()
    }
  },
}

function scan(reading: Reading, found: Span[]): void {
  const { tokens } = reading
  const { count, kind, start, end } = tokens
  let labelled = -1
  let row = -1
  for (let token = 0; token < count; token++) {
    const is = kind[token] ?? 0
    if ((is & MARK) !== 0) continue
    if ((is & DIGIT) === 0) {
      // Nearly all words of prose: no capitals, and another word behind.
      const follows = token + 1 < count ? (kind[token + 1] ?? 0) : 0
      if ((is & LOWER) !== 0 && (follows & (MARK | DIGIT)) === 0) continue
      const length = (end[token] ?? 0) - (start[token] ?? 0)
      if ((is & LOWER) === 0 && (length === 8 || length === 11)) scanBic(reading, token, found)
      if (length <= 6 && joined(tokens.kind, tokens.hash, token, count)) {
        if (token > labelled && begins(reading, token))
          labelled = Math.max(labelled, scanLabelled(reading, token, found))
        if (length <= 3) scanCodes(reading, token, found)
      } else if (length <= 3 && token + 1 < count) {
        const next = kind[token + 1] ?? 0
        if ((next & DIGIT) === 0 || (next & MARK) !== 0) continue
        const digits = (end[token + 1] ?? 0) - (start[token + 1] ?? 0)
        if ((is & LOWER) !== 0 && digits !== 2) continue
        if (token > labelled) labelled = Math.max(labelled, scanLabelled(reading, token, found))
        scanCodes(reading, token, found)
      }
      continue
    }
    if (token > labelled) labelled = Math.max(labelled, scanLabelled(reading, token, found))
    if (isDigits(tokens, token)) {
      scanDigits(reading, token, found)
      if (token > row) row = Math.max(row, scanLoose(reading, token, found))
      if ((end[token] ?? 0) - (start[token] ?? 0) >= 12) scanTrack(reading, token, found)
      if (token + 1 < count && goesOn(reading, token)) scanCodes(reading, token, found)
    } else {
      const length = (end[token] ?? 0) - (start[token] ?? 0)
      if ((is & (LOWER | BEYOND)) === 0 && (length === 8 || length === 11)) scanBic(reading, token, found)
      scanCodes(reading, token, found)
      scanGlued(reading, token, found)
      if ((end[token] ?? 0) - (start[token] ?? 0) > CARD) scanCardIn(reading, token, found)
      if ((end[token] ?? 0) - (start[token] ?? 0) >= 13) scanTrack(reading, token, found)
    }
  }
}

/** Whether a mark joins the word behind to this one. */
function joined(kind: Uint8Array, hash: Int32Array, token: number, count: number): boolean {
  if (token + 2 >= count) return false
  const is = kind[token + 1] ?? 0
  if ((is & MARK) === 0 || (is & AFTER_BLANK) !== 0) return false
  const mark = hash[token + 1]
  return (mark === 0x2d || mark === 0x2f || mark === 0x2010) && ((kind[token + 2] ?? 0) & (AFTER_BLANK | MARK)) === 0
}

/** Whether nothing joins a token to a word in front of it. */
function begins(reading: Reading, token: number): boolean {
  const { kind } = reading.tokens
  return token === 0 || ((kind[token] ?? 0) & AFTER_BLANK) !== 0 || ((kind[token - 1] ?? 0) & MARK) !== 0
}

/** Whether a group of digits may go on as a code: `-K` or `.345` behind it, or a few capitals behind a blank. */
function goesOn(reading: Reading, token: number): boolean {
  const { kind, hash, start, end } = reading.tokens
  const next = kind[token + 1] ?? 0
  const length = (end[token] ?? 0) - (start[token] ?? 0)
  if ((next & MARK) !== 0) {
    const mark = hash[token + 1]
    return (
      (next & AFTER_BLANK) === 0 &&
      (mark === 0x2d || mark === 0x2b || mark === 0x2010 || (mark === 0x2e && length <= 3))
    )
  }
  return (next & (DIGIT | BEYOND)) === 0 && (next & UPPER) !== 0 && (end[token + 1] ?? 0) - (start[token + 1] ?? 0) <= 3
}

/** A label with its number in one word: `MRN1234567`, `SSN123456789`. */
function scanGlued(reading: Reading, token: number, found: Span[]): void {
  const { text, tokens } = reading
  const start = tokens.start[token] ?? 0
  const end = tokens.end[token] ?? 0
  let at0 = start
  while (at0 < end && (text.charCodeAt(at0) | 0x20) >= 0x61) at0 += 1
  if (at0 === start || at0 - start > 12 || end - at0 < 6 || end - at0 > 19) return
  for (let i = at0; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return
    DIGITS[i - at0] = digit
  }
  const cue = cueOfWord(hashOf(text.slice(start, at0)), LABELS)
  if (cue === 0) return
  at(token, token)
  setLabel(cue)
  judge(text, at0, end, end - at0, 0, false, found)
  for (const [bit, type] of GLUED) {
    if ((cue & bit) !== 0) found.push({ start: at0, end, type, score: 0.8, rule: `${type.toLowerCase()}/glued` })
  }
}

/** Digits of a card that is known within a word. */
const CARD = 16

/** A card's number with letters at it: `order4111111111111111x`, `card4111111111111111exp0128`. */
function scanCardIn(reading: Reading, token: number, found: Span[]): void {
  const { text, tokens } = reading
  const end = tokens.end[token] ?? 0
  let run = tokens.start[token] ?? 0
  for (let i = run; i <= end; i++) {
    const digit = i < end ? text.charCodeAt(i) - 0x30 : -1
    if (digit >= 0 && digit <= 9) continue
    if (i - run === CARD) {
      for (let k = 0; k < CARD; k++) DIGITS[k] = text.charCodeAt(run + k) - 0x30
      if (isCard(DIGITS, CARD))
        found.push({ start: run, end: i, type: 'CREDIT_CARD', score: 0.7, rule: 'card/in-word' })
    }
    run = i + 1
  }
}

const GLUED = [
  [LABELS.bit.mrn, 'MRN'],
  [LABELS.bit.id, 'ID'],
  [LABELS.bit.account, 'US_ACCOUNT'],
] as const

/** Track data from its start sentinel, or from the number on. */
function scanTrack(reading: Reading, token: number, found: Span[]): void {
  const { text, tokens } = reading
  let start = tokens.start[token] ?? 0
  const before = text.charCodeAt(start - 1)
  if (before === 0x25 || before === 0x3b) start -= 1
  TRACK.lastIndex = start
  if (TRACK.test(text)) found.push({ start, end: TRACK.lastIndex, type: 'TRACK', score: 1, rule: 'card/track' })
}
