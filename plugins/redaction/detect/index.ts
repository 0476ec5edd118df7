import type { Detector } from './detector.ts'

/** The built-in detectors, in no order that matters. */
export const DETECTORS: readonly Detector[] = []
