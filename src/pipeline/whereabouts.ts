import type { EvidenceInput } from '../core/decision.ts'
import type { Displacement } from './records.ts'

/** What the provider of an answer has said of where it works. Owned by one `gate()`. */
export type Whereabouts = {
  /** As policies see it. Another list as soon as there is more to it: what was judged by the last one is judged again. */
  said: readonly EvidenceInput[]
  /** The list that the last judgement went by. */
  judged: readonly EvidenceInput[]
  /** Each word once, with its source. */
  readonly words: Set<string>
  /** Outside of where the dispatch was judged to go, and not on record yet. */
  displaced: readonly Displacement[]
}

const NOTHING: readonly EvidenceInput[] = Object.freeze([])
const NONE: readonly Displacement[] = []

/** Nothing was said yet. */
export function nowhere(): Whereabouts {
  return { said: NOTHING, judged: NOTHING, words: new Set(), displaced: NONE }
}
