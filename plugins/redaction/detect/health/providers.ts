import { luhn, uniform, weighted } from '../numbers/checks.ts'
import type { CodeForm, DigitForm } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Luhn with the card issuer prefix 80840 in front, whose share of the sum is 24 (CMS, 69 FR 3434). */
const isNpi = (digits: Uint8Array, count: number): boolean =>
  (digits[0] === 1 || digits[0] === 2) && luhn(digits, count, 24) && !uniform(digits, count)

/** Weights 10 to 2; the eleventh complement is the tenth digit, and 10 is never given out (NHS Data Dictionary). */
const isNhs = (digits: Uint8Array, count: number): boolean =>
  weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 11) && !uniform(digits, count)

export const HEALTH_DIGITS: readonly DigitForm[] = [
  {
    type: 'NPI',
    rule: 'npi/luhn',
    from: 10,
    to: 10,
    shapes: ['4-3-3', '3-3-4'],
    telling: ['4-3-3'],
    valid: isNpi,
    cue: CUE.npi,
    scores: { form: 0.4, grouped: 0.6, alone: 0.7, near: 0.95, label: 1, invalid: 0.75 },
  },
  {
    type: 'NHS',
    rule: 'nhs/mod-11',
    from: 10,
    to: 10,
    shapes: ['3-3-4'],
    telling: ['3-3-4'],
    valid: isNhs,
    cue: CUE.nhs,
    scores: { form: 0.4, grouped: 0.55, alone: 0.72, near: 0.95, label: 1, invalid: 0.75 },
  },
]

/** DEA Diversion: the first letter is the kind of registrant, the second the name or 9; digits 1, 3, 5 once and 2, 4, 6 twice. */
function isDea(code: string): boolean {
  const digit = (at: number): number => code.charCodeAt(at + 1) - 0x30
  return (digit(1) + digit(3) + digit(5) + 2 * (digit(2) + digit(4) + digit(6))) % 10 === digit(7)
}

const A = '[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]'
const AN = '[0-9AC-HJKMNP-RT-Yac-hjkmnp-rt-y]'

export const HEALTH_CODES: readonly CodeForm[] = [
  {
    type: 'DEA',
    rule: 'dea/check-digit',
    pattern: /[A-HJ-NPRSTUXa-hj-nprstux][A-Za-z9]\d{7}(?:-[A-Za-z0-9]{1,5})?(?![A-Za-z0-9])/y,
    valid: isDea,
    cue: CUE.dea,
    scores: { form: 0.55, grouped: 0.55, alone: 0.8, near: 1, label: 1, invalid: 0.7 },
  },
  {
    // CMS: no check digit, but letters and digits in places that little else has. S L O I B Z are never used.
    type: 'MBI',
    rule: 'mbi/form',
    pattern: new RegExp(`[1-9]${A}${AN}\\d[ .\\-–/_·]?${A}${AN}\\d[ .\\-–/_·]?${A}${A}\\d\\d(?![A-Za-z0-9])`, 'y'),
    valid: () => true,
    cue: CUE.mbi,
    scores: { form: 0.9, grouped: 0.95, alone: 0.95, near: 1, label: 1, invalid: 0 },
  },
  {
    // Until 2019: a social security number and the code of the beneficiary.
    type: 'HICN',
    rule: 'hicn/context',
    pattern: /(?:[A-Z]{1,3}-?)?\d{3}-?\d{2}-?\d{4}-?[A-Za-z]\d?(?![A-Za-z0-9])/y,
    valid: () => true,
    cue: CUE.hicn | CUE.mbi,
    scores: { form: 0.4, grouped: 0.7, alone: 0.45, near: 0.85, label: 0.95, invalid: 0 },
  },
]

/** Flags of a subject, never taken out by themselves: ICD-10 with its point, or with a cue. */
export const DIAGNOSIS = /[A-TV-Z]\d[0-9AB](?:\.[0-9A-Z]{1,4})(?![A-Za-z0-9.])/y
