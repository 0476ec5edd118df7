import type { JsonTree, TreeObject } from '../../core/json.ts'

/**
 * A stream of openai.chat as Mistral's SDKs take one (their schemas throw for anything else): a tool call comes whole, in the chunk that
 * finishes its choice; usage comes in that chunk and is never null; every chunk has a choice, and every choice a `finish_reason`.
 */
export type ChunkStream = Readonly<{
  /** What to write for the next chunk. */
  next(chunk: TreeObject): readonly TreeObject[]
  /** What to write at the end. */
  rest(): readonly TreeObject[]
  /** The chunk that breaks the stream off: `finish_reason: error` in every choice that is open, and `error` beside them, of which the SDKs say nothing. */
  broken(error: TreeObject): TreeObject
}>

/** What goes on from chunk to chunk of one choice. */
type Choice = { finished: boolean; readonly calls: Map<JsonTree, TreeObject> }

const HEAD: readonly string[] = ['id', 'object', 'created', 'model']

export function chunkStream(): ChunkStream {
  const choices = new Map<JsonTree, Choice>()
  let head: TreeObject = new Map<string, JsonTree>([
    ['id', ''],
    ['object', 'chat.completion.chunk'],
    ['model', ''],
  ])
  /** A chunk that finishes a choice: usage may come after it. */
  let held: TreeObject | null = null
  let usage: JsonTree | undefined

  function choiceOf(index: JsonTree): Choice {
    const known = choices.get(index)
    if (known !== undefined) return known
    const choice: Choice = { finished: false, calls: new Map() }
    choices.set(index, choice)
    return choice
  }

  /** The choice without the pieces of its tool calls; with all of them once it has finished. */
  function withWholeCalls(choice: TreeObject): TreeObject {
    const index = choice.get('index') ?? 0
    const own = choiceOf(index)
    const reason = choice.get('finish_reason') ?? null
    const delta = choice.get('delta')
    const rest: TreeObject = new Map(delta instanceof Map ? delta : [])
    const pieces = rest.get('tool_calls')
    if (Array.isArray(pieces)) {
      rest.delete('tool_calls')
      for (const piece of pieces) if (piece instanceof Map) join(own.calls, piece)
    }
    if (reason !== null) {
      own.finished = true
      if (own.calls.size > 0) rest.set('tool_calls', [...own.calls.values()])
      own.calls.clear()
    }
    return new Map(choice).set('delta', rest).set('finish_reason', reason)
  }

  function release(): TreeObject[] {
    if (held === null) return []
    const chunk: TreeObject = new Map(held)
    held = null
    if (usage !== undefined) chunk.set('usage', usage)
    usage = undefined
    return [chunk]
  }

  function next(chunk: TreeObject): readonly TreeObject[] {
    const told = chunk.get('usage')
    if (told instanceof Map) usage = told
    const list = chunk.get('choices')
    if (!Array.isArray(list) || list.length === 0) return []
    head = new Map(HEAD.flatMap((name) => (chunk.has(name) ? [[name, chunk.get(name) ?? null] as const] : [])))
    const before = release()
    const own = list.map((choice) => (choice instanceof Map ? withWholeCalls(choice) : choice))
    const out: TreeObject = new Map(chunk).set('choices', own)
    out.delete('usage')
    if (own.some((choice) => choice instanceof Map && choice.get('finish_reason') !== null)) {
      held = out
      return before
    }
    return own.every(isBare) && list.some(hasCalls) ? before : [...before, out]
  }

  function rest(): readonly TreeObject[] {
    const open = [...choices].filter(([, { calls }]) => calls.size > 0)
    const left = open.map(([index, { calls }]) =>
      choiceTree(index, new Map([['tool_calls', [...calls.values()]]]), null),
    )
    return [...(left.length > 0 ? [new Map(head).set('choices', left)] : []), ...release()]
  }

  function broken(error: TreeObject): TreeObject {
    const open = [...choices].filter(([, { finished }]) => !finished).map(([index]) => index)
    const indices = open.length > 0 ? open : [...choices.keys(), 0].slice(0, 1)
    const all = indices.map((index) => choiceTree(index, new Map([['content', '']]), 'error'))
    return new Map(head).set('choices', all).set('error', error)
  }

  return { next, rest, broken }
}

function choiceTree(index: JsonTree, delta: TreeObject, reason: JsonTree): TreeObject {
  return new Map<string, JsonTree>([
    ['index', index],
    ['delta', delta],
    ['finish_reason', reason],
  ])
}

function isBare(choice: JsonTree): boolean {
  const delta = choice instanceof Map ? choice.get('delta') : undefined
  return delta instanceof Map && delta.size === 0
}

function hasCalls(choice: JsonTree): boolean {
  const delta = choice instanceof Map ? choice.get('delta') : undefined
  return delta instanceof Map && delta.has('tool_calls')
}

/** Adds a piece to the call of its index. */
function join(calls: Map<JsonTree, TreeObject>, piece: TreeObject): void {
  const index = piece.get('index') ?? calls.size
  const call: TreeObject = new Map(calls.get(index))
  for (const [name, member] of piece) {
    if (member instanceof Map) call.set(name, joined(call.get(name), member))
    else if (!isNothing(member) && isNothing(call.get(name))) call.set(name, member)
  }
  calls.set(index, call)
}

/** What continues from piece to piece. All else was inspected piece by piece, so it is never put together: the first that says something stands. */
const TEXT: ReadonlySet<string> = new Set(['name', 'arguments', 'input'])

function joined(before: JsonTree | undefined, piece: TreeObject): TreeObject {
  const all: TreeObject = new Map(before instanceof Map ? before : [])
  for (const [name, member] of piece) {
    const known = all.get(name)
    if (TEXT.has(name) && typeof known === 'string' && typeof member === 'string') all.set(name, known + member)
    else if (isNothing(known)) all.set(name, member)
  }
  return all
}

function isNothing(node: JsonTree | undefined): boolean {
  return node === undefined || node === null || node === ''
}
