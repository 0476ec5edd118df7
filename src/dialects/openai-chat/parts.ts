import type { Channel, Part, Role } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { malformed } from '../answer.ts'
import { completeParts, type Leaves, namePart } from '../parts.ts'
import { calledIn, type ToolNames } from './calls.ts'
import { isFreeName, messageChannel } from './vocabulary.ts'

/**
 * Lanes. Text of a delta continues from event to event in a lane `choices/<index>/<path>`: array items by their `index` member
 * where they have one. A leaf that is complete in its event has a lane of its own, as in ../parts.ts. A tool's name continues until its
 * arguments begin, since SDKs join its pieces. Text continues in one lane whether it comes as a string or in a list of chunks, as SDKs read it.
 * An unknown string in a delta continues: taken for a fragment, nothing that is cut over two events escapes.
 */
type Answer = Leaves & Readonly<{ names: ToolNames; json: boolean }>
type Place = Readonly<{ pointer: string; role: Role; channel: Channel; lane: string }>

/** Leaves of a delta that servers send in one piece; that they come once is for ./repeats.ts to see. */
export const WHOLE: ReadonlySet<string> = new Set(['role', 'id', 'type', 'tool_call_id', 'format'])

/** Every string leaf, long number and free member name of an answer or a chunk. `event` numbers the events of one answer; `names` are those of its tools; `json`: its content is. */
export function answerParts(
  tree: TreeObject,
  event: number,
  names: ToolNames = new Map(),
  json = false,
): readonly Part[] {
  const to: Answer = { parts: [], event, isFreeName, names, json }
  for (const [name, member] of tree) {
    const pointer = `/${escapeToken(name)}`
    namePart(to, name, '', pointer, 'none')
    if (name === 'choices' && Array.isArray(member)) {
      for (const [at, choice] of member.entries()) choiceParts(to, choice, at)
    } else if (name !== 'created' || !isClock(member)) {
      completeParts(to, member, { pointer, parent: name, role: 'none', channel: 'data' })
    }
  }
  return to.parts
}

/** A time of the years 2017 to 2039 in seconds: it stands in every chunk, and says nothing. */
function isClock(node: JsonTree): boolean {
  return typeof node === 'number' && Number.isInteger(node) && node >= 1_500_000_000 && node < 2_200_000_000
}

/** Every string leaf, long number and free member name of a provider's error. */
export function faultParts(tree: TreeObject, event: number): readonly Part[] {
  return answerParts(tree, event).map((part) =>
    part.pointer === '/error/message' ? { ...part, channel: 'text' } : part,
  )
}

function choiceParts(to: Answer, choice: JsonTree, at: number): void {
  const index = choiceIndex(choice)
  const pointer = `/choices/${at}`
  for (const [name, member] of choice instanceof Map ? choice : []) {
    const below = `${pointer}/${escapeToken(name)}`
    namePart(to, name, '', below, 'assistant')
    if ((name === 'delta' || name === 'message') && member instanceof Map) {
      messageParts(to, member, below, `choices/${index}`)
    } else if (name === 'text') {
      const lane = `choices/${index}/text`
      pieces(to, member, name, { pointer: below, role: 'assistant', channel: 'text', lane })
    } else completeParts(to, member, { pointer: below, parent: name, role: 'assistant', channel: 'data' })
  }
}

function messageParts(to: Answer, message: TreeObject, pointer: string, lane: string): void {
  for (const [name, member] of message) {
    const token = escapeToken(name)
    const place: Place = {
      pointer: `${pointer}/${token}`,
      role: 'assistant',
      channel: messageChannel(name, 'assistant'),
      lane: `${lane}/${token}`,
    }
    namePart(to, name, '', place.pointer, 'assistant')
    if (name === 'content' && Array.isArray(member)) contentParts(to, member, place)
    else memberParts(to, name, member, place)
  }
}

/** Content as a list of chunks (Mistral): text in the lane of the content, thoughts in one of their own, all else by its place. */
function contentParts(to: Answer, list: readonly JsonTree[], place: Place): void {
  for (const [at, chunk] of list.entries()) {
    const pointer = `${place.pointer}/${at}`
    const lane = `${place.lane}/${itemIndex(chunk) ?? at}`
    if (!(chunk instanceof Map)) {
      pieces(to, chunk, 'content', { ...place, pointer, lane: typeof chunk === 'string' ? place.lane : lane })
      continue
    }
    for (const [name, member] of chunk) {
      const token = escapeToken(name)
      const below: Place = { ...place, pointer: `${pointer}/${token}`, channel: 'data', lane: `${lane}/${token}` }
      namePart(to, name, '', below.pointer, place.role)
      if (name === 'text') pieces(to, member, name, { ...below, channel: place.channel, lane: place.lane })
      else if (name === 'thinking')
        thoughtParts(to, member, { ...below, channel: 'reasoning', lane: `${place.lane}/thinking` })
      else memberParts(to, name, member, below)
    }
  }
}

function thoughtParts(to: Answer, node: JsonTree, place: Place): void {
  if (!Array.isArray(node)) {
    pieces(to, node, 'thinking', place)
    return
  }
  for (const [at, thought] of node.entries()) {
    const pointer = `${place.pointer}/${at}`
    if (!(thought instanceof Map)) {
      pieces(to, thought, 'thinking', { ...place, pointer })
      continue
    }
    for (const [name, member] of thought) {
      const token = escapeToken(name)
      const lane = name === 'text' ? place.lane : `${place.lane}/${at}/${token}`
      const below: Place = {
        ...place,
        pointer: `${pointer}/${token}`,
        channel: name === 'text' ? 'reasoning' : 'data',
        lane,
      }
      namePart(to, name, '', below.pointer, place.role)
      memberParts(to, name, member, below)
    }
  }
}

/** The value of a member of a delta: in one piece, or a piece of what continues. */
function memberParts(to: Answer, name: string, member: JsonTree, place: Place): void {
  // The name of a tool is over when its arguments begin; some servers repeat the member, empty.
  if (WHOLE.has(name) || (name === 'name' && member === '')) completeParts(to, member, { ...place, parent: name })
  else pieces(to, member, name, place)
}

/** Data that people read: what a recording says, and titles and quotes of what is cited. */
const READ = /\/(?:audio\/transcript|url_citation\/(?:title|content))$/
/** The lane of what is said. */
const CONTENT = /^choices\/[0-9]+\/content$/
const JSON_TEXT = { json: true } as const

/** Leaves that continue in later events. */
function pieces(to: Answer, node: JsonTree, parent: string, place: Place): void {
  const { pointer, role, lane } = place
  if (typeof node === 'string') {
    const channel = READ.test(pointer) ? 'text' : place.channel
    const called = channel === 'tool' ? calledIn(to.names, lane) : undefined
    const json = to.json && CONTENT.test(lane) ? JSON_TEXT : undefined
    to.parts.push({ lane, pointer, role, channel, text: node, ...called, ...json })
  } else if (Array.isArray(node)) {
    node.forEach((item, at) => {
      pieces(to, item, parent, { ...place, pointer: `${pointer}/${at}`, lane: `${lane}/${itemIndex(item) ?? at}` })
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const token = escapeToken(name)
      const below = { ...place, pointer: `${pointer}/${token}`, lane: `${lane}/${token}` }
      namePart(to, name, parent, below.pointer, role)
      memberParts(to, name, member, below)
    }
  } else completeParts(to, node, { ...place, parent })
}

/**
 * The index by which an SDK joins the pieces of a list's item; undefined without one. What stands there must be an index as written in
 * digits: SDKs take `1.0` for 1, and text would be joined that was inspected in two lanes.
 */
export function itemIndex(item: JsonTree): number | undefined {
  const index = item instanceof Map ? item.get('index') : undefined
  if (index === undefined || index === null) return undefined
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw malformed('an item of a list whose index is none')
  }
  return index
}

/** Looks at the indices of a delta's lists, tool calls above all, before anything of it is used. */
export function checkIndices(choice: JsonTree): void {
  const delta = choice instanceof Map ? choice.get('delta') : undefined
  if (!(delta instanceof Map)) return
  for (const member of delta.values()) if (Array.isArray(member)) member.forEach(itemIndex)
}

/**
 * Throws ERR_PROVIDER_MALFORMED unless each choice is one of as many as were asked for, and there once: clients that asked for one read whatever
 * stands first in the list, and a text would pass unread that came in a lane for each letter.
 */
export function checkChoices(choices: readonly JsonTree[], asked: number): void {
  const seen = choices.length > 1 ? new Set<number>() : undefined
  for (const choice of choices) {
    const index = choiceIndex(choice)
    if (index >= asked) throw malformed('a choice that nobody asked for')
    if (seen?.has(index)) throw malformed('a choice twice in one event')
    seen?.add(index)
  }
}

/** The choice's own index; it names the lane, so a choice without one cannot be read. */
export function choiceIndex(choice: JsonTree): number {
  const index = choice instanceof Map ? choice.get('index') : undefined
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw malformed('a choice without an index')
  }
  return index
}
