import type { Edit, ModelCall } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree } from '../../core/json.ts'
import { getAt, removeAt } from '../../core/pointer.ts'
import { rewrite } from '../edits.ts'

/**
 * The body of a call with the edits made. An edit in a signed thought drops the thought, whole: the provider refuses one that was changed, and
 * does without those of earlier messages. The last assistant message must come back as it was given out (in a loop of tools above all), and other
 * sealed blocks have a counterpart that cannot stand alone (a search without its result): there ERR_POLICY_DENIED is thrown.
 */
export function withoutSigned(call: ModelCall, edits: readonly Edit[]): Readonly<{ body: JsonTree; dropped: boolean }> {
  if (edits.length === 0) return { body: call.body, dropped: false }
  const signed = new Set(call.segments.filter((segment) => segment.signed === true).map(({ pointer }) => pointer))
  const open = edits.filter(({ pointer }) => !signed.has(pointer))
  const dropped = new Map<string, Thought>()
  for (const { pointer } of edits) {
    if (!signed.has(pointer)) continue
    const thought = thoughtOf(call.body, pointer)
    dropped.set(thought.pointer, thought)
  }
  let body = rewrite(call.body, open, [])
  // From the back, so that what is still to be dropped keeps its place.
  for (const { pointer } of [...dropped.values()].sort((a, b) => b.message - a.message || b.block - a.block)) {
    body = removeAt(body, pointer)
  }
  for (const { message } of dropped.values()) {
    const content = getAt(body, `/messages/${message}/content`)
    if (Array.isArray(content) && content.length === 0) throw denied(message, 'nothing of the message would be left')
  }
  return { body, dropped: dropped.size > 0 }
}

type Thought = Readonly<{ pointer: string; message: number; block: number }>

function thoughtOf(body: JsonTree, pointer: string): Thought {
  const [, list = '', message = '', block = ''] = /^(\/messages\/([0-9]+)\/content)\/([0-9]+)\//.exec(pointer) ?? []
  const at = `${list}/${block}`
  const index = Number(message)
  const type = list === '' ? undefined : getAt(body, `${at}/type`)
  if (type !== 'thinking' && type !== 'redacted_thinking') throw denied(index, 'it has a seal of the provider')
  if (getAt(body, `/messages/${index}/role`) !== 'assistant') throw denied(index, 'it is no message of the assistant')
  if (index === lastAssistant(body)) throw denied(index, 'the last message of the assistant must come back unchanged')
  return { pointer: at, message: index, block: Number(block) }
}

function lastAssistant(body: JsonTree): number {
  const messages = getAt(body, '/messages')
  if (!Array.isArray(messages)) return -1
  return messages.findLastIndex((message) => message instanceof Map && message.get('role') === 'assistant')
}

function denied(message: number, why: string): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_DENIED',
    `/messages/${message}: a signed block would have to be edited, which cannot be done, and it cannot be dropped: ${why}`,
    { detail: { rule: 'signed-text' } },
  )
}
