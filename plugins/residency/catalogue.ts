import type { Residency } from '../../src/core/call.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { type Groups, invalid, placesOf } from './places.ts'

/** What a provider says of some of its hosts, groups already replaced by codes. */
export type Entry = Readonly<{ id: string; hosts: readonly string[]; residency: Residency; note: string }>

/** Dated data: where providers say that their hosts are. */
export type CatalogueData = Readonly<{
  /** The day on which the sources were read, `YYYY-MM-DD`. */
  asOf: string
  sources: readonly string[]
  groups: Groups
  /** By id: `openai/eu`. */
  entries: ReadonlyMap<string, Entry>
}>

export const FACETS = ['endpoint', 'processing', 'storage'] as const
const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/

/** Reads a catalogue file's content. Throws ERR_CONFIG_INVALID; a catalogue that is half right is not used at all. */
export function readCatalogue(content: unknown): CatalogueData {
  const { version, as_of: asOf, sources, groups, entries } = record(content, 'the catalogue')
  if (version !== 1) throw invalid('The residency catalogue must have "version": 1.')
  if (typeof asOf !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(asOf) || Number.isNaN(Date.parse(asOf))) {
    throw invalid('The residency catalogue must say "as_of": "YYYY-MM-DD".')
  }
  if (!Array.isArray(sources) || sources.length === 0 || !sources.every((source) => typeof source === 'string')) {
    throw invalid('The residency catalogue must name its "sources".')
  }
  const codes: Record<string, readonly string[]> = {}
  for (const [name, list] of Object.entries(record(groups, 'groups'))) codes[name] = placesOf(list, {}, `group ${name}`)

  const known = new Map<string, Entry>()
  const owners = new Map<string, string>()
  for (const [id, value] of Object.entries(record(entries, 'entries'))) {
    const entry = readEntry(id, record(value, id), codes)
    for (const host of entry.hosts) {
      const owner = owners.get(host)
      if (owner !== undefined)
        throw invalid(`Host ${host} stands in two entries of the residency catalogue: ${owner}, ${id}.`)
      owners.set(host, id)
    }
    known.set(id, entry)
  }
  return { asOf, sources, groups: codes, entries: known }
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
    throw invalid(
      `The residency catalogue has no entry ${JSON.stringify(id)}; it has ${[...catalogue.entries.keys()].join(', ')}.`,
    )
  }
  const origin = URL.parse(baseUrl)?.origin
  if (origin === undefined || !entry.hosts.some((host) => origin === `https://${host}`)) {
    const hosts = entry.hosts.map((host) => `https://${host}`).join(' or ')
    throw invalid(
      `residency ${id} holds at ${hosts} only; this provider's base_url is elsewhere. Declare its residency instead.`,
    )
  }
  return entry.residency
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
  const hosts = value.hosts
  if (!Array.isArray(hosts) || hosts.length === 0) throw invalid(`${id} must name its hosts.`)
  const names = hosts.map((host: unknown) => {
    if (typeof host !== 'string' || !HOST.test(host))
      throw invalid(`${id} names ${JSON.stringify(host)}, which is no host in lower case.`)
    return host
  })
  return {
    id,
    hosts: names,
    residency: residencyOf(value, groups, id),
    note: typeof value.note === 'string' ? value.note : '',
  }
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} must be an object.`)
  return { ...value }
}
