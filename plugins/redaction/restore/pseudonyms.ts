import type { Live } from '../pseudonyms.ts'
import { CHECK_ALPHABET, CHECK_LENGTH } from '../token.ts'
import { folded, foldedText, isWord, MARK, MOST_MARKS, OTHER } from './spelling.ts'
import { Trie } from './trie.ts'
import { END, OPEN, Units } from './units.ts'

/** What a text says at one place of a live pseudonym: none; or one that ends at `end`; or the text must go on before anybody can tell. */
export type Reading = { live: Live | null; end: number; open: boolean }

const TOKEN = new RegExp(`^[A-Z][A-Z0-9_]*_[0-9]+[A-Z]*_[${CHECK_ALPHABET}]{${CHECK_LENGTH}}$`)

/** Units of a host that may follow a token, as far as it is looked at: `.label.x` (RFC 1035 2.3.4). */
const LABEL = 63

/** The pseudonyms of one call. Tokens are read through other spellings; surrogates exactly, and as whole words: somebody else may bear the name. */
export class Pseudonyms {
  readonly #tokens = new Trie()
  readonly #surrogates = new Trie()
  readonly #live: readonly Live[]
  readonly #units = new Units()
  /** The longest text that is looked at for one, UTF-16 units. Each may be an escape of six; what is longer by other escapes is none. */
  readonly longest: number

  constructor(live: readonly Live[]) {
    this.#live = live
    for (const [at, { token }] of live.entries()) {
      if (TOKEN.test(token)) this.#tokens.add(foldedText(token), at + 1)
      else this.#surrogates.add(token, at + 1)
    }
    const most = Math.max(this.#tokens.longest === 0 ? 0 : this.#tokens.longest + MOST_MARKS, this.#surrogates.longest)
    this.longest = most === 0 ? 0 : 6 * (most + LABEL + 3)
  }

  /** Whether something may begin with this unit, behind another one. */
  mayBegin(unit: number, before: number): boolean {
    const inWord = isWord(before)
    const upper = unit >= 0x41 && unit <= 0x5a
    if (upper || !inWord) {
      const token = folded(unit)
      if (token > 0x5f || (token >= 0x30 && token <= 0x39)) if (this.#tokens.next(0, token) !== 0) return true
    }
    return !inWord && this.#surrogates.next(0, unit) !== 0
  }

  /** Reads what begins at `at`; of tokens first. `depth`: of JSON strings that the text stands in. `final`: the text does not go on. */
  read(text: string, at: number, before: number, depth: number, final: boolean, into: Reading): void {
    into.live = null
    into.open = false
    const first = text.charCodeAt(at)
    if (!isWord(before) || (first >= 0x41 && first <= 0x5a)) this.#token(text, at, depth, final, into)
    if (into.live === null && !into.open && !isWord(before)) this.#surrogate(text, at, depth, final, into)
  }

  #token(text: string, from: number, depth: number, final: boolean, into: Reading): void {
    let node = 0
    let marks = 0
    for (let at = from; at - from <= this.longest; ) {
      const code = this.#units.read(text, at, depth)
      if (code === END) return
      if (code === OPEN) {
        into.open = !final && text.length - from <= this.longest
        return
      }
      const unit = folded(code)
      if (unit === OTHER) return
      at += this.#units.length
      if (unit === MARK) {
        marks += 1
        if (marks > MOST_MARKS) return
        continue
      }
      node = this.#tokens.next(node, unit)
      if (node === 0) return
      const id = this.#tokens.idAt(node)
      if (id === 0) continue
      if (at - from <= this.longest) {
        into.live = this.#live[id - 1] ?? null
        into.end = at
      }
      return
    }
  }

  /** The longest that ends with its word. */
  #surrogate(text: string, from: number, depth: number, final: boolean, into: Reading): void {
    let node = 0
    for (let at = from; at - from <= this.longest; ) {
      const code = this.#units.read(text, at, depth)
      const id = this.#surrogates.idAt(node)
      if (code === OPEN) {
        into.open = !final && text.length - from <= this.longest
        if (final && id !== 0) {
          into.live = this.#live[id - 1] ?? null
          into.end = at
        }
        return
      }
      if (id !== 0 && (code === END || !isWord(code))) {
        into.live = this.#live[id - 1] ?? null
        into.end = at
      }
      node = code === END ? 0 : this.#surrogates.next(node, code)
      if (node === 0) return
      at += this.#units.length
    }
  }

  /**
   * Whether what stands in front of `at`, from `from` on, is the first label of a host (`PERSON_1_k7bc.example.com`), or what stands in front of its `@`; null:
   * the text must go on.
   */
  beginsHost(text: string, from: number, at: number, depth: number, final: boolean): boolean | null {
    let label = -1
    let dotted = false
    /** Units of the pseudonym's own label behind it: `PERSON_1_k7bc-x.example.com`. */
    let own = 0
    for (let place = at; ; place += this.#units.length) {
      const code = this.#units.read(text, place, depth)
      if (place - from > this.longest || (code === OPEN && text.length - from > this.longest)) return true
      if (code === OPEN) return final ? false : null
      if (label === -1) {
        if (isDot(code) || code === 0x40) label = 0
        else if (code === 0x3a && own === 0) own = 1
        else if (!isOfLabel(code) || own >= LABEL) return false
        else own += 1
      } else if (dotted) return isWord(code)
      else if (isDot(code)) {
        if (label === 0) return false
        dotted = true
      } else if (!isOfLabel(code) || label >= LABEL) return false
      else label += 1
    }
  }
}

/** The dots that end a label (UTS 46 2.3): also the ideographic, the full-width and the half-width one. */
function isDot(code: number): boolean {
  return code === 0x2e || code === 0x3002 || code === 0xff0e || code === 0xff61
}

function isOfLabel(code: number): boolean {
  return code >= 0 && (isWord(code) || code === 0x2d || code === 0x5f)
}
