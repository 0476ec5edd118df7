/** Labels: no name; begin and inside of each type. */
export const LABELS = 7
export const TYPES = ['PERSON', 'LOCATION', 'ORG'] as const
/** Weights of a bucket stand this far apart. */
export const STRIDE = 8

/**
 * Forward-backward over a chain of `count` tokens. `scores`: exp of the emission scores, LABELS a token, scaled by token as one likes. `moves`: exp of the
 * transition scores, from * LABELS + to, 0 for what BIO forbids. `begins`: exp of the scores of the first label. Writes the marginal probability of each
 * label to `into`. `forward` is room for as many.
 */
export function marginals(
  scores: Float64Array,
  moves: Float64Array,
  begins: Float64Array,
  count: number,
  forward: Float64Array,
  into: Float64Array,
): void {
  const L = LABELS
  let sum = 0
  for (let y = 0; y < L; y++) {
    const p = (begins[y] ?? 0) * (scores[y] ?? 0)
    forward[y] = p
    sum += p
  }
  for (let y = 0; y < L; y++) forward[y] = (forward[y] ?? 0) / sum
  for (let t = 1; t < count; t++) {
    const at = t * L
    const f0 = forward[at - 7] ?? 0
    const f1 = forward[at - 6] ?? 0
    const f2 = forward[at - 5] ?? 0
    const f3 = forward[at - 4] ?? 0
    const f4 = forward[at - 3] ?? 0
    const f5 = forward[at - 2] ?? 0
    const f6 = forward[at - 1] ?? 0
    sum = 0
    for (let y = 0; y < L; y++) {
      const p =
        (f0 * (moves[y] ?? 0) +
          f1 * (moves[L + y] ?? 0) +
          f2 * (moves[2 * L + y] ?? 0) +
          f3 * (moves[3 * L + y] ?? 0) +
          f4 * (moves[4 * L + y] ?? 0) +
          f5 * (moves[5 * L + y] ?? 0) +
          f6 * (moves[6 * L + y] ?? 0)) *
        (scores[at + y] ?? 0)
      forward[at + y] = p
      sum += p
    }
    for (let y = 0; y < L; y++) forward[at + y] = (forward[at + y] ?? 0) / sum
  }
  let b0 = 1
  let b1 = 1
  let b2 = 1
  let b3 = 1
  let b4 = 1
  let b5 = 1
  let b6 = 1
  for (let t = count - 1; t >= 0; t--) {
    const at = t * L
    const m0 = (forward[at] ?? 0) * b0
    const m1 = (forward[at + 1] ?? 0) * b1
    const m2 = (forward[at + 2] ?? 0) * b2
    const m3 = (forward[at + 3] ?? 0) * b3
    const m4 = (forward[at + 4] ?? 0) * b4
    const m5 = (forward[at + 5] ?? 0) * b5
    const m6 = (forward[at + 6] ?? 0) * b6
    const all = m0 + m1 + m2 + m3 + m4 + m5 + m6
    into[at] = m0 / all
    into[at + 1] = m1 / all
    into[at + 2] = m2 / all
    into[at + 3] = m3 / all
    into[at + 4] = m4 / all
    into[at + 5] = m5 / all
    into[at + 6] = m6 / all
    if (t === 0) break
    const s0 = b0 * (scores[at] ?? 0)
    const s1 = b1 * (scores[at + 1] ?? 0)
    const s2 = b2 * (scores[at + 2] ?? 0)
    const s3 = b3 * (scores[at + 3] ?? 0)
    const s4 = b4 * (scores[at + 4] ?? 0)
    const s5 = b5 * (scores[at + 5] ?? 0)
    const s6 = b6 * (scores[at + 6] ?? 0)
    const norm = 1 / (s0 + s1 + s2 + s3 + s4 + s5 + s6)
    b0 = back(moves, 0, s0, s1, s2, s3, s4, s5, s6) * norm
    b1 = back(moves, L, s0, s1, s2, s3, s4, s5, s6) * norm
    b2 = back(moves, 2 * L, s0, s1, s2, s3, s4, s5, s6) * norm
    b3 = back(moves, 3 * L, s0, s1, s2, s3, s4, s5, s6) * norm
    b4 = back(moves, 4 * L, s0, s1, s2, s3, s4, s5, s6) * norm
    b5 = back(moves, 5 * L, s0, s1, s2, s3, s4, s5, s6) * norm
    b6 = back(moves, 6 * L, s0, s1, s2, s3, s4, s5, s6) * norm
  }
}

function back(
  moves: Float64Array,
  at: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  s4: number,
  s5: number,
  s6: number,
): number {
  return (
    (moves[at] ?? 0) * s0 +
    (moves[at + 1] ?? 0) * s1 +
    (moves[at + 2] ?? 0) * s2 +
    (moves[at + 3] ?? 0) * s3 +
    (moves[at + 4] ?? 0) * s4 +
    (moves[at + 5] ?? 0) * s5 +
    (moves[at + 6] ?? 0) * s6
  )
}
