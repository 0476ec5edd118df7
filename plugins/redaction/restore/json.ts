/**
 * Where in a JSON text one is, unit by unit, for a text that may end anywhere: in a string or not, whether that is the name of a member, and below which top-level
 * member. What is no JSON is read as far as it goes: a string that is none holds nothing that is put back.
 */
export class JsonPlace {
  /** In a string literal. */
  inString = false
  /** Of a string: it is the name of a member. */
  isName = false
  /** The top-level member that one is in; '' outside of any. */
  member = ''
  /** `{` as true, `[` as false, from the outside to the inside. */
  readonly #open: boolean[] = []
  #nameIsDue = false
  #name = ''
  #lost = false

  /** Something of the text was missed: from here on nobody knows what is a string. */
  missed(): void {
    this.#lost = true
    this.inString = false
  }

  /** A unit outside of strings. */
  outside(unit: number): void {
    if (this.#lost) return
    switch (unit) {
      case 0x22: // "
        this.inString = true
        this.isName = this.#nameIsDue
        if (this.isName && this.#open.length === 1) this.#name = ''
        return
      case 0x7b: // {
        this.#open.push(true)
        this.#nameIsDue = true
        return
      case 0x5b: // [
        this.#open.push(false)
        this.#nameIsDue = false
        return
      case 0x7d: // }
      case 0x5d: // ]
        this.#open.pop()
        this.#nameIsDue = false
        if (this.#open.length <= 1) this.member = this.#open.length === 0 ? '' : this.member
        return
      case 0x2c: // ,
        this.#nameIsDue = this.#open.at(-1) === true
        if (this.#open.length <= 1) this.member = ''
        return
      case 0x3a: // :
        this.#nameIsDue = false
        if (this.#open.length === 1) this.member = this.#name
        return
      default:
    }
  }

  /** A unit of a string, decoded. Names are kept as far as a policy could list them. */
  inside(unit: number): void {
    if (this.isName && this.#open.length === 1 && this.#name.length < LONGEST_NAME)
      this.#name += String.fromCharCode(unit)
  }

  /** The quote that ends a string. */
  close(): void {
    this.inString = false
  }
}

const LONGEST_NAME = 1024

/** Whether a unit may stand outside of the strings of a JSON text: its marks, blanks, digits, and the letters of `true`, `false`, `null` and of an exponent. */
export function isOutside(unit: number): boolean {
  return unit < 128 && OUTSIDE[unit] === 1
}

const OUTSIDE = new Uint8Array(128)
for (const mark of '{}[],:" \t\n\r0123456789+-.trueflasnE') OUTSIDE[mark.charCodeAt(0)] = 1

/** A text as it stands in a JSON string, without the quotes. */
export function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
