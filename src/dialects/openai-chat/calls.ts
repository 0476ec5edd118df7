import type { Part } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { writeTree } from '../../core/tree.ts'
import { malformed } from '../answer.ts'

/**
 * Tool calls of an answer as the SDKs of this dialect take them. Mistral's servers leave out `type` and, in a stream, `index`, and may send
 * `arguments` as an object: each is put in its place before anything is inspected, so that what is inspected is what leaves.
 */

/** A message or a delta with its calls completed; the same one if nothing was missing. */
function withCalls(message: TreeObject, complete: (call: JsonTree) => JsonTree): TreeObject {
  const calls = message.get('tool_calls')
  if (!Array.isArray(calls)) return message
  const completed = calls.map(complete)
  return completed.every((call, at) => call === calls[at]) ? message : new Map(message).set('tool_calls', completed)
}

/** A tool call with its arguments as text; in an answer with its type, too. */
export function withTextArguments(call: JsonTree): JsonTree {
  const called = call instanceof Map ? call.get('function') : undefined
  const given = called instanceof Map ? called.get('arguments') : undefined
  if (!(call instanceof Map && called instanceof Map) || !(given instanceof Map || Array.isArray(given))) return call
  return new Map(call).set('function', new Map(called).set('arguments', writeTree(given)))
}

function completed(call: JsonTree): JsonTree {
  const written = withTextArguments(call)
  if (!(written instanceof Map) || written.has('type') || !(written.get('function') instanceof Map)) return written
  // A piece that goes on has no id; one with an id begins a call.
  const id = written.get('id')
  return typeof id === 'string' && id !== '' ? new Map(written).set('type', 'function') : written
}

function withChoices(tree: TreeObject, name: 'message' | 'delta', complete: Complete): TreeObject {
  const choices = tree.get('choices')
  if (!Array.isArray(choices)) return tree
  let changed = false
  const all = choices.map((choice) => {
    const message = choice instanceof Map ? choice.get(name) : undefined
    if (!(choice instanceof Map && message instanceof Map)) return choice
    const whole = complete(message, choice)
    if (whole === message) return choice
    changed = true
    return new Map(choice).set(name, whole)
  })
  return changed ? new Map(tree).set('choices', all) : tree
}

/** Names of the tools that an answer calls, by the lane of the call. SDKs join the pieces of a name. */
export type ToolNames = Map<string, string>

/** Notes the names that come with a whole answer, or with a chunk. */
export function noteTools(names: ToolNames, choices: readonly JsonTree[], holder: 'message' | 'delta'): void {
  for (const choice of choices) {
    const message = choice instanceof Map ? choice.get(holder) : undefined
    if (!(choice instanceof Map && message instanceof Map)) continue
    const lane = `choices/${String(choice.get('index'))}`
    note(names, `${lane}/function_call`, message.get('function_call'))
    const calls = message.get('tool_calls')
    for (const [at, call] of Array.isArray(calls) ? calls.entries() : []) {
      if (!(call instanceof Map)) continue
      const own = `${lane}/tool_calls/${String(call.get('index') ?? at)}`
      for (const [form] of ARGUMENTS) note(names, `${own}/${form}`, call.get(form))
    }
  }
}

function note(names: ToolNames, lane: string, called: JsonTree | undefined): void {
  const name = called instanceof Map ? called.get('name') : undefined
  if (typeof name === 'string' && name !== '') names.set(lane, (names.get(lane) ?? '') + name)
}

/** What a lane says of itself if it is the arguments of a call: functions take JSON, custom tools any text. */
export function calledIn(names: ToolNames, lane: string): Pick<Part, 'json' | 'tool'> | undefined {
  const end = lane.lastIndexOf('/')
  const call = lane.slice(0, end)
  const json = lane.endsWith('/arguments') && (call.endsWith('/function') || call.endsWith('/function_call'))
  if (!json && !(lane.endsWith('/input') && call.endsWith('/custom'))) return undefined
  const tool = names.get(call)
  return { ...(json && { json }), ...(tool !== undefined && { tool }) }
}

type Complete = (message: TreeObject, choice: TreeObject) => TreeObject

/** A whole answer with its tool calls completed. */
export function wholeCalls(tree: TreeObject): TreeObject {
  return withChoices(tree, 'message', (message) => withCalls(message, completed))
}

/** The tool calls of one stream. */
export type Calls = Readonly<{
  /** A chunk with its tool calls completed. */
  complete(tree: TreeObject): TreeObject
  /**
   * Lanes that this chunk ends: the name of a tool call ends with its first arguments. Throws ERR_PROVIDER_MALFORMED for a piece of a
   * name after that: SDKs would join text that was inspected, and released, as two.
   */
  closes(choices: readonly JsonTree[]): readonly string[]
}>

/** How a call is told from its own arguments: functions, custom tools, and the legacy function call. */
const ARGUMENTS: readonly (readonly [form: string, given: string])[] = [
  ['function', 'arguments'],
  ['custom', 'input'],
]

/** The tool calls of one choice: the place of each by the number that the server gave it, how many have begun, and the last of them. */
type Begun = { readonly places: Map<number, number>; count: number; last: number; id: string | undefined }

export function callsOfStream(): Calls {
  const closed = new Set<string>()
  const begun = new Map<JsonTree | undefined, Begun>()

  function ofChoice(index: JsonTree | undefined): Begun {
    const known = begun.get(index)
    if (known !== undefined) return known
    const none: Begun = { places: new Map(), count: 0, last: 0, id: undefined }
    begun.set(index, none)
    return none
  }

  /**
   * A call with its place for its number: calls count from nought in the order in which they begin. Servers that begin elsewhere, or leave a
   * number out, are read by SDKs each in its own way (openai-python joins call 0 to a call 5 that came before it).
   */
  function numbered(call: JsonTree, choice: TreeObject): JsonTree {
    const whole = completed(call)
    if (!(whole instanceof Map)) return whole
    const own = whole.get('index')
    if (own !== undefined && own !== null && typeof own !== 'number') return whole
    const calls = ofChoice(choice.get('index'))
    const given = whole.get('id')
    const id = typeof given === 'string' && given !== '' ? given : undefined
    const known =
      typeof own === 'number' ? calls.places.get(own) : id === undefined || id === calls.id ? calls.last : undefined
    const place = calls.count === 0 ? 0 : (known ?? calls.count)
    if (place === calls.count) calls.count++
    if (typeof own === 'number') calls.places.set(own, place)
    else if (!calls.places.has(place)) calls.places.set(place, place)
    calls.last = place
    calls.id = id ?? calls.id
    return own === place ? whole : new Map(whole).set('index', place)
  }

  function close(closes: string[], called: TreeObject, given: string, lane: string): void {
    const name = called.get('name')
    if (closed.has(lane)) {
      if (typeof name === 'string' && name !== '') throw malformed('more of the name of a tool after its arguments')
      return
    }
    const text = called.get(given)
    if (typeof text !== 'string' || text === '') return
    closed.add(lane)
    closes.push(lane)
  }

  return {
    complete: (tree) =>
      withChoices(tree, 'delta', (delta, choice) => withCalls(delta, (call) => numbered(call, choice))),
    closes(choices) {
      const closes: string[] = []
      for (const choice of choices) {
        const delta = choice instanceof Map ? choice.get('delta') : undefined
        if (!(choice instanceof Map && delta instanceof Map)) continue
        const lane = `choices/${String(choice.get('index'))}`
        const legacy = delta.get('function_call')
        if (legacy instanceof Map) close(closes, legacy, 'arguments', `${lane}/function_call/name`)
        const calls = delta.get('tool_calls')
        for (const call of Array.isArray(calls) ? calls : []) {
          if (!(call instanceof Map)) continue
          for (const [form, given] of ARGUMENTS) {
            const called = call.get(form)
            if (called instanceof Map) {
              close(closes, called, given, `${lane}/tool_calls/${String(call.get('index'))}/${form}/name`)
            }
          }
        }
      }
      return closes
    },
  }
}
