import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { getAt, removeAt } from '../../core/pointer.ts'
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
  const blocks = edits.length === 0 ? [] : signedBlocks(call, edits)
  const isDropped = ({ pointer }: Edit) => blocks.some((block) => pointer.startsWith(`${block}/`))
  let body = rewrite(
    call.body,
    edits.filter((edit) => !isDropped(edit)),
    [],
  )
  for (const block of blocks.toReversed()) body = withoutBlock(call.body, body, block)
  if (blocks.length > 0 && assign.some(({ pointer }) => blocks.some((block) => pointer.startsWith(listOf(block))))) {
    throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment in messages of which blocks were dropped')
  }
  body = rewrite(body, [], assign)
  if (!(body instanceof Map)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment replaced the body')
  return body
}

const SIGNED_BLOCK = /^(.*\/messages\/[0-9]+\/content\/[0-9]+)\/reasoningContent\//

/** Pointers of the blocks that hold a signed text which is to be edited, in document order. */
function signedBlocks({ segments }: ModelCall, edits: readonly Edit[]): readonly string[] {
  const pointers = new Set(edits.map(({ pointer }) => pointer))
  const blocks = new Set<string>()
  for (const { pointer, signed } of segments) {
    const block = signed === true && pointers.has(pointer) ? SIGNED_BLOCK.exec(pointer)?.[1] : undefined
    if (block !== undefined) blocks.add(block)
  }
  return [...blocks]
}

function listOf(block: string): string {
  return parent(parent(parent(block)))
}

function parent(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf('/'))
}

/** The models of Bedrock demand the reasoning of the last assistant message back unchanged, and refuse a message without content. */
function withoutBlock(original: JsonTree, body: JsonTree, block: string): JsonTree {
  const content = parent(block)
  const messages = getAt(original, listOf(block))
  const last = Array.isArray(messages) ? messages.findLastIndex(isAssistant) : -1
  if (`${listOf(block)}/${last}` === parent(content)) throw denied('the last assistant message')
  const dropped = removeAt(body, block)
  const rest = getAt(dropped, content)
  if (!Array.isArray(rest) || rest.every(isNothing)) throw denied('a message of nothing else')
  return dropped
}

function isAssistant(message: JsonTree): boolean {
  return message instanceof Map && message.get('role') === 'assistant'
}

/** A cache point alone says nothing. */
function isNothing(block: JsonTree): boolean {
  return block instanceof Map && block.has('cachePoint')
}

function denied(where: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_DENIED',
    `text that must be edited stands in signed reasoning of ${where}, which can neither be edited nor left out`,
  )
}
