import type { Channel, Role } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { asArray, asObject, malformed, unsupported } from '../request.ts'
import { leaves, nameSegment, newWalk, type Walk } from '../walk.ts'
import { markCalls, resultOf, type UsedTools } from './tools.ts'
import { isFreeName, messageChannel, ROLES } from './vocabulary.ts'

type IsRead = (part: TreeObject) => boolean

const asText =
  (name: string): IsRead =>
  (part) =>
    typeof part.get(name) === 'string'

/** A string, or an object with one. Without it, it would be no reference that policies see. */
const located =
  (name: string, ...within: readonly string[]): IsRead =>
  (part) => {
    const given = part.get(name)
    return (
      typeof given === 'string' ||
      (given instanceof Map && within.some((member) => typeof given.get(member) === 'string'))
    )
  }

const FILE: readonly string[] = ['file_data', 'file_id', 'file_url']

/** Types of parts that are read, and what one must hold to be. */
const PARTS: ReadonlyMap<string, IsRead> = new Map<string, IsRead>([
  ['text', asText('text')],
  ['refusal', asText('refusal')],
  ['image_url', located('image_url', 'url')],
  ['input_audio', located('input_audio', 'data', 'url')],
  [
    'file',
    (part) =>
      [part, part.get('file')].some((at) => at instanceof Map && FILE.some((name) => typeof at.get(name) === 'string')),
  ],
  ['video_url', located('video_url', 'url')],
  ['audio_url', located('audio_url', 'url')],
  // Mistral's.
  ['document_url', located('document_url', 'url')],
  ['reference', (part) => Array.isArray(part.get('reference_ids'))],
  ['thinking', isKnownThinking],
  ['tool_file', asText('file_id')],
])

/** Channel of what stands below a top-level member; everything else is `data`. */
const TOP_CHANNELS: ReadonlyMap<string, Channel> = new Map([
  ['tools', 'tool'],
  ['functions', 'tool'],
  ['tool_choice', 'tool'],
  ['function_call', 'tool'],
  ['response_format', 'tool'],
  ['prediction', 'text'],
])

/**
 * Every string leaf, every long number and every free member name of a call, in document order. No member is passed over for being unknown; what is
 * known only decides the role and the channel. Content of a form that nobody reads is listed in `unread`.
 */
export function inspectCall(body: TreeObject): Pick<Walk, 'segments' | 'unread'> {
  const walk = newWalk(isFreeName)
  for (const [name, member] of body) {
    const pointer = `/${escapeToken(name)}`
    nameSegment(walk, name, '', pointer, 'none')
    if (name === 'messages') messages(walk, asArray(member, pointer))
    else {
      const role = name === 'prediction' ? 'assistant' : 'none'
      leaves(walk, member, { pointer, parent: name, role, channel: TOP_CHANNELS.get(name) ?? 'data' })
    }
  }
  return walk
}

function messages(walk: Walk, list: readonly JsonTree[]): void {
  if (list.length === 0) throw malformed('/messages', 'must hold at least one message')
  const used: UsedTools = new Map()
  list.forEach((item, index) => {
    const pointer = `/messages/${index}`
    const message = asObject(item, pointer)
    const role = readRole(message.get('role'), pointer)
    for (const [name, member] of message) {
      const at = `${pointer}/${escapeToken(name)}`
      nameSegment(walk, name, '', at, role)
      if (name === 'content') content(walk, member, at, role, resultOf(used, message))
      else if (name === 'tool_calls' || name === 'function_call') {
        const from = walk.segments.length
        leaves(walk, member, { pointer: at, parent: name, role, channel: messageChannel(name, role) })
        markCalls(walk.segments, from, used, member, at)
      } else {
        if (name === 'refusal' && member !== null && typeof member !== 'string') walk.unread.push(at)
        leaves(walk, member, { pointer: at, parent: name, role, channel: messageChannel(name, role) })
      }
    }
  })
}

function readRole(node: JsonTree | undefined, pointer: string): Role {
  if (typeof node !== 'string') throw malformed(`${pointer}/role`, `must be one of ${[...ROLES.keys()].join(', ')}`)
  const role = ROLES.get(node)
  if (role === undefined) throw unsupported(`${pointer}/role`, `must be one of ${[...ROLES.keys()].join(', ')}`)
  return role
}

/** A string, null, or a list of parts; anything else is content that nobody reads. */
function content(walk: Walk, node: JsonTree, pointer: string, role: Role, tool: string | undefined): void {
  const channel = messageChannel('content', role)
  const own = tool === undefined ? {} : { tool }
  if (!Array.isArray(node)) {
    if (node !== null && typeof node !== 'string') walk.unread.push(pointer)
    leaves(walk, node, { pointer, parent: 'content', role, channel, ...own })
    return
  }
  for (const [index, part] of node.entries()) {
    const at = `${pointer}/${index}`
    if (!isKnownPart(part)) walk.unread.push(at)
    if (!(part instanceof Map)) {
      leaves(walk, part, { pointer: at, parent: 'content', role, channel, ...own })
      continue
    }
    for (const [name, member] of part) {
      const below = `${at}/${escapeToken(name)}`
      nameSegment(walk, name, '', below, role)
      leaves(walk, member, {
        pointer: below,
        parent: name,
        role,
        channel: partChannel(name, channel),
        ...own,
      })
    }
  }
}

function partChannel(name: string, content: Channel): Channel {
  if (name === 'thinking') return 'reasoning'
  return name === 'text' || name === 'refusal' ? content : 'data'
}

function isKnownPart(part: JsonTree): boolean {
  if (!(part instanceof Map)) return false
  const type = part.get('type')
  return typeof type === 'string' && PARTS.get(type)?.(part) === true
}

function isKnownThinking(part: TreeObject): boolean {
  const given = part.get('thinking')
  return typeof given === 'string' || (Array.isArray(given) && given.every(isKnownThought))
}

function isKnownThought(part: JsonTree): boolean {
  if (!(part instanceof Map)) return false
  const type = part.get('type')
  return type === 'text' ? typeof part.get('text') === 'string' : type === 'reference' || type === 'tool_reference'
}
