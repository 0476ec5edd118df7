import type { LabelledForm } from '../numbers/form.ts'
import { CUE } from '../numbers/labels.ts'

/** Numbers that an organisation gives out as it likes: nothing but their labels tells them. */
export const RECORDS: readonly LabelledForm[] = [
  { type: 'MRN', cue: CUE.mrn, score: 0.88, from: 4, to: 40, digits: 3, letters: true, grouped: true, years: false },
  { type: 'ID', cue: CUE.id, score: 0.85, from: 4, to: 40, digits: 3, letters: true, grouped: true, years: false },
  { type: 'MBI', cue: CUE.mbi, score: 0.8, from: 9, to: 16, digits: 4, letters: true, grouped: false, years: false },
]
