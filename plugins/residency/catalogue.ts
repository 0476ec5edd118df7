import type { Residency } from '../../src/core/call.ts'
import { type Bedrock, readBedrock } from './bedrock.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { type Groups, invalid, placesOf, record } from './places.ts'

/** What a provider says of some of its hosts, groups already replaced by codes. */
export type Entry = Readonly<{
  id: string
  hosts: readonly string[]
  residency: Residency
  /** Of AWS, where Bedrock answers: what it says then holds for models that run in the region. Null: it holds for all that is sent there. */
  region: string | null
  note: string
}>

/** Dated data: where providers say that their hosts are. */
export type CatalogueData = Readonly<{
  /** The day on which the sources were read, `YYYY-MM-DD`. */
  asOf: string
  sources: readonly string[]
  groups: Groups
  /** By id: `openai/eu`. */
  entries: ReadonlyMap<string, Entry>
  bedrock: Bedrock
}>

export const FACETS = ['endpoint', 'processing', 'storage'] as const
/** A catalogue without Bedrock. */
const NO_BEDROCK = { partitions: {}, vendors: [], profiles: {} }
const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/

/** Reads a catalogue file's content. Throws ERR_CONFIG_INVALID; a catalogue that is half right is not used at all. */
export function readCatalogue(content: unknown): CatalogueData {
  const { version, as_of: asOf, sources, groups, entries, bedrock: aws = NO_BEDROCK } = record(content, 'the catalogue')
  if (version !== 1) throw invalid('The residency catalogue must have "version": 1.')
  if (typeof asOf !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(asOf) || Number.isNaN(Date.parse(asOf))) {
    throw invalid('The residency catalogue must say "as_of": "YYYY-MM-DD".')
  }
  if (!Array.isArray(sources) || sources.length === 0 || !sources.every((source) => typeof source === 'string')) {
    throw invalid('The residency catalogue must name its "sources".')
  }
  const codes: Record<string, readonly string[]> = {}
  for (const [name, list] of Object.entries(record(groups, 'groups'))) codes[name] = placesOf(list, {}, `group ${name}`)

  const bedrock = readBedrock(aws)
  const stated = Object.entries(record(entries, 'entries')).map(([id, value]) =>
    readEntry(id, record(value, id), codes),
  )
  const known = new Map<string, Entry>()
  const owners = new Map<string, string>()
  for (const entry of [...stated, ...regional(bedrock)]) {
    const { id } = entry
    if (known.has(id)) throw invalid(`${id} stands twice in the residency catalogue.`)
    for (const host of entry.hosts) {
      const owner = owners.get(host)
      if (owner !== undefined)
        throw invalid(`Host ${host} stands in two entries of the residency catalogue: ${owner}, ${id}.`)
      owners.set(host, id)
    }
    known.set(id, entry)
  }
  return { asOf, sources, groups: codes, entries: known, bedrock }
}

/** Each region of Bedrock as an entry: `bedrock/eu-central-1`. */
function regional({ regions }: Bedrock): readonly Entry[] {
  return [...regions.values()].map(({ id, country, hosts }) => {
    const places = Object.freeze([country])
    return {
      id: `bedrock/${id}`,
      hosts: names(hosts, id),
      residency: Object.freeze({ endpoint: places, processing: places, storage: places }),
      region: id,
      note: 'For models that run in the region. Where an inference profile runs is told by its name.',
    }
  })
}

/** The catalogue that is shipped with this version. */
export const SHIPPED: CatalogueData = readCatalogue(shipped)

/**
 * What `residency: openai/eu` in a provider's configuration stands for. Throws ERR_CONFIG_INVALID where the catalogue has no such
 * entry, or where the provider's `baseUrl` is not at one of its hosts, by HTTPS on port 443.
 */
export function lookup(id: string, baseUrl: string, catalogue: CatalogueData = SHIPPED): Residency {
  const entry = catalogue.entries.get(id)
  if (entry === undefined) {
    throw invalid(`The residency catalogue has no entry ${JSON.stringify(id)}${instead(id, catalogue)}`)
  }
  const origin = URL.parse(baseUrl)?.origin
  if (origin === undefined || !entry.hosts.some((host) => origin === `https://${host}`)) {
    const hosts = entry.hosts.map((host) => `https://${host}`).join(' or ')
    throw invalid(
      `residency ${id} holds at ${hosts} only; this provider's base_url is elsewhere. Name another host or entry, or declare the residency.`,
    )
  }
  return entry.residency
}

/** How many entries are named where one is not found. */
const NAMED = 4

function instead(id: string, { entries }: CatalogueData): string {
  if (id.startsWith('azure/')) {
    return "; where Azure runs a deployment is not told by its address but by the deployment's type (sku.name): declare it."
  }
  const vendor = id.split('/')[0]
  const ranked = [...entries.keys()]
    .map((one) => ({ one, own: one.split('/')[0] === vendor ? 1 : 0, likeness: likeness(id, one) }))
    .sort((a, b) => b.own - a.own || b.likeness - a.likeness)
  const [first] = ranked
  const meant = first !== undefined && first.likeness >= 0.75 ? ` (did you mean ${JSON.stringify(first.one)}?)` : ''
  const few = ranked.slice(0, NAMED).map(({ one }) => one)
  const rest = ranked.length - few.length
  return `${meant}; it has ${few.join(', ')}${rest > 0 ? ` and ${rest} more: docs/residency.md` : ''}.`
}

/** Dice's coefficient over pairs of letters: 1 for the same, 0 for nothing in common. */
function likeness(one: string, other: string): number {
  const left = pairs(other)
  let shared = 0
  for (const pair of pairs(one)) {
    const at = left.indexOf(pair)
    if (at === -1) continue
    left.splice(at, 1)
    shared++
  }
  return (2 * shared) / Math.max(1, one.length + other.length - 2)
}

function pairs(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2))
}

/** One residency from three lists; `null` is unknown. */
export function residencyOf(facets: Readonly<Record<string, unknown>>, groups: Groups, where: string): Residency {
  const [endpoint = null, processing = null, storage = null] = FACETS.map((facet) =>
    facets[facet] === null || facets[facet] === undefined
      ? null
      : placesOf(facets[facet], groups, `${facet} of ${where}`),
  )
  if (endpoint?.length === 0 || processing?.length === 0) {
    throw invalid(`${where}: TLS ends and inference runs somewhere; only storage may be empty.`)
  }
  return Object.freeze({ endpoint, processing, storage })
}

function readEntry(id: string, value: Record<string, unknown>, groups: Groups): Entry {
  for (const facet of FACETS)
    if (value[facet] === undefined) throw invalid(`${id} must say its ${facet}, null if it is unknown.`)
  return {
    id,
    hosts: names(value.hosts, id),
    residency: residencyOf(value, groups, id),
    region: null,
    note: typeof value.note === 'string' ? value.note : '',
  }
}

function names(hosts: unknown, id: string): readonly string[] {
  if (!Array.isArray(hosts) || hosts.length === 0) throw invalid(`${id} must name its hosts.`)
  return hosts.map((host: unknown) => {
    if (typeof host !== 'string' || !HOST.test(host))
      throw invalid(`${id} names ${JSON.stringify(host)}, which is no host in lower case.`)
    return host
  })
}
