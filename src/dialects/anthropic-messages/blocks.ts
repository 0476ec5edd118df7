import type { Channel, Role } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import type { Spot } from '../walk.ts'

/** Content blocks, as they stand in calls and in answers alike. */

/** Where what stands in a block goes: segments of a call, or parts of an answer. */
export type Sink = Readonly<{
  name: (name: string, parent: string, pointer: string, role: Role) => void
  leaves: (node: JsonTree, spot: Spot) => void
  /** Content in a form that this codec does not know; its leaves have been given out all the same. */
  unread: (pointer: string) => void
  /** Names of the tools that a call's history has used, by the id of the use. */
  used?: Map<JsonTree | undefined, string>
}>

/** How a block is read: as words, a thought, a tool's use or result, a container of sources, or nothing but data. */
type Form = 'text' | 'thought' | 'use' | 'result' | 'source' | 'search' | 'summary' | 'tools' | 'data'

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['text', 'text'],
  ['image', 'source'],
  ['document', 'source'],
  ['search_result', 'search'],
  ['thinking', 'thought'],
  ['redacted_thinking', 'thought'],
  ['tool_use', 'use'],
  ['server_tool_use', 'use'],
  ['mcp_tool_use', 'use'],
  ['tool_result', 'result'],
  ['mcp_tool_result', 'result'],
  ['web_search_tool_result', 'result'],
  ['web_fetch_tool_result', 'result'],
  ['advisor_tool_result', 'result'],
  ['code_execution_tool_result', 'result'],
  ['bash_code_execution_tool_result', 'result'],
  ['text_editor_code_execution_tool_result', 'result'],
  ['tool_search_tool_result', 'result'],
  ['tool_reference', 'tools'],
  ['tool_addition', 'tools'],
  ['tool_removal', 'tools'],
  ['mcp_tool_listing', 'tools'],
  ['browser_state', 'data'],
  ['container_upload', 'data'],
  ['compaction', 'summary'],
  ['fallback', 'data'],
])

/** Results whose content is text or a list of blocks; that of the others is an object of their own. */
const OPEN_RESULTS: ReadonlySet<string> = new Set(['tool_result', 'mcp_tool_result'])
const SOURCES: ReadonlySet<string> = new Set(['base64', 'text', 'content', 'url', 'file'])
/** Blocks that the provider takes back only as it gave them out. */
const SIGNED: ReadonlySet<string> = new Set(['thinking', 'redacted_thinking', 'compaction', 'web_search_tool_result'])
/** Members that seal what stands beside them. */
const SEALS: ReadonlySet<string> = new Set(['signature', 'encrypted_content', 'encrypted_index', 'encrypted_stdout'])

export function blockType(block: TreeObject): string {
  const type = block.get('type')
  return typeof type === 'string' ? type : ''
}

/** Whether a block must go back to the provider unchanged: by its type, or because something in it is sealed. */
export function isSigned(block: TreeObject): boolean {
  const type = blockType(block)
  // A tool's input is what the model made up: whatever is called a signature there seals nothing.
  return SIGNED.has(type) || (FORMS.get(type) !== 'use' && FORMS.get(type) !== 'text' && isSealed(block))
}

function isSealed(node: JsonTree): boolean {
  if (Array.isArray(node)) return node.some(isSealed)
  if (!(node instanceof Map)) return false
  for (const [name, member] of node)
    if ((SEALS.has(name) && typeof member === 'string') || isSealed(member)) return true
  return false
}

/** Channel of a block's own member. `words` is the channel of what is said here: `text`, or `tool` in a tool's result. */
export function memberChannel(type: string, name: string, words: Channel): Channel {
  const form = FORMS.get(type)
  if (form === 'thought' || name === 'thinking') return 'reasoning'
  if (name === 'input') return 'tool'
  if (form === 'use') return name === 'name' ? 'tool' : 'data'
  if (form === 'result') return name === 'content' ? 'tool' : 'data'
  if (form === 'tools') return 'tool'
  if (name === 'text' || name === 'content' || name === 'citations') return words
  if (form === 'source') return name === 'title' || name === 'context' ? words : 'data'
  if (form === 'search') return name === 'title' || name === 'source' ? words : 'data'
  return 'data'
}

/** Content: a string, or a list of blocks. Anything else but null is unread. `own` is said of what stands in a message itself, not in what it holds. */
export function contentParts(sink: Sink, node: JsonTree, spot: Spot, own = false): void {
  if (!Array.isArray(node)) {
    if (node !== null && typeof node !== 'string') sink.unread(spot.pointer)
    sink.leaves(node, spot)
    return
  }
  for (const [index, item] of node.entries()) {
    const pointer = `${spot.pointer}/${index}`
    if (item instanceof Map) blockParts(sink, item, { ...spot, pointer }, own)
    else {
      sink.unread(pointer)
      sink.leaves(item, { ...spot, pointer })
    }
  }
}

/** One block. `spot.channel` is that of what is said here. */
export function blockParts(sink: Sink, block: TreeObject, spot: Spot, own = false): void {
  const type = blockType(block)
  const form = FORMS.get(type)
  // Tools that are added are looked for in messages (tools.ts) and nowhere else: elsewhere they would be no facts.
  const hidden = !own && (type === 'tool_addition' || block.has('tool_changes'))
  if (form === undefined || hidden || (form === 'text' && typeof block.get('text') !== 'string')) {
    sink.unread(spot.pointer)
  }
  const signed = spot.signed === true || isSigned(block) ? ({ signed: true } as const) : {}
  const role = form === 'result' ? 'tool' : spot.role
  for (const [name, member] of block) {
    const pointer = `${spot.pointer}/${escapeToken(name)}`
    sink.name(name, '', pointer, role)
    const channel = memberChannel(type, name, spot.channel)
    const below: Spot = { ...spot, pointer, parent: name, role, channel, ...signed }
    if (form === 'use' || form === 'result') toolParts(sink, block, member, below)
    else if (name === 'content' && form === 'search') contentParts(sink, member, below)
    else if (name === 'source' && form === 'source') sourceParts(sink, member, { ...below, channel: spot.channel })
    else if (name === 'citations' && Array.isArray(member)) citationParts(sink, member, below)
    else sink.leaves(member, below)
  }
}

/** A member of a tool's use or result. The arguments and the content say which tool's they are. */
function toolParts(sink: Sink, block: TreeObject, member: JsonTree, spot: Spot): void {
  const { parent, pointer } = spot
  const type = blockType(block)
  if (FORMS.get(type) === 'use') {
    const tool = toolOf(block)
    if (parent === 'id' && tool !== undefined) sink.used?.set(member, tool)
    sink.leaves(member, parent === 'input' && tool !== undefined ? { ...spot, tool, input: pointer } : spot)
    return
  }
  const tool = parent === 'content' ? sink.used?.get(block.get('tool_use_id')) : undefined
  const below = tool === undefined ? spot : { ...spot, tool }
  if (parent === 'content' && OPEN_RESULTS.has(type)) contentParts(sink, member, below)
  else sink.leaves(member, below)
}

/** The name of the tool that a block uses; undefined where it uses none. */
export function toolOf(block: TreeObject): string | undefined {
  const name = FORMS.get(blockType(block)) === 'use' ? block.get('name') : undefined
  return typeof name === 'string' ? name : undefined
}

/** Where an image or a document comes from; the text of one that carries it is text, and so are the blocks of one that is made of them. */
function sourceParts(sink: Sink, source: JsonTree, spot: Spot): void {
  if (!(source instanceof Map) || !SOURCES.has(blockType(source))) {
    sink.unread(spot.pointer)
    sink.leaves(source, spot)
    return
  }
  const type = blockType(source)
  for (const [name, member] of source) {
    const pointer = `${spot.pointer}/${escapeToken(name)}`
    sink.name(name, '', pointer, spot.role)
    const below: Spot = { ...spot, pointer, parent: name }
    if (name === 'content' && type === 'content') contentParts(sink, member, below)
    else sink.leaves(member, { ...below, channel: name === 'data' && type === 'text' ? spot.channel : 'data' })
  }
}

/** Citations: each is sealed alone, where it is. */
function citationParts(sink: Sink, citations: readonly JsonTree[], spot: Spot): void {
  for (const [index, citation] of citations.entries()) {
    sink.leaves(citation, citationSpot(citation, { ...spot, pointer: `${spot.pointer}/${index}` }))
  }
}

/** The spot of one citation, which is signed if it holds a seal. */
export function citationSpot(citation: JsonTree, spot: Spot): Spot {
  return isSealed(citation) ? { ...spot, signed: true } : spot
}
