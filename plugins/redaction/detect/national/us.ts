import { uniform, valueAt } from '../numbers/checks.ts'
import type { DigitForm } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Numbers that were printed in advertisements and are nobody's (SSA). 987-65-4320 to 4329 fall to the rule about areas. */
const ADVERTISED = new Set([78_051_120, 219_099_999])
const AREAS = (area: number): boolean => area !== 0 && area !== 666 && area < 900

/** SSA: area not 000, 666 or from 900, group not 00, serial not 0000. */
const isSsn = (digits: Uint8Array, count: number): boolean =>
  AREAS(valueAt(digits, 0, 3)) &&
  valueAt(digits, 3, 2) !== 0 &&
  valueAt(digits, 5, 4) !== 0 &&
  !uniform(digits, count) &&
  !ADVERTISED.has(valueAt(digits, 0, 9))

/** IRS: 9xx with fourth and fifth digit 50-65, 70-88, 90-92, 94-99; ATIN with 93. */
function isItin(digits: Uint8Array): boolean {
  const group = valueAt(digits, 3, 2)
  return digits[0] === 9 && ((group >= 50 && group <= 65) || (group >= 70 && group <= 99 && group !== 89))
}

/** Campus prefixes of the IRS that were never given out. */
const EIN_UNUSED = new Set([0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97])

export const US_NUMBERS: readonly DigitForm[] = [
  {
    type: 'SSN',
    rule: 'ssn/form',
    from: 9,
    to: 9,
    shapes: ['3-2-4', '3-6', '5-4'],
    telling: ['3-2-4'],
    valid: isSsn,
    cue: CUE.ssn,
    scores: { form: 0.35, grouped: 0.9, alone: 0.45, near: 0.9, label: 1, invalid: 0.86 },
  },
  {
    type: 'ITIN',
    rule: 'itin/form',
    from: 9,
    to: 9,
    shapes: ['3-2-4', '3-6', '5-4'],
    telling: ['3-2-4'],
    valid: isItin,
    cue: CUE.itin,
    scores: { form: 0.3, grouped: 0.85, alone: 0.7, near: 0.9, label: 1, invalid: 0 },
  },
  {
    type: 'EIN',
    rule: 'ein/form',
    from: 9,
    to: 9,
    shapes: ['2-7'],
    telling: ['2-7'],
    valid: (digits) => !EIN_UNUSED.has(valueAt(digits, 0, 2)),
    cue: CUE.ein,
    scores: { form: 0, grouped: 0.6, alone: 0, near: 0.9, label: 1, invalid: 0.7 },
  },
]
