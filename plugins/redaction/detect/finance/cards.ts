import { luhn, uniform, valueAt } from '../numbers/checks.ts'
import type { DigitForm, LabelledForm } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/**
 * Whether a number of this length may be of a card brand (ISO/IEC 7812 issuer ranges as the schemes publish them). 2: a range and length that little
 * else has. 1: also that of article numbers, phones or accounts, so context must speak for it.
 */
function brand(digits: Uint8Array, count: number): 0 | 1 | 2 {
  const four = valueAt(digits, 0, 4)
  const two = Math.trunc(four / 100)
  // 13 digits from 40 to 44 are also German EAN, so old Visa numbers want context.
  if (two >= 40 && two <= 49) return count === 16 || count === 19 ? 2 : count === 13 || count === 18 ? 1 : 0
  if (two >= 51 && two <= 55) return count === 16 ? 2 : 0
  if (four >= 2221 && four <= 2720) return count === 16 ? 2 : 0
  if (two === 34 || two === 37) return count === 15 ? 2 : 0
  if (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059) || four === 3095)
    return count === 14 || count === 16 ? 2 : count >= 14 ? 1 : 0
  if (four >= 3528 && four <= 3589) return count === 16 ? 2 : count >= 16 ? 1 : 0
  if (four === 1800 || four === 2131) return count === 15 ? 2 : 0
  if (two === 62 || two === 81) return count === 16 || count === 19 ? 2 : count >= 16 ? 1 : 0
  if (four === 6011 || two === 65 || (four >= 6440 && four <= 6499)) return count === 16 ? 2 : count >= 16 ? 1 : 0
  if (four >= 2200 && four <= 2204) return count >= 16 ? 2 : 0
  if (four === 9792) return count === 16 ? 2 : 0
  if (two === 50 || (two >= 56 && two <= 69)) return count === 16 || count === 19 ? 2 : 1
  return digits[0] === 1 && count === 15 ? 1 : 0
}

/** Whether a number is of a brand and length that little else has, with its check digit. */
export function isCard(digits: Uint8Array, count: number): boolean {
  return brand(digits, count) === 2 && luhn(digits, count) && !uniform(digits, count)
}

const GROUPINGS = ['4-4-4-4', '4-6-5', '4-6-4', '4-4-4-4-3', '4-4-4-4-2', '4-4-4-4-1', '4-4-5', '4-4-4-1', '4-4-4']
const MORE = [
  '6-13',
  '8-8',
  '6-10',
  '4-4-4-3',
  '4-4-4-2',
  '4-4-4-7',
  '4-4-7',
  '4-8-4',
  '4-12',
  '3-3-3-3',
  '6-6-6',
  '6-7',
]

export const CARDS: readonly DigitForm[] = [
  {
    type: 'CREDIT_CARD',
    rule: 'card/luhn',
    from: 14,
    to: 19,
    shapes: [...GROUPINGS, ...MORE],
    valid: isCard,
    cue: CUE.card,
    scores: { form: 1, grouped: 1, alone: 1, near: 1, label: 1, invalid: 0 },
  },
  {
    type: 'CREDIT_CARD',
    rule: 'card/luhn-context',
    from: 12,
    to: 19,
    shapes: [...GROUPINGS, ...MORE],
    valid: (digits, count) => brand(digits, count) === 1 && luhn(digits, count) && !uniform(digits, count),
    cue: CUE.card,
    scores: { form: 0.4, grouped: 0.6, alone: 0.7, near: 0.95, label: 1, invalid: 0 },
  },
  {
    // Mistyped or made up: a label with the grouping of a card is enough for what must never leak.
    type: 'CREDIT_CARD',
    rule: 'card/label',
    from: 15,
    to: 16,
    shapes: ['4-4-4-4', '4-6-5'],
    valid: (digits, count) => brand(digits, count) === 2 && !luhn(digits, count),
    cue: CUE.card,
    scores: { form: 0, grouped: 0.3, alone: 0, near: 0.6, label: 0.7, invalid: 0 },
  },
]

export const CARD_SECRETS: readonly LabelledForm[] = [
  { type: 'CVV', cue: CUE.cvv, score: 0.9, from: 3, to: 4, digits: 3, letters: false, grouped: false, years: true },
  { type: 'PIN', cue: CUE.pin, score: 0.85, from: 4, to: 8, digits: 4, letters: false, grouped: false, years: true },
]

/** ISO/IEC 7813, tracks 1 and 2, from their start sentinel. Track 1 is at most 79 units, track 2 at most 40. */
export const TRACK = /%?B\d{12,19}\^[^^\n?]{2,26}\^\d{4,7}[^\n?]{0,40}\??|;?\d{12,19}[=D]\d{7,27}\??/y
/** A month and year as cards bear them. */
export const EXPIRY = /(?:0?[1-9]|1[0-2])\s?[/-]\s?(?:20)?\d{2}(?![\d/-])/y
