import type { Reference } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'

type Where = Reference['where']

/** Members that name something kept or fetched elsewhere, wherever they stand outside of schemas and metadata. */
const BY_NAME: ReadonlyMap<string, readonly [kind: string, where: Where]> = new Map([
  ['file_id', ['file', 'stored']],
  ['file_ids', ['file', 'stored']],
  ['file_url', ['file', 'remote']],
  ['file_data', ['file', 'inline']],
  ['input_audio', ['audio', 'inline']],
  ['vector_store_ids', ['vector_store', 'stored']],
  ['previous_response_id', ['stored', 'stored']],
  ['conversation', ['stored', 'stored']],
  ['conversation_id', ['stored', 'stored']],
  ['thread_id', ['stored', 'stored']],
  ['container', ['stored', 'stored']],
  ['prompt', ['stored', 'stored']],
  ['server_url', ['tool_server', 'remote']],
  ['connector_id', ['tool_server', 'remote']],
  ['web_search_options', ['web_search', 'remote']],
])

/** Members that hold an address, or an object with one in `url`. */
const BY_ADDRESS: ReadonlyMap<string, string> = new Map([
  ['image_url', 'image'],
  ['video_url', 'video'],
  ['audio_url', 'audio'],
])

/** Objects in which the names are the sender's own, or a schema's. */
const OPAQUE: ReadonlySet<string> = new Set(['metadata', 'logit_bias', 'parameters', 'schema'])

/** What a call names but does not carry, and what it carries in a form that no inspector reads, in document order. */
export function findReferences(body: TreeObject): readonly Reference[] {
  const found: Reference[] = []
  search(found, body, '')
  if (body.get('store') === true) found.push({ kind: 'call', where: 'stored', pointer: '/store' })
  list(body.get('modalities')).forEach((modality, index) => {
    if (modality !== 'text') found.push({ kind: 'audio', where: 'inline', pointer: `/modalities/${index}` })
  })
  list(body.get('messages')).forEach((message, index) => {
    if (!(message instanceof Map)) return
    const audio = message.get('audio')
    if (audio instanceof Map) found.push({ kind: 'audio', where: 'stored', pointer: `/messages/${index}/audio` })
  })
  list(body.get('tools')).forEach((tool, index) => {
    if (!(tool instanceof Map)) return
    const type = tool.get('type')
    // Any other kind of tool is run by the provider: what it sends where, nobody here sees.
    if (type !== 'function' && type !== 'custom') {
      found.push({ kind: 'server_tool', where: 'remote', pointer: `/tools/${index}` })
    }
  })
  return found
}

function search(found: Reference[], node: JsonTree, pointer: string): void {
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) search(found, node[i] ?? null, `${pointer}/${i}`)
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      if (member === null || OPAQUE.has(name)) continue
      const at = `${pointer}/${escapeToken(name)}`
      const known = BY_NAME.get(name)
      const kind = BY_ADDRESS.get(name)
      if (known !== undefined) found.push({ kind: known[0], where: known[1], pointer: at })
      else if (kind !== undefined) found.push(address(kind, member, at))
      search(found, member, at)
    }
  }
}

/** `data:` carries its bytes; an address with any other scheme is fetched; without one it is bare base64. */
function address(kind: string, node: JsonTree, pointer: string): Reference {
  const inObject = node instanceof Map
  const url = inObject ? node.get('url') : node
  const at = inObject && url !== undefined ? `${pointer}/url` : pointer
  if (typeof url !== 'string') return { kind, where: 'stored', pointer: at }
  const where = /^\s*data:/i.test(url) || !/^\s*[a-z][a-z0-9+.-]*:/i.test(url) ? 'inline' : 'remote'
  return { kind, where, pointer: at }
}

function list(node: JsonTree | undefined): readonly JsonTree[] {
  return Array.isArray(node) ? node : []
}
