import { type CodeForm, type LabelledForm, WITH_CONTEXT } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Transliteration of A to Z and weights of ISO 3779 and 49 CFR 565: the ninth unit checks the other sixteen. */
const LETTERS = '12345678.12345.7.923456789'
const WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]

function isVin(code: string): boolean {
  let sum = 0
  for (let i = 0; i < 17; i++) {
    const unit = code.charAt(i)
    const value = Number(unit >= 'A' ? LETTERS.charAt(unit.charCodeAt(0) - 0x41) : unit)
    sum += value * (WEIGHTS[i] ?? 0)
  }
  const check = sum % 11
  return code.charAt(8) === (check === 10 ? 'X' : String(check))
}

const PASSPORT = { cue: CUE.passport, type: 'PASSPORT' } as const
const PLATE = { cue: CUE.plate, type: 'PLATE' } as const
const LICENCE = { cue: CUE.licence, type: 'DRIVER_LICENSE' } as const
const weak = (alone: number) => ({ ...WITH_CONTEXT, form: 0, grouped: 0.3, alone, near: 0.85, label: 0.95 })

export const TRAVEL_CODES: readonly CodeForm[] = [
  {
    type: 'VIN',
    rule: 'vin/check-digit',
    pattern: /(?=[A-Za-z0-9]{0,16}\d)(?=\d{0,16}[A-Za-z])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9])/y,
    valid: isVin,
    cue: CUE.vin | CUE.plate,
    scores: { form: 0.95, grouped: 0.95, alone: 0.95, near: 1, label: 1, invalid: 0.85 },
  },
  // United Kingdom since 2001, and by prefix: area, age, letters without I Q Z.
  {
    ...PLATE,
    rule: 'plate/gb',
    pattern:
      /[A-HJ-PR-Ya-hj-pr-y][A-HJ-PR-Ya-hj-pr-y](?:0[2-9]|[1-2]\d|5[1-9]|[67]\d)[ -]?[A-HJ-PR-Za-hj-pr-z]{3}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.7),
  },
  {
    ...PLATE,
    rule: 'plate/gb-prefix',
    pattern: /[A-HJ-NPR-TV-Y]\d{1,3}[ -]?[A-HJ-PR-Z]{3}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...PLATE,
    rule: 'plate/ng',
    pattern: /[A-Za-z]{3}[ -]?\d{3}[A-Za-z]{2}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...PLATE,
    rule: 'plate/in',
    pattern: /[A-Z]{2}[ -]?\d{1,2}[ -]?[A-Z]{1,3}[ -]?\d{4}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...PLATE,
    rule: 'plate/tr',
    pattern:
      /(?:0[1-9]|[1-7]\d|8[01]) ?(?:[A-Za-z] ?\d{4}|[A-Za-z]{1,2} ?\d{2,4}|[A-Za-z] ?\d{3}|[A-Za-z]{3} ?\d{2,4})(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...PLATE,
    rule: 'plate/letters-digits',
    pattern: /[A-ZÄÖÜ]{1,3}(?:[ -]?[A-Z]{1,3})?[ -]?\d{1,4}(?:[ -]?[A-Z]{1,3})?(?![A-Za-z0-9])/y,
    valid: (code) => code.length >= 4 && code.length <= 9,
    scores: weak(0),
  },
  {
    ...PLATE,
    rule: 'plate/digits-letters',
    pattern: /\d{1,4}[ -]?[A-Z]{1,3}(?:[ -]?\d{1,4})?(?![A-Za-z0-9])/y,
    valid: (code) => code.length >= 5 && code.length <= 9,
    scores: weak(0),
  },
  {
    ...PASSPORT,
    rule: 'passport/nine',
    pattern: /[A-Za-z]{2}\d{7}(?![A-Za-z0-9])|[A-Za-z]{3}\d{6}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.55),
  },
  {
    ...PLATE,
    rule: 'plate/gb-suffix',
    pattern: /[A-HJ-PR-Z]{3}[ -]?\d{1,3}[A-HJ-NPR-TV-Y](?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...PASSPORT,
    rule: 'passport/letter-digits',
    pattern: /[A-Za-z]{1,3}\d{6,8}(?![A-Za-z0-9])/y,
    valid: (code) => code.length >= 8 && code.length <= 9,
    scores: weak(0.45),
  },
  {
    ...PASSPORT,
    rule: 'passport/kr',
    pattern: /[DMRSdmrs]\d{3}[A-Za-z]\d{4}(?![A-Za-z0-9])/y,
    valid: () => true,
    scores: weak(0.6),
  },
  {
    ...LICENCE,
    rule: 'licence/gb',
    pattern: /[A-Za-z9]{5}\d[0156]\d[0-3]\d{2}[A-Za-z9]{2}[A-Za-z0-9]{3}(?![A-Za-z0-9])/y,
    valid: (code) => /^[A-Z]+9*\d{6}/.test(code),
    scores: { ...WITH_CONTEXT, form: 0.85, grouped: 0.85, alone: 0.9, label: 1 },
  },
  {
    ...LICENCE,
    rule: 'licence/kr',
    pattern: /(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![A-Za-z0-9-])/y,
    valid: () => true,
    scores: { ...WITH_CONTEXT, form: 0.85, grouped: 0.85, alone: 0.9, label: 1 },
  },
]

export const TRAVEL_LABELS: readonly LabelledForm[] = [
  { ...PASSPORT, score: 0.87, from: 6, to: 14, digits: 4, letters: true, grouped: true, years: false },
  { ...LICENCE, score: 0.86, from: 5, to: 24, digits: 4, letters: true, grouped: true, years: false },
  { ...PLATE, score: 0.85, from: 4, to: 12, digits: 1, letters: true, grouped: false, years: false },
  { type: 'VIN', cue: CUE.vin, score: 0.85, from: 11, to: 17, digits: 3, letters: true, grouped: false, years: false },
  {
    type: 'IMEI',
    cue: CUE.imei,
    score: 0.85,
    from: 14,
    to: 20,
    digits: 14,
    letters: false,
    grouped: true,
    years: false,
  },
  {
    type: 'DEVICE',
    cue: CUE.device,
    score: 0.85,
    from: 5,
    to: 80,
    digits: 2,
    letters: true,
    grouped: false,
    years: false,
  },
]
