import type { Assignment, Edit } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { JsonTree } from '../core/json.ts'
import { getAt, parsePointer, removeAt, setAt } from '../core/pointer.ts'

/**
 * A body with the edits applied and then the assignments made, in their order; the given one is not changed. Throws
 * ERR_GATEWAY_INTERNAL for an edit of a member name or a number (`#`), of what is no string, out of bounds, or that overlaps another: an edit
 * that cannot be made was an obligation, and must not get lost.
 */
export function rewrite(body: JsonTree, edits: readonly Edit[], assign: readonly Assignment[]): JsonTree {
  const texts: [pointer: string, text: string][] = []
  for (const [pointer, own] of byPointer(edits)) {
    if (pointer.endsWith('#')) throw broken(pointer, 'names a member name or a number, which cannot be edited')
    const text = getAt(body, pointer)
    if (typeof text !== 'string') throw broken(pointer, 'names no string of the body')
    texts.push([pointer, applyEdits(text, own)])
  }
  let tree = replaceStrings(body, texts)
  for (const { pointer, value } of assign) {
    tree = value === undefined ? removeAt(tree, pointer) : setAt(tree, pointer, value)
  }
  return tree
}

/** A tree with these strings in place of what stands at their pointers, which must be strings; the given one is not changed. */
export function replaceStrings(tree: JsonTree, texts: readonly (readonly [pointer: string, text: string])[]): JsonTree {
  return texts.length === 0 ? tree : withStrings(tree, branchOf(texts))
}

/** New strings by the tokens of their pointers: a tree as deep as the body, with nothing beside the ways to them. */
type Branch = string | Map<string, Branch>

function branchOf(texts: readonly (readonly [pointer: string, text: string])[]): Branch {
  const root = new Map<string, Branch>()
  for (const [pointer, text] of texts) {
    const path = parsePointer(pointer)
    const last = path.pop()
    if (last === undefined) return text
    let branch = root
    for (const token of path) {
      let next = branch.get(token)
      if (!(next instanceof Map)) {
        next = new Map<string, Branch>()
        branch.set(token, next)
      }
      branch = next
    }
    branch.set(last, text)
  }
  return root
}

/** The tree with other strings. Each list and object on the way is copied once, however many are edited in it: a call may hold 100,000 texts. */
function withStrings(node: JsonTree, branch: Branch): JsonTree {
  if (typeof branch === 'string') return branch
  if (Array.isArray(node)) {
    const copy = node.slice()
    for (const [token, below] of branch) copy[Number(token)] = withStrings(node[Number(token)] ?? null, below)
    return copy
  }
  if (!(node instanceof Map)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a text was edited that is not there')
  const copy = new Map(node)
  for (const [token, below] of branch) copy.set(token, withStrings(node.get(token) ?? null, below))
  return copy
}

function byPointer(edits: readonly Edit[]): ReadonlyMap<string, Edit[]> {
  const groups = new Map<string, Edit[]>()
  for (const edit of edits) {
    const group = groups.get(edit.pointer)
    if (group === undefined) groups.set(edit.pointer, [edit])
    else group.push(edit)
  }
  return groups
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = ''
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (
      !Number.isInteger(edit.start) ||
      !Number.isInteger(edit.end) ||
      edit.start > edit.end ||
      edit.end > text.length
    ) {
      throw broken(edit.pointer, 'lies outside of its segment')
    }
    if (edit.start < at) throw broken(edit.pointer, 'overlaps another one')
    out += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return out + text.slice(at)
}

function broken(pointer: string, why: string): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', `an edit at a pointer of ${pointer.length} characters ${why}`)
}
