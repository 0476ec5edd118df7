import { type Builtin, BuiltinError, list, operand, text, texts } from './operand.ts'
import { sprintf } from './printf.ts'

/** By the distinct lengths of the affixes, so that a long list costs no more than a lookup for each length. */
const matchAny =
  (affixOf: (text: string, length: number) => string): Builtin =>
  (args, { charge }) => {
    const searched = texts(args, 0)
    const affixes = new Set(texts(args, 1))
    const lengths = [...new Set([...affixes].map((affix) => affix.length))]
    for (const item of searched) {
      charge(lengths.length * (1 + (item.length >>> 6)))
      if (lengths.some((length) => length <= item.length && affixes.has(affixOf(item, length)))) return true
    }
    return false
  }

/** Go's strings.Count: an empty search counts the gaps between code points. */
function count(base: string, search: string): number {
  if (search === '') return [...base].length + 1
  let found = 0
  for (let at = base.indexOf(search); at >= 0; at = base.indexOf(search, at + search.length)) found += 1
  return found
}

/** Places in code points, overlapping ones too. */
function indexOfAll(base: string, search: string): number[] {
  if (search === '') throw new BuiltinError('the search is empty')
  const places: number[] = []
  let point = 0
  let at = 0
  for (const char of base) {
    if (base.startsWith(search, at)) places.push(point)
    at += char.length
    point += 1
  }
  return places
}

export const STRINGS: Readonly<Record<string, Builtin>> = {
  sprintf: (args) => sprintf(text(args, 0), list(args, 1)),
  'strings.any_prefix_match': matchAny((item, length) => item.slice(0, length)),
  'strings.any_suffix_match': matchAny((item, length) => item.slice(item.length - length)),
  'strings.count': (args, { charge }) => {
    const base = text(args, 0)
    const search = text(args, 1)
    charge(Math.floor((base.length * search.length) / 64))
    return count(base, search)
  },
  indexof_n: (args, { charge }) => {
    const base = text(args, 0)
    const search = text(args, 1)
    charge(Math.floor((base.length * search.length) / 64))
    return indexOfAll(base, search)
  },
  'json.is_valid': (args) => {
    const value = operand(args, 0)
    if (typeof value !== 'string') return false
    try {
      JSON.parse(value)
      return true
    } catch (error) {
      if (error instanceof SyntaxError) return false
      throw error
    }
  },
}
