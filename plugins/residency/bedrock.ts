import type { Told } from './entry.ts'
import { derived, type Layers, membersOf, type RawRow, type Stamp } from './layers.ts'
import { invalid, placesOf, record, regionsOf, words } from './places.ts'

/** Dated data: the regions of AWS, and where its inference profiles send text. */
export type Bedrock = Readonly<{
  regions: ReadonlyMap<string, Region>
  /** Names that a foundation model's id begins with: `anthropic`. */
  vendors: ReadonlySet<string>
  /** The row that lists a vendor. */
  listing: ReadonlyMap<string, Told>
  /** By prefix: `eu`. */
  profiles: ReadonlyMap<string, readonly Profile[]>
  /** By region that is called and id or ARN, `eu-central-1/eu.anthropic...`: what listings of the operator's own account say. */
  imported: ReadonlyMap<string, Reached>
}>

export type Region = Readonly<{
  id: string
  partition: string
  country: string
  hosts: readonly string[]
  stamp: Stamp
}>

/** Regions of a profile and their countries; null: nobody knows. `row` is the id of the row that says so. */
export type Reached = Readonly<{
  row: string
  stamp: Stamp
  regions: readonly string[] | null
  places: readonly string[] | null
}>

/** Calls that are sent to one of the regions `from` run in one of these. */
type Profile = Reached & Readonly<{ from: ReadonlySet<string> }>

/** Where a model's name lets inference run: in the region that was called, in these countries, or nobody can tell. */
export type Reach = 'region' | readonly string[] | null

/** What a path says about the model: an id, that it names none, or that two readers could read it differently. */
export type Read = Readonly<{ id: string }> | 'none' | 'unclear'

const REGION = /^[a-z]{2,}(?:-[a-z]+)+-\d{1,2}$/
/** `anthropic.claude-sonnet-4-5-20250929-v1:0`: vendor, model, versions. */
const FOUNDATION = /^([a-z0-9]+)\.[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*(?::[A-Za-z0-9-]+){0,2}$/
const PREFIX = /^([a-z]+(?:-[a-z]+)?)\.(.+)$/
const ARN = /^arn:([a-z-]+):bedrock:([a-z0-9-]+):(\d{12})?:([a-z-]+)\/([^/]+)$/

/** Kinds of ARN whose capacity stands in the ARN's own region (Bedrock user guide: provisioned throughput, custom and imported models). */
const OWN: ReadonlySet<string> = new Set(['provisioned-model', 'custom-model-deployment', 'imported-model'])

/** Kinds of ARN that hide where they lead, and say so once they are imported. */
const OPAQUE: ReadonlySet<string> = new Set([
  'inference-profile',
  'application-inference-profile',
  'prompt-router',
  'default-prompt-router',
])

/**
 * Where the model of this name runs when it is called in `region`. A name decides: `eu.` and the like are inference profiles over several
 * regions, and one that was imported is known exactly. Null for `global.`, for prefixes and vendors that the catalogue does not list, for profiles called from
 * regions that it does not list, for ARNs of another region or partition, and for ARNs that hide where they lead (application inference profiles, prompts,
 * prompt routers) until they are imported.
 */
export function reachOf(id: string, region: string, bedrock: Bedrock): Reach {
  const found = reachedBy(id, region, bedrock)
  return found === 'region' || found === null ? found : found.places
}

/** The same, with the row that says so. */
export function reachedBy(id: string, region: string, bedrock: Bedrock): 'region' | Reached | null {
  const exact = bedrock.imported.get(`${region}/${id}`)
  if (exact !== undefined) return exact
  const [, partition, at, account, kind, name] = ARN.exec(id) ?? []
  if (partition === undefined || kind === undefined || name === undefined) return reachedByName(id, region, bedrock)
  if (at !== region || bedrock.regions.get(region)?.partition !== partition) return null
  if (kind === 'foundation-model') return account === undefined && isFoundation(name, bedrock.vendors) ? 'region' : null
  if (account === undefined) return null
  if (OWN.has(kind)) return /^[a-z0-9]{12}$/.test(name) ? 'region' : null
  if (kind !== 'inference-profile') return null
  const reached = bedrock.imported.get(`${region}/${name}`) ?? reachedByName(name, region, bedrock)
  return reached === 'region' ? null : reached
}

function reachedByName(name: string, region: string, { vendors, profiles }: Bedrock): 'region' | Reached | null {
  if (isFoundation(name, vendors)) return 'region'
  const [, prefix = '', rest = ''] = PREFIX.exec(name) ?? []
  if (!isFoundation(rest, vendors)) return null
  return profiles.get(prefix)?.find(({ from }) => from.has(region)) ?? null
}

/** The row that lists the vendor of a foundation model, plain, behind a prefix or in an ARN: what the name says rests on it. */
export function vendorRow(id: string, { listing }: Bedrock): Told | null {
  const name = ARN.exec(id)?.[5] ?? id
  const [, vendor = ''] = FOUNDATION.exec(name) ?? []
  const [, , rest = ''] = PREFIX.exec(name) ?? []
  return listing.get(vendor) ?? listing.get(FOUNDATION.exec(rest)?.[1] ?? '') ?? null
}

function isFoundation(name: string, vendors: ReadonlySet<string>): boolean {
  const [, vendor] = FOUNDATION.exec(name) ?? []
  return vendor !== undefined && vendors.has(vendor)
}

/** Native operations whose path ends in `/model/{id}/{operation}`. */
const OPERATIONS: ReadonlySet<string> = new Set([
  'converse',
  'converse-stream',
  'invoke',
  'invoke-with-response-stream',
  'count-tokens',
])

/**
 * The model that a path names, where every server would read the same: `model` stands once and third from the end, the id is one segment
 * as `encodeURIComponent` writes it (`:` may stand plain), and nothing else on the way is encoded. `path` begins with a slash.
 */
export function modelIn(path: string): Read {
  if (path === '/') return 'none'
  const segments = path.split('/').slice(1)
  if (segments.every(isPlain)) return 'none'
  const [word, encoded = '', operation = ''] = segments.slice(-3)
  const before = segments.slice(0, -3)
  if (word !== 'model' || !OPERATIONS.has(operation) || !before.every(isPlain)) return 'unclear'
  const id = decoded(encoded)
  if (id === null) return 'unclear'
  const written = encodeURIComponent(id)
  return encoded === written || encoded === written.replaceAll('%3A', ':') ? { id } : 'unclear'
}

/** A segment that nobody decodes, and that is not the word before an id. */
function isPlain(segment: string): boolean {
  return /^[A-Za-z0-9._~-]+$/.test(segment) && segment.toLowerCase() !== 'model'
}

/** Null for what is no encoding of UTF-8, and for what would still be one when decoded. */
function decoded(encoded: string): string | null {
  try {
    const id = decodeURIComponent(encoded)
    return id === '' || id.includes('%') ? null : id
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** Reads the catalogue's part about Bedrock. Throws ERR_CONFIG_INVALID. */
export function readBedrock({ rows }: Pick<Layers, 'rows'>): Bedrock {
  const regions = new Map<string, Region>()
  for (const row of rows('bedrock.partitions')) {
    const { hosts, regions: listed } = membersOf(row, ['hosts', 'regions'])
    const templates = words(hosts, `${row.where}: hosts`)
    if (!templates.every((host) => host.split('.').includes('{region}')))
      throw invalid(`${row.where}: each of the hosts must have {region} as one of its labels.`)
    for (const [id, country] of regionsOf(listed, `${row.where}: regions`)) {
      if (!REGION.test(id) || regions.has(id))
        throw invalid(`${row.where}: ${id} is no region of AWS, or stands twice.`)
      const names = templates.map((host) => host.replace('{region}', id))
      regions.set(id, { id, partition: row.key, country, hosts: names, stamp: row.stamp })
    }
  }
  const listing = vendorsOf(rows, regions)
  const vendors = new Set(listing.keys())
  const known: Bedrock = { regions, vendors, listing, profiles: new Map(), imported: new Map() }
  const profiles = new Map(rows('bedrock.profiles').map((row) => [row.key, profileOf(row, known)]))
  const imported = new Map<string, Reached>(rows('bedrock.imported').map((row) => [row.key, importedOf(row, known)]))
  return { ...known, profiles, imported }
}

/** Prefixes of profiles that are no part of a region's name: a vendor that is called so would take what runs in many places for what runs in one. */
const PREFIXES: ReadonlySet<string> = new Set(['global', 'apac', 'emea', 'amer', 'latam'])

function vendorsOf(rows: Layers['rows'], regions: Bedrock['regions']): ReadonlyMap<string, Told> {
  const areas = new Set([...regions.keys()].map((id) => id.split('-')[0] ?? ''))
  const listing = new Map<string, Told>()
  for (const row of rows('bedrock.vendors')) {
    for (const name of words(membersOf(row, ['names']).names, row.where)) {
      // Names of two letters are those of countries and continents.
      if (!/^[a-z0-9]{3,}$/.test(name) || PREFIXES.has(name) || areas.has(name))
        throw invalid(
          `${row.where}: ${JSON.stringify(name)} can be no vendor: it is, or could become, a prefix of inference profiles.`,
        )
      if (!listing.has(name)) listing.set(name, { row: row.id, stamp: row.stamp })
    }
  }
  return listing
}

function profileOf(row: RawRow, { regions, vendors }: Bedrock): readonly Profile[] {
  const { key: prefix, where, stamp } = row
  if (!/^[a-z]+(-[a-z]+)?$/.test(prefix) || vendors.has(prefix))
    throw invalid(`${where}: ${JSON.stringify(prefix)} can be no prefix of inference profiles.`)
  const { rows } = membersOf(row, ['rows'])
  if (!Array.isArray(rows)) throw invalid(`${where} must have "rows", a list of { from, to }.`)
  const sources = new Set<string>()
  return rows.map((one: unknown): Profile => {
    const { from, to } = record(one, where)
    const [starts, ends] = [words(from, `${where}: from`), words(to, `${where}: to`)]
    for (const id of starts) {
      // Who calls a profile is served at home too, where that is one of its regions.
      if (sources.has(id) || !ends.includes(id)) throw invalid(`${where}: ${id} must stand in one from, and in its to.`)
      sources.add(id)
    }
    return { from: new Set(starts), row: row.id, ...among(ends, regions, where, stamp) }
  })
}

/** An imported profile or router is known exactly: by the id or ARN, for one region that is called. */
function importedOf(row: RawRow, { regions, vendors }: Bedrock): Reached {
  const { key, where, stamp } = row
  const [region = '', ...rest] = key.split('/')
  const id = rest.join('/')
  const home = regions.get(region)
  if (home === undefined) throw invalid(`${where}: ${region} is none of the regions of AWS.`)
  const [, partition, at, , kind = ''] = ARN.exec(id) ?? []
  if (partition === undefined ? !PREFIX.test(id) || isFoundation(id, vendors) : !OPAQUE.has(kind))
    throw invalid(`${where}: ${JSON.stringify(id)} is neither an inference profile nor a prompt router.`)
  if (partition !== undefined && (at !== region || partition !== home.partition))
    throw invalid(`${where}: the ARN is of another region than ${region}.`)
  const { regions: list } = membersOf(row, ['regions'])
  if (list === null) return { row: row.id, stamp, regions: null, places: null }
  if (isGlobal(id)) throw invalid(`${where}: where a global profile runs nobody knows: regions must be null.`)
  const ends = words(list, `${where}: regions`)
  if (ends.length === 0) throw invalid(`${where}: regions must name at least one, or be null where nobody knows.`)
  const foreign = ends.find((one) => regions.get(one)?.partition !== home.partition)
  if (foreign !== undefined) throw invalid(`${where}: ${foreign} is no region of the partition of ${region}.`)
  return { row: row.id, ...among(ends, regions, where, stamp) }
}

const isGlobal = (id: string): boolean => (ARN.exec(id)?.[5] ?? id).startsWith('global.')

function among(ends: readonly string[], regions: Bedrock['regions'], where: string, own: Stamp) {
  const stamps: Stamp[] = []
  const countries = ends.map((id) => {
    const region = regions.get(id)
    if (region === undefined) throw invalid(`${where} names ${id}, which is none of the regions.`)
    stamps.push(region.stamp)
    return region.country
  })
  return { regions: [...ends].sort(), places: placesOf(countries, {}, where), stamp: derived(own, stamps) }
}
