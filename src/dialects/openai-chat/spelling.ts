import type { JsonTree, TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { shown, unsupported } from '../request.ts'
import { isFreeName } from './vocabulary.ts'

/** Members of the body whose value is of the dialect's own shape. What else there is may hold names of the sender's own. */
const SHAPED: readonly string[] = ['messages', 'tools', 'functions', 'stream_options', 'audio', 'prediction']

/** Objects in which the names are the sender's own, or a schema's. */
const OPEN: ReadonlySet<string> = new Set(['metadata', 'parameters', 'schema', 'arguments', 'input'])

/** Only these can differ from their fold. */
const FOLDS = /[A-Z\u0080-\uffff]/

/**
 * One form of all the names that a server which does not tell capitals apart may take for one: Go's encoding/json goes by Unicode's simple case folding,
 * in which U+017F is an s and U+212A a k. The three steps take together all of that, and more.
 */
export function foldOf(name: string): string {
  return FOLDS.test(name) ? name.toLowerCase().toUpperCase().toLowerCase() : name
}

/**
 * Servers in Go read a member by its name in any capitals, and the last one wins: `Model` would be another model than the one that was judged. Throws
 * ERR_CALL_UNSUPPORTED for a name that is another spelling of one that means something, and for one that differs from another only so: in
 * the body, and at every depth of what is of the dialect's own shape.
 */
export function refuseSpellings(body: TreeObject, isWord: (fold: string) => boolean): void {
  refuseSpellingsOf(body, '', isWord)
  for (const name of SHAPED) {
    const member = body.get(name)
    if (member !== undefined) descend(member, `/${name}`, isWord)
  }
}

/** The same for the members of one object. */
export function refuseSpellingsOf(members: TreeObject, pointer: string, isWord: (fold: string) => boolean): void {
  let odd = false
  for (const name of members.keys()) {
    if (!FOLDS.test(name)) continue
    odd = true
    const fold = foldOf(name)
    if (fold !== name && isWord(fold)) {
      throw unsupported(`${pointer}/${shown(name)}`, `write it as ${fold}, or leave it out`)
    }
  }
  if (!odd) return
  const folds = new Set<string>()
  for (const name of members.keys()) {
    const fold = foldOf(name)
    if (folds.has(fold)) {
      throw unsupported(
        `${pointer}/${shown(name)}`,
        'leave it out: servers may take it for another member of that name',
      )
    }
    folds.add(fold)
  }
}

function descend(node: JsonTree, pointer: string, isWord: (fold: string) => boolean): void {
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) descend(node[i] ?? null, `${pointer}/${i}`, isWord)
  } else if (node instanceof Map) {
    refuseSpellingsOf(node, pointer, isWord)
    for (const [name, member] of node) {
      if (member === null || typeof member !== 'object' || OPEN.has(name) || isFreeName(name, '')) continue
      descend(member, `${pointer}/${escapeToken(name)}`, isWord)
    }
  }
}
