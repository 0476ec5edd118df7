import { CustomhouseError } from './errors.ts'
import { type Json, type JsonTree, NumberLexeme, type TreeObject } from './json.ts'

/** A number as RFC 8259 (6) has it. */
export const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

/**
 * The bytes of trees that were read from exactly what would be written of them, so that writing them again costs nothing. Trees are
 * never changed once they were read: setAt and removeAt copy, and so must whoever else wants another tree.
 */
const WRITTEN = new WeakMap<TreeObject, Uint8Array>()

/** For the parser alone: `bytes` are what {@link writeTree} would write of the tree. */
export function rememberBytes(tree: TreeObject, bytes: Uint8Array): void {
  WRITTEN.set(tree, bytes)
}

/** Writes a tree: members in their order, lexemes verbatim, no space. Lone surrogates are written as escapes. */
export function writeTree(tree: JsonTree): string {
  if (typeof tree === 'string') return writeString(tree)
  if (tree === null) return 'null'
  if (typeof tree === 'number') return writeNumber(tree)
  if (typeof tree === 'boolean') return tree ? 'true' : 'false'
  if (tree instanceof NumberLexeme) return writeLexeme(tree.lexeme)
  if (Array.isArray(tree)) {
    let out = '['
    for (let i = 0; i < tree.length; i++) {
      if (i > 0) out += ','
      out += writeTree(tree[i] ?? null)
    }
    return `${out}]`
  }
  let out = '{'
  for (const [name, member] of tree) {
    if (out.length > 1) out += ','
    out += writeString(name)
    out += ':'
    out += writeTree(member)
  }
  return `${out}}`
}

/** Most strings are short names without anything to escape: for those a call of JSON.stringify costs more than the look. */
function writeString(text: string): string {
  if (text.length > 40) return JSON.stringify(text)
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x20 || c === 0x22 || c === 0x5c || c >= 0xd800) return JSON.stringify(text)
  }
  return `"${text}"`
}

/** UTF-8 bytes of {@link writeTree}. They may be the very bytes that the tree was read from, and must not be written to. */
export function writeTreeBytes(tree: JsonTree): Uint8Array {
  return (tree instanceof Map ? WRITTEN.get(tree) : undefined) ?? Buffer.from(writeTree(tree))
}

function writeNumber(n: number): string {
  if (!Number.isFinite(n)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', `JSON has no number ${n}`)
  return String(n)
}

function writeLexeme(lexeme: string): string {
  if (!JSON_NUMBER.test(lexeme)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a number lexeme is no JSON number')
  return lexeme
}

/**
 * Plain data of a tree. Numbers become doubles, so `1.0` is 1 and digits beyond 2^53 are lost; one that no double can hold
 * (`1e400`) throws ERR_CALL_UNSUPPORTED. A member `__proto__` becomes an own property.
 */
export function treeToJson(tree: JsonTree): Json {
  if (tree instanceof NumberLexeme) {
    const n = Number(tree.lexeme)
    if (!Number.isFinite(n))
      throw new CustomhouseError('ERR_CALL_UNSUPPORTED', 'a number is beyond what a double can hold')
    return n
  }
  if (Array.isArray(tree)) return tree.map(treeToJson)
  if (tree instanceof Map) return Object.fromEntries([...tree].map(([name, member]) => [name, treeToJson(member)]))
  return tree
}

/** A tree of plain data; members in the order of Object.keys. */
export function jsonToTree(json: Json): JsonTree {
  if (json === null || typeof json === 'string' || typeof json === 'boolean') return json
  if (typeof json === 'number') return Number(writeNumber(json))
  if (isJsonArray(json)) return json.map(jsonToTree)
  return new Map(Object.entries(json).map(([name, member]) => [name, jsonToTree(member)]))
}

function isJsonArray(json: Json): json is readonly Json[] {
  return Array.isArray(json)
}
