import type { Segment } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'

/** Names of the tools that a call's history has used, by the id of the use. */
export type UsedTools = Map<JsonTree | undefined, string>

/** The tool whose result a message is: by the id of its use, or by its name in the legacy form. */
export function resultOf(used: UsedTools, message: TreeObject): string | undefined {
  const role = message.get('role')
  if (role === 'tool') return used.get(message.get('tool_call_id'))
  const name = role === 'function' ? message.get('name') : undefined
  return typeof name === 'string' ? name : undefined
}

/** Says of the segments of `tool_calls` or `function_call` at `pointer`, from the `from`-th on, which are arguments, and of which tool. */
export function markCalls(segments: Segment[], from: number, used: UsedTools, node: JsonTree, pointer: string): void {
  const facts = new Map<string, Pick<Segment, 'json' | 'tool'>>()
  if (node instanceof Map) note(facts, node, 'arguments', pointer)
  for (const [index, call] of Array.isArray(node) ? node.entries() : []) {
    if (!(call instanceof Map)) continue
    const at = `${pointer}/${index}`
    const tool = note(facts, call.get('function'), 'arguments', `${at}/function`)
    const other = note(facts, call.get('custom'), 'input', `${at}/custom`)
    const name = tool ?? other
    if (name !== undefined && call.has('id')) used.set(call.get('id'), name)
  }
  for (let place = from; place < segments.length; place++) {
    const segment = segments[place]
    const own = segment === undefined || segment.pointer.endsWith('#') ? undefined : factsAt(facts, segment.pointer)
    if (segment !== undefined && own !== undefined) segments[place] = { ...segment, ...own }
  }
}

/** Of a text of arguments, or of one of its leaves: some servers take them as an object. */
function factsAt(facts: ReadonlyMap<string, Pick<Segment, 'json' | 'tool'>>, pointer: string) {
  const whole = facts.get(pointer)
  if (whole !== undefined) return whole
  for (const [at, { tool }] of facts) if (pointer.startsWith(`${at}/`) && tool !== undefined) return { tool }
  return undefined
}

function note(
  facts: Map<string, Pick<Segment, 'json' | 'tool'>>,
  called: JsonTree | undefined,
  member: 'arguments' | 'input',
  pointer: string,
): string | undefined {
  if (!(called instanceof Map)) return undefined
  const name = called.get('name')
  const tool = typeof name === 'string' ? name : undefined
  const json = member === 'arguments' && typeof called.get(member) === 'string'
  facts.set(`${pointer}/${member}`, { ...(json && { json }), ...(tool !== undefined && { tool }) })
  return tool
}
