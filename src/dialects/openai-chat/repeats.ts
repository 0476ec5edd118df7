import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { malformed } from '../answer.ts'
import { itemIndex, WHOLE } from './parts.ts'

/**
 * What the deltas of one stream have said in one piece. SDKs put deltas together by rules of their own: openai-python and LangChain join every
 * string and add every number that comes again in its place. What is inspected piece by piece must therefore not come again as
 * another, or a text would leave whole that was read in halves.
 */
export type Repeats = Readonly<{
  /** Throws ERR_PROVIDER_MALFORMED for a delta that says again what was said, and says it otherwise. */
  check(choices: readonly JsonTree[]): void
}>

export function repeatsOfStream(): Repeats {
  /** By place: what stands in one piece; how many numbered items of a list have begun, -1 where its items have no numbers. */
  const said = new Map<string, string>()
  const counted = new Set<string>()
  const begun = new Map<string, number>()

  function string(place: string, name: string, text: string): void {
    const before = said.get(place)
    if (before === undefined) said.set(place, text)
    else if (before !== text) throw malformed(`another ${name} in the place of the first`)
  }

  function number(place: string): void {
    if (counted.has(place)) throw malformed('a number in a place that had one')
    counted.add(place)
  }

  /** @param replaced whether SDKs replace the `type` of this object: they do in a list, tool calls apart */
  function members(node: TreeObject, place: string, replaced: boolean): void {
    for (const [name, member] of node) {
      if (typeof member === 'string') {
        if (member === '' || !WHOLE.has(name) || (replaced && name === 'type')) continue
        string(`${place}/${name}`, name, member)
      } else if (typeof member === 'number' || member instanceof NumberLexeme) {
        if (name !== 'index') number(`${place}/${escapeToken(name)}`)
      } else if (Array.isArray(member)) items(member, `${place}/${escapeToken(name)}`, name !== 'tool_calls')
      else if (member instanceof Map) members(member, `${place}/${escapeToken(name)}`, false)
    }
  }

  /** Items without a number stay apart, so nothing of theirs is said again. */
  function items(list: readonly JsonTree[], place: string, replaced: boolean): void {
    for (const item of list) {
      const index = itemIndex(item)
      const before = begun.get(place)
      if ((before === -1) !== (index === undefined) && before !== undefined) {
        throw malformed('a list whose items have numbers and have none')
      }
      if (index === undefined || !(item instanceof Map)) {
        begun.set(place, -1)
        continue
      }
      // openai-python takes an item that leaves a number out for the next one, and its number for that of another.
      const next = before ?? 0
      if (index > next) throw malformed('an item of a list before those in front of it')
      if (index === next) begun.set(place, next + 1)
      members(item, `${place}/${index}`, replaced)
    }
  }

  return {
    check(choices) {
      for (const choice of choices) {
        const delta = choice instanceof Map ? choice.get('delta') : undefined
        if (choice instanceof Map && delta instanceof Map) members(delta, String(choice.get('index')), false)
      }
    },
  }
}
