import { isOutside, JsonPlace } from './json.ts'
import { type Sink, Sinks } from './sink.ts'
import { isBlank } from './spelling.ts'

/**
 * What a lane is to its reader. `prose`: what people read; JSON where it evidently is. `asked`: JSON that the call has asked for, unless the model speaks prose all
 * the same. `arguments`: JSON whatever it looks like. `plain`: no JSON whatever it looks like.
 */
export type Kind = 'prose' | 'asked' | 'arguments' | 'plain'

/** Whether a text is JSON is seen by how it begins: not yet; after brackets that may begin one; or it is decided. */
const BEGIN = 0
const BRACKET = 1
const DECIDED = 2

/** One text: that of a lane, or that of a JSON string in the text around it, which may be JSON again. */
export class Layer {
  /** Where in the text's JSON one is; null in prose. */
  json: JsonPlace | null = null
  /** The last unit. */
  before = 0x20
  /** Something was put back in this word: what follows it may make an address of it. */
  joined = false
  readonly #kind: Kind
  readonly #sinks = new Sinks()
  #decision = BEGIN
  #brackets: JsonPlace | null = null
  #fenced = false
  /** JSON that the call has asked for: a program reads it. */
  #parsed = false

  constructor(kind: Kind) {
    this.#kind = kind
    if (kind === 'arguments') this.json = new JsonPlace()
    if (kind === 'plain') this.#decision = DECIDED
  }

  /** The next unit of the text. What it says in strings is for a layer of their own to judge. */
  step(unit: number): void {
    if (this.#kind === 'arguments') return
    if (this.#decision !== DECIDED) this.#decide(unit)
    this.#sinks.step(unit)
    if (unit <= 0x20) this.joined = false
    this.before = unit
    if (unit !== 0x0a) return
    // The first line in a fence may begin JSON.
    const fenced = this.#sinks.isFenced
    if (fenced && !this.#fenced && this.json === null && this.#kind !== 'plain') this.#decision = BEGIN
    this.#fenced = fenced
  }

  /** What was put back, as this text says it. */
  stepOver(value: string): void {
    if (this.#kind === 'arguments' || value === '') return
    this.#sinks.read(value)
    this.before = value.charCodeAt(value.length - 1)
  }

  /** The next unit, outside of the strings of JSON. False where JSON has no such unit: what follows is prose. */
  outside(unit: number): boolean {
    if (this.#kind !== 'arguments' && !isOutside(unit)) {
      this.isProse()
      return false
    }
    this.json?.outside(unit)
    return true
  }

  /** From here on it is prose. What must be JSON stays so. */
  isProse(): boolean {
    if (this.#kind === 'arguments') return false
    this.json = null
    this.#decision = DECIDED
    this.#parsed = false
    return true
  }

  /** Something of the text was missed. */
  missed(): void {
    if (this.isProse()) this.#sinks.missed()
    else this.json?.missed()
  }

  /** The next unit is one of a string. */
  get isInString(): boolean {
    return this.json?.inString === true
  }

  /** What the next unit stands in. */
  get sink(): Sink | null {
    return this.#sinks.sink
  }

  /** In the address of a mail. */
  get isMail(): boolean {
    return this.#sinks.isMail
  }

  /**
   * What this text makes of what stands in one of its strings. Whoever shows JSON as Markdown or HTML finds links and tags in it that begin in one string and
   * end in another; who has asked for it parses it.
   */
  get sinkAround(): Sink | null {
    if (this.#kind === 'arguments' || this.#parsed) return null
    return this.#sinks.target
  }

  #decide(unit: number): void {
    const begins = this.#decision === BEGIN
    if (isBlank(unit)) return
    const asked = this.#kind === 'asked'
    const opens = unit === 0x7b || unit === 0x5b
    if (begins && opens) this.#brackets = new JsonPlace()
    const place = this.#brackets ?? (asked && unit === 0x22 ? new JsonPlace() : null)
    if (place === null || !(opens || unit === 0x22)) {
      this.#decision = DECIDED
      this.#brackets = null
      return
    }
    this.#decision = BRACKET
    place.outside(unit)
    if (!(place.inString || (asked && opens))) return
    this.json = place
    this.#parsed = asked
    this.#decision = DECIDED
    this.#brackets = null
  }
}
