import { canonical, constant } from '../core/canonical.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { type Filter, type LaneView, type Plugin, STAGES } from '../core/plugin.ts'

/** What the types of `core/plugin.ts` promise and a plugin in plain JavaScript, or a sum gone wrong, does not keep. */

/** UTF-16 units that an inspector needs to see at once, where it does not say otherwise. */
const DEFAULT_SPAN = 128

const spans = new WeakMap<readonly Plugin[], number>()

/**
 * The most that inspectors of a generation need to see at once, UTF-16 units; 0 without any.
 *
 * @throws ERR_GATEWAY_INTERNAL for a `span` that is no length: an entity would pass in two pieces
 */
export function spanOf(readers: readonly Plugin[]): number {
  const known = spans.get(readers)
  if (known !== undefined) return known
  let most = 0
  for (const { name, span = DEFAULT_SPAN } of readers) {
    if (!Number.isSafeInteger(span) || span < 1) throw broken(`the span of the plugin ${name} is no length`)
    most = Math.max(most, span)
  }
  spans.set(readers, most)
  return most
}

/** Whether plugins keep their contract as far as can be seen before a call. Throws ERR_GATEWAY_INTERNAL that names the first that does not. */
export function checkPlugins(plugins: readonly Plugin[]): void {
  spanOf(plugins.filter(({ inspect }) => inspect !== undefined))
  for (const { name, discharge } of plugins) {
    for (const [type, { stage }] of Object.entries(discharge ?? {}))
      if (!STAGES.includes(stage)) throw broken(`${name} discharges ${type} in a stage that does not exist`)
  }
}

/**
 * What a filter holds back, UTF-16 units. Asked at each window, since a filter may change it.
 *
 * @throws ERR_GATEWAY_INTERNAL for what is neither a length nor `whole`: with NaN everything would be released
 */
export function holdOf({ name, hold }: Filter): number {
  if (hold === 'whole') return Number.POSITIVE_INFINITY
  if (!Number.isSafeInteger(hold) || hold < 0) throw broken(`the hold of the filter ${name} is no length`)
  return hold
}

/** What a filter holds back of any lane. One that says of each lane how much waits holds back nothing by itself. */
export function leastHold(filter: Filter): number {
  const hold = holdOf(filter)
  return filter.waits === undefined ? hold : 0
}

/**
 * What filters hold back at the end of a lane that goes on, `back` or more.
 *
 * @throws ERR_GATEWAY_INTERNAL for what is no length, or longer than the filter said that anything could be
 */
export function waitOf(view: LaneView, filters: readonly Filter[], back: number): number {
  let most = back
  for (const filter of filters) {
    if (filter.waits === undefined || view.text === '') continue
    const waits = filter.waits(view)
    if (!Number.isSafeInteger(waits) || waits < 0 || waits > holdOf(filter))
      throw broken(`what the filter ${filter.name} lets wait is no length within its hold`)
    if (waits > most) most = waits
  }
  return most
}

/** The filter, if its contract is kept as far as can be seen before it works. */
export function sound(filter: Filter): Filter {
  holdOf(filter)
  return filter
}

/** Bytes of JSON that the notes of one plugin may take in a record. */
const NOTES_MAX = 2_000

/**
 * What a plugin has to say in a record, frozen.
 *
 * @throws ERR_GATEWAY_INTERNAL for more than a record has room for, or for what is no JSON
 */
export function soundNotes(name: string, notes: Readonly<Record<string, Json>>): Json {
  const kept = constant(notes)
  if (Buffer.byteLength(canonical(kept)) > NOTES_MAX)
    throw broken(`the notes of ${name} take more than ${NOTES_MAX} bytes of a record`)
  return kept
}

function broken(what: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `A plugin breaks its contract: ${what}.`)
}
