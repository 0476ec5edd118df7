/** A seeded generator (mulberry32), so that a training can be repeated to the bit. */
export type Chance = Readonly<{
  unit: () => number
  below: (n: number) => number
  of: <T>(list: readonly T[]) => T
  is: (p: number) => boolean
}>

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    unit,
    below: (n) => Math.floor(unit() * n),
    of: (list) => {
      const one = list[Math.floor(unit() * list.length)]
      if (one === undefined) throw new RangeError('nothing to choose from')
      return one
    },
    is: (p) => unit() < p,
  }
}
