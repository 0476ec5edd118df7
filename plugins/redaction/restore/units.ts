/** What {@link Units.read} says where there is no unit: a string ends here; or the text ends inside of one. */
export const END = -3
export const OPEN = -4

/** The longest escape that is read as one, UTF-16 units. One of two JSON strings deep is seven, or 36 where its own letters are escaped. */
const LONGEST = 64

/**
 * Reads a text as it stands in JSON strings, one in another: at depth 0 its units as they are, at depth 1 those that a string says, at depth 2 those of a JSON
 * text that a string says, and so on (RFC 8259 7).
 */
export class Units {
  /** Units of the text that the last one takes. */
  length = 1
  /** At {@link END}: the depth of the text in which the quote stands. */
  closes = 0
  /** The last one is no escape of its own depth. */
  plain = true

  /** The unit at `at`, or {@link END} or {@link OPEN}. What is no escape is a backslash and nothing more, and so is one that is too long. */
  read(text: string, at: number, depth: number): number {
    this.plain = true
    if (at >= text.length) return OPEN
    const first = depth > 1 ? this.read(text, at, depth - 1) : text.charCodeAt(at)
    if (depth <= 1) this.length = 1
    if (depth === 0 || first < 0) return first
    this.plain = true
    if (first === 0x22) {
      this.closes = depth - 1
      return END
    }
    return first === 0x5c ? this.#escape(text, at, depth - 1) : first
  }

  #escape(text: string, at: number, below: number): number {
    const own = this.length
    const code = this.#said(text, at + own, below, own)
    if (code >= 0 && this.length <= LONGEST) {
      this.plain = false
      return code
    }
    if (code === OPEN && text.length - at <= LONGEST) return OPEN
    this.length = own
    this.plain = true
    return 0x5c
  }

  /** What an escape says, of which `from` units were read. */
  #said(text: string, at: number, below: number, from: number): number {
    const mark = this.read(text, at, below)
    if (mark < 0) return mark
    const marked = from + this.length
    this.length = marked
    if (mark !== 0x75) return SHORT.get(mark) ?? mark
    let code = 0
    let length = marked
    for (let digits = 0; digits < 4; digits++) {
      const unit = this.read(text, at - from + length, below)
      if (unit === OPEN) return OPEN
      const digit = unit < 0 ? -1 : digitOf(unit)
      if (digit === -1) {
        this.length = marked
        return mark
      }
      length += this.length
      code = code * 16 + digit
    }
    this.length = length
    return code
  }
}

const SHORT: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x74, 0x09],
  [0x72, 0x0d],
  [0x62, 0x08],
  [0x66, 0x0c],
])

function digitOf(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const lower = unit | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
