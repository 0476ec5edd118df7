import type { Part } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { JsonTree, TreeObject } from '../core/json.ts'
import { escapeToken } from '../core/pointer.ts'
import { replaceStrings } from './edits.ts'
import { numberPointer, numberText } from './numbers.ts'
import { moreOf, type Spot } from './walk.ts'

/** Where the leaves of one event go. `event` numbers the events of one answer, so that no two lanes of complete leaves are alike. */
export type Leaves = Readonly<{
  parts: Part[]
  event: number
  isFreeName: (name: string, parent: string) => boolean
}>

/**
 * Every string leaf, long number and free member name below a value, as parts that are complete in this event: lane `@`, the event's
 * number and the pointer; `#` between the two for a name, and for a number, which ends in `~`.
 */
export function completeParts(to: Leaves, node: JsonTree, spot: Spot): void {
  const { pointer, parent, role, channel } = spot
  if (typeof node === 'string') {
    const argument = spot.input === undefined ? undefined : { argument: pointer.slice(spot.input.length) }
    to.parts.push({ lane: `@${to.event}${pointer}`, pointer, role, channel, text: node, ...moreOf(spot), ...argument })
  } else if (Array.isArray(node)) {
    node.forEach((item, at) => {
      completeParts(to, item, { ...spot, pointer: `${pointer}/${at}` })
    })
  } else if (node instanceof Map) {
    for (const [name, member] of node) {
      const at = `${pointer}/${escapeToken(name)}`
      namePart(to, name, parent, at, role)
      completeParts(to, member, { ...spot, pointer: at, parent: name })
    }
  } else {
    const text = numberText(node, spot.input !== undefined)
    if (text === null) return
    const lane = `@${to.event}#${pointer}~`
    to.parts.push({ lane, pointer: numberPointer(pointer), role, channel: 'data', text })
  }
}

/** A member's name as a part, if it is the sender's own word. `pointer` is the member's. */
export function namePart(to: Leaves, name: string, parent: string, pointer: string, role: Part['role']): void {
  if (!to.isFreeName(name, parent)) return
  to.parts.push({ lane: `@${to.event}#${pointer}`, pointer: `${pointer}#`, role, channel: 'data', text: name })
}

/** Whether a part is the name of a member or a number, which cannot be edited. */
function isFixedPart({ lane }: Part): boolean {
  return /^@[0-9]+#/.test(lane)
}

/** Whether the texts of an event were edited. Throws ERR_GATEWAY_INTERNAL where there are not as many as parts. */
export function isChanged(parts: readonly Part[], texts: readonly string[]): boolean {
  if (texts.length !== parts.length) {
    throw new CustomhouseError(
      'ERR_GATEWAY_INTERNAL',
      `an event of ${parts.length} parts came with ${texts.length} texts`,
    )
  }
  return parts.some(({ text }, at) => text !== texts[at])
}

/** The tree with the edited texts in place of its own. A fixed or a signed part that was edited is a fault of ours. */
export function withTexts(tree: TreeObject, parts: readonly Part[], texts: readonly string[]): TreeObject {
  const changed: [pointer: string, text: string][] = []
  parts.forEach((part, at) => {
    const text = texts[at] ?? ''
    if (text === part.text) return
    if (part.signed === true || isFixedPart(part)) {
      throw new CustomhouseError(
        'ERR_GATEWAY_INTERNAL',
        'a member name, a number or a signed text of an answer was edited, which cannot be done',
      )
    }
    changed.push([part.pointer, text])
  })
  const edited = replaceStrings(tree, changed)
  return edited instanceof Map ? edited : tree
}
