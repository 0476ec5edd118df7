import { CHECK_ALPHABET, CHECK_LENGTH } from '../token.ts'
import { isWord } from './spelling.ts'

/** Parts of a token, as far as one was read: its type, its number, its letters, its check. */
const TYPE = 1
const NUMBER = 2
const LETTERS = 3
const CHECK = 4

/** Tells of text of the shape of a token, unit by unit, as a token is made (../token.ts): what has it and stands for nothing was made up, or is another's. */
export class TokenShape {
  #part = 0
  #before = 0x20
  #checked = 0

  reset(): void {
    this.#part = 0
    this.#before = 0x20
  }

  /** Whether one is complete with this unit. */
  step(unit: number): boolean {
    const before = this.#before
    this.#before = unit
    const upper = unit >= 0x41 && unit <= 0x5a
    if (this.#part === 0) {
      if (upper && before !== 0x5f && !isWord(before)) this.#part = TYPE
      return false
    }
    const digit = unit >= 0x30 && unit <= 0x39
    switch (this.#part) {
      case TYPE:
        if (digit && before === 0x5f) this.#part = NUMBER
        else if (!upper && !digit && unit !== 0x5f) this.#part = 0
        return false
      case NUMBER:
      case LETTERS:
        if (unit === 0x5f) {
          this.#part = CHECK
          this.#checked = 0
        } else if (upper) this.#part = LETTERS
        else if (!digit || this.#part === LETTERS) this.#part = 0
        return false
      default:
        this.#checked += 1
        if (unit > 0x7f || !CHECKS[unit]) this.#part = 0
        else if (this.#checked === CHECK_LENGTH) {
          this.#part = 0
          return true
        }
        return false
    }
  }
}

const CHECKS: readonly boolean[] = Array.from({ length: 128 }, (_, unit) =>
  CHECK_ALPHABET.includes(String.fromCharCode(unit)),
)
