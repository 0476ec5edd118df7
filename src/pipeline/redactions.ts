import type { Edit, Segment } from '../core/call.ts'
import type { LaneEdit } from '../core/plugin.ts'
import { applyEdits, fits, mergeEdits } from './edits.ts'

/** Edits of a call's segments as redactions add them. */
export class Redactions {
  readonly #segments: readonly Segment[]
  readonly #byPointer = new Map<string, LaneEdit[]>()
  /** Made with the first edit: most calls have none. */
  #lengths: ReadonlyMap<string, number> | undefined

  constructor(segments: readonly Segment[]) {
    this.#segments = segments
  }

  add(edits: readonly Edit[]): void {
    for (const { pointer, start, end, text } of edits) {
      const length = this.#lengthAt(pointer)
      if (length === undefined || pointer.endsWith('#') || !fits({ start, end, text }, length)) {
        throw new Error(`an edit lies outside of the text (${pointer})`)
      }
      const list = this.#byPointer.get(pointer)
      if (list === undefined) this.#byPointer.set(pointer, [{ start, end, text }])
      else list.push({ start, end, text })
    }
  }

  #lengthAt(pointer: string): number | undefined {
    this.#lengths ??= new Map(this.#segments.map((segment) => [segment.pointer, segment.text.length]))
    return this.#lengths.get(pointer)
  }

  edits(): readonly Edit[] {
    const all: Edit[] = []
    for (const [pointer, edits] of this.#byPointer) {
      for (const edit of mergeEdits(edits)) all.push({ pointer, ...edit })
    }
    return all
  }

  edited(): readonly Segment[] {
    if (this.#byPointer.size === 0) return this.#segments
    return this.#segments.map((segment) => {
      const edits = this.#byPointer.get(segment.pointer)
      return edits === undefined ? segment : { ...segment, text: applyEdits(segment.text, mergeEdits(edits)) }
    })
  }
}
