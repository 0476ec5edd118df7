import { luhnOfCode, mod97 } from '../numbers/checks.ts'
import type { CodeForm, DigitForm } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'
import { COUNTRIES } from './accounts.ts'

/** ANSI X9.6: letters are 10 to 35, every second value doubled, the digits of the values added. */
function isCusip(code: string): boolean {
  let sum = 0
  for (let i = 0; i < 8; i++) {
    const unit = code.charAt(i)
    let value = unit === '*' ? 36 : unit === '@' ? 37 : unit === '#' ? 38 : Number.parseInt(unit, 36)
    if (i % 2 === 1) value *= 2
    sum += Math.trunc(value / 10) + (value % 10)
  }
  return (10 - (sum % 10)) % 10 === Number(code.charAt(8))
}

/** A CUSIP may have no letter: too many numbers of nine digits pass its check to be one without a cue. */
export const SECURITY_NUMBERS: readonly DigitForm[] = [
  {
    type: 'CUSIP',
    rule: 'cusip/check-digit',
    from: 9,
    to: 9,
    shapes: [],
    valid: (digits, count) => isCusip(digits.subarray(0, count).join('')),
    cue: CUE.cusip,
    scores: { form: 0, grouped: 0, alone: 0, near: 0.95, label: 1, invalid: 0.7 },
  },
]

/** Prefixes of ISO 6166: ISO 3166 countries; XS and such are of international depositories and of what has no country. */
const isIssuer = (prefix: string): boolean => COUNTRIES.has(prefix) || /^(?:X[A-DFKSTX]|E[UZ]|Q[ST])$/.test(prefix)

export const SECURITIES: readonly CodeForm[] = [
  {
    type: 'ISIN',
    rule: 'isin/luhn',
    pattern: /[A-Za-z]{2}[A-Za-z0-9]{9}\d(?![A-Za-z0-9])/y,
    valid: (code) => isIssuer(code.slice(0, 2)) && /\d{3}/.test(code) && luhnOfCode(code),
    cue: CUE.isin,
    scores: { form: 0.95, grouped: 0.95, alone: 1, near: 1, label: 1, invalid: 0.7 },
  },
  {
    type: 'CUSIP',
    rule: 'cusip/check-digit',
    pattern: /[0-9A-Za-z]{3}[0-9A-Za-z]{5}\d(?![A-Za-z0-9])/y,
    valid: isCusip,
    cue: CUE.cusip,
    scores: { form: 0.35, grouped: 0.35, alone: 0.4, near: 0.95, label: 1, invalid: 0.7 },
  },
  {
    type: 'LEI',
    rule: 'lei/mod-97',
    pattern: /[0-9A-Za-z]{18}\d{2}(?![A-Za-z0-9])/y,
    valid: (code) => mod97(code, 0) === 1,
    cue: CUE.lei,
    scores: { form: 0.9, grouped: 0.9, alone: 0.95, near: 1, label: 1, invalid: 0.7 },
  },
]
