import { luhn, uniform, valueAt } from './checks.ts'
import type { DigitForm } from './form.ts'
import { CUE } from './labels.ts'

/** Reporting bodies whose codes begin nearly all type allocation codes in use (GSMA TS.06). */
const BODIES = new Set([1, 35, 86, 99])

export const DEVICES: readonly DigitForm[] = [
  {
    type: 'IMEI',
    rule: 'imei/luhn',
    from: 15,
    to: 15,
    shapes: ['2-6-6-1', '6-2-6-1', '8-6-1'],
    telling: ['2-6-6-1', '6-2-6-1'],
    valid: (digits, count) => BODIES.has(valueAt(digits, 0, 2)) && luhn(digits, count) && !uniform(digits, count),
    cue: CUE.imei | CUE.device,
    scores: { form: 0.7, grouped: 0.9, alone: 0.8, near: 1, label: 1, invalid: 0.6 },
  },
]
