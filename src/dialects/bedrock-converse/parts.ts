import type { Channel, Part } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { completeParts, type Leaves, namePart } from '../parts.ts'
import { moreOf, type Spot } from '../walk.ts'
import { isFreeName } from './vocabulary.ts'

/**
 * Lanes. Text of a block continues from message to message in a lane `content/<contentBlockIndex>/<path below start or delta>`; array items
 * share one, since a delta's list holds the next pieces of one text. What comes in one piece has a lane that begins with `@` (parts.ts).
 * An unknown string of a block continues: taken for a fragment, nothing that is cut over two messages escapes. Blocks of text that follow each
 * other are a run: clients join their text (citations cut it in mid-sentence), so it is one lane, that of the first of them.
 */

/** The lane of a run's text; `first` is the index of its first block. */
export function runLane(first: number): string {
  return `content/${first}/text`
}

/** Strings of a block that Bedrock sends in one piece, and what stands below such a name. */
const COMPLETE: ReadonlySet<string> = new Set(['toolUseId', 'name', 'type', 'status', 'format', 'location', 'json'])
/** Those of a citation: each is one of its own, but the text that it quotes may come in pieces. */
const OF_CITATION: ReadonlySet<string> = new Set(['title', 'source'])

const CHANNELS: ReadonlyMap<string, Channel> = new Map([
  ['text', 'text'],
  ['toolUse', 'tool'],
  ['toolResult', 'tool'],
  ['reasoningContent', 'reasoning'],
  ['citation', 'text'],
])

/**
 * Every string leaf, long number and free member name of a message of a stream. `event` numbers the messages of one answer, `first` is the first
 * block of the run that a block of text is in, `tool` the name of the tool that a block uses.
 */
export function eventParts(
  type: string,
  tree: TreeObject,
  event: number,
  first: number,
  tool?: string,
): readonly Part[] {
  const to: Leaves = { parts: [], event, isFreeName }
  const inner = type === 'contentBlockDelta' ? 'delta' : type === 'contentBlockStart' ? 'start' : null
  const index = tree.get('contentBlockIndex')
  for (const [name, member] of tree) {
    const pointer = `/${escapeToken(name)}`
    namePart(to, name, '', pointer, 'none')
    if (name === inner && member instanceof Map) {
      blockParts(to, member, pointer, `content/${String(index)}`, runLane(first), tool)
    } else completeParts(to, member, { pointer, parent: name, role: 'none', channel: 'data' })
  }
  return to.parts
}

function blockParts(
  to: Leaves,
  block: TreeObject,
  pointer: string,
  lane: string,
  run: string,
  tool: string | undefined,
): void {
  for (const [name, member] of block) {
    const token = escapeToken(name)
    // Whether reasoning is signed is known only when its signature comes, after it.
    const signed = name === 'reasoningContent' ? { signed: true as const } : {}
    const channel = CHANNELS.get(name) ?? 'data'
    const used = name === 'toolUse' && tool !== undefined ? { tool } : {}
    const spot: Spot = { pointer: `${pointer}/${token}`, parent: name, role: 'assistant', channel, ...signed, ...used }
    namePart(to, name, '', spot.pointer, 'assistant')
    const at = name === 'text' && typeof member === 'string' ? run : `${lane}/${token}`
    if (COMPLETE.has(name)) completeParts(to, member, spot)
    else laneParts(to, member, spot, at, name === 'citation' ? OF_CITATION : COMPLETE)
  }
}

function laneParts(to: Leaves, node: JsonTree, spot: Spot, lane: string, complete: ReadonlySet<string>): void {
  const { pointer, role, channel, parent } = spot
  if (typeof node === 'string') {
    to.parts.push({ lane, pointer, role, channel, text: node, ...moreOf(spot) })
  } else if (Array.isArray(node)) {
    node.forEach((item, at) => {
      laneParts(to, item, { ...spot, pointer: `${pointer}/${at}` }, lane, complete)
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const token = escapeToken(name)
      const { tool, ...rest } = spot
      // The arguments come as the text of their JSON. What else a tool's use says is none of them.
      const more =
        name === 'input' && parent === 'toolUse' ? { json: true as const, ...(tool !== undefined && { tool }) } : {}
      const below: Spot = { ...rest, pointer: `${pointer}/${token}`, parent: name, ...more }
      namePart(to, name, parent, below.pointer, role)
      if (COMPLETE.has(name) || complete.has(name)) completeParts(to, member, below)
      else laneParts(to, member, below, `${lane}/${token}`, complete)
    }
  } else completeParts(to, node, spot)
}

const LANES: ReadonlyMap<string | null, readonly string[]> = new Map([
  ['text', ['citation/sourceContent/text']],
  ['toolUse', ['toolUse/input']],
  ['toolResult', ['toolResult/text']],
  ['reasoningContent', ['reasoningContent/text', 'reasoningContent/signature', 'reasoningContent/redactedContent']],
  ['image', ['image/source/bytes']],
])

/** The lanes that end with a block of this kind; that of a run ends with the run. One that AWS has added since is not among them: it waits for the end of the answer. */
export function lanesOf(index: number, kind: string | null): readonly string[] {
  return (LANES.get(kind) ?? []).map((lane) => `content/${index}/${lane}`)
}

/** Every string leaf, long number and free member name of a whole answer. */
export function answerParts(tree: TreeObject): readonly Part[] {
  const to: Leaves = { parts: [], event: 0, isFreeName }
  for (const [name, member] of tree) {
    const pointer = `/${escapeToken(name)}`
    namePart(to, name, '', pointer, 'none')
    if (name === 'output' && member instanceof Map) outputParts(to, member, pointer)
    else completeParts(to, member, { pointer, parent: name, role: 'none', channel: 'data' })
  }
  return to.parts
}

function outputParts(to: Leaves, output: TreeObject, pointer: string): void {
  for (const [name, member] of output) {
    const at = `${pointer}/${escapeToken(name)}`
    namePart(to, name, '', at, 'assistant')
    if (name !== 'message' || !(member instanceof Map)) {
      completeParts(to, member, { pointer: at, parent: name, role: 'assistant', channel: 'data' })
      continue
    }
    for (const [key, value] of member) {
      const below = `${at}/${escapeToken(key)}`
      namePart(to, key, '', below, 'assistant')
      if (key === 'content' && Array.isArray(value)) contentsParts(to, value, below)
      else completeParts(to, value, { pointer: below, parent: key, role: 'assistant', channel: 'data' })
    }
  }
}

function contentsParts(to: Leaves, content: readonly JsonTree[], pointer: string): void {
  /** Of the run that the next block may join. */
  let run: string | null = null
  content.forEach((block, index) => {
    const at = `${pointer}/${index}`
    const from = to.parts.length
    contentParts(to, block, at)
    if (!isText(block)) run = null
    else {
      for (let place = from; place < to.parts.length; place++) {
        const part = to.parts[place]
        if (part === undefined || !SPOKEN.test(part.pointer.slice(at.length)) || part.channel !== 'text') continue
        run ??= part.lane
        to.parts[place] = { ...part, lane: run }
      }
    }
  })
}

/** Where the text of such a block stands, below it. */
const SPOKEN = /^\/(?:text|citationsContent\/content\/[0-9]+\/text)$/

/** A block of nothing but text, or of text with its citations. */
function isText(block: JsonTree): boolean {
  if (!(block instanceof Map)) return false
  const kinds = [...block].flatMap(([name, member]) => (member === null ? [] : [name]))
  return kinds.length > 0 && kinds.every((name) => name === 'text' || name === 'citationsContent')
}

const WHOLE_CHANNELS: ReadonlyMap<string, Channel> = new Map([...CHANNELS, ['citationsContent', 'text']])

function contentParts(to: Leaves, block: JsonTree, pointer: string): void {
  const members = block instanceof Map ? block : new Map<string, JsonTree>()
  if (!(block instanceof Map)) completeParts(to, block, { pointer, parent: '', role: 'assistant', channel: 'data' })
  for (const [name, member] of members) {
    const at = `${pointer}/${escapeToken(name)}`
    namePart(to, name, '', at, 'assistant')
    const signed = name === 'reasoningContent' && isSigned(member) ? { signed: true as const } : {}
    const channel = WHOLE_CHANNELS.get(name) ?? 'data'
    const spot: Spot = { pointer: at, parent: name, role: 'assistant', channel, ...signed }
    if (name === 'toolUse' && member instanceof Map) useParts(to, member, spot)
    else completeParts(to, member, spot)
  }
}

function useParts(to: Leaves, use: TreeObject, spot: Spot): void {
  const tool = toolOf(use)
  for (const [name, member] of use) {
    const pointer = `${spot.pointer}/${escapeToken(name)}`
    namePart(to, name, spot.parent, pointer, spot.role)
    const below: Spot = { ...spot, pointer, parent: name }
    completeParts(to, member, tool !== undefined && name === 'input' ? { ...below, tool, input: pointer } : below)
  }
}

/** The name of the tool of a `toolUse`. */
export function toolOf(use: JsonTree | undefined): string | undefined {
  const name = use instanceof Map ? use.get('name') : undefined
  return typeof name === 'string' ? name : undefined
}

function isSigned(reasoning: JsonTree): boolean {
  if (!(reasoning instanceof Map)) return true
  const text = reasoning.get('reasoningText')
  return !(text instanceof Map) || reasoning.size > 1 || (text.get('signature') ?? '') !== ''
}

/** Every string leaf, long number and free member name of a provider's error. */
export function faultParts(tree: TreeObject, event: number): readonly Part[] {
  const to: Leaves = { parts: [], event, isFreeName }
  for (const [name, member] of tree) {
    const pointer = `/${escapeToken(name)}`
    namePart(to, name, '', pointer, 'none')
    const channel = /^(?:m|originalM)essage$/i.test(name) ? 'text' : 'data'
    completeParts(to, member, { pointer, parent: name, role: 'none', channel })
  }
  return to.parts
}
