import type { Reference } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { isFreeName } from './vocabulary.ts'

type Where = Reference['where']

/** Members that name something kept or fetched elsewhere, wherever they stand outside of schemas and metadata. */
const BY_NAME: ReadonlyMap<string, readonly [kind: string, where: Where]> = new Map([
  ['file_url', ['file', 'remote']],
  ['vector_store_ids', ['vector_store', 'stored']],
  ['previous_response_id', ['stored', 'stored']],
  ['conversation', ['stored', 'stored']],
  ['conversation_id', ['stored', 'stored']],
  ['thread_id', ['stored', 'stored']],
  ['container', ['stored', 'stored']],
  ['prompt', ['stored', 'stored']],
  ['server_url', ['tool_server', 'remote']],
  ['connector_id', ['tool_server', 'remote']],
  ['agent_id', ['stored', 'stored']],
  // A context cache of Google's, a session of SGLang's.
  ['cached_content', ['stored', 'stored']],
  ['session_params', ['stored', 'stored']],
  // Azure searches these for the model, and sends them what the caller asks.
  ['data_sources', ['data_source', 'remote']],
  ['web_search_options', ['web_search', 'remote']],
  // xAI's and Alibaba's.
  ['search_parameters', ['web_search', 'remote']],
  ['enable_search', ['web_search', 'remote']],
])

/** Members that hold an address, or an object with one in `url`. OpenRouter takes an address for `file_data`, too. */
const BY_ADDRESS: ReadonlyMap<string, string> = new Map([
  ['image_url', 'image'],
  ['video_url', 'video'],
  ['audio_url', 'audio'],
  ['document_url', 'document'],
  ['file_data', 'file'],
])

/** Objects in which the names are the sender's own, or a schema's. */
const OPAQUE: ReadonlySet<string> = new Set(['metadata', 'logit_bias', 'parameters', 'schema'])

/** Whether a member of this name is a reference wherever it stands. */
export function isReferenceName(name: string): boolean {
  return BY_NAME.has(name) || BY_ADDRESS.has(name) || name === 'file_ids'
}

/** What a call names but does not carry, and what it carries in a form that no inspector reads, in document order. */
export function findReferences(body: TreeObject): readonly Reference[] {
  const found: Reference[] = []
  search(found, body, '', '', true)
  if (body.get('store') === true) found.push({ kind: 'call', where: 'stored', pointer: '/store' })
  const extra = body.get('extra_body')
  if (extra instanceof Map && extra.get('store') === true) {
    found.push({ kind: 'call', where: 'stored', pointer: '/extra_body/store' })
  }
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
    const type = tool.get('type') ?? (tool.has('function') ? 'function' : null)
    // Any other kind of tool is run by the provider: what it sends where, nobody here sees.
    if (type !== 'function' && type !== 'custom') {
      found.push({ kind: 'server_tool', where: 'remote', pointer: `/tools/${index}` })
    }
  })
  return found
}

/**
 * `pointer` is a fact that policies see and logs keep, so it holds no name that the sender chose: below such a name it stays at the
 * last place whose names are all known.
 */
function search(found: Reference[], node: JsonTree, pointer: string, parent: string, known: boolean): void {
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) {
      search(found, node[i] ?? null, known ? `${pointer}/${i}` : pointer, parent, known)
    }
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      if (member === null || OPAQUE.has(name)) continue
      const named = BY_NAME.get(name)
      const kind = BY_ADDRESS.get(name)
      const kept = name === 'file_id' || name === 'file_ids'
      const plain = known && (named !== undefined || kind !== undefined || kept || !isFreeName(name, parent))
      const at = plain ? `${pointer}/${escapeToken(name)}` : pointer
      if (named !== undefined && member !== false) found.push({ kind: named[0], where: named[1], pointer: at })
      else if (kept)
        found.push({ kind: 'file', where: list(member, member).some(isAddress) ? 'remote' : 'stored', pointer: at })
      else if (name === 'input_audio') found.push(sound(member, at))
      else if (kind !== undefined) found.push(address(kind, member, at, plain))
      search(found, member, at, name, plain)
    }
  }
}

/** LiteLLM takes an address for an id; no id has a colon after a word. */
function isAddress(node: JsonTree): boolean {
  return typeof node === 'string' && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(schemeOf(node))
}

/** An object with the bytes (OpenAI), or a string with the bytes or an address (Mistral). Some servers take an address in the object. */
function sound(node: JsonTree, pointer: string): Reference {
  const given = node instanceof Map ? [node.get('data'), node.get('url')] : [node]
  const found = given.map((one) => address('audio', one ?? '', pointer, false))
  return found.find(({ where }) => where === 'remote') ?? { kind: 'audio', where: 'inline', pointer }
}

/** `data:` carries its bytes, and so does bare base64; anything else is an address that somebody may fetch. */
function address(kind: string, node: JsonTree, pointer: string, known: boolean): Reference {
  const url = node instanceof Map ? node.get('url') : node
  if (typeof url !== 'string') return { kind, where: 'stored', pointer }
  const inline = /^data:/i.test(schemeOf(url)) || /^[A-Za-z0-9+/=_\s-]*$/.test(url)
  return {
    kind,
    where: inline ? 'inline' : 'remote',
    pointer: known && node instanceof Map ? `${pointer}/url` : pointer,
  }
}

/** Parsers of addresses skip spaces, line ends and control characters (WHATWG URL 4.4), in the scheme too. */
function schemeOf(url: string): string {
  return url.slice(0, 64).replaceAll(/[^!-~]/g, '')
}

function list(node: JsonTree | undefined, ...one: readonly JsonTree[]): readonly JsonTree[] {
  return Array.isArray(node) ? node : one
}
