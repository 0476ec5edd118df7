import type { Residency } from '../../src/core/call.ts'
import { type Azure, azureEntries, readAzure } from './azure.ts'
import { type Bedrock, readBedrock } from './bedrock.ts'
import shipped from './catalogue.json' with { type: 'json' }
import { readDomains } from './domains.ts'
import type { Entry } from './entry.ts'
import { type Layer, layersOf, membersOf, type RawRow } from './layers.ts'
import { ociEntries } from './oci.ts'
import { canonicalOrigin, FACETS, type Groups, hostsOf, invalid, placesOf, record, residencyOf } from './places.ts'
import { type Project, readProjects } from './projects.ts'
import { type Row, rowsOf } from './rows.ts'
import { vertexEntries } from './vertex.ts'

/** Dated data: where providers say that their hosts are. */
export type CatalogueData = Readonly<{
  /** The day on which the sources of the shipped file were read, `YYYY-MM-DD`. */
  asOf: string
  groups: Groups
  /** By id: `openai/eu`. */
  entries: ReadonlyMap<string, Entry>
  bedrock: Bedrock
  azure: Azure
  /** Residencies of projects at OpenAI, by name: `EU_STORAGE_PROCESSING`. */
  projects: ReadonlyMap<string, Project>
  /** What `inference_geo` means at Anthropic's own API, by word. */
  switches: ReadonlyMap<string, readonly string[]>
  /** The same of the operator's own servers that obey it, by origin. */
  servers: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>
  /** Domains whose hosts are a provider's. */
  domains: ReadonlySet<string>
  rows: readonly Row[]
}>

/**
 * Reads catalogue files laid over each other, the last on top. Throws ERR_CONFIG_INVALID that names file and row; a catalogue that is half right is not
 * used at all.
 */
export function readCatalogue(...files: readonly Layer[]): CatalogueData {
  const layers = layersOf(files)
  const { asOf, groups } = layers
  const bedrock = readBedrock(layers)
  const azure = readAzure(layers)
  const stated = layers.rows('entries').map((row) => readEntry(row, groups))
  const entries = new Map<string, Entry>()
  const owners = new Map<string, string>()
  for (const entry of [
    ...stated,
    ...regional(bedrock),
    ...azureEntries(layers, azure),
    ...vertexEntries(layers),
    ...ociEntries(layers),
  ]) {
    const { id, hosts } = entry
    if (entries.has(id)) throw invalid(`${id} stands twice in the residency catalogue.`)
    for (const host of hosts) {
      const owner = owners.get(host)
      if (owner !== undefined)
        throw invalid(`Host ${host} stands in two entries of the residency catalogue: ${owner}, ${id}.`)
      owners.set(host, id)
    }
    entries.set(id, entry)
  }
  const projects = readProjects(layers, entries)
  const switches = entries.get('anthropic/global')?.switches ?? new Map()
  const servers = new Map(layers.rows('anthropic.servers').map((row) => readServer(row, owners, groups)))
  const rows = rowsOf(layers, entries, projects, bedrock)
  const domains = readDomains(layers)
  return { asOf, groups, entries, bedrock, azure, projects, switches, servers, domains, rows }
}

/** The shipped catalogue with the operator's own files laid over it. */
export function catalogueWith(overlays: readonly Layer[]): CatalogueData {
  return overlays.length === 0 ? SHIPPED : readCatalogue(SHIPPED_LAYER, ...overlays)
}

/** Each region of Bedrock as an entry: `bedrock/eu-central-1`. */
function regional({ regions }: Bedrock): readonly Entry[] {
  return [...regions.values()].map(({ id, country, hosts, stamp }) => {
    const places = Object.freeze([country])
    return {
      id: `bedrock/${id}`,
      hosts: hostsOf(hosts, id),
      residency: Object.freeze({ endpoint: places, processing: places, storage: places }),
      region: id,
      names: null,
      switches: null,
      stamp,
      note: 'For models that run in the region. Where an inference profile runs is told by its name.',
    }
  })
}

const SHIPPED_LAYER: Layer = { name: null, content: shipped }

/** The catalogue that is shipped with this version. */
export const SHIPPED: CatalogueData = readCatalogue(SHIPPED_LAYER)

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
  if (id.startsWith('azure/') && ![...entries.keys()].some((one) => one.startsWith('azure/'))) {
    return "; where Azure runs a deployment is not told by its address but by the deployment's type (sku.name): lay a row for the resource over the catalogue (residency.catalogue), which `customhouse residency import azure` makes, or declare it."
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

function readEntry(row: RawRow, groups: Groups): Entry {
  const { key: id, where, value, stamp } = row
  for (const facet of FACETS)
    if (value[facet] === undefined) throw invalid(`${where} must say its ${facet}, null if it is unknown.`)
  if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(id))
    throw invalid(`${where}: ${JSON.stringify(id)} is no name of an entry, such as own/eu.`)
  const { hosts, switches } = membersOf(row, ['hosts', 'endpoint', 'processing', 'storage', 'switches'])
  return {
    id,
    hosts: hostsOf(hosts, where),
    residency: residencyOf(value, groups, where),
    region: null,
    names: null,
    switches: switches === undefined ? null : switchesOf(switches, where, groups),
    stamp,
    note: typeof value.note === 'string' ? value.note : '',
  }
}

/** The operator's word that a server obeys `inference_geo`; where it is stays with the provider's declaration. */
function readServer(row: RawRow, owners: ReadonlyMap<string, string>, groups: Groups) {
  const { key: origin, where } = row
  if (canonicalOrigin(origin) !== origin)
    throw invalid(`${where}: an origin in plain form is needed, such as https://claude.bank.example.`)
  const owner = owners.get(new URL(origin).hostname)
  if (owner !== undefined) throw invalid(`${where}: the host is that of ${owner}, whose own row says what it obeys.`)
  const { inference_geo } = membersOf(row, ['inference_geo'])
  return [origin, switchesOf({ inference_geo }, where, groups)] as const
}

function switchesOf(value: unknown, where: string, groups: Groups): ReadonlyMap<string, readonly string[]> {
  const { inference_geo: words, ...more } = record(value, `${where}: switches`)
  if (Object.keys(more).length > 0) throw invalid(`${where}: inference_geo is the only switch that is known.`)
  return new Map(
    Object.entries(record(words, `${where}: inference_geo`)).map(([word, list]) => {
      const places = placesOf(list, groups, `${where}: inference_geo ${word}`)
      if (places.length === 0) throw invalid(`${where}: inference_geo ${word} must name a place.`)
      return [word, places]
    }),
  )
}
