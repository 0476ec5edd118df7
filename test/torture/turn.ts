/**
 * What becomes of a call: its answer is fine, or long and slow, or the client leaves meanwhile; policy denies it; the provider fails with
 * 500 or 429, or cuts its answer off. It stands in the call's own text, so that the upstream knows.
 */
export const TURNS = ['fine', 'long', 'leaves', 'denied', 'fails', 'busy', 'cut'] as const
export type Turn = (typeof TURNS)[number]

/** How often each of them is taken, in percent. */
export const MIX: readonly (readonly [turn: Turn, percent: number])[] = [
  ['fine', 58],
  ['long', 8],
  ['leaves', 7],
  ['denied', 8],
  ['fails', 6],
  ['busy', 5],
  ['cut', 8],
]
