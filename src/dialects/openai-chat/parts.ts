import type { Channel, Part, Role } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { numberPointer, numberText } from '../numbers.ts'
import { isFreeName, messageChannel } from './vocabulary.ts'

/**
 * Lanes. Text of a delta continues from event to event in a lane `choices/<index>/<path>`: array items by their `index` member
 * where they have one. A leaf that is complete in its event has a lane of its own: `@`, the number of the event, and its pointer;
 * a member name has `#` between the two, and so has a number, which ends in `~`. A tool's name continues, since SDKs join its pieces; what
 * stands in a list of a delta goes by its `index`.
 * An unknown string in a delta continues: taken for a fragment, nothing that is cut over two events escapes.
 */
type Place = Readonly<{ pointer: string; role: Role; channel: Channel; lane: string | null }>

/** Leaves of a delta that servers send in one piece. */
const WHOLE: ReadonlySet<string> = new Set(['role', 'id', 'type', 'tool_call_id', 'format'])

/** Every string leaf, long number and free member name of an answer or a chunk. `event` numbers the events of one answer. */
export function answerParts(tree: TreeObject, event: number): readonly Part[] {
  const parts: Part[] = []
  for (const [name, member] of tree) {
    const place: Place = { pointer: `/${escapeToken(name)}`, role: 'none', channel: 'data', lane: null }
    namePart(parts, event, name, '', place)
    if (name === 'choices' && Array.isArray(member)) {
      for (const [at, choice] of member.entries()) choiceParts(parts, event, choice, at)
    } else if (name !== 'created' || !isClock(member)) leaves(parts, event, member, name, place)
  }
  return parts
}

/** A time of the years 2017 to 2039 in seconds: it stands in every chunk, and says nothing. */
function isClock(node: JsonTree): boolean {
  return typeof node === 'number' && Number.isInteger(node) && node >= 1_500_000_000 && node < 2_200_000_000
}

/** Every string leaf, long number and free member name of a provider's error. */
export function faultParts(tree: TreeObject, event: number): readonly Part[] {
  return answerParts(tree, event).map((part) =>
    part.pointer === '/error/message' ? { ...part, channel: 'text' } : part,
  )
}

function choiceParts(parts: Part[], event: number, choice: JsonTree, at: number): void {
  const index = choiceIndex(choice)
  const pointer = `/choices/${at}`
  for (const [name, member] of choice instanceof Map ? choice : []) {
    const below = `${pointer}/${escapeToken(name)}`
    const place: Place = { pointer: below, role: 'assistant', channel: 'data', lane: null }
    namePart(parts, event, name, '', place)
    if ((name === 'delta' || name === 'message') && member instanceof Map) {
      messageParts(parts, event, member, below, `choices/${index}`)
    } else if (name === 'text') {
      leaves(parts, event, member, name, { ...place, channel: 'text', lane: `choices/${index}/text` })
    } else leaves(parts, event, member, name, place)
  }
}

function messageParts(parts: Part[], event: number, message: TreeObject, pointer: string, lane: string): void {
  for (const [name, member] of message) {
    const place: Place = {
      pointer: `${pointer}/${escapeToken(name)}`,
      role: 'assistant',
      channel: messageChannel(name, 'assistant'),
      lane: WHOLE.has(name) ? null : `${lane}/${escapeToken(name)}`,
    }
    namePart(parts, event, name, '', place)
    leaves(parts, event, member, name, place)
  }
}

function leaves(parts: Part[], event: number, node: JsonTree, parent: string, place: Place): void {
  const { pointer, role, lane } = place
  if (typeof node === 'string') {
    const channel = pointer.endsWith('/audio/transcript') ? 'text' : place.channel
    parts.push({ lane: lane ?? `@${event}${pointer}`, pointer, role, channel, text: node })
  } else if (Array.isArray(node)) {
    node.forEach((item, at) => {
      const next = lane === null ? null : `${lane}/${itemIndex(item) ?? at}`
      leaves(parts, event, item, parent, { ...place, pointer: `${pointer}/${at}`, lane: next })
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const token = escapeToken(name)
      const next = lane === null || WHOLE.has(name) ? null : `${lane}/${token}`
      const below = { ...place, pointer: `${pointer}/${token}`, lane: next }
      namePart(parts, event, name, parent, below)
      leaves(parts, event, member, name, below)
    }
  } else {
    const text = numberText(node)
    if (text === null) return
    parts.push({ lane: `@${event}#${pointer}~`, pointer: numberPointer(pointer), role, channel: 'data', text })
  }
}

/**
 * The index by which an SDK joins the pieces of a list's item; undefined without one. What stands there must be an index as written in
 * digits: SDKs take `1.0` for 1, and text would be joined that was inspected in two lanes.
 */
function itemIndex(item: JsonTree): number | undefined {
  const index = item instanceof Map ? item.get('index') : undefined
  if (index === undefined || index === null) return undefined
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw new CustomhouseError('ERR_PROVIDER_MALFORMED', 'the provider sent an item of a list whose index is none')
  }
  return index
}

/** Looks at the indices of a delta's lists, tool calls above all, before anything of it is used. */
export function checkIndices(choice: JsonTree): void {
  const delta = choice instanceof Map ? choice.get('delta') : undefined
  if (!(delta instanceof Map)) return
  for (const member of delta.values()) if (Array.isArray(member)) member.forEach(itemIndex)
}

function namePart(parts: Part[], event: number, name: string, parent: string, { pointer, role }: Place): void {
  if (!isFreeName(name, parent)) return
  parts.push({ lane: `@${event}#${pointer}`, pointer: `${pointer}#`, role, channel: 'data', text: name })
}

/** The choice's own index; it names the lane, so a choice without one cannot be read. */
export function choiceIndex(choice: JsonTree): number {
  const index = choice instanceof Map ? choice.get('index') : undefined
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw new CustomhouseError('ERR_PROVIDER_MALFORMED', 'the provider sent a choice without an index')
  }
  return index
}
