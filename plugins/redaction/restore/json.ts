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

/** A unit of a JSON string as it stands in a text: what it says, and how many units it takes. `length` 0: the text ends inside of it. */
export type Unit = { code: number; length: number }

/** Reads an escape at `at`, where a backslash stands (RFC 8259 7). What is no escape is a backslash and nothing more. */
export function readEscape(text: string, at: number, into: Unit): void {
  const mark = text.charCodeAt(at + 1)
  into.length = 2
  switch (mark) {
    case 0x6e:
      into.code = 0x0a
      return
    case 0x74:
      into.code = 0x09
      return
    case 0x72:
      into.code = 0x0d
      return
    case 0x62:
      into.code = 0x08
      return
    case 0x66:
      into.code = 0x0c
      return
    case 0x75: {
      const digits = text.slice(at + 2, at + 6)
      const is = HEX.test(digits)
      into.code = is ? Number.parseInt(digits, 16) : mark
      into.length = digits.length < 4 ? 0 : is ? 6 : 2
      return
    }
    default:
      into.code = Number.isNaN(mark) ? 0x5c : mark
      into.length = Number.isNaN(mark) ? 0 : 2
  }
}

const HEX = /^[0-9a-fA-F]{4}$/

/** A text as it stands in a JSON string, without the quotes. */
export function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
