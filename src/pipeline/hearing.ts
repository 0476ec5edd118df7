import type { Evidence, ProviderKind } from '../core/call.ts'
import type { Answer } from '../core/port.ts'
import { within } from '../core/residency.ts'
import { evidence as recordEnding } from './evidence.ts'
import type { Sent } from './passage.ts'
import { displacedOf } from './records.ts'
import type { Whereabouts } from './whereabouts.ts'

/** Header fields of an answer in which a kind of provider tells where it works. */
const HEADERS: Partial<Readonly<Record<ProviderKind, readonly string[]>>> = { azure: ['x-ms-region'] }

/** Words that are told apart in one answer; a provider has one or two. All further ones are `other`. */
const MOST_WORDS = 16
const OTHER = 'other'

/** Of any answer, also of one that is passed over. */
export function hearHeaders(
  passage: Sent & Readonly<{ answer: Pick<Answer, 'headers'> }>,
  whereabouts: Whereabouts,
): void {
  for (const source of HEADERS[passage.target.kind] ?? []) {
    const word = passage.answer.headers[source]
    if (word !== undefined) hear(passage, whereabouts, [{ source, word }])
  }
}

/** Has the catalogue say what new words mean, and holds them against where the dispatch was judged to go. */
export function hear(passage: Sent, whereabouts: Whereabouts, evidence: readonly Evidence[]): void {
  for (const { source, word } of evidence) {
    if (!isNew(whereabouts.words, source, word)) continue
    if (whereabouts.words.size <= MOST_WORDS) judge(passage, whereabouts, { source, word })
    else if (isNew(whereabouts.words, source, OTHER)) judge(passage, whereabouts, { source, word: OTHER })
  }
}

function isNew(words: Set<string>, source: string, word: string): boolean {
  const key = `${source} ${word}`
  if (words.has(key) || words.size > 2 * MOST_WORDS) return false
  words.add(key)
  return true
}

function judge({ generation, target, residency }: Sent, whereabouts: Whereabouts, { source, word }: Evidence): void {
  const { facet, places } = generation.catalogue.evidence(target, { source, word })
  const inside = places !== null && within({ ...residency, [facet]: places }, residency)
  const said = Object.freeze({ source, facet, places: Object.freeze([...(places ?? [])]), within: inside })
  whereabouts.said = Object.freeze([...whereabouts.said, said])
  if (inside) return
  const judged = residency[facet]
  whereabouts.displaced = [...whereabouts.displaced, { source, word: plain(word), facet, places, judged }]
}

/** As a record may hold it: no more digits than a region's name has, and no free text. What is in the ledger cannot be taken out of it again. */
function plain(word: string): string {
  return /^[A-Za-z0-9 ._-]{1,64}$/.test(word) && word.replace(/[^0-9]/g, '').length <= 4 ? word : OTHER
}

/**
 * `call.displaced` for each, durable; then metrics and the log hear of it.
 *
 * @throws as the ledger does
 */
export async function recordDisplaced(sent: Sent, whereabouts: Whereabouts): Promise<void> {
  const { visit, intent, attempt, target } = sent
  for (let next = whereabouts.displaced[0]; next !== undefined; next = whereabouts.displaced[0]) {
    await recordEnding(visit, displacedOf(visit.call, intent, attempt, next))
    whereabouts.displaced = whereabouts.displaced.slice(1)
    visit.watch.displaced(target, next.facet)
    const where = `${next.source} says ${next.word}, which is not within the ${next.facet} that ${target.id} was judged by`
    visit.gateway.report('an answer came from elsewhere', new Error(where), visit.call.id)
  }
}
