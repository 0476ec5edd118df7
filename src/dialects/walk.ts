import type { Channel, Role, Segment } from '../core/call.ts'
import type { JsonTree } from '../core/json.ts'
import { escapeToken } from '../core/pointer.ts'
import { numberPointer, numberText } from './numbers.ts'

/** What a codec finds in a call on its way through the body, in document order. */
export type Walk = Readonly<{
  segments: Segment[]
  /** Pointers of content in a form that nobody reads. */
  unread: string[]
  /** Whether a member's name is the sender's own word and must be inspected. `parent` names the object that it stands in, '' at a place that the codec knows. */
  isFreeName: (name: string, parent: string) => boolean
}>

/** Where a value stands, and as what it is inspected. `parent` is the name of the member that it is the value of. */
export type Spot = Readonly<{
  pointer: string
  parent: string
  role: Role
  channel: Channel
  signed?: true
  /** A string here is itself JSON. */
  json?: true
  /** The tool whose arguments or result it is. */
  tool?: string
  /** Pointer of that tool's arguments, in an answer. */
  input?: string
}>

/** What a segment or a part says of its text where there is more to say than its place. */
export function moreOf({ signed, json, tool }: Spot): Pick<Segment, 'signed' | 'json' | 'tool'> | undefined {
  if (signed === undefined && json === undefined && tool === undefined) return undefined
  return { ...(signed && { signed }), ...(json && { json }), ...(tool !== undefined && { tool }) }
}

export function newWalk(isFreeName: Walk['isFreeName']): Walk {
  return { segments: [], unread: [], isFreeName }
}

/** A member's name as a segment, if it is the sender's own word. `pointer` is the member's. */
export function nameSegment(walk: Walk, name: string, parent: string, pointer: string, role: Role): void {
  if (walk.isFreeName(name, parent)) walk.segments.push({ pointer: `${pointer}#`, role, channel: 'data', text: name })
}

/** So many items of a list are looked at one by one for short numbers; a longer one, and a list in a list, is a vector and says nothing under its label. */
const LISTED = 32

/**
 * Every string leaf, long number and free member name below a value. No member is passed over for being unknown. `free`: it stands below a name of the
 * sender's own, so that a short number may be a secret by its label (`{"pin": 8371}`), and is a segment like a long one.
 */
export function leaves(
  walk: Walk,
  node: JsonTree,
  spot: Spot,
  free = spot.tool !== undefined || walk.isFreeName(spot.parent, ''),
): void {
  const { pointer, parent, role, channel } = spot
  if (typeof node === 'string') walk.segments.push({ pointer, role, channel, text: node, ...moreOf(spot) })
  else if (Array.isArray(node)) {
    const short = free && node.length <= LISTED
    for (let i = 0; i < node.length; i++) {
      const item = node[i] ?? null
      leaves(
        walk,
        item,
        { ...spot, pointer: `${pointer}/${i}` },
        item instanceof Map ? free : short && !Array.isArray(item),
      )
    }
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const at = `${pointer}/${escapeToken(name)}`
      nameSegment(walk, name, parent, at, role)
      leaves(walk, member, { ...spot, pointer: at, parent: name }, free || walk.isFreeName(name, parent))
    }
  } else {
    const text = numberText(node, free)
    if (text !== null) walk.segments.push({ pointer: numberPointer(pointer), role, channel: 'data', text })
  }
}
