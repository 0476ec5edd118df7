import { stdnum } from 'stdnum'
import { uniform, valueAt } from '../numbers/checks.ts'
import type { CodeForm, DigitForm, Scores } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Whether stdnum takes a number for one of a country. */
function check(country: string, name: string): (code: string) => boolean {
  const validator = stdnum[country]?.[name]
  if (validator === undefined) throw new TypeError(`stdnum has no ${country} ${name}`)
  return (code) => validator.validate(code).isValid
}

/** The form is telling: date, check digit and letter in places that other numbers do not have. */
const TELLING: Scores = { form: 0.9, grouped: 0.95, alone: 0.95, near: 1, label: 1, invalid: 0.8 }
/** One number in ten or so of that length passes. */
const WEAK: Scores = { form: 0, grouped: 0.35, alone: 0.6, near: 0.85, label: 1, invalid: 0 }

/** Of nine or ten digits: far too many other numbers pass, unless they are grouped as the country does. */
const SHORT: Scores = { ...WEAK, alone: 0.45 }

type Row = readonly [country: string, name: string, pattern: RegExp, scores: Scores]

/** Ids with letters in them: how they are written, and what checks them. */
const CODES: readonly Row[] = [
  ['ES', 'dni', /\d{7,8}-?[A-Za-z](?![A-Za-z0-9])/y, TELLING],
  ['ES', 'nie', /[XYZxyz]-?\d{7}-?[A-Za-z](?![A-Za-z0-9])/y, TELLING],
  ['ES', 'cif', /[A-HJNP-SUVW]-?\d{7}-?[0-9A-J](?![A-Za-z0-9])/y, { ...TELLING, form: 0.4, alone: 0.6 }],
  ['FI', 'hetu', /\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Za-z](?![A-Za-z0-9])/y, TELLING],
  [
    'IT',
    'codicefiscale',
    /[A-Za-z]{6}[0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{2}[A-Za-z][0-9A-Za-z]{3}[A-Za-z](?![A-Za-z0-9])/y,
    TELLING,
  ],
  ['DE', 'svnr', /\d{8}[A-Za-z]\d{3}(?![A-Za-z0-9])/y, TELLING],
  ['MX', 'curp', /[A-Za-z]{4}\d{6}[HMhm][A-Za-z]{5}[0-9A-Za-z]\d(?![A-Za-z0-9])/y, TELLING],
  ['IN', 'pan', /[A-Za-z]{5}\d{4}[A-Za-z](?![A-Za-z0-9])/y, { ...TELLING, form: 0.7 }],
  ['SG', 'uen', /(?:\d{8,9}[A-Za-z]|[RSTrst]\d{2}[A-Za-z]{2}\d{4}[A-Za-z])(?![A-Za-z0-9])/y, { ...TELLING, form: 0.6 }],
  ['IE', 'pps', /\d{7}[A-Wa-w][A-Ia-iWw]?(?![A-Za-z0-9])/y, { ...TELLING, form: 0.4 }],
  ['HK', 'hkid', /[A-Z]{1,2}\d{6}\(?[0-9A]\)?(?![A-Za-z0-9])/y, { ...TELLING, form: 0.4, alone: 0.5 }],
  ['CL', 'rut', /\d{1,2}\.\d{3}\.\d{3}-[0-9Kk](?![A-Za-z0-9])/y, TELLING],
  ['BR', 'cpf', /\d{3}\.\d{3}\.\d{3}-\d{2}(?![A-Za-z0-9])/y, TELLING],
  ['TW', 'natid', /[A-Z][12]\d{8}(?![A-Za-z0-9])/y, { ...TELLING, form: 0.6 }],
]

/** Every validator takes digits alone here; the grouping is how the country writes them. */
type Digits = readonly [
  country: string,
  name: string,
  length: number,
  shapes: readonly string[],
  scores: Scores,
  /** What all of them begin with: dates and such. A validator that says no costs some 5 us, so it is asked only then. */
  begins?: RegExp,
]

const NUMBERS: readonly Digits[] = [
  ['AU', 'tfn', 9, ['3-3-3'], SHORT],
  ['AU', 'abn', 11, ['2-3-3-3'], { ...WEAK, grouped: 0.7 }],
  ['AU', 'acn', 9, ['3-3-3'], SHORT],
  ['BE', 'nn', 11, ['6-3-2', '2-2-2-3-2'], { ...WEAK, grouped: 0.8 }],
  ['BR', 'cpf', 11, ['3-3-3-2'], { ...TELLING, form: 0, alone: 0.7 }],
  ['BR', 'cnpj', 14, [], { ...TELLING, form: 0.6 }, /^\d{8}000/],
  ['CA', 'sin', 9, ['3-3-3'], { ...SHORT, grouped: 0.4 }],
  ['CH', 'ssn', 13, ['3-4-4-2'], { ...TELLING, form: 0.7 }, /^756/],
  ['DE', 'idnr', 11, ['2-3-3-3'], WEAK],
  ['DK', 'cpr', 10, ['6-4'], { ...SHORT, grouped: 0.4 }],
  ['EE', 'ik', 11, [], WEAK],
  ['ES', 'nss', 12, ['2-8-2', '2-7-2', '2-10'], { ...WEAK, grouped: 0.9 }],
  [
    'FR',
    'nir',
    15,
    ['1-2-2-2-3-3-2', '13-2', '1-2-2-2-3-5'],
    { ...TELLING, form: 0.8 },
    /^[12]\d\d(?:0[1-9]|1[0-2]|[2-9]\d)/,
  ],
  ['IN', 'aadhaar', 12, ['4-4-4'], { ...WEAK, grouped: 0.75 }],
  ['IT', 'iva', 11, [], WEAK],
  ['KR', 'rrn', 13, ['6-7'], { ...TELLING, form: 0.5, invalid: 0 }, /^\d\d(?:0[1-9]|1[0-2])[0-3]\d[1-4]/],
  ['KR', 'brn', 10, ['3-2-5'], { ...SHORT, grouped: 0.8 }],
  ['NL', 'bsn', 9, ['4-2-3', '3-3-3'], SHORT],
  ['NO', 'fodselsnummer', 11, ['6-5'], { ...TELLING, form: 0.5 }, /^[0-7]\d(?:0[1-9]|1[0-2])/],
  ['PL', 'pesel', 11, [], WEAK],
  ['PL', 'nip', 10, ['3-3-2-2', '3-2-2-3'], { ...SHORT, grouped: 0.8 }],
  ['PT', 'nif', 9, ['3-3-3'], SHORT],
  ['RO', 'cnp', 13, [], { ...WEAK, form: 0.5 }, /^[1-8]\d\d(?:0[1-9]|1[0-2])[0-3]\d/],
  [
    'SE',
    'personnummer',
    10,
    ['6-4'],
    { ...TELLING, form: 0.35, alone: 0.65, invalid: 0 },
    /^\d\d(?:0[1-9]|1[0-2])[0-3]\d/,
  ],
  ['SE', 'orgnr', 10, ['6-4'], { ...SHORT, grouped: 0.7 }],
  ['TH', 'idnr', 13, ['1-4-5-2-1'], { ...WEAK, grouped: 0.9 }],
  ['TR', 'tckimlik', 11, [], WEAK],
  ['ZA', 'idnr', 13, ['6-4-3'], { ...WEAK, form: 0.5 }, /^\d\d(?:0[1-9]|1[0-2])[0-3]\d/],
]

const cue = CUE.id

export const NATIONAL_CODES: readonly CodeForm[] = CODES.map(([country, name, pattern, scores]) => ({
  type: 'ID',
  rule: `id/${country.toLowerCase()}-${name}`,
  pattern,
  valid: check(country, name),
  cue,
  scores: { ...scores, invalid: 0 },
}))

export const NATIONAL_NUMBERS: readonly DigitForm[] = NUMBERS.map(([country, name, length, shapes, scores, begins]) => {
  const valid = check(country, name)
  return {
    type: 'ID',
    rule: `id/${country.toLowerCase()}-${name}`,
    from: length,
    to: length,
    shapes,
    telling: shapes,
    valid: (digits, count) => {
      if (uniform(digits, count)) return false
      const code = digits.subarray(0, count).join('')
      return begins?.test(code) !== false && valid(code)
    },
    cue,
    scores: { ...scores, invalid: 0 },
  }
})

/** Sweden writes the century too, and stdnum reads it with a sign only. */
const personnummer = check('SE', 'personnummer')
export const SWEDISH: DigitForm = {
  type: 'ID',
  rule: 'id/se-personnummer',
  from: 12,
  to: 12,
  shapes: ['8-4'],
  telling: ['8-4'],
  valid: (digits, count) => {
    const code = digits.subarray(0, count).join('')
    return /^(?:18|19|20)/.test(code) && personnummer(`${code.slice(2, 8)}-${code.slice(8)}`)
  },
  cue,
  scores: { ...TELLING, form: 0.6, alone: 0.8, invalid: 0 },
}

/** Korea: since October 2020 the last digits are drawn by lot, so the date and the digit of the century and sex are all there is to check. */
export const KOREAN: DigitForm = {
  type: 'ID',
  rule: 'id/kr-rrn-form',
  from: 13,
  to: 13,
  shapes: ['6-7'],
  telling: ['6-7'],
  valid: (digits) => {
    const month = valueAt(digits, 2, 2)
    const day = valueAt(digits, 4, 2)
    const century = digits[6] ?? 0
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && century >= 1 && century <= 8
  },
  cue,
  scores: { form: 0, grouped: 0.6, alone: 0, near: 0.8, label: 0.95, invalid: 0 },
}

/** Codes that stdnum has not, or checks more narrowly than they are given out. */
export const MORE_CODES: readonly CodeForm[] = [
  {
    type: 'ID',
    rule: 'id/in-gstin',
    pattern: /(?:0[1-9]|[12]\d|3[0-8])[A-Za-z]{5}\d{4}[A-Za-z][1-9A-Za-z][Zz][0-9A-Za-z](?![A-Za-z0-9])/y,
    valid: () => true,
    cue,
    scores: TELLING,
  },
  {
    // Germany, section 290 SGB V: the letter as two digits, weights 1 and 2, digits added.
    type: 'ID',
    rule: 'id/de-kvnr',
    pattern: /[A-Za-z]\d{9}(?![A-Za-z0-9])/y,
    valid: isKvnr,
    cue,
    scores: { ...WEAK, form: 0.4, invalid: 0.8 },
  },
  {
    type: 'PASSPORT',
    rule: 'passport/de',
    pattern: /[CFGHJKLcfghjkl][0-9CFGHJKLMNPRTVWXYZcfghjklmnprtvwxyz]{7}\d(?![A-Za-z0-9])/y,
    valid: check('DE', 'passport'),
    cue: CUE.passport | CUE.id,
    scores: { ...WEAK, form: 0.4, near: 0.95 },
  },
]

function isKvnr(code: string): boolean {
  const digits = String(code.charCodeAt(0) - 0x40).padStart(2, '0') + code.slice(1)
  let sum = 0
  for (let i = 0; i < 10; i++) {
    const product = Number(digits.charAt(i)) * (1 + (i % 2))
    sum += product > 9 ? product - 9 : product
  }
  return sum % 10 === Number(digits.charAt(10))
}

/**
 * HMRC NIM39110: letters that are never first or second, and pairs that are never given out. The made-up `QQ` of forms and manuals is one of those; with a
 * label it is taken for a number like any other.
 */
export const NINO: CodeForm = {
  type: 'NINO',
  rule: 'nino/form',
  pattern: /[A-Za-z]{2}[ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-Da-d](?![A-Za-z0-9])/y,
  valid: (code) => /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]/.test(code) && !/^(?:BG|GB|KN|NK|NT|TN|ZZ)/.test(code),
  cue: CUE.nino,
  scores: { form: 0.9, grouped: 0.95, alone: 0.95, near: 1, label: 1, invalid: 0.7 },
}
