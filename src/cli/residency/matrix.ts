import type { ProviderKind, Residency } from '../../core/call.ts'
import { ANYWHERE } from '../../core/residency.ts'

export const FACETS = ['endpoint', 'processing', 'storage'] as const
export type Facet = (typeof FACETS)[number]
export type Answer = 'yes' | 'no' | 'unknown'

/** A set of countries that has a name: a union, or a country alone. */
export type Jurisdiction = Readonly<{ name: string; places: ReadonlySet<string> }>

/** A target as the matrix needs it. */
export type Placed = Readonly<{
  id: string
  provider: string
  kind: ProviderKind
  /** Of AWS; null for every other kind. */
  region: string | null
  /** The model's name as its provider knows it. */
  model: string
  residency: Residency
}>

/** Whether all that `facet` says lies within the jurisdiction; `reason` is why not, null with `yes`. */
export type Cell = Readonly<{ answer: Answer; reason: string | null }>
export type Line = Readonly<{
  jurisdiction: string
  answer: Answer
  /** Those of the facets; null with `yes`. */
  reason: string | null
  facets: Readonly<Record<Facet, Cell>>
}>

/** `reason` in two parts: `inference may run`, `in CH and GB`; of the unknown `inference runs` and what would make it known. */
type Parted = Readonly<{ answer: Answer; subject: string; where: string }>

const EU = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK'
/** Members of the European Economic Area that are not members of the European Union. */
const EFTA = 'IS LI NO'

const set = (words: string): ReadonlySet<string> => new Set(words.split(' '))

/** Those that are asked of every target, in the order in which they are printed. */
export const ALWAYS: readonly Jurisdiction[] = [
  { name: 'EU', places: set(EU) },
  { name: 'EEA', places: set(`${EU} ${EFTA}`) },
  { name: 'EEA+CH', places: set(`${EU} ${EFTA} CH`) },
  { name: 'CH', places: set('CH') },
  { name: 'UK', places: set('GB') },
  { name: 'US', places: set('US') },
]

/** Each country that some target names, but for those that are asked of every target. */
export function countriesOf(targets: readonly Placed[]): readonly Jurisdiction[] {
  const named = targets.flatMap(({ residency }) => FACETS.flatMap((facet) => residency[facet] ?? []))
  const apart = new Set([ANYWHERE, 'CH', 'GB', 'US'])
  return [...new Set(named)]
    .filter((place) => !apart.has(place))
    .sort()
    .map((name) => ({ name, places: new Set([name]) }))
}

/** The lines of one target, a line for each jurisdiction. */
export function linesOf(target: Placed, jurisdictions: readonly Jurisdiction[]): readonly Line[] {
  return jurisdictions.map(({ name, places }) => {
    const parted = (facet: Facet): Parted => partsOf(target, facet, places)
    const parts = { endpoint: parted('endpoint'), processing: parted('processing'), storage: parted('storage') }
    const all = Object.values(parts)
    const answer = (['no', 'unknown'] as const).find((one) => all.some((part) => part.answer === one)) ?? 'yes'
    const facets = {
      endpoint: cellOf(parts.endpoint),
      processing: cellOf(parts.processing),
      storage: cellOf(parts.storage),
    }
    return { jurisdiction: name, answer, reason: reasonOf(all), facets }
  })
}

function cellOf(part: Parted): Cell {
  return { answer: part.answer, reason: reasonOf([part]) }
}

/** What holds of several facets is said once. */
function reasonOf(parts: readonly Parted[]): string | null {
  const groups = Map.groupBy(
    parts.filter(({ answer }) => answer !== 'yes'),
    ({ answer, where }) => `${answer} ${where}`,
  )
  const sentences = [...groups.values()].map((group) => {
    const subjects = folded(group.map(({ subject }) => subject))
    const where = group[0]?.where ?? ''
    return group[0]?.answer === 'unknown' ? `nobody knows where ${subjects}${where}` : `${subjects} ${where}`
  })
  return sentences.length === 0 ? null : sentences.join('; ')
}

function partsOf(target: Placed, facet: Facet, places: ReadonlySet<string>): Parted {
  const said = target.residency[facet]
  if (said === null) return { answer: 'unknown', subject: UNKNOWN[facet], where: hint(target, facet) }
  const subject = subjectOf(target, facet)
  if (said.includes(ANYWHERE)) return { answer: 'no', subject, where: 'anywhere' }
  const outside = said.filter((place) => !places.has(place))
  return { answer: outside.length === 0 ? 'yes' : 'no', subject, where: `in ${folded(outside)}` }
}

const UNKNOWN: Readonly<Record<Facet, string>> = {
  endpoint: 'TLS ends',
  processing: 'inference runs',
  storage: 'text is kept',
}
const KNOWN: Readonly<Record<Facet, string>> = {
  endpoint: 'TLS may end',
  processing: 'inference may run',
  storage: 'text may be kept',
}

/** What goes there, as the beginning of a sentence that ends with a place. */
function subjectOf(target: Placed, facet: Facet): string {
  const prefix = facet === 'processing' ? prefixOf(target) : null
  return prefix === null ? KNOWN[facet] : `${prefix}. profile from ${target.region} may run`
}

const PROFILE = /^(?:arn:[^/]*:inference-profile\/)?([a-z]+(?:-[a-z]+)?)\.[a-z0-9]+\.[A-Za-z0-9]/
const HIDDEN = /^arn:[^/]*:(application-inference-profile|prompt-router|default-prompt-router|prompt)\//

function prefixOf({ kind, region, model }: Placed): string | null {
  return kind === 'bedrock' && region !== null ? (PROFILE.exec(model)?.[1] ?? null) : null
}

/** What makes the unknown known, where something would. */
function hint(target: Placed, facet: Facet): string {
  const { kind, model } = target
  if (facet === 'endpoint') return ''
  const hidden = kind === 'bedrock' ? HIDDEN.exec(model)?.[1] : undefined
  if (hidden !== undefined) return `: import the ${hidden} (customhouse residency import bedrock)`
  if (kind === 'azure') return `: import the deployment ${JSON.stringify(model)} (customhouse residency import azure)`
  const prefix = prefixOf(target)
  return prefix === null ? '' : `: a ${prefix}. profile, called from ${target.region}`
}

const MANY = 8

/** `CH and GB`; of many the first few and how many more. */
export function folded(words: readonly string[], many = MANY): string {
  if (words.length > many) return `${words.slice(0, many).join(', ')} and ${words.length - many} more`
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}
