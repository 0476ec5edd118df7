import type { Channel, Part, Role } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { isFreeName, messageChannel } from './vocabulary.ts'

/**
 * Lanes. Text of a delta continues from event to event in a lane `choices/<index>/<path>`: array items by their `index` member
 * where they have one. A leaf that is complete in its event has a lane of its own: `@`, the number of the event, and its pointer;
 * a member name has `#` between the two.
 * An unknown string in a delta continues: taken for a fragment, nothing that is cut over two events escapes.
 */
type Place = Readonly<{ pointer: string; role: Role; channel: Channel; lane: string | null }>

/** Leaves of a delta that servers send in one piece. */
const WHOLE: ReadonlySet<string> = new Set(['role', 'id', 'type', 'name', 'tool_call_id', 'format'])

/** Every string leaf and free member name of an answer or a chunk. `event` numbers the events of one answer. */
export function answerParts(tree: TreeObject, event: number): readonly Part[] {
  const parts: Part[] = []
  for (const [name, member] of tree) {
    const place: Place = { pointer: `/${escapeToken(name)}`, role: 'none', channel: 'data', lane: null }
    namePart(parts, event, name, '', place)
    if (name === 'choices' && Array.isArray(member)) {
      for (const [at, choice] of member.entries()) choiceParts(parts, event, choice, at)
    } else leaves(parts, event, member, name, place)
  }
  return parts
}

/** Every string leaf and free member name of a provider's error. */
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
      const step = item instanceof Map ? (item.get('index') ?? at) : at
      const next = lane === null ? null : `${lane}/${typeof step === 'number' ? step : at}`
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
  }
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

/** Whether a part is the name of a member, which cannot be edited. */
export function isNamePart({ lane }: Part): boolean {
  return /^@[0-9]+#/.test(lane)
}
