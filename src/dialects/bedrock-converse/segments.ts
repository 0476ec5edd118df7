import type { Channel, Reference, Role } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { asArray, asObject, malformed, shown, unsupported } from '../request.ts'
import { leaves, nameSegment, newWalk, type Spot, type Walk } from '../walk.ts'
import { checkModelFields } from './fields.ts'
import { CONTENT, MEMBERS, type Shape } from './shape.ts'
import { isFreeName } from './vocabulary.ts'

/** What a codec finds in a call on its way through the body, references included. */
export type Found = Walk &
  Readonly<{
    references: Reference[]
    /** Names of the tools that the history has used, by the id of the use. */
    used: Map<JsonTree | undefined, string>
  }>

export function newFound(): Found {
  return { ...newWalk(isFreeName), references: [], used: new Map() }
}

const ROLES: ReadonlyMap<JsonTree | undefined, Role> = new Map<JsonTree, Role>([
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['system', 'system'],
])

/**
 * Every string leaf, every long number and every free member name of a Converse body, in document order. Its own members are an allow-list,
 * and so are the members of its unions: what AWS adds to either is refused until somebody has read what it does. Other unknown members are
 * walked like all others. `allowed` are the members that the operation takes beside `messages`.
 */
export function inspectBody(
  found: Found,
  body: TreeObject,
  pointer: string,
  allowed: Readonly<{ has(name: string): boolean }>,
): void {
  for (const [name, member] of body) {
    const at = `${pointer}/${escapeToken(name)}`
    const shape = name !== 'messages' && allowed.has(name) && Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined
    if (name === 'messages') messages(found, member, at)
    else if (shape === undefined) {
      const known = ['messages', ...Object.keys(MEMBERS).filter((one) => allowed.has(one))]
      throw unsupported(`${pointer}/${shown(name)}`, `leave it out: the gateway knows ${known.join(', ')}`)
    } else {
      if (name === 'additionalModelRequestFields') checkModelFields(member, at)
      inspect(found, member, shape, { pointer: at, parent: name, role: shape.role ?? 'none', channel: 'data' })
    }
  }
}

function messages(found: Found, node: JsonTree, pointer: string): void {
  const list = asArray(node, pointer)
  if (list.length === 0) throw malformed(pointer, 'must hold at least one message')
  list.forEach((item, index) => {
    const at = `${pointer}/${index}`
    const message = asObject(item, at)
    const role = ROLES.get(message.get('role'))
    if (role === undefined) throw unsupported(`${at}/role`, 'must be one of user, assistant, system')
    for (const [name, member] of message) {
      const below: Spot = { pointer: `${at}/${escapeToken(name)}`, parent: name, role, channel: 'data' }
      nameSegment(found, name, '', below.pointer, role)
      if (name === 'content') content(found, member, below)
      else leaves(found, member, below)
    }
  })
}

function content(found: Found, node: JsonTree, spot: Spot): void {
  if (asArray(node, spot.pointer).length === 0) throw malformed(spot.pointer, 'must hold at least one block')
  inspect(found, node, CONTENT, spot)
}

/** One value and all below it. `spot.channel` is that of what it stands in. */
function inspect(found: Found, node: JsonTree, shape: Shape, above: Spot): void {
  const from = found.segments.length
  const spot: Spot = { ...above, channel: channelOf(shape, above.channel), ...signature(shape, node) }
  const { pointer } = spot
  if (node !== null && shape.reference !== undefined) found.references.push({ ...shape.reference, pointer })
  if (shape.items !== undefined && Array.isArray(node)) {
    const { items } = shape
    node.forEach((item, index) => {
      inspect(found, item, items, { ...spot, pointer: `${pointer}/${index}` })
    })
  } else if (shape.members !== undefined && node instanceof Map) members(found, node, shape, shape.members, spot)
  else {
    const expected = shape.items ?? shape.members
    const read = node === null || (shape.string === true ? typeof node === 'string' : expected === undefined)
    if (!read) found.unread.push(pointer)
    leaves(found, node, spot)
  }
  if (shape.called !== undefined && node instanceof Map) called(found, node, from, shape.called, pointer)
}

/** Says of the segments of a tool's use or result, from the `from`-th on, which tool's they are. */
function called(found: Found, node: TreeObject, from: number, member: string, pointer: string): void {
  const id = node.get('toolUseId')
  const name = member === 'input' ? node.get('name') : found.used.get(id)
  if (typeof name !== 'string') return
  if (member === 'input' && id !== undefined) found.used.set(id, name)
  const at = `${pointer}/${member}`
  for (let place = from; place < found.segments.length; place++) {
    const segment = found.segments[place]
    if (segment === undefined || segment.pointer.endsWith('#')) continue
    if (segment.pointer === at || segment.pointer.startsWith(`${at}/`))
      found.segments[place] = { ...segment, tool: name }
  }
}

function members(found: Found, node: TreeObject, shape: Shape, known: NonNullable<Shape['members']>, spot: Spot): void {
  let chosen = 0
  let others = 0
  for (const [name, member] of node) {
    const at = `${spot.pointer}/${escapeToken(name)}`
    const below: Spot = { ...spot, pointer: at, parent: name }
    nameSegment(found, name, '', at, spot.role)
    const own = Object.hasOwn(known, name) ? known[name] : undefined
    if (own === undefined) leaves(found, member, below)
    else inspect(found, member, own, below)
    if (member === null) continue
    if (own === undefined) others++
    else chosen++
  }
  // The union is named and not its member, whose name the sender chose: what is unread is told to others.
  if (shape.union === true && (chosen !== 1 || others > 0)) found.unread.push(spot.pointer)
}

function channelOf({ channel }: Shape, above: Channel): Channel {
  if (channel === undefined || (channel === 'text' && above === 'tool')) return above
  return channel
}

function signature({ signed }: Shape, node: JsonTree): { signed?: true } {
  if (signed === undefined) return {}
  const is = signed === 'always' || (node instanceof Map && (node.get('signature') ?? '') !== '')
  return is ? { signed: true } : {}
}
