import type { Reference } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { blockType } from './blocks.ts'
import type { Tool } from './tools.ts'
import { isFreeName } from './vocabulary.ts'

/** What a call names but does not carry, and what it carries in a form that no inspector reads, in document order of each kind. */
export function findReferences(body: TreeObject, tools: readonly Tool[]): readonly Reference[] {
  const found: Reference[] = []
  search(found, body.get('messages') ?? null, '/messages', '', true)
  search(found, body.get('system') ?? null, '/system', '', true)
  for (const [name, kind] of KEPT) {
    const member = body.get(name)
    if (member !== undefined && member !== null) found.push({ kind, where: 'stored', pointer: `/${name}` })
  }
  const container = body.get('container')
  const skills = container instanceof Map ? container.get('skills') : undefined
  list(skills).forEach((_, index) => {
    found.push({ kind: 'skill', where: 'stored', pointer: `/container/skills/${index}` })
  })
  list(body.get('mcp_servers')).forEach((_, index) => {
    found.push({ kind: 'tool_server', where: 'remote', pointer: `/mcp_servers/${index}` })
  })
  for (const { server, pointer } of tools) if (server) found.push({ kind: 'server_tool', where: 'remote', pointer })
  return found
}

/** Top-level members that name what the provider keeps, or ask it to keep something. */
const KEPT: ReadonlyMap<string, string> = new Map([
  ['container', 'container'],
  ['thread', 'thread'],
  ['diagnostics', 'stored'],
])

/** Objects in which the names are the sender's own, or a schema's. */
const OPAQUE: ReadonlySet<string> = new Set(['input', 'input_schema', 'input_examples', 'metadata'])

/** `pointer` is a fact that policies see and logs keep: below a name that the sender chose it stays at the last place whose names are all known. */
function search(found: Reference[], node: JsonTree, pointer: string, parent: string, known: boolean): void {
  if (Array.isArray(node)) {
    node.forEach((item, index) => {
      search(found, item, known ? `${pointer}/${index}` : pointer, parent, known)
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      if (member === null || OPAQUE.has(name)) continue
      const plain = known && !isFreeName(name, parent)
      const at = plain ? `${pointer}/${escapeToken(name)}` : pointer
      if (name === 'file_id') found.push({ kind: 'file', where: 'stored', pointer: at })
      if (name === 'source' && member instanceof Map) sourceReference(found, member, at, blockType(node))
      search(found, member, at, name, plain)
    }
  }
}

/** By what a source holds, not only by what it says that it is. What is kept at the provider has a file_id, which the search comes to next. */
function sourceReference(found: Reference[], source: TreeObject, pointer: string, block: string): void {
  const type = blockType(source)
  const kind = block === 'image' ? 'image' : 'file'
  if (type === 'base64') found.push({ kind, where: 'inline', pointer: `${pointer}/data` })
  if (source.has('url')) found.push({ kind, where: 'remote', pointer: `${pointer}/url` })
  else if (!CARRIED.has(type) && !source.has('file_id')) found.push({ kind, where: 'remote', pointer })
}

/** Sources whose content stands in the call. */
const CARRIED: ReadonlySet<string> = new Set(['base64', 'text', 'content'])

function list(node: JsonTree | undefined): readonly JsonTree[] {
  return Array.isArray(node) ? node : []
}
