import type { Assignment, Edit, ModelCall } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree } from '../../core/json.ts'
import { getAt, setAt } from '../../core/pointer.ts'
import { rewrite } from '../edits.ts'

/**
 * The body of a call with the edits and then the assignments made. An edit in a signed thought drops the thought, whole: the provider refuses one that was changed, and
 * does without those of earlier messages. The last assistant message must come back as it was given out (in a loop of tools above all), and other
 * sealed blocks have a counterpart that cannot stand alone (a search without its result): there ERR_POLICY_DENIED is thrown.
 */
export function withoutSigned(call: ModelCall, edits: readonly Edit[], assign: readonly Assignment[]): JsonTree {
  if (edits.length === 0) return rewrite(call.body, [], assign)
  const signed = new Set(call.segments.filter((segment) => segment.signed === true).map(({ pointer }) => pointer))
  const open: Edit[] = []
  const thoughts: Thoughts = new Map()
  const messages = listOf(getAt(call.body, '/messages'))
  for (const edit of edits) {
    if (signed.has(edit.pointer)) addThought(thoughts, messages, edit.pointer)
    else open.push(edit)
  }
  // Pointers are those of the call as it was read: what is assigned comes before anything is dropped, and so must not move a block.
  const body = rewrite(call.body, open, assign)
  if (thoughts.size === 0) return body
  if (assign.some(({ pointer }) => MOVES.test(pointer))) {
    throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment moves messages of which blocks are dropped')
  }
  const last = messages.findLastIndex((message) => message instanceof Map && message.get('role') === 'assistant')
  const left = listOf(getAt(body, '/messages')).map((message, index) => {
    const blocks = thoughts.get(index)
    if (blocks === undefined || !(message instanceof Map)) return message
    if (message.get('role') !== 'assistant') throw denied(index, 'it is no message of the assistant')
    if (index === last) throw denied(index, 'the last message of the assistant must come back unchanged')
    const content = listOf(message.get('content')).filter((_, at) => !blocks.has(at))
    if (content.length === 0) throw denied(index, 'nothing of the message would be left')
    return new Map(message).set('content', content)
  })
  return setAt(body, '/messages', left)
}

/** Messages, a message, its content, or a block: as a whole, and not something within a block. */
const MOVES = /^\/messages(?:\/[^/]*(?:\/content(?:\/[^/]*)?)?)?$/

/** Indices of thoughts to drop, by the index of their message. */
type Thoughts = Map<number, Set<number>>

function addThought(thoughts: Thoughts, messages: readonly JsonTree[], pointer: string): void {
  const [, at = '', place = ''] = /^\/messages\/([0-9]+)\/content\/([0-9]+)\//.exec(pointer) ?? []
  const [index, block] = [Number(at), Number(place)]
  const message = at === '' ? undefined : messages[index]
  const thought = message instanceof Map ? listOf(message.get('content'))[block] : undefined
  const type = thought instanceof Map ? thought.get('type') : undefined
  if (type !== 'thinking' && type !== 'redacted_thinking') throw denied(index, 'it has a seal of the provider')
  const blocks = thoughts.get(index) ?? new Set()
  thoughts.set(index, blocks.add(block))
}

function listOf(node: JsonTree | undefined): readonly JsonTree[] {
  return Array.isArray(node) ? node : []
}

function denied(message: number, why: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_DENIED',
    `/messages/${message}: a signed block would have to be edited, which cannot be done, and it cannot be dropped: ${why}`,
    { detail: { rule: 'signed-text' } },
  )
}
