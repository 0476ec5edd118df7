import type { LaneEdit, LaneView } from '../../../src/core/plugin.ts'
import type { Live } from '../pseudonyms.ts'
import { escaped, JsonPlace, readEscape, type Unit } from './json.ts'
import type { Pseudonyms, Reading } from './pseudonyms.ts'
import { TokenShape } from './shape.ts'
import { type Sink, Sinks } from './sink.ts'

/** Why a live pseudonym was left as it is: where it stood, or that policy puts nothing back there. */
export type Withheld = Sink | 'policy'

/** What a reader has met, for the record. */
export type Count = { restored: number; unrestored: number; readonly withheld: Map<Withheld, number> }

/** Of a lane of JSON the members in which something is put back; `all`, or `none` of any lane. */
export type Allowed = 'all' | 'none' | ReadonlySet<string>

/**
 * Reads one lane, each unit of it once, however it is cut and however much of it was released. Offsets count from the lane's beginning. What must wait is the
 * longest end of the text that may still become a pseudonym, or that its right neighbour decides about.
 */
export class LaneReader {
  readonly #known: Pseudonyms
  readonly #allowed: Allowed
  readonly #count: Count
  readonly #json: JsonPlace | null
  readonly #shape = new TokenShape()
  readonly #unit: Unit = { code: 0, length: 1 }
  readonly #reading: Reading = { live: null, end: 0, open: false }
  #sinks = new Sinks()
  /** How far the lane was read. */
  #seen = 0
  #before = 0x20
  /** Something was put back in this word: what follows it may make an address of it. */
  #joined = false
  #edits: LaneEdit[] = []
  /** Units of the lane that were released when it was last read. */
  released = 0

  constructor(known: Pseudonyms, allowed: Allowed, json: boolean, count: Count) {
    this.#known = known
    this.#allowed = allowed
    this.#json = json ? new JsonPlace() : null
    this.#count = count
  }

  /** Edits of what is not released yet, of which some may have been made before. */
  read({ text, released, final }: LaneView): readonly LaneEdit[] {
    if (released > this.#seen) {
      this.#seen = released
      this.#sinks.missed()
      this.#json?.missed()
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
    const json = this.#json
    let at = from
    while (at < text.length) {
      let code = text.charCodeAt(at)
      let length = 1
      if (json !== null) {
        if (!json.inString) {
          json.outside(code)
          if (json.inString) this.#begin()
          at += 1
          continue
        }
        if (code === 0x22) {
          json.close()
          at += 1
          continue
        }
        if (code === 0x5c) {
          readEscape(text, at, this.#unit)
          if (this.#unit.length === 0 && !final) return at
          code = this.#unit.length === 0 ? code : this.#unit.code
          length = this.#unit.length || 1
        }
        if (json.isName) {
          json.inside(code)
          at += length
          continue
        }
      }
      if (length === 1 && this.#known.mayBegin(code, this.#before)) {
        const end = this.#pseudonym(text, at, final, released)
        if (end === OPEN) return at
        if (end !== NOTHING) {
          at = end
          continue
        }
      }
      this.#step(code)
      at += length
    }
    return at
  }

  #step(code: number): void {
    if (this.#shape.step(code)) this.#count.unrestored += 1
    this.#sinks.step(code)
    if (code <= 0x20) this.#joined = false
    this.#before = code
  }

  /** A string of JSON is a text of its own. */
  #begin(): void {
    this.#sinks = new Sinks()
    this.#shape.reset()
    this.#before = 0x20
    this.#joined = false
  }

  /** The end of the pseudonym that begins here, with what is to be done about it; {@link OPEN} where more of the text decides, {@link NOTHING} where there is none. */
  #pseudonym(text: string, at: number, final: boolean, released: number): number {
    const json = this.#json !== null
    const reading = this.#reading
    this.#known.read(text, at, this.#before, json, final, reading)
    if (reading.open) return OPEN
    const { live, end } = reading
    if (live === null) return NOTHING
    const host = this.#known.beginsHost(text, end, json, final)
    if (host === null) return OPEN
    const why = this.#isAllowed() ? (this.#sinks.sink ?? (host || this.#joins(live) ? 'url' : null)) : 'policy'
    this.#shape.reset()
    if (why === null) {
      this.#count.restored += 1
      this.#edits.push({ start: released + at, end: released + end, text: json ? escaped(live.value) : live.value })
      // A blank in the value ends no address.
      this.#sinks.read(this.#sinks.isMail ? text.slice(at, end) : live.value)
      this.#joined = true
      this.#before = live.value.charCodeAt(live.value.length - 1)
    } else {
      this.#count.withheld.set(why, (this.#count.withheld.get(why) ?? 0) + 1)
      this.#sinks.read(text.slice(at, end))
      this.#before = text.charCodeAt(end - 1)
    }
    return end
  }

  /** Behind what was put back in the same word, a host would make an address of both. */
  #joins({ value }: Live): boolean {
    return (
      this.#joined && value.includes('.') && (this.#before === 0x2e || this.#before === 0x40 || this.#before === 0x2d)
    )
  }

  #isAllowed(): boolean {
    if (typeof this.#allowed === 'string') return this.#allowed === 'all'
    return this.#json !== null && this.#allowed.has(this.#json.member)
  }
}

const NONE: readonly LaneEdit[] = []
const OPEN = -1
const NOTHING = -2
