import type { Reference, Segment } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { JsonTree, TreeObject } from '../core/json.ts'
import type { InboundRequest } from '../core/port.ts'

/** What every dialect reads from a call's query and headers in the same way. */

const META = 'x-customhouse-meta-'
const WORD = /^[A-Za-z0-9_.:@/-]{1,128}$/
const META_NAME = /^[a-z0-9_.-]{1,64}$/

/** A call that its sender can mend: `where` is a JSON pointer or the name of a header, `mend` says what is wanted. */
export function malformed(where: string, mend: string): CustomhouseError {
  return new CustomhouseError('ERR_CALL_MALFORMED', `${where}: ${mend}`)
}

export function unsupported(where: string, mend: string): CustomhouseError {
  return new CustomhouseError('ERR_CALL_UNSUPPORTED', `${where}: ${mend}`)
}

/** Refuses a body that is not plain JSON in UTF-8 by its own headers, and any query but those listed: nothing of it goes on. */
export function checkEnvelope(request: InboundRequest, queries: readonly string[] = []): void {
  if (request.query !== '' && !queries.includes(request.query)) {
    throw unsupported('the query string', 'this dialect has no such query parameters; leave it out')
  }
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?$/i.test(type)) {
    throw malformed('content-type', 'send the body as application/json in UTF-8')
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') throw unsupported('content-encoding', 'send the body uncompressed')
}

/** `x-customhouse-task`, or null. */
export function readTask(headers: InboundRequest['headers']): string | null {
  const task = headers['x-customhouse-task']
  return task === undefined ? null : checkWord('x-customhouse-task', task)
}

/** `x-customhouse-data-class`, a list of words: sorted, each once, in lower case. */
export function readClasses(headers: InboundRequest['headers']): readonly string[] {
  const text = headers['x-customhouse-data-class']
  if (text === undefined) return NO_CLASSES
  const words = text.split(',').map((word) => word.trim())
  if (words.length > MOST_CLASSES || !words.every((word) => CLASS.test(word))) {
    throw malformed(
      'x-customhouse-data-class',
      `give at most ${MOST_CLASSES} words of a-z 0-9 _ -, with commas between them`,
    )
  }
  return [...new Set(words)].sort()
}

const CLASS = /^[a-z][a-z0-9_-]{0,62}$/
const MOST_CLASSES = 16
const NO_CLASSES: readonly string[] = Object.freeze([])

/** `x-customhouse-meta-*` by what stands for the star. */
export function readMetadata(headers: InboundRequest['headers']): Readonly<Record<string, string>> {
  const found: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(META)) continue
    const key = name.slice(META.length)
    if (!META_NAME.test(key)) throw malformed(`${META}*`, 'name it with 1 to 64 of a-z 0-9 _ . -')
    found.push([key, checkWord(name, value)])
  }
  return Object.fromEntries(found)
}

function checkWord(header: string, value: string): string {
  if (!WORD.test(value)) throw malformed(header, 'give one value of 1 to 128 of A-Z a-z 0-9 _ . : @ / -')
  return value
}

export function asObject(node: JsonTree | undefined, pointer: string): TreeObject {
  if (!(node instanceof Map)) throw malformed(pointer === '' ? 'the body' : pointer, 'must be a JSON object')
  return node
}

export function asArray(node: JsonTree | undefined, pointer: string): JsonTree[] {
  if (!Array.isArray(node)) throw malformed(pointer, 'must be a JSON array')
  return node
}

export function asString(node: JsonTree | undefined, pointer: string): string {
  if (typeof node !== 'string' || node === '') throw malformed(pointer, 'must be a string that is not empty')
  return node
}

/** A boolean; false where the member is absent or null. */
export function asFlag(node: JsonTree | undefined, pointer: string): boolean {
  if (node === undefined || node === null) return false
  if (typeof node !== 'boolean') throw malformed(pointer, 'must be true or false')
  return node
}

/** An integer of at least `least`; null where the member is absent or null. */
export function asCount(node: JsonTree | undefined, pointer: string, least: number): number | null {
  if (node === undefined || node === null) return null
  if (typeof node !== 'number' || !Number.isSafeInteger(node) || node < least) {
    throw malformed(pointer, `must be an integer of at least ${least}, written in digits`)
  }
  return node
}

/** Names of tools are facts: policies see them and logs keep them, so they may be no prose. */
export function asName(node: JsonTree | undefined, pointer: string): string {
  const name = asString(node, pointer)
  if (!/^[A-Za-z0-9_.:/-]{1,128}$/.test(name)) throw malformed(pointer, 'must be 1 to 128 of A-Z a-z 0-9 _ . : / -')
  return name
}

/** A member's name in a message that is logged: one that could be prose is not shown. */
export function shown(name: string): string {
  return /^[A-Za-z_-]{1,40}$/.test(name) ? name : '*'
}

/** Tokens of a call, as bytes of text / 4. Base64 of an image or a document is not text, and its tokens have nothing to do with its length. */
export function inputTokens(segments: readonly Segment[], references: readonly Reference[]): number {
  const inline = new Set(references.filter(({ where }) => where === 'inline').map(({ pointer }) => pointer))
  let bytes = 0
  for (const { pointer, text } of segments) if (!inline.has(pointer)) bytes += Buffer.byteLength(text)
  return Math.ceil(bytes / 4)
}
