import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { getAt, setAt } from '../../core/pointer.ts'
import type { UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { rewrite } from '../edits.ts'
import { EVENT_STREAM } from '../eventstream.ts'
import { modelPath } from '../model-id.ts'

/** Writes a call for a target, from its tree. A tree that nothing changed is written as it was read: order and lexemes. */
export function writeCall(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): UpstreamMessage {
  return {
    path: modelPath(target.model, call.stream ? 'converse-stream' : 'converse'),
    headers: { 'content-type': 'application/json', accept: call.stream ? EVENT_STREAM : 'application/json' },
    body: writeTreeBytes(edited(call, edits, assign)),
  }
}

/**
 * A call's body with the edits applied and the assignments made. An edit of what a provider has signed drops the whole block, with what else was to be
 * edited in it. Throws ERR_POLICY_DENIED where that cannot be done.
 */
export function edited(call: ModelCall, edits: readonly Edit[], assign: readonly Assignment[]): TreeObject {
  const dropped = droppedBlocks(call, edits)
  const kept = dropped.size === 0 ? edits : edits.filter(({ pointer }) => !isDropped(dropped, pointer))
  // Pointers are those of the call as it was read: what is assigned comes before anything is dropped, and so must not move a block.
  let body = rewrite(call.body, kept, assign)
  if (dropped.size > 0) {
    const list = MESSAGES.find((pointer) => Array.isArray(getAt(body, pointer))) ?? ''
    if (assign.some(({ pointer }) => MOVES.test(pointer))) {
      throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment moves messages of which blocks are dropped')
    }
    body = setAt(body, list, withoutBlocks(getAt(body, list), dropped))
  }
  if (!(body instanceof Map)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment replaced the body')
  return body
}

/** Where messages stand, in a call and in a count of its tokens. */
const MESSAGES: readonly string[] = ['/messages', '/input/converse/messages']
/** Messages, a message, its content, or a block: as a whole, and not something within a block. */
const MOVES = /^(?:\/input(?:\/converse)?)?(?:\/messages(?:\/[^/]*(?:\/content(?:\/[^/]*)?)?)?)?$/
const BLOCK = /^(?:\/input\/converse)?\/messages\/([0-9]+)\/content\/([0-9]+)\//

/** Indices of blocks by the index of their message. */
type Dropped = ReadonlyMap<number, ReadonlySet<number>>

/** The blocks that hold a signed text which is to be edited. */
function droppedBlocks({ segments }: ModelCall, edits: readonly Edit[]): Dropped {
  const dropped = new Map<number, Set<number>>()
  const pointers = new Set(edits.map(({ pointer }) => pointer))
  for (const { pointer, signed } of edits.length === 0 ? [] : segments) {
    const [, message, block] = signed === true && pointers.has(pointer) ? (BLOCK.exec(pointer) ?? []) : []
    if (message === undefined) continue
    const blocks = dropped.get(Number(message)) ?? new Set()
    dropped.set(Number(message), blocks.add(Number(block)))
  }
  return dropped
}

function isDropped(dropped: Dropped, pointer: string): boolean {
  const [, message, block] = BLOCK.exec(pointer) ?? []
  return dropped.get(Number(message))?.has(Number(block)) === true
}

/** The models of Bedrock demand the reasoning of the last assistant message back unchanged, and refuse a message without content. */
function withoutBlocks(node: JsonTree | undefined, dropped: Dropped): JsonTree[] {
  const messages = Array.isArray(node) ? node : []
  const last = messages.findLastIndex((message) => message instanceof Map && message.get('role') === 'assistant')
  return messages.map((message, index) => {
    const blocks = dropped.get(index)
    const content = message instanceof Map ? message.get('content') : undefined
    if (blocks === undefined || !(message instanceof Map) || !Array.isArray(content)) return message
    if (index === last) throw denied('the last assistant message')
    const rest = content.filter((_, at) => !blocks.has(at))
    if (rest.every(isNothing)) throw denied('a message of nothing else')
    return new Map(message).set('content', rest)
  })
}

/** A cache point alone says nothing. */
function isNothing(block: JsonTree): boolean {
  return block instanceof Map && block.has('cachePoint')
}

function denied(where: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_DENIED',
    `text that must be edited stands in signed reasoning of ${where}, which can neither be edited nor left out`,
    { detail: { rule: 'signed-text' } },
  )
}
