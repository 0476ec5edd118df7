import { CustomhouseError } from './errors.ts'
import type { JsonTree } from './json.ts'

/** One reference token, escaped (RFC 6901 3): `~` is `~0`, `/` is `~1`. */
export function escapeToken(token: string): string {
  return token.includes('~') || token.includes('/') ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token
}

/** Pointer of a path of member names and indices; '' for the root. */
export function formatPointer(path: readonly (string | number)[]): string {
  let out = ''
  for (const step of path) out += `/${typeof step === 'number' ? step : escapeToken(step)}`
  return out
}

/** Reference tokens of a pointer, unescaped. Throws ERR_GATEWAY_INTERNAL for what is no RFC 6901 pointer. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return misuse(pointer, 'is no RFC 6901 pointer')
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** What stands at a pointer, or undefined. */
export function getAt(tree: JsonTree, pointer: string): JsonTree | undefined {
  let node: JsonTree | undefined = tree
  for (const token of parsePointer(pointer)) {
    if (Array.isArray(node)) node = node[arrayIndex(token) ?? -1]
    else if (node instanceof Map) node = node.get(token)
    else return undefined
  }
  return node
}

/**
 * A tree with `value` at `pointer`. The given tree is not changed: arrays and objects along the path are copied, all else is shared.
 * A member keeps its place, a new one comes last; in an array the index may be its length, or `-`, to append. The parent must exist:
 * else ERR_GATEWAY_INTERNAL.
 */
export function setAt(tree: JsonTree, pointer: string, value: JsonTree): JsonTree {
  return change(tree, parsePointer(pointer), 0, pointer, value)
}

/** A tree without what stands at `pointer`; the same tree if nothing does. Otherwise as {@link setAt}. */
export function removeAt(tree: JsonTree, pointer: string): JsonTree {
  if (pointer === '') return misuse(pointer, 'is the root, which cannot be removed')
  if (getAt(tree, pointer) === undefined) return tree
  return change(tree, parsePointer(pointer), 0, pointer, undefined)
}

function change(
  node: JsonTree,
  path: readonly string[],
  depth: number,
  pointer: string,
  value: JsonTree | undefined,
): JsonTree {
  const token = path[depth]
  if (token === undefined) return value ?? null
  const last = depth === path.length - 1
  if (Array.isArray(node)) {
    const index = last && token === '-' ? node.length : arrayIndex(token)
    if (index === undefined || index > node.length || (index === node.length && (!last || value === undefined))) {
      return misuse(pointer, 'names no item of an array')
    }
    if (last && value === undefined) return node.toSpliced(index, 1)
    const copy = node.slice()
    copy[index] = change(node[index] ?? null, path, depth + 1, pointer, value)
    return copy
  }
  if (!(node instanceof Map)) return misuse(pointer, 'has no parent that could hold it')
  const copy = new Map(node)
  if (last && value === undefined) {
    copy.delete(token)
    return copy
  }
  const member = node.get(token)
  if (!last && member === undefined) return misuse(pointer, 'has no parent that could hold it')
  copy.set(token, change(member ?? null, path, depth + 1, pointer, value))
  return copy
}

function arrayIndex(token: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,8})$/.test(token) ? Number(token) : undefined
}

function misuse(pointer: string, why: string): never {
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', `a JSON pointer of ${pointer.length} characters ${why}`)
}
