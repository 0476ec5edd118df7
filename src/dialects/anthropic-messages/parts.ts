import type { Part } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { completeParts, type Leaves, namePart } from '../parts.ts'
import { moreOf, type Spot } from '../walk.ts'
import {
  blockParts,
  blockType,
  citationSpot,
  contentParts,
  isSigned,
  memberChannel,
  type Sink,
  toolOf,
} from './blocks.ts'
import { isFreeName } from './vocabulary.ts'

/**
 * Lanes. A string of a block or of its deltas continues in `content/<index>/<member>`: `text`, `thinking`, `signature`, `input` (the JSON of a
 * tool's input as it comes, `partial_json`). What its block started with stands in the same lane, since SDKs append the deltas to it. An unknown
 * string in a delta continues as well: taken for a fragment, nothing that is cut over two events escapes. All other leaves are
 * complete in their event. Text blocks that follow each other are a run: clients join their text (citations cut it in mid-sentence), so it is one
 * lane, that of the first of them.
 */

/**
 * A block that has begun. `index` is its place in the message; by its type and seal the lanes of its deltas are read. `lanes` are those that end with the block: that of its run is not among them while another block may join it.
 */
export type Open = Readonly<{
  index: number
  run: Run
  type: string
  signed: boolean
  lanes: Set<string>
  /** The tool that it uses. */
  tool: string | undefined
}>

/** Members of blocks and deltas that come in one piece. */
const WHOLE: ReadonlySet<string> = new Set(
  'type id name tool_use_id server_name mcp_server_name toolset_name tool_name file_id role'.split(' '),
)

/** A run of text blocks: its first block, and its last one so far, the only one that may say more. A block that is no text has one for itself. */
export type Run = { readonly first: number; last: number }

export function openBlock(index: number, run: Run, type: string, block: TreeObject): Open {
  const open: Open = { index, run, type, signed: isSigned(block), lanes: new Set(), tool: toolOf(block) }
  for (const [name, member] of block) {
    if (typeof member !== 'string' || WHOLE.has(name) || isText(open, name, member)) continue
    open.lanes.add(lane(open, name, member))
  }
  return open
}

/** Notes the lanes of a delta; see {@link deltaParts}. */
export function noteLanes(open: Open, delta: TreeObject): void {
  for (const [name, member] of delta) {
    if (name === 'citation' || WHOLE.has(name) || isText(open, name, member)) continue
    strings(member, lane(open, name, member), (at) => open.lanes.add(at))
  }
}

/** Whether a member's text is signed; the same in the start of its block and in its deltas. */
function seal(open: Open, name: string): Pick<Part, 'signed'> {
  return open.signed || name === 'thinking' || name === 'signature' ? { signed: true } : {}
}

/** The arguments of a tool come as the text of their JSON; the same in the start of its block and in its deltas. */
function called({ tool }: Open, name: string): Pick<Part, 'json' | 'tool'> {
  if (name !== 'input') return {}
  return tool === undefined ? { json: true } : { json: true, tool }
}

function lane(open: Open, name: string, value: JsonTree): string {
  if (isText(open, name, value)) return runLane(open.run.first)
  return `content/${open.index}/${name === 'partial_json' ? 'input' : escapeToken(name)}`
}

/** What the blocks of a run have in common. */
function isText({ type }: Open, name: string, value: JsonTree): boolean {
  return type === 'text' && name === 'text' && typeof value === 'string'
}

/** The lane of a run's text; `first` is the index of its first block. */
export function runLane(first: number): string {
  return `content/${first}/text`
}

/** For each block of a content the first block of its run, or -1 for one that is no text. */
export function runsOf(content: readonly JsonTree[]): readonly number[] {
  let first = -1
  return content.map((block, index) => {
    const joins = block instanceof Map && blockType(block) === 'text'
    first = joins ? (first === -1 ? index : first) : -1
    return first
  })
}

/** Every string leaf, long number and free member name of an event that is no part of a block, or of a whole answer. `open` is the run that goes on after it. */
export function treeParts(tree: TreeObject, event: number, open = -1): readonly Part[] {
  const to = newLeaves(event)
  const sink = sinkOf(to)
  for (const [name, member] of tree) {
    const spot = place(name, '')
    namePart(to, name, '', spot.pointer, spot.role)
    if (name === 'content') spokenParts(to, sink, member, spot, open)
    else if (name === 'message' && member instanceof Map) messageParts(to, sink, member, spot, open)
    else if (name === 'delta' || name === 'stop_details') details(to, member, { ...spot, role: 'assistant' })
    else completeParts(to, member, spot)
  }
  return to.parts
}

function spokenParts(to: Leaves, sink: Sink, content: JsonTree, spot: Spot, open: number): void {
  const from = to.parts.length
  contentParts(sink, content, { ...spot, role: 'assistant', channel: 'text' })
  const lanes = new Map<string, string>()
  const runs = Array.isArray(content) ? runsOf(content) : []
  runs.forEach((first, index) => {
    const whole = `@${to.event}${spot.pointer}/${first}/text`
    if (first !== -1) lanes.set(`${spot.pointer}/${index}/text`, first === open ? runLane(first) : whole)
  })
  for (let at = from; at < to.parts.length; at++) {
    const part = to.parts[at]
    const lane = part === undefined ? undefined : lanes.get(part.pointer)
    if (part !== undefined && lane !== undefined && lane !== part.lane) to.parts[at] = { ...part, lane }
  }
}

function messageParts(to: Leaves, sink: Sink, message: TreeObject, spot: Spot, open: number): void {
  for (const [name, member] of message) {
    const below = place(name, spot.pointer)
    namePart(to, name, '', below.pointer, below.role)
    if (name === 'content') spokenParts(to, sink, member, below, open)
    else if (name === 'stop_details') details(to, member, { ...below, role: 'assistant' })
    else completeParts(to, member, below)
  }
}

/** A refusal explains itself in words, wherever they stand below. */
function details(to: Leaves, node: JsonTree, spot: Spot): void {
  const from = to.parts.length
  completeParts(to, node, spot)
  for (let at = from; at < to.parts.length; at++) {
    const part = to.parts[at]
    if (part?.pointer.endsWith('/explanation') === true) to.parts[at] = { ...part, channel: 'text' }
  }
}

/** Every string leaf, long number and free member name of a provider's error. */
export function faultParts(tree: TreeObject, event: number): readonly Part[] {
  return treeParts(tree, event).map((part) => (part.pointer === '/error/message' ? { ...part, channel: 'text' } : part))
}

/** The start of a block. */
export function startParts(tree: TreeObject, event: number, open: Open): readonly Part[] {
  const to = newLeaves(event)
  const whole = sinkOf(to)
  const sink: Sink = {
    ...whole,
    leaves(node, spot) {
      const own = spot.pointer === `/content_block/${escapeToken(spot.parent)}`
      if (typeof node !== 'string' || !own || WHOLE.has(spot.parent)) whole.leaves(node, spot)
      else
        to.parts.push(
          partOf(
            lane(open, spot.parent, node),
            { ...spot, ...seal(open, spot.parent), ...called(open, spot.parent) },
            node,
          ),
        )
    },
  }
  for (const [name, member] of tree) {
    const spot = place(name, '')
    namePart(to, name, '', spot.pointer, spot.role)
    if (name === 'content_block' && member instanceof Map) {
      blockParts(sink, member, { ...spot, role: 'assistant', channel: 'text' })
    } else completeParts(to, member, spot)
  }
  return to.parts
}

/** A delta of a block. */
export function deltaParts(tree: TreeObject, event: number, open: Open): readonly Part[] {
  const to = newLeaves(event)
  for (const [name, member] of tree) {
    const spot = place(name, '')
    namePart(to, name, '', spot.pointer, spot.role)
    if (name !== 'delta' || !(member instanceof Map)) completeParts(to, member, spot)
    else for (const [field, value] of member) fieldParts(to, open, field, value)
  }
  return to.parts
}

function fieldParts(to: Leaves, open: Open, field: string, value: JsonTree): void {
  const name = field === 'partial_json' ? 'input' : field
  const spot: Spot = {
    ...place(field, '/delta'),
    role: open.type.endsWith('tool_result') ? 'tool' : 'assistant',
    channel: field === 'partial_json' ? 'tool' : memberChannel(open.type, name, 'text'),
    ...seal(open, name),
    ...called(open, name),
  }
  namePart(to, field, '', spot.pointer, spot.role)
  if (field === 'citation') completeParts(to, value, citationSpot(value, { ...spot, channel: 'text' }))
  else if (WHOLE.has(field)) completeParts(to, value, { ...spot, channel: 'data' })
  else continuing(to, value, spot, lane(open, field, value))
}

/** Strings below a member of a delta, each in a lane of its path; numbers and names are complete. */
function continuing(to: Leaves, node: JsonTree, spot: Spot, at: string): void {
  if (typeof node === 'string') to.parts.push(partOf(at, spot, node))
  else if (Array.isArray(node)) {
    node.forEach((item, index) => {
      continuing(to, item, { ...spot, pointer: `${spot.pointer}/${index}` }, `${at}/${index}`)
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const token = escapeToken(name)
      const pointer = `${spot.pointer}/${token}`
      namePart(to, name, spot.parent, pointer, spot.role)
      continuing(to, member, { ...spot, pointer, parent: name }, `${at}/${token}`)
    }
  } else completeParts(to, node, spot)
}

function strings(node: JsonTree, at: string, note: (lane: string) => void): void {
  if (typeof node === 'string') note(at)
  else if (Array.isArray(node)) {
    node.forEach((item, index) => {
      strings(item, `${at}/${index}`, note)
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) strings(member, `${at}/${escapeToken(name)}`, note)
  }
}

function newLeaves(event: number): Leaves {
  return { parts: [], event, isFreeName }
}

function sinkOf(to: Leaves): Sink {
  return {
    name: (name, parent, pointer, role) => namePart(to, name, parent, pointer, role),
    leaves: (node, spot) => completeParts(to, node, spot),
    // A block of a new type has been given out leaf by leaf all the same.
    unread: () => undefined,
  }
}

function place(name: string, above: string): Spot {
  return { pointer: `${above}/${escapeToken(name)}`, parent: name, role: 'none', channel: 'data' }
}

function partOf(lane: string, spot: Spot, text: string): Part {
  const { pointer, role, channel } = spot
  return { lane, pointer, role, channel, text, ...moreOf(spot) }
}
