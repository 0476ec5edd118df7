import type { ModelEvent } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Decoder } from '../../core/port.ts'
import { EVENT_MAX, eventDecoder, malformed, parseObject, spokenAsJson, truncated, withParts, word } from '../answer.ts'
import { type EventMessage, eventStreamDecoder } from '../eventstream.ts'
import { GENERAL, memberOf } from './exceptions.ts'
import type { Frame } from './frame.ts'
import { eventParts, faultParts, lanesOf, runLane, toolOf } from './parts.ts'
import { readUsage } from './usage.ts'

/** A run of text blocks: its first block, and its last one so far, the only one that may say more. */
type Run = { readonly first: number; last: number }
/** Where the words of the assistant stand in an event. */
const SPOKEN = /^\/delta\/text$/
/** An open block: what it speaks, null before it has said anything; the run that it is in; the lane of a run that ends with it; the tool that it uses. */
type Block = { kind: string | null; run: Run; ended: readonly string[]; tool: string | undefined }

/**
 * Reads a stream of ConverseStream. Its order is kept: one messageStart, first if it comes at all; a block is started once at most, speaks one kind
 * of content, and says nothing after its stop; after messageStop comes nothing but metadata. Whatever is not of the dialect is refused: a
 * client could take it for something that nobody inspected. Without metadata a stream is complete, as it is to the SDKs; its usage is unknown.
 * `json`: text is JSON, since the call asked for it.
 */
export function streamDecoder(json: boolean): Decoder {
  const messages = eventStreamDecoder(EVENT_MAX)
  const blocks = new Map<number, Block | 'closed'>()
  /** The run of text blocks that the next block may join. */
  let run: Run | null = null
  /** Of the text blocks so far. */
  let greatest = -1
  let number = 0
  let began = false
  let stopped = false
  let metadata = false
  let fault = false

  function readMessage({ headers, body }: EventMessage): ModelEvent {
    const kind = headers.get(':message-type')
    if (kind === 'exception')
      return readFault(headers.get(':exception-type') ?? '', body.length === 0 ? new Map() : object(body))
    if (kind === 'error') {
      const message = headers.get(':error-message') ?? ''
      return readFault(headers.get(':error-code') ?? '', new Map([['message', message]]))
    }
    if (kind !== 'event') throw malformed('a message that is neither an event nor an exception')
    const type = headers.get(':event-type') ?? ''
    const tree = object(body)
    // Padding that hides the length of what it stands beside. It is no text of anybody's, and goes no further.
    tree.delete('p')
    return readEvent(type, tree)
  }

  function readFault(type: string, tree: TreeObject): ModelEvent {
    fault = true
    const event = number++
    const known = memberOf(type)
    const frame: Frame = { form: 'exception', type: known ?? GENERAL, tree }
    return withParts({ kind: 'fault', code: known ?? 'unknown', frame }, () => faultParts(tree, event))
  }

  function readEvent(type: string, tree: TreeObject): ModelEvent {
    const frame: Frame = { form: 'event', type, tree }
    const event = number++
    const parts = () => eventParts(type, tree, event, -1)
    if (stopped && type !== 'metadata') throw malformed('an event after messageStop')
    switch (type) {
      case 'messageStart':
        if (began) throw malformed('a messageStart that is not the first event')
        began = true
        if (tree.get('role') !== 'assistant') throw malformed('a message that is not of the assistant')
        return withParts({ kind: 'delta', frame }, parts)
      case 'contentBlockStart':
      case 'contentBlockDelta': {
        began = true
        const index = indexOf(tree)
        const node = tree.get(type === 'contentBlockStart' ? 'start' : 'delta')
        const { first, closes, tool } = type === 'contentBlockStart' ? start(index, node) : speak(index, node)
        return withParts({ kind: 'delta', ...closing(closes), frame }, () => {
          const said = eventParts(type, tree, event, first, tool)
          return json ? spokenAsJson(said, SPOKEN) : said
        })
      }
      case 'contentBlockStop':
        began = true
        return withParts({ kind: 'delta', closes: stop(indexOf(tree)), frame }, parts)
      case 'messageStop':
        stopped = true
        return withParts({ kind: 'finish', reason: reasonOf(tree), ...closing(endRun()), frame }, parts)
      case 'metadata':
        if (metadata) throw malformed('metadata twice')
        metadata = true
        return withParts({ kind: 'delta', ...readUsage(tree.get('usage')), frame }, parts)
      default:
        throw malformed('an event of a type that this dialect does not have')
    }
  }

  function start(index: number, node: JsonTree | undefined): Said {
    if (blocks.has(index)) throw malformed('a content block that begins twice')
    const block = newBlock(index)
    if (node instanceof Map) block.tool = toolOf(node.get('toolUse'))
    return said(index, block, kindOf(node))
  }

  function speak(index: number, node: JsonTree | undefined): Said {
    const block = blocks.get(index) ?? newBlock(index)
    if (block === 'closed') throw malformed('a content block that goes on after its end')
    const kind = kindOf(node)
    checkStrings(node)
    if (block.kind !== null && kind !== null && kind !== block.kind) throw malformed('a content block of two kinds')
    // Its text would be joined in another order than that in which it came, and was inspected.
    if (block.run.last !== index) throw malformed('a text block that goes on after the next one has begun')
    return said(index, block, kind)
  }

  /** A block says something of a kind. The first time decides which run it is in. */
  function said(index: number, block: Block, kind: string | null): Said {
    blocks.set(index, block)
    if (block.kind !== null || kind === null) return { first: block.run.first, closes: [], tool: block.tool }
    block.kind = kind
    if (kind !== 'text') return { first: index, closes: endRun(), tool: block.tool }
    if (index < greatest) throw malformed('a text block in front of one that came before it')
    greatest = index
    run ??= block.run
    run.last = index
    block.run = run
    return { first: run.first, closes: [], tool: undefined }
  }

  /** The lane that ends because no block will join it any more. While its last block is open it goes on, and ends with that. */
  function endRun(): readonly string[] {
    if (run === null) return []
    const lanes = [runLane(run.first)]
    const last = blocks.get(run.last)
    run = null
    if (last === undefined || last === 'closed') return lanes
    last.ended = lanes
    return []
  }

  function stop(index: number): readonly string[] {
    const block = blocks.get(index)
    if (block === 'closed') throw malformed('a content block that ends twice')
    blocks.set(index, 'closed')
    return block === undefined ? [] : [...lanesOf(index, block.kind), ...block.ended]
  }

  return eventDecoder(
    (chunk) => messages.push(chunk),
    (message) => (fault ? undefined : readMessage(message)),
    () => {
      if (fault) return
      if (messages.end()) throw truncated('in the middle of a message')
      if (!stopped) throw truncated('before messageStop')
    },
  )
}

/** The first block of the run that a block is in, the lanes that end because it is in no other, and the tool that it uses. */
type Said = Readonly<{ first: number; closes: readonly string[]; tool: string | undefined }>

function newBlock(index: number): Block {
  return { kind: null, run: { first: index, last: index }, ended: [], tool: undefined }
}

function closing(closes: readonly string[]): { closes?: readonly string[] } {
  return closes.length === 0 ? {} : { closes }
}

function object(body: Uint8Array): TreeObject {
  // A copy: the tree that was read stands for its bytes (core/tree.ts), and padding is taken out of this one.
  return new Map(parseObject(body, 'an event of the provider'))
}

/** The index names the lane. SDKs take `1.0` for 1, and text would be joined that was inspected in two lanes: it must be written in digits. */
function indexOf(tree: TreeObject): number {
  const index = tree.get('contentBlockIndex')
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {
    throw malformed('a content block without an index')
  }
  return index
}

const STRINGS: readonly (readonly string[])[] = [
  ['text'],
  ['toolUse', 'input'],
  ['reasoningContent', 'text'],
  ['reasoningContent', 'signature'],
  ['reasoningContent', 'redactedContent'],
]

/** A number where text is due would be joined to the text by a client, and inspected in no lane. */
function checkStrings(delta: JsonTree | undefined): void {
  for (const [first, second] of STRINGS) {
    let node = delta instanceof Map && first !== undefined ? delta.get(first) : undefined
    if (second !== undefined && node !== undefined && node !== null) {
      if (!(node instanceof Map)) throw malformed('a delta that is none of its kind')
      node = node.get(second)
    }
    if (node !== undefined && node !== null && typeof node !== 'string') throw malformed('a delta whose text is none')
  }
}

/** What a start or a delta is a piece of; null where it says nothing. Text and its citations make one block. */
function kindOf(node: JsonTree | undefined): string | null {
  if (!(node instanceof Map)) throw malformed('a content block event without content')
  const [kind, ...more] = [...node].flatMap(([name, member]) => (member === null ? [] : [name]))
  if (more.length > 0) throw malformed('a content block event of two kinds')
  return kind === undefined ? null : kind === 'citation' ? 'text' : kind
}

export function reasonOf(tree: TreeObject): string {
  const reason = tree.get('stopReason')
  if (typeof reason !== 'string') throw malformed('an end without a stopReason')
  return word(reason)
}
