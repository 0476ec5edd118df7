import type { Channel, Role } from '../../../src/core/call.ts'
import type { Tokens } from './tokens.ts'

/**
 * What was found: UTF-16 offsets, end exclusive. `type` is an {@link Entity} or one that policy data added. `score` in 0..1: 1 a checksum together with
 * a form that little else has, 0.5 what is more likely than not, below that only for modes that would rather take out too much. `rule` names what found it
 * (`card/luhn`), for `inspect --explain`.
 */
export type Span = Readonly<{ start: number; end: number; type: string; score: number; rule: string }>

/** What is settled (../resolve.ts): a span, or what somebody has made of one. */
export type Placed = Readonly<{ start: number; end: number; type: string; score: number }>

/** What is known of where a text stands. `key`: name of the JSON member whose value it is, as it was written; context like a label in front. */
export type Hints = Readonly<{ key: string | null; role: Role; channel: Channel }>

/** A text as detectors read it: normalised (../view), cut into words once for all of them. */
export type Reading = Readonly<{ text: string; tokens: Tokens; hints: Hints }>

/**
 * Finds some entity types. Must be linear in the text, must not keep anything of it, and may find what others find better: ../resolve.ts settles what
 * overlaps. A pure function of its reading.
 */
export type Detector = Readonly<{
  name: string
  /** The types that it may find. */
  finds: readonly string[]
  scan: (reading: Reading, found: Span[]) => void
}>
