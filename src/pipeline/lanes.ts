import type { Finding, ModelEvent, Segment } from '../core/call.ts'
import type { FindingFact } from '../core/decision.ts'
import type { Filter, LaneEdit, LaneView } from '../core/plugin.ts'
import { leastHold, waitOf } from './contract.ts'
import { fits, mergeEdits } from './edits.ts'
import { type Lane, piece, settledOf, uncut } from './lane.ts'
import { Tally } from './tally.ts'
import { editsOf, signedText, viewOf } from './view.ts'

type Place = Readonly<{ lane: Lane; length: number }>
type Held = Readonly<{ event: ModelEvent; places: readonly Place[] }>

const NONE: readonly LaneEdit[] = []
const NOTHING: readonly Finding[] = []
/** Events that may stay unread between two counts; more than a read of a socket brings. */
const MANY = 256

const UNEDITED = (event: ModelEvent): Released => ({ event, texts: undefined })

/** An event as it may go out: `texts` where a filter changed something. */
export type Released = Readonly<{ event: ModelEvent; texts: readonly string[] | undefined }>

const NO_FILTERS: readonly Filter[] = []

/**
 * The events of an answer between their arrival and their release, with the text that runs through them. Events leave whole and
 * in order: one leaves when every text in it is settled. An edit over several events leaves its new text in the first of them. What has not
 * changed since the last look costs nothing: an answer may have thousands of lanes that wait behind one.
 */
export class Lanes {
  /** Events whose text nobody has asked for yet. */
  #unread: ModelEvent[] = []
  readonly #lanes = new Map<string, Lane>()
  /** How much was released of lanes that may go on and of which nothing waits. */
  readonly #released = new Map<string, number>()
  #held: Held[] = []
  #characters = 0
  /** UTF-16 units in all lanes. */
  #waiting = 0
  /** Nothing is to be held back or edited: what is unread may go unread. */
  #free = false
  /** Lanes that have more text than inspectors have seen. */
  readonly #grown = new Set<Lane>()
  /** Lanes of the last {@link segments}. */
  #shown: readonly Lane[] = []
  /** Lanes of which it may have changed how much may go. */
  readonly #stale = new Set<Lane>()
  /** What the last {@link settle} went by. */
  #filters = NO_FILTERS
  #back = 0
  /** All findings so far, in released text and in what waits. */
  readonly #tally = new Tally()

  add(event: ModelEvent): void {
    this.#unread.push(event)
    this.#free = false
  }

  /** UTF-16 units of text seen so far, held or released. Without an inspector, a filter or a policy that asks, text is never read. */
  get characters(): number {
    this.#read()
    return this.#characters
  }

  #read(): void {
    for (const event of this.#unread.splice(0)) this.#place(event)
  }

  #place(event: ModelEvent): void {
    const places: Place[] = []
    for (const part of event.parts) {
      let lane = this.#lanes.get(part.lane)
      if (lane === undefined) {
        lane = {
          name: part.lane,
          role: part.role,
          channel: part.channel,
          signed: part.signed === true,
          json: part.json === true,
          tool: part.tool ?? null,
          argument: part.argument,
          released: this.#released.get(part.lane) ?? 0,
          closed: part.lane.startsWith('@'),
          text: '',
          findings: NOTHING,
          edits: NONE,
          made: NONE,
          settled: 0,
        }
        this.#lanes.set(part.lane, lane)
      }
      if (part.text !== '') {
        lane.text += part.text
        this.#grown.add(lane)
        this.#stale.add(lane)
      }
      this.#characters += part.text.length
      this.#waiting += part.text.length
      places.push({ lane, length: part.text.length })
    }
    for (const name of event.closes ?? []) {
      const lane = this.#lanes.get(name)
      if (lane === undefined) continue
      lane.closed = true
      this.#stale.add(lane)
    }
    this.#held.push({ event, places })
  }

  /** Events that wait, read or unread. */
  get holding(): number {
    return this.#held.length + this.#unread.length
  }

  /** UTF-16 units that wait, read or unread. */
  heldCharacters(): number {
    if (this.#unread.length > MANY) this.#read()
    let sum = this.#waiting
    for (const { parts } of this.#unread) for (const { text } of parts) sum += text.length
    return sum
  }

  /** The text that waits in lanes that have grown since their findings came, as segments whose pointers are the lanes' names. */
  segments(): readonly Segment[] {
    this.#read()
    this.#shown = [...this.#grown]
    return this.#shown.map(({ name, role, channel, text, json, tool }) => ({
      pointer: name,
      role,
      channel,
      text,
      ...(json ? { json } : undefined),
      ...(tool === null ? undefined : { tool }),
    }))
  }

  /** What inspectors saw in the last {@link segments}. Replaces what they saw before in the same lanes. */
  found(findings: readonly Finding[]): void {
    const byLane = Map.groupBy(findings, ({ pointer }) => pointer)
    for (const lane of this.#shown) {
      for (const finding of lane.findings) this.#tally.remove(finding, lane.role)
      lane.findings = byLane.get(lane.name) ?? NOTHING
      for (const finding of lane.findings) this.#tally.add(finding, lane.role)
      this.#grown.delete(lane)
      this.#stale.add(lane)
    }
    this.#shown = []
  }

  /** All findings so far, summed. */
  facts(): readonly FindingFact[] {
    return this.#tally.facts()
  }

  /**
   * Works out how much of each lane may go, and asks the filters anew, where the lane has grown or ended since the last time, and everywhere where the
   * filters are others, or at the end. `hold` is what inspectors need to see at once.
   */
  settle(filters: readonly Filter[], hold: number, final: boolean): void {
    this.#free = filters.length === 0 && hold === 0 && this.#held.length === 0
    if (this.#free) return
    this.#read()
    const back = final ? 0 : filters.reduce((most, filter) => Math.max(most, leastHold(filter)), hold)
    const anew = final || back !== this.#back || !sameFilters(filters, this.#filters)
    for (const lane of anew ? this.#lanes.values() : this.#stale) {
      const view = viewOf(lane, final)
      lane.edits = mergeEdits(this.#ask(lane, view, filters))
      lane.settled = final ? lane.text.length : settledOf(lane, lane.closed ? back : waitOf(view, filters, back))
    }
    this.#stale.clear()
    this.#filters = filters
    this.#back = back
  }

  #ask(lane: Lane, view: LaneView, filters: readonly Filter[]): readonly LaneEdit[] {
    if (lane.text === '') return NONE
    const all: LaneEdit[] = []
    for (const filter of filters) {
      if (filter.edit === undefined) continue
      for (const edit of editsOf(filter, view)) {
        if (lane.signed) throw signedText(filter)
        if (!fits(edit, lane.text.length)) throw new Error(`the filter ${filter.name} edits outside of the text`)
        all.push(edit)
      }
    }
    for (const { text } of lane.made) {
      const again = all.findIndex((edit) => edit.end === 0 && edit.text === text)
      if (again !== -1) all.splice(again, 1)
    }
    return all
  }

  /** The events that may go now, in order. No release ends inside of an edit or a finding: what follows would be read without its beginning. */
  release(): readonly Released[] {
    if (this.#free) return this.#unread.splice(0).map(UNEDITED)
    const taken = new Map<Lane, number>()
    /** Lanes in which a release that ended here would cut something in two. */
    const cut = new Set<Lane>()
    let count = 0
    for (const [index, { places }] of this.#held.entries()) {
      for (const { lane, length } of places) {
        if (length === 0) continue
        const end = (taken.get(lane) ?? 0) + length
        taken.set(lane, end)
        if (uncut(lane, end)) cut.delete(lane)
        else cut.add(lane)
      }
      if (places.some(({ lane }) => (taken.get(lane) ?? 0) > lane.settled)) break
      if (cut.size === 0) count = index + 1
    }
    if (count === 0) return []
    const out = this.#held.slice(0, count)
    this.#held = this.#held.slice(count)
    return out.map(({ event, places }) => ({ event, texts: places.length === 0 ? undefined : this.#take(places) }))
  }

  #take(places: readonly Place[]): readonly string[] | undefined {
    let changed = false
    const texts = places.map(({ lane, length }) => {
      if (length === 0) {
        this.#forget(lane)
        return ''
      }
      const text = lane.text.slice(0, length)
      const edited = lane.edits.length === 0 ? text : piece(lane, length)
      if (edited !== text) changed = true
      this.#advance(lane, length)
      return edited
    })
    return changed ? texts : undefined
  }

  /** Forgets the first `length` units of a lane; a lane without text is forgotten whole, since long streams have many short ones. */
  #advance(lane: Lane, length: number): void {
    lane.text = lane.text.slice(length)
    lane.released += length
    this.#waiting -= length
    lane.settled -= length
    lane.made =
      lane.edits.length === 0 ? NONE : lane.edits.filter(({ start, end }) => start === length && end === length)
    if (lane.edits.length > 0)
      lane.edits = lane.edits
        .filter(({ end }) => end > length)
        .map((edit) => ({ ...edit, start: edit.start - length, end: edit.end - length }))
    if (lane.findings.length > 0) {
      const ahead: Finding[] = []
      for (const finding of lane.findings) {
        if (finding.end <= length) this.#tally.keep(finding)
        else ahead.push({ ...finding, start: finding.start - length, end: finding.end - length })
      }
      lane.findings = ahead
    }
    this.#forget(lane)
  }

  #forget(lane: Lane): void {
    if (lane.text !== '') return
    this.#grown.delete(lane)
    this.#stale.delete(lane)
    // By now another one may bear the name.
    if (this.#lanes.get(lane.name) !== lane) return
    this.#lanes.delete(lane.name)
    if (lane.closed) this.#released.delete(lane.name)
    else if (lane.released > 0) this.#released.set(lane.name, lane.released)
  }
}

function sameFilters(some: readonly Filter[], others: readonly Filter[]): boolean {
  return some === others || (some.length === others.length && some.every((filter, at) => filter === others[at]))
}
