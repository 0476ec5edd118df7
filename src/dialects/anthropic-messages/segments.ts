import type { Channel, Role } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { asArray, asObject, malformed, unsupported } from '../request.ts'
import { leaves, nameSegment, newWalk, type Walk } from '../walk.ts'
import { contentParts, type Sink } from './blocks.ts'
import { isFreeName, ROLES } from './vocabulary.ts'

/** Channel of what stands below a top-level member; everything else is `data`. */
const TOP_CHANNELS: ReadonlyMap<string, Channel> = new Map([
  ['tools', 'tool'],
  ['tool_choice', 'tool'],
  ['mcp_servers', 'tool'],
  ['output_config', 'tool'],
  ['output_format', 'tool'],
  ['compaction', 'text'],
  ['context_management', 'text'],
])

/** Every string leaf, every long number and every free member name of a call, in document order; content of a form that nobody reads in `unread`. */
export function inspectCall(body: TreeObject): Pick<Walk, 'segments' | 'unread'> {
  const walk = newWalk(isFreeName)
  const sink: Sink = {
    name: (name, parent, pointer, role) => nameSegment(walk, name, parent, pointer, role),
    leaves: (node, spot) => leaves(walk, node, spot),
    unread: (pointer) => walk.unread.push(pointer),
    used: new Map(),
  }
  for (const [name, member] of body) {
    const pointer = `/${escapeToken(name)}`
    nameSegment(walk, name, '', pointer, 'none')
    if (name === 'messages') messages(sink, asArray(member, pointer))
    else if (name === 'system') {
      contentParts(sink, member, { pointer, parent: name, role: 'system', channel: 'text' })
    } else leaves(walk, member, { pointer, parent: name, role: 'none', channel: TOP_CHANNELS.get(name) ?? 'data' })
  }
  return walk
}

function messages(sink: Sink, list: readonly JsonTree[]): void {
  if (list.length === 0) throw malformed('/messages', 'must hold at least one message')
  list.forEach((item, index) => {
    const pointer = `/messages/${index}`
    const message = asObject(item, pointer)
    const role = readRole(message.get('role'), pointer)
    for (const [name, member] of message) {
      const at = `${pointer}/${escapeToken(name)}`
      sink.name(name, '', at, role)
      if (name === 'content') contentParts(sink, member, { pointer: at, parent: name, role, channel: 'text' }, true)
      else sink.leaves(member, { pointer: at, parent: name, role, channel: 'data' })
    }
  })
}

function readRole(node: JsonTree | undefined, pointer: string): Role {
  if (typeof node !== 'string') throw malformed(`${pointer}/role`, `must be one of ${[...ROLES.keys()].join(', ')}`)
  const role = ROLES.get(node)
  if (role === undefined) throw unsupported(`${pointer}/role`, `must be one of ${[...ROLES.keys()].join(', ')}`)
  return role
}
