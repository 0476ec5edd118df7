import fc from 'fast-check'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import type { Filter } from '../../src/core/plugin.ts'
import type { Codec } from '../../src/core/port.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'

/** Text that is cut over adjacent blocks, and what comes of it when a card's number is blacked out on its way. */

const CARD = /4111( ?)1111\1/g
const SHUT = '[card]'

export const blackened = (text: string): string => text.replaceAll(CARD, SHUT)

/** Blocks of an answer, each with the pieces in which its text comes. */
export const blocks = fc.array(
  fc.array(fc.constantFrom('4111', ' ', '1111', '4', '111', 'x'), { minLength: 1, maxLength: 4 }),
  { minLength: 1, maxLength: 5 },
)

const filter: Filter = {
  name: 'cards',
  hold: 10,
  edit: ({ text, channel }) =>
    channel === 'text'
      ? [...text.matchAll(CARD)].map((match) => ({
          start: match.index,
          end: match.index + match[0].length,
          text: SHUT,
        }))
      : [],
}

/** What the client gets of these events, which pass the pipeline one by one. */
export function passed(codec: Codec, call: ModelCall, events: readonly ModelEvent[]): Buffer {
  const lanes = new Lanes()
  const encoder = codec.encode(call)
  const closed = new Set<string>()
  const bytes: Uint8Array[] = []
  const release = (final: boolean): void => {
    lanes.settle([filter], 0, final)
    for (const { event, texts } of lanes.release()) bytes.push(encoder.event(event, texts))
  }
  for (const event of events) {
    for (const { lane } of event.parts) if (closed.has(lane)) throw new Error(`${lane} goes on after its end`)
    for (const lane of event.closes ?? []) closed.add(lane)
    lanes.add(event)
    release(false)
  }
  release(true)
  if (lanes.holding > 0) throw new Error('something was never released')
  return Buffer.concat(bytes)
}
