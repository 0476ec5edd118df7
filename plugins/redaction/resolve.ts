import type { Placed, Span } from './detect/detector.ts'
import { isWordUnit } from './detect/tokens.ts'
import { ENTITIES, isEntity } from './entity.ts'
import { joined } from './join.ts'
import { NEVER_KEPT } from './operate/operator.ts'

/** From this score on a span is more likely right than wrong. */
const LIKELY = 0.5
/** From this score on a checksum or a form that little else has proves it. */
const PROVED = 0.95

/**
 * What decides between spans that overlap: `2` proved, `1.5` of a type of the policy's own, `1` labelled or of a form, `0` the tagger's guess. Text of our own
 * tokens' shape beats all.
 */
function strength({ type, score }: Placed): number {
  if (type === 'TOKEN') return 3
  if (isEntity(type) && ENTITIES[type].family === 'named') return 0
  if (score >= PROVED) return 2
  return isEntity(type) ? 1 : 1.5
}

function better(a: Placed, b: Placed): number {
  return (
    Number(b.score >= LIKELY) - Number(a.score >= LIKELY) ||
    strength(b) - strength(a) ||
    b.end - b.start - (a.end - a.start) ||
    b.score - a.score ||
    a.start - b.start ||
    (a.type < b.type ? -1 : a.type > b.type ? 1 : 0)
  )
}

function isFlag(type: string): boolean {
  return isEntity(type) && ENTITIES[type].family === 'flag'
}

/**
 * Settles what overlaps: sorted spans, none over another, that cover all that the likely ones of the given did. Proved goes before labelled before the
 * tagger's; of equals the longer. A likely span that holds a better one whole takes it in. What is left of a loser stays a span of its own where it is
 * words, else it falls to its neighbour, which keeps its type. Flags yield to everything. Linear in the summed lengths, but for the sorting.
 */
export function resolve<T extends Placed>(spans: readonly T[], text: string): readonly T[] {
  if (spans.length < 2) return spans
  const sorted = [...spans].sort((a, b) => a.start - b.start || a.end - b.end)
  const settled: T[] = []
  let from = 0
  while (from < sorted.length) {
    let end = sorted[from]?.end ?? 0
    let to = from + 1
    for (let next = sorted[to]; next !== undefined && next.start < end; next = sorted[to]) {
      if (next.end > end) end = next.end
      to += 1
    }
    const only = sorted[from]
    if (to === from + 1 && only !== undefined) settled.push(only)
    else settle(sorted.slice(from, to), text, settled)
    from = to
  }
  return joined(settled, text)
}

/**
 * Spans without those of built-in types that are another reading of what is of a type of the policy's own: unproved, within it, and half of it or more. A
 * policy that keeps its own numbers would else see them taken out as an ID. Something smaller in it is a find of its own.
 *
 * @param counts whether something, or expressly nothing, is to be done about a span
 */
export function ownFirst<T extends Placed>(spans: readonly T[], counts: (span: T) => boolean): readonly T[] {
  const own = spans.filter((span) => !isEntity(span.type) && counts(span))
  if (own.length === 0) return spans
  own.sort((a, b) => a.start - b.start || b.end - a.end)
  const sorted = [...spans].sort((a, b) => a.start - b.start || b.end - a.end)
  const reread = new Set<T>()
  let widest: T | undefined
  let next = 0
  for (const span of sorted) {
    for (let one = own[next]; one !== undefined && one.start <= span.start; one = own[next]) {
      if (widest === undefined || one.end > widest.end) widest = one
      next += 1
    }
    if (widest !== undefined && isReread(span, widest)) reread.add(span)
  }
  return reread.size === 0 ? spans : spans.filter((span) => !reread.has(span))
}

function isReread(span: Placed, own: Placed): boolean {
  const { type, start, end } = span
  if (!isEntity(type) || isFlag(type) || NEVER_KEPT.has(type) || strength(span) > 1) return false
  return end <= own.end && (end - start) * 2 >= own.end - own.start
}

/** What may hold something of another type that is its own: whose name is an address of, whose card is in a query. */
const HOLDS: ReadonlySet<string> = new Set([
  'ADDRESS',
  'DEVICE',
  'EMAIL',
  'SECRET',
  'TOKEN',
  'TRACK',
  'URL',
  'USERNAME',
])
/** From this score on a number is what it was read as, and a reading below it of the same digits is no other find. */
const SURE = 0.7

function isNumber({ type, score }: Placed): boolean {
  return score >= SURE && isEntity(type) && ENTITIES[type].family === 'structured' && !HOLDS.has(type)
}

/**
 * Spans, sorted, of which none is over another of its own type. Those of other types stay, whole, wherever they lie, but for weak readings of what is surely
 * some number: the nine digits of a MAC address are no telephone.
 */
export function distinct(spans: readonly Span[], text: string): readonly Span[] {
  if (spans.length < 2) return spans
  const sorted = [...spans].sort(byPlace)
  if (areApart(sorted)) return sorted
  const all: Span[] = []
  for (const ofType of Map.groupBy(sorted, ({ type }) => type).values()) all.push(...resolve(ofType, text))
  all.sort(byPlace)
  let reached = 0
  return all.filter((span) => {
    const weak = (span.score < SURE || strength(span) === 0) && span.type !== 'TOKEN' && isEntity(span.type)
    if (weak && span.end <= reached) return false
    if (isNumber(span)) reached = Math.max(reached, span.end)
    return true
  })
}

/** By start; of two that start together the longer first, then the surer. */
function byPlace(a: Placed, b: Placed): number {
  return a.start - b.start || b.end - a.end || b.score - a.score
}

function areApart(sorted: readonly Placed[]): boolean {
  let reached = 0
  for (const { start, end } of sorted) {
    if (start < reached) return false
    reached = end
  }
  return true
}

type Winner<T> = { start: number; end: number; readonly of: T; alive: boolean }

/** One run of spans that hang together. Units are painted with the winner that has them. */
function settle<T extends Placed>(cluster: readonly T[], text: string, settled: T[]): void {
  const base = cluster[0]?.start ?? 0
  let most = base
  for (const { end } of cluster) if (end > most) most = end
  const owner = new Int32Array(most - base)
  const winners: Winner<T>[] = []
  const flags: T[] = []
  const win = (of: T, start: number, end: number): void => {
    winners.push({ start, end, of, alive: true })
    owner.fill(winners.length, start - base, end - base)
  }
  for (const span of [...cluster].sort(better)) {
    const { start, end } = span
    const first = owner[start - base] ?? 0
    if (first !== 0 && first === owner[end - base - 1]) continue
    if (isFlag(span.type)) {
      flags.push(span)
      continue
    }
    const within = holdsWhole(span, winners, owner, base)
    if (within !== null) {
      if (within.length === 0) win(span, start, end)
      else takeIn(span, within, win)
      continue
    }
    leftovers(span, text, winners, owner, base, win)
  }
  const out: T[] = []
  for (const { start, end, of, alive } of winners) {
    if (alive) out.push(start === of.start && end === of.end ? of : { ...of, start, end })
  }
  for (const flag of flags) {
    if (owner.subarray(flag.start - base, flag.end - base).every((one) => one === 0)) out.push(flag)
  }
  out.sort((a, b) => a.start - b.start)
  // Flags are not painted: of two that overlap the first stays.
  let reached = -1
  for (const span of out) {
    if (span.start < reached) continue
    settled.push(span)
    reached = span.end
  }
}

/** The winners that lie whole in a span that may take them in; null where it may not, or where one of them reaches beyond it. */
function holdsWhole<T extends Placed>(
  span: T,
  winners: readonly Winner<T>[],
  owner: Int32Array,
  base: number,
): readonly Winner<T>[] | null {
  const found: Winner<T>[] = []
  for (let at = span.start; at < span.end; ) {
    const winner = winners[(owner[at - base] ?? 0) - 1]
    if (winner === undefined) {
      at += 1
      continue
    }
    if (winner.start < span.start || winner.end > span.end) return null
    found.push(winner)
    at = winner.end
  }
  if (found.length === 0) return found
  return span.score >= LIKELY && strength(span) > 0 && found.every(({ of }) => of.type !== 'TOKEN') ? found : null
}

/** Most of one better span, and a bit more: it keeps its type. Otherwise the whole is what it says it is. */
function takeIn<T extends Placed>(
  span: T,
  within: readonly Winner<T>[],
  win: (of: T, start: number, end: number) => void,
): void {
  const only = within.length === 1 ? within[0] : undefined
  const keeps =
    only !== undefined && strength(only.of) > 0 && (only.end - only.start) * 10 >= (span.end - span.start) * 7
  for (const winner of within) winner.alive = false
  win(keeps ? only.of : span, span.start, span.end)
}

function leftovers<T extends Placed>(
  span: T,
  text: string,
  winners: readonly Winner<T>[],
  owner: Int32Array,
  base: number,
  win: (of: T, start: number, end: number) => void,
): void {
  for (let at = span.start; at < span.end; ) {
    if (owner[at - base] !== 0) {
      at += 1
      continue
    }
    let to = at
    while (to < span.end && owner[to - base] === 0) to += 1
    leave(span, at, to, text, winners, owner, base, win)
    at = to
  }
}

function leave<T extends Placed>(
  span: T,
  from: number,
  to: number,
  text: string,
  winners: readonly Winner<T>[],
  owner: Int32Array,
  base: number,
  win: (of: T, start: number, end: number) => void,
): void {
  let start = from
  let end = to
  while (start < end && !isWordUnit(text.charCodeAt(start))) start += 1
  while (end > start && !isWordUnit(text.charCodeAt(end - 1))) end -= 1
  if (start === end) return
  const cutLeft = start === from && from > span.start && isWordUnit(text.charCodeAt(from - 1))
  const cutRight = end === to && to < span.end && isWordUnit(text.charCodeAt(to))
  if (!cutLeft && !cutRight && isWords(text, start, end)) {
    win(span, start, end)
    return
  }
  if (span.score < LIKELY) return
  const left = from > base ? (owner[from - base - 1] ?? 0) : 0
  const right = owner[to - base] ?? 0
  const number = (from > span.start ? left : 0) || (to < span.end ? right : 0)
  const winner = winners[number - 1]
  if (winner === undefined || winner.of.type === 'TOKEN') {
    win(span, start, end)
    return
  }
  if (number === left && from > span.start) winner.end = end
  else winner.start = start
  owner.fill(number, winner.start - base, winner.end - base)
}

/** Whether there is a word of three letters in it: digits alone are nothing without what was cut off. */
function isWords(text: string, from: number, to: number): boolean {
  let run = 0
  for (let at = from; at < to; at++) {
    const unit = text.charCodeAt(at)
    run = isWordUnit(unit) && (unit < 0x30 || unit > 0x39) ? run + 1 : 0
    if (run === 3) return true
  }
  return false
}
