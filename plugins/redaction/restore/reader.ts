import type { LaneEdit, LaneView } from '../../../src/core/plugin.ts'
import type { Live } from '../pseudonyms.ts'
import { escaped } from './json.ts'
import { type Kind, Layer } from './layer.ts'
import type { Pseudonyms, Reading } from './pseudonyms.ts'
import { TokenShape } from './shape.ts'
import type { Sink } from './sink.ts'
import { END, OPEN, Units } from './units.ts'

/** Why a live pseudonym was left as it is: where it stood, or that policy puts nothing back there. */
export type Withheld = Sink | 'policy'

/** What a reader has met, for the record. */
export type Count = { restored: number; unrestored: number; readonly withheld: Map<Withheld, number> }

/** Of a lane of JSON the members in which something is put back; `all`, or `none` of any lane. */
export type Allowed = 'all' | 'none' | ReadonlySet<string>

/** JSON strings in JSON strings that are read as such. What stands deeper is text. */
const DEEPEST = 4

/**
 * Reads one lane, each unit of it once, however it is cut and however much of it was released. Offsets count from the lane's beginning. What must wait is the
 * longest end of the text that may still become a pseudonym, or that its right neighbour decides about. What is put back into strings of JSON is escaped, once
 * for each string that it stands in.
 */
export class LaneReader {
  readonly #known: Pseudonyms
  readonly #allowed: Allowed
  readonly #count: Count
  readonly #kind: Kind
  readonly #shape = new TokenShape()
  readonly #units = new Units()
  readonly #around = new Units()
  readonly #reading: Reading = { live: null, end: 0, open: false }
  /** The lane's text, and the text of each string that is open in the one before it. */
  readonly #layers: Layer[]
  /** How far the lane was read. */
  #seen = 0
  #edits: LaneEdit[] = []
  /** Units of the lane that were released when it was last read. */
  released = 0

  constructor(known: Pseudonyms, allowed: Allowed, kind: Kind, count: Count) {
    this.#known = known
    this.#allowed = allowed
    this.#kind = kind
    this.#count = count
    this.#layers = [new Layer(kind)]
  }

  /** Edits of what is not released yet, of which some may have been made before. */
  read({ text, released, final }: LaneView): readonly LaneEdit[] {
    if (released > this.#seen) {
      this.#seen = released
      this.#layers.length = 1
      this.#layers[0]?.missed()
    }
    this.released = released
    const end = this.#scan(text, this.#seen - released, final, released)
    this.#seen = released + end
    if (this.#edits.length === 0) return NONE
    this.#edits = this.#edits.filter((edit) => edit.end > released)
    return this.#edits.map((edit) => ({ ...edit, start: edit.start - released, end: edit.end - released }))
  }

  /** Units at the end of a text that was just read. */
  waits({ text, released }: LaneView): number {
    return released + text.length - this.#seen
  }

  #scan(text: string, from: number, final: boolean, released: number): number {
    const units = this.#units
    let at = from
    while (at < text.length) {
      const depth = this.#layers.length - 1
      const layer = this.#layers[depth]
      if (layer === undefined) return at
      let code = units.read(text, at, depth)
      if (code === END) {
        this.#close(units.closes, text, at)
        at += units.length
        continue
      }
      if (code === OPEN) {
        if (!final) return at
        code = text.charCodeAt(at)
        units.length = 1
      }
      const { length } = units
      if (layer.json !== null) {
        if (!layer.outside(code)) continue
        this.#feed(text, at, length, code)
        if (layer.isInString) this.#open()
        at += length
        continue
      }
      // No string of JSON goes over a line: it was none.
      if (code < 0x20 && depth > 0 && units.plain && this.#layers[depth - 1]?.isProse() === true) {
        this.#layers.pop()
        this.#shape.reset()
        continue
      }
      if (this.#isName()) {
        this.#layers[0]?.json?.inside(code)
        at += length
        continue
      }
      if (length === 1 && this.#known.mayBegin(code, layer.before)) {
        const end = this.#pseudonym(layer, text, at, final, released)
        if (end === WAITS) return at
        if (end !== NOTHING) {
          at = end
          continue
        }
      }
      if (this.#shape.step(code)) this.#count.unrestored += 1
      this.#feed(text, at, length, code)
      if (layer.isInString) this.#open()
      at += length
    }
    return at
  }

  /** In the name of an argument of a tool. */
  #isName(): boolean {
    return this.#kind === 'arguments' && this.#layers.length === 2 && this.#layers[0]?.json?.isName === true
  }

  /** A string begins: a text of its own. */
  #open(): void {
    this.#shape.reset()
    this.#layers.push(new Layer(this.#layers.length < DEEPEST ? 'prose' : 'plain'))
  }

  /** The quote that ends the string of a layer ends those in it. */
  #close(depth: number, text: string, at: number): void {
    const { length } = this.#units
    this.#layers.length = depth + 1
    this.#layers[depth]?.json?.close()
    this.#shape.reset()
    this.#feed(text, at, length, 0x22)
  }

  /** A unit of the innermost text, as all of them say it. */
  #feed(text: string, at: number, length: number, code: number): void {
    const last = this.#layers.length - 1
    this.#layers[last]?.step(code)
    for (let depth = last - 1; depth >= 0; depth--) {
      const layer = this.#layers[depth]
      if (layer === undefined) continue
      if (length === 1) layer.step(code)
      else for (let place = at; place < at + length; place += this.#around.length) this.#say(layer, text, place, depth)
    }
  }

  #say(layer: Layer, text: string, at: number, depth: number): void {
    const code = this.#around.read(text, at, depth)
    if (code < 0) this.#around.length = 1
    layer.step(code < 0 ? text.charCodeAt(at) : code)
  }

  /** The end of the pseudonym that begins here, with what is to be done about it; {@link WAITS} where more of the text decides, {@link NOTHING} where there is none. */
  #pseudonym(layer: Layer, text: string, at: number, final: boolean, released: number): number {
    const depth = this.#layers.length - 1
    const reading = this.#reading
    this.#known.read(text, at, layer.before, depth, final, reading)
    if (reading.open) return WAITS
    const { live, end } = reading
    if (live === null) return NOTHING
    const host = this.#known.beginsHost(text, at, end, depth, final)
    if (host === null) return WAITS
    const why = this.#isAllowed() ? (this.#sink(layer) ?? (host || joins(layer, live) ? 'url' : null)) : 'policy'
    this.#shape.reset()
    layer.isProse()
    let said = why === null ? live.value : text.slice(at, end)
    if (why === null) {
      this.#count.restored += 1
      this.#edits.push({ start: released + at, end: released + end, text: escapedTimes(said, depth) })
    } else this.#count.withheld.set(why, (this.#count.withheld.get(why) ?? 0) + 1)
    // A blank in the value ends no address.
    layer.stepOver(layer.isMail ? text.slice(at, end) : said)
    if (why === null) {
      layer.before = said.charCodeAt(said.length - 1)
      layer.joined = true
    }
    for (let outer = depth - 1; outer >= 0; outer--) {
      if (why === null) said = escaped(said)
      this.#layers[outer]?.stepOver(said)
    }
    return end
  }

  /** Where the innermost text would carry a value, or one around it. */
  #sink(layer: Layer): Sink | null {
    const own = layer.sink
    if (own !== null) return own
    for (let depth = this.#layers.length - 2; depth >= 0; depth--) {
      const around = this.#layers[depth]?.sinkAround ?? null
      if (around !== null) return around
    }
    return null
  }

  #isAllowed(): boolean {
    if (typeof this.#allowed === 'string') return this.#allowed === 'all'
    return this.#allowed.has(this.#layers[0]?.json?.member ?? '')
  }
}

/** Behind what was put back in the same word, a host would make an address of both. */
function joins({ joined, before }: Layer, { value }: Live): boolean {
  return joined && value.includes('.') && (before === 0x2e || before === 0x40 || before === 0x2d)
}

function escapedTimes(text: string, times: number): string {
  let said = text
  for (let time = 0; time < times; time++) said = escaped(said)
  return said
}

const NONE: readonly LaneEdit[] = []
const WAITS = -1
const NOTHING = -2
