import type { Assignment, Edit } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { JsonTree } from '../core/json.ts'
import { getAt, removeAt, setAt } from '../core/pointer.ts'

/**
 * A body with the edits applied and then the assignments made, in their order; the given one is not changed. Throws
 * ERR_GATEWAY_INTERNAL for an edit of a member name or a number (`#`), of what is no string, out of bounds, or that overlaps another: an edit
 * that cannot be made was an obligation, and must not get lost.
 */
export function rewrite(body: JsonTree, edits: readonly Edit[], assign: readonly Assignment[]): JsonTree {
  let tree = body
  for (const [pointer, own] of byPointer(edits)) {
    if (pointer.endsWith('#')) throw broken(pointer, 'names a member name or a number, which cannot be edited')
    const text = getAt(body, pointer)
    if (typeof text !== 'string') throw broken(pointer, 'names no string of the body')
    tree = setAt(tree, pointer, applyEdits(text, own))
  }
  for (const { pointer, value } of assign) {
    tree = value === undefined ? removeAt(tree, pointer) : setAt(tree, pointer, value)
  }
  return tree
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
