import type { LaneView } from '../../../src/core/plugin.ts'
import { JsonPlace } from './json.ts'
import { isBlank } from './spelling.ts'

/**
 * Where the string literals of a lane of JSON are, as far as it is not released. Each unit is read once; offsets count from the lane's beginning. Where JSON was asked
 * for and what has come begins as none, it is prose.
 */
export class Literals {
  readonly #place = new JsonPlace()
  /** The last unit was the backslash of an escape. Whatever follows it, a quote does not end the literal. */
  #escaped = false
  /** Where each begins and ends, one behind the other. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #seen = 0
  #begun = false
  /** It is no JSON at all. */
  isProse = false
  /** Units of the lane that were released when it was last read. */
  released = 0

  read({ text, released, channel }: LaneView): void {
    this.released = released
    if (released > this.#seen) {
      this.#seen = released
      this.#place.missed()
    }
    let at = this.#seen - released
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (!this.#begun && !isBlank(code)) {
        this.#begun = true
        this.isProse = channel !== 'tool' && code !== 0x7b && code !== 0x5b && code !== 0x22
      }
      at += 1
      if (!this.#place.inString) {
        this.#place.outside(code)
        if (!this.#place.inString) continue
        this.#starts.push(released + at)
        this.#ends.push(Number.POSITIVE_INFINITY)
      } else if (this.#escaped) this.#escaped = false
      else if (code === 0x5c) this.#escaped = true
      else if (code === 0x22) {
        this.#place.close()
        this.#ends[this.#ends.length - 1] = released + at - 1
      }
    }
    this.#seen = released + at
  }

  /** Whether a range of a text that was read lies in one literal: the last that begins no later. */
  within({ released }: LaneView, start: number, end: number): boolean {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] ?? 0) <= released + start) low = middle + 1
      else high = middle
    }
    return (this.#ends[low - 1] ?? -1) >= released + end
  }
}
