import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import { word } from '../answer.ts'
import { typeOf } from './refuse.ts'

/**
 * A provider's error, in the shape that the SDKs of this dialect read: they look at `error` alone. Bodies without it (Mistral's
 * `{"object": "error"}`, its 422 with `detail`, what the gateways before Mistral and Azure say) are put into one, each member of theirs included.
 */
export type Failure = Readonly<{ code: string; tree: TreeObject }>

/** Whether a body or a chunk is an error: an `error` that is truthy, as the SDKs see it, or an object that calls itself one. */
export function isFailure(tree: TreeObject): boolean {
  if (tree.get('error')) return true
  if (tree.has('choices')) return false
  return tree.get('object') === 'error' || tree.has('message') || tree.has('detail')
}

/** @param status the answer's; of an error within a stream, 0 */
export function readFailure(tree: TreeObject, status: number): Failure {
  if (tree.get('error')) return { code: codeOf(tree.get('error')), tree }
  const { message, code, type, param } = native(tree, status)
  const error: TreeObject = new Map<string, JsonTree>([
    ['message', message],
    ['type', type],
    ['param', param],
    ['code', code],
  ])
  for (const [name, member] of tree) if (!error.has(name) && !SAID.has(name)) error.set(name, member)
  // What was no text is kept beside the text that was made of it.
  const given = tree.get('message')
  if (given instanceof Map || Array.isArray(given)) error.set('details', given)
  return { code: codeOf(error), tree: new Map([['error', error]]) }
}

/** Says only what the shape says. */
const SAID: ReadonlySet<string> = new Set(['object', 'error'])

function native(tree: TreeObject, status: number): Readonly<Record<'message' | 'code' | 'type' | 'param', JsonTree>> {
  const said = tree.get('message') ?? tree.get('detail') ?? tree.get('title') ?? null
  const type = tree.get('type')
  const shown = status === 0 ? tree.get('statusCode') : status
  return {
    message: plain(said) || `the provider answered with status ${String(shown ?? 'unknown')} and no message`,
    type: typeof type === 'string' && type !== '' ? type : typeOf(typeof shown === 'number' ? shown : 500),
    param: tree.get('param') ?? null,
    code: worded(tree.get('code') ?? tree.get('statusCode') ?? null),
  }
}

/** OpenAI's codes are words. */
function worded(code: JsonTree): JsonTree {
  return typeof code === 'number' ? String(code) : code
}

/** The text of a message; of a list of findings (FastAPI's `detail`) each with its place: `body.top_p: must be less than 1`. */
function plain(said: JsonTree): string {
  if (typeof said === 'string') return said
  if (said instanceof Map) {
    const text = said.get('msg') ?? said.get('message') ?? said.get('detail')
    const place = said.get('loc')
    const before = Array.isArray(place) ? `${place.map(step).join('.')}: ` : ''
    return text === undefined ? '' : before + plain(text)
  }
  return Array.isArray(said) ? said.map(plain).filter(Boolean).join('; ') : ''
}

function step(node: JsonTree): string {
  return typeof node === 'string' || typeof node === 'number' ? String(node) : '*'
}

/** `error.code`, else `error.type`; anything but a short word is `unknown`, since codes are recorded. */
function codeOf(error: JsonTree | undefined): string {
  if (!(error instanceof Map)) return 'unknown'
  const code = error.get('code') ?? error.get('type')
  return word(code instanceof NumberLexeme ? code.lexeme : String(code ?? ''))
}
