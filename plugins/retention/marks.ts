import type { Assignment, ModelCall } from '../../src/core/call.ts'
import type { JsonTree } from '../../src/core/json.ts'
import { escapeToken } from '../../src/core/pointer.ts'

/** Kinds of references to a state that the provider keeps between calls, and that this call would add to. */
const STATE: ReadonlySet<string> = new Set(['stored', 'container', 'thread'])

/** The place at which a call names such a state: a conversation, a thread, a container. */
export function kept({ references }: Pick<ModelCall, 'references'>): string | undefined {
  return references.find(({ kind, where }) => where === 'stored' && STATE.has(kind))?.pointer
}

/** Marks of where a cache may begin: Anthropic's, Converse's. */
const MARKS: ReadonlySet<string> = new Set(['cache_control', 'cachePoint'])
/** The shortest time that either takes. */
const SHORTEST = '5m'
/** Objects in which the names are the sender's own, or a schema's. */
const OPAQUE: ReadonlySet<string> = new Set(
  'input_schema inputSchema input_examples parameters schema metadata json logit_bias requestMetadata'.split(' '),
)

/** Every mark of a cache that is to live longer than the shortest time, shortened to it. */
export function shortened(body: JsonTree): readonly Assignment[] {
  const found: Assignment[] = []
  search(found, body, '')
  return found
}

function search(found: Assignment[], node: JsonTree, pointer: string): void {
  if (Array.isArray(node)) {
    for (let at = 0; at < node.length; at++) search(found, node[at] ?? null, `${pointer}/${at}`)
    return
  }
  if (!(node instanceof Map)) return
  for (const [name, member] of node) {
    if (typeof member !== 'object' || member === null || OPAQUE.has(name)) continue
    // A tool's input is the model's own; the one at the top of a count holds the call itself.
    if (name === 'input' && pointer !== '') continue
    const at = `${pointer}/${escapeToken(name)}`
    if (MARKS.has(name) && member instanceof Map) {
      const ttl = member.get('ttl') ?? null
      if (ttl !== null && ttl !== SHORTEST) found.push({ pointer: `${at}/ttl`, value: SHORTEST })
    } else search(found, member, at)
  }
}
