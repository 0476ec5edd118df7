import { WORDS } from './contact/words.ts'
import type { Detector } from './detector.ts'
import { NUMBERS } from './numbers/index.ts'

/** The built-in detectors, in no order that matters. */
export const DETECTORS: readonly Detector[] = [NUMBERS, ...WORDS]
