import { NEVER_KEPT } from './operator.ts'

/** Types of which not even the length is told. */
const FIXED = '********'

/**
 * Letters and digits become `*`, what stands between them stays; `first` and `last` of them are kept. Only of a card's number may more than half be kept (PCI DSS
 * 4.0.1, 3.4.1: the BIN and the last four): of anything shorter the first go, then the last.
 */
export function masked(type: string, text: string, first: number, last: number): string {
  if (NEVER_KEPT.has(type) || type === 'SECRET') return FIXED
  let count = 0
  for (const character of text) if (isKept(character)) count += 1
  const whole = type === 'CREDIT_CARD' && count >= 12
  let front = first
  let back = last
  if (!whole && (front + back) * 2 > count) front = 0
  if (!whole && back * 2 > count) back = 0
  let made = ''
  let at = 0
  for (const character of text) {
    if (!isKept(character)) {
      made += character
      continue
    }
    made += at < front || at >= count - back ? character : '*'
    at += 1
  }
  return made
}

const KEPT = /[\p{L}\p{N}\p{M}]/u

function isKept(character: string): boolean {
  return KEPT.test(character)
}
