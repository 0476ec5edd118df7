import type { LaneView } from '../../../src/core/plugin.ts'
import { JsonPlace } from './json.ts'

type Range = { readonly start: number; end: number }

/** Where the string literals of a lane of JSON are, as far as it is not released. Each unit is read once; offsets count from the lane's beginning. */
export class Literals {
  readonly #place = new JsonPlace()
  /** The last unit was the backslash of an escape. Whatever follows it, a quote does not end the literal. */
  #escaped = false
  #ranges: Range[] = []
  #seen = 0
  /** Units of the lane that were released when it was last read. */
  released = 0

  read({ text, released }: LaneView): void {
    this.released = released
    if (released > this.#seen) {
      this.#seen = released
      this.#place.missed()
    }
    this.#ranges = this.#ranges.filter(({ end }) => end >= released)
    let at = this.#seen - released
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (!this.#place.inString) {
        this.#place.outside(code)
        at += 1
        if (this.#place.inString) this.#ranges.push({ start: released + at, end: Number.POSITIVE_INFINITY })
        continue
      }
      at += 1
      if (this.#escaped) this.#escaped = false
      else if (code === 0x5c) this.#escaped = true
      else if (code === 0x22) this.#close(released + at - 1)
    }
    this.#seen = released + at
  }

  #close(end: number): void {
    this.#place.close()
    const last = this.#ranges.at(-1)
    if (last !== undefined) last.end = end
  }

  /** Whether a range of a text that was just read lies in one literal. */
  within({ released }: LaneView, start: number, end: number): boolean {
    return this.#ranges.some((range) => range.start <= released + start && range.end >= released + end)
  }
}
