import type { Entity } from '../../entity.ts'

/**
 * How sure a form is, by what else is there. `form`: valid, nothing more. `grouped`: valid, with separators in a grouping that is the type's own.
 * `alone`: valid, and the text is nothing but such values. `near`: valid, with a cue in its sentence. `label`: valid, with the label directly in front.
 * `invalid`: not valid, but labelled: mistyped, or an example. 0 is not reported.
 */
export type Scores = Readonly<{
  form: number
  grouped: number
  alone: number
  near: number
  label: number
  invalid: number
}>

/** A number of digits only. `shapes`: how its digits may be grouped (`3-2-4`), besides not at all; null is any grouping. */
export type DigitForm = Readonly<{
  type: Entity
  rule: string
  from: number
  to: number
  shapes: readonly string[] | null
  /** Groupings that few other things have. */
  telling?: readonly string[]
  valid: (digits: Uint8Array, count: number) => boolean
  cue: number
  scores: Scores
}>

/** A code of letters and digits. `pattern` is sticky, and every repetition in it is bounded; or gives the end of a match from an offset on, -1 for none. */
export type CodeForm = Readonly<{
  type: Entity
  rule: string
  pattern: RegExp | ((text: string, start: number) => number)
  /** Of the code without its separators, in upper case. */
  valid: (code: string) => boolean
  cue: number
  scores: Scores
}>

/** A value that only its label tells: what it may look like. Lengths in units with separators; `grouped`: groups of digits may follow behind blanks. */
export type LabelledForm = Readonly<{
  type: Entity
  cue: number
  score: number
  from: number
  to: number
  digits: number
  letters: boolean
  grouped: boolean
  years: boolean
}>

/** A grouping as a number: five bits for the length of each group. */
export function shapeOf(shape: string): number {
  return shape.split('-').reduce((bits, length) => bits * 32 + Number(length), 0)
}

/** A weak checksum or none: context decides. */
export const WITH_CONTEXT: Scores = { form: 0.3, grouped: 0.3, alone: 0.6, near: 0.85, label: 1, invalid: 0 }
