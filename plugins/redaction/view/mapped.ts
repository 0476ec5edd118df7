/**
 * A text made of another one, and where each of its units comes from: unit `i` was made of the units `from[i]` to `to[i]` (exclusive) of the other. Both
 * columns never fall. Units that were made together (both halves of a surrogate pair, a letter and its marks) have one range. No columns: it is the other text.
 */
export type Mapped = Readonly<{ text: string; from: Int32Array | null; to: Int32Array | null }>

export type Range = Readonly<{ start: number; end: number }>

/** A text being made, unit by unit. It has a life: `done` hands its columns over, and ends it. */
export class Making {
  units: Uint16Array
  from: Int32Array
  to: Int32Array
  count = 0

  constructor(room: number) {
    this.units = new Uint16Array(room)
    this.from = new Int32Array(room)
    this.to = new Int32Array(room)
  }

  push(unit: number, from: number, to: number): void {
    if (this.count === this.units.length) this.#grow()
    this.units[this.count] = unit
    this.from[this.count] = from
    this.to[this.count] = to
    this.count += 1
  }

  /** What was left out up to `to` belongs to the last unit, so that it goes with it. */
  extend(to: number): void {
    if (this.count > 0) this.to[this.count - 1] = to
  }

  done(): Mapped {
    return {
      text: Buffer.from(this.units.buffer, 0, this.count * 2).toString('utf16le'),
      from: this.from.subarray(0, this.count),
      to: this.to.subarray(0, this.count),
    }
  }

  #grow(): void {
    const room = this.units.length * 2 + 64
    const units = new Uint16Array(room)
    const from = new Int32Array(room)
    const to = new Int32Array(room)
    units.set(this.units)
    from.set(this.from)
    to.set(this.to)
    this.units = units
    this.from = from
    this.to = to
  }
}

/** `inner` was made of `outer.text`: the same text, told as made of what `outer` was made of. */
export function composed(outer: Mapped, inner: Mapped): Mapped {
  if (outer.from === null || outer.to === null) return inner
  if (inner.from === null || inner.to === null) return { text: inner.text, from: outer.from, to: outer.to }
  const count = inner.text.length
  const from = new Int32Array(count)
  const to = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    from[i] = outer.from[inner.from[i] ?? 0] ?? 0
    to[i] = outer.to[(inner.to[i] ?? 0) - 1] ?? 0
  }
  return { text: inner.text, from, to }
}

/** The smallest range of the other text that holds the units `start` to `end` whole. Of no units: where they would stand. */
export function located(mapped: Mapped, length: number, start: number, end: number): Range {
  const { from, to } = mapped
  const count = mapped.text.length
  const first = Math.max(0, Math.min(start, count))
  const last = Math.max(first, Math.min(end, count))
  if (from === null || to === null) return { start: first, end: last }
  const begin = first < count ? (from[first] ?? 0) : length
  return first === last ? { start: begin, end: begin } : { start: begin, end: to[last - 1] ?? 0 }
}

/** The inverse of {@link located}: the units that were made of nothing but what lies between `start` and `end` of the other text. */
export function contained(mapped: Mapped, start: number, end: number): Range {
  const { from, to } = mapped
  if (from === null || to === null) return { start, end }
  const first = lowest(from, start)
  return { start: first, end: Math.max(first, lowest(to, end + 1)) }
}

/** Index of the first value that is not below `bound`, in a column that never falls. */
function lowest(column: Int32Array, bound: number): number {
  let low = 0
  let high = column.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((column[middle] ?? 0) < bound) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The units that hold what lies between `start` and `end` of the other text: those of {@link contained} where they hold it all, else with those that share
 * something with it.
 */
export function covering(mapped: Mapped, start: number, end: number): Range {
  const { from, to } = mapped
  if (from === null || to === null) return { start, end }
  const within = contained(mapped, start, end)
  if (within.end > within.start && from[within.start] === start && to[within.end - 1] === end) return within
  return { start: lowest(to, start + 1), end: Math.max(lowest(to, start + 1), lowest(from, end)) }
}
