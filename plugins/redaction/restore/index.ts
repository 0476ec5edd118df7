import type { Filter, LaneEdit, LaneView } from '../../../src/core/plugin.ts'
import type { Restoring } from '../params.ts'
import type { Live } from '../pseudonyms.ts'
import type { Kind } from './layer.ts'
import { Pseudonyms } from './pseudonyms.ts'
import { type Allowed, type Count, LaneReader, type Withheld } from './reader.ts'

export { redactAnswer } from './answer.ts'

/** Where pseudonyms are put back. `reads`: in what a person reads, the model's thoughts included. `tools`: in the arguments of tools. */
export type RestoreOptions = Readonly<{ tools: Restoring; reads: boolean }>

const NONE: readonly LaneEdit[] = []

/**
 * Puts the values of one call back into its answer, while it streams. Never into what would carry them to an address that the text names: see ./sink.ts. Into
 * tools' arguments where `tools` says so; as values of JSON, never as names, and never outside of strings. Text that the provider has signed stays as it is.
 */
export function restorer(live: readonly Live[], { tools, reads }: RestoreOptions): Filter {
  const known = new Pseudonyms(live)
  const count: Count = { restored: 0, unrestored: 0, withheld: new Map() }
  /** Lanes that go on. One that is complete in its event is read whole each time. */
  const readers = new Map<string, LaneReader>()
  /** Complete ones that have been counted. */
  const counted = new Set<string>()

  function readerOf(lane: LaneView): LaneReader {
    const before = readers.get(lane.lane)
    // A lane that has ended may begin anew.
    if (before !== undefined && before.released <= lane.released) return before
    const reader = new LaneReader(known, allowed(lane, tools, reads), kindOf(lane), count)
    readers.set(lane.lane, reader)
    return reader
  }

  function whole(lane: LaneView): readonly LaneEdit[] {
    const again = counted.has(lane.lane)
    const own = again ? { restored: 0, unrestored: 0, withheld: new Map<Withheld, number>() } : count
    const met = own.restored + own.unrestored + own.withheld.size
    const edits = new LaneReader(known, allowed(lane, tools, reads), kindOf(lane), own).read(lane)
    if (!again && met !== own.restored + own.unrestored + own.withheld.size) counted.add(lane.lane)
    return edits
  }

  return {
    name: 'redaction',
    hold: known.longest,
    edit: (lane) => {
      if (lane.signed) return NONE
      if (lane.lane.startsWith('@')) return whole(lane)
      return readerOf(lane).read(lane)
    },
    waits: (lane) => (lane.signed || lane.lane.startsWith('@') ? 0 : readerOf(lane).waits(lane)),
    notes: () => ({
      restored: count.restored,
      unrestored: count.unrestored,
      withheld: Object.fromEntries([...count.withheld].sort(([a], [b]) => (a < b ? -1 : 1))),
    }),
  }
}

function kindOf({ json, channel }: LaneView): Kind {
  if (!json) return 'prose'
  return channel === 'tool' ? 'arguments' : 'asked'
}

/** What may be put back in a lane. */
function allowed({ channel, role, tool, json, argument }: LaneView, tools: Restoring, reads: boolean): Allowed {
  if (channel === 'data') return 'none'
  // What a tool has said is read; what is said to it is not. The name of a tool is neither.
  if (channel !== 'tool' || role === 'tool') return reads ? 'all' : 'none'
  if (!json && tool === null) return 'none'
  if (tools === 'all' || tools === 'none') return tools
  const fields = tool === null ? undefined : tools.get(tool)
  if (fields === undefined || fields === 'all') return fields ?? 'none'
  if (json) return fields
  const [, member = ''] = (argument ?? '').split('/')
  return fields.has(member.replaceAll('~1', '/').replaceAll('~0', '~')) ? 'all' : 'none'
}
