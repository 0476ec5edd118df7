import type { Finding } from '../core/call.ts'
import type { FindingFact } from '../core/decision.ts'

type Sum = {
  count: number
  readonly roles: Map<string, number>
  /** How often each score was seen in text that may still be read again. */
  readonly scores: Map<number, number>
  /** The greatest score in text that is read for good. */
  past: number
  /** The greatest of all; undefined when it was taken back and must be looked for. */
  most: number | undefined
}

const NONE: readonly FindingFact[] = []

/**
 * Findings as policies may know them: sums, never places. Kept as they come and go, so that a look at a long answer costs what is new in it, and
 * not all that was found before.
 */
export class Tally {
  readonly #sums = new Map<string, Sum>()
  #facts: readonly FindingFact[] | undefined = NONE

  add({ type, score }: Finding, role: string): void {
    const sum = this.#sums.get(type) ?? fresh()
    sum.count += 1
    count(sum.roles, role, 1)
    count(sum.scores, score, 1)
    if (sum.most !== undefined && score > sum.most) sum.most = score
    this.#sums.set(type, sum)
    this.#facts = undefined
  }

  /** Its text was read again: what was found there before no longer counts. */
  remove({ type, score }: Finding, role: string): void {
    const sum = this.#sums.get(type)
    if (sum === undefined) return
    sum.count -= 1
    count(sum.roles, role, -1)
    count(sum.scores, score, -1)
    if (score === sum.most && score > sum.past && !sum.scores.has(score)) sum.most = undefined
    if (sum.count === 0) this.#sums.delete(type)
    this.#facts = undefined
  }

  /** Its text was released and will not be read again. The facts stay what they are. */
  keep({ type, score }: Finding): void {
    const sum = this.#sums.get(type)
    if (sum === undefined) return
    count(sum.scores, score, -1)
    sum.past = Math.max(sum.past, score)
  }

  /** Sorted by type, so that equal findings make equal inputs; the same list until something was found or taken back. */
  facts(): readonly FindingFact[] {
    this.#facts ??= [...this.#sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([type, sum]) => ({ type, count: sum.count, roles: [...sum.roles.keys()].sort(), max_score: greatest(sum) }))
    return this.#facts
  }
}

function fresh(): Sum {
  const least = Number.NEGATIVE_INFINITY
  return { count: 0, roles: new Map(), scores: new Map(), past: least, most: least }
}

function count<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
}

function greatest(sum: Sum): number {
  if (sum.most !== undefined) return sum.most
  let most = sum.past
  for (const score of sum.scores.keys()) if (score > most) most = score
  sum.most = most
  return most
}
