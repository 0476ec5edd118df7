import type { Json } from '../core/json.ts'
import type { Filter } from '../core/plugin.ts'
import { soundNotes } from './contract.ts'
import type { Gateway } from './gateway.ts'

/** What plugins say in the record of one attempt, by their names; undefined where none says anything. A second word of one plugin has a number behind its name. */
export type Notes = Readonly<Record<string, Json>> | undefined

/** @throws ERR_GATEWAY_INTERNAL as {@link soundNotes} does */
export function withNotes(before: Notes, name: string, notes: Readonly<Record<string, Json>>): Notes {
  let key = name
  for (let more = 2; before !== undefined && Object.hasOwn(before, key); more++) key = `${name}.${more}`
  return { ...before, [key]: soundNotes(name, notes) }
}

/** What the filters of an answer say of it. One that fails at that is reported, and says nothing: the outcome is on record all the same. */
export function notesOf(filters: readonly Filter[], gateway: Pick<Gateway, 'report'>, call: string): Notes {
  let notes: Notes
  for (const filter of filters) {
    if (filter.notes === undefined) continue
    try {
      notes = withNotes(notes, filter.name, filter.notes())
    } catch (error) {
      gateway.report(`the filter ${filter.name} could not say what it did`, error, call)
    }
  }
  return notes
}
