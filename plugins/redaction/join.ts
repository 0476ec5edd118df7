import type { Placed } from './detect/detector.ts'
import { ENTITIES } from './entity.ts'

/** What stands between the parts of an address: a comma, blanks, line breaks, and the two letters of a state or province. */
const BETWEEN = /^[\s,.;-]{0,6}(?:[A-Z]{2}\b[\s,.-]{0,4})?$/
const LONGEST_GAP = 12
const LIKELY = 0.5

function isPart({ type, score }: Placed): boolean {
  return score >= LIKELY && (type === 'LOCATION' || type === 'ZIP' || type === 'ADDRESS')
}

/** A street with the place and the postal code that follow it is one address, as it is written on a letter. Spans are settled; so are those given back. */
export function joined<T extends Placed>(spans: readonly T[], text: string): readonly T[] {
  if (!spans.some(({ type }) => type === 'ADDRESS')) return spans
  const all: T[] = []
  for (const span of spans) {
    const last = all.at(-1)
    if (last === undefined || last.type !== 'ADDRESS' || !isPart(last) || !isPart(span) || !isNear(last, span, text))
      all.push(span)
    else all[all.length - 1] = { ...last, end: span.end }
  }
  return all
}

function isNear(last: Placed, next: Placed, text: string): boolean {
  const { bound } = ENTITIES.ADDRESS
  if (next.start - last.end > LONGEST_GAP || (bound !== null && next.end - last.start > bound)) return false
  const between = text.slice(last.end, next.start)
  return between !== '' && BETWEEN.test(between)
}
