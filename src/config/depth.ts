import { type CST, Parser } from 'yaml'

/** A list in a map is two. No section of ours needs ten. */
const DEEPEST = 64

/**
 * Offset of the first value that lies deeper than a configuration ever does, or null. The library has no limit of its own: it goes down until the stack is
 * full, which is somewhere else at each start. Its parser of tokens, and this, take no stack.
 */
export function tooDeep(text: string): number | null {
  let found: number | null = null
  const left: { token: CST.Token; depth: number }[] = []
  const add = (token: CST.Token | null | undefined, depth: number): void => {
    if (token !== null && token !== undefined) left.push({ token, depth })
  }
  for (const token of new Parser().parse(text)) add(token, 0)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next
    if (token.type === 'document') add(token.value, depth)
    if (!('items' in token)) continue
    if (depth >= DEEPEST) {
      found = Math.min(found ?? token.offset, token.offset)
      continue
    }
    for (const { key, value } of token.items) {
      add(key, depth + 1)
      add(value, depth + 1)
    }
  }
  return found
}
