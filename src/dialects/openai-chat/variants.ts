import { createHash } from 'node:crypto'
import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import { withTextArguments } from './calls.ts'

/**
 * The same call in the words of another server. Only what means the same is renamed; all else is sent as the client wrote it, and the
 * provider's own error says what it does not take. Bodies that need nothing are returned as they are.
 */

/**
 * For Mistral's API, which refuses members that it does not know (its OpenAPI description: `additionalProperties: false`):
 * - `stream_options` is left out: its streams tell their usage unasked;
 * - `max_completion_tokens` is `max_tokens` there (the lesser, where both stand), `seed` is `random_seed`;
 * - role `developer` is `system`;
 * - ids of tool calls that are not nine letters and digits become such, alike in the call and in its result.
 */
export function forMistral(body: TreeObject): TreeObject {
  let copy = body
  if (copy.has('stream_options')) copy = without(copy, 'stream_options')
  copy = renamed(copy, 'max_completion_tokens', 'max_tokens', lesser)
  copy = renamed(copy, 'seed', 'random_seed', (_, own) => own)
  return withMessages(copy, (message) => {
    let own = message.get('role') === 'developer' ? new Map(message).set('role', 'system') : message
    const result = own.get('tool_call_id')
    if (typeof result === 'string' && !NINE.test(result)) own = new Map(own).set('tool_call_id', nine(result))
    return withItems(own, 'tool_calls', (call) => {
      const id = call instanceof Map ? call.get('id') : undefined
      return call instanceof Map && typeof id === 'string' && !NINE.test(id) ? new Map(call).set('id', nine(id)) : call
    })
  })
}

/**
 * For OpenAI, Azure and the servers that speak like them, from a client of Mistral's: `random_seed` is `seed`, `tool_choice: any` is
 * `required`, a tool without a type is a function, `safe_prompt: false` and `prefix: false`, which Mistral's SDKs write unasked and which say nothing, are left out, and
 * arguments of a tool call that are an object are written as text.
 */
export function forOpenai(body: TreeObject): TreeObject {
  let copy = renamed(body, 'random_seed', 'seed', (_, own) => own)
  if (copy.get('safe_prompt') === false) copy = without(copy, 'safe_prompt')
  if (copy.get('tool_choice') === 'any') copy = new Map(copy).set('tool_choice', 'required')
  copy = withItems(copy, 'tools', (tool) =>
    tool instanceof Map && tool.has('function') && !tool.has('type') ? new Map(tool).set('type', 'function') : tool,
  )
  return withMessages(copy, (message) => {
    const own = message.get('prefix') === false ? without(message, 'prefix') : message
    return withItems(own, 'tool_calls', withTextArguments)
  })
}

const NINE = /^[a-zA-Z0-9]{9}$/

/** Nine letters and digits for an id: the same for the same id, within a call and between calls. */
function nine(id: string): string {
  const digest = createHash('sha256').update(id).digest('base64')
  return digest.replaceAll(/[^a-zA-Z0-9]/g, '').slice(0, 9)
}

/** A member under another name, in its place. `both` says what stands there where the body has both. */
function renamed(
  body: TreeObject,
  from: string,
  to: string,
  both: (given: JsonTree, own: JsonTree) => JsonTree,
): TreeObject {
  const given = body.get(from)
  if (given === undefined) return body
  const own = body.get(to) ?? null
  if (own !== null) return without(new Map(body).set(to, given === null ? own : both(given, own)), from)
  return new Map([...body].filter(([name]) => name !== to).map(([name, member]) => [name === from ? to : name, member]))
}

function lesser(a: JsonTree, b: JsonTree): JsonTree {
  return count(a) <= count(b) ? a : b
}

function count(node: JsonTree): number {
  return Number(node instanceof NumberLexeme ? node.lexeme : node)
}

function without(body: TreeObject, name: string): TreeObject {
  const copy: TreeObject = new Map(body)
  copy.delete(name)
  return copy
}

function withMessages(body: TreeObject, change: (message: TreeObject) => TreeObject): TreeObject {
  return withItems(body, 'messages', (message) => (message instanceof Map ? change(message) : message))
}

/** The body with the items of a list changed; the same one where none was. */
function withItems(body: TreeObject, name: string, change: (item: JsonTree) => JsonTree): TreeObject {
  const list = body.get(name)
  if (!Array.isArray(list)) return body
  const changed = list.map(change)
  return changed.every((item, at) => item === list[at]) ? body : new Map(body).set(name, changed)
}
