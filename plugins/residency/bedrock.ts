import { ANYWHERE } from '../../src/core/residency.ts'
import { invalid, placesOf, record } from './places.ts'

/** Dated data: the regions of AWS, and where its inference profiles send text. */
export type Bedrock = Readonly<{
  regions: ReadonlyMap<string, Region>
  /** Names that a foundation model's id begins with: `anthropic`. */
  vendors: ReadonlySet<string>
  /** By prefix: `eu`. */
  profiles: ReadonlyMap<string, readonly Profile[]>
}>

export type Region = Readonly<{ id: string; partition: string; country: string; hosts: readonly string[] }>

/** Calls that are sent to one of the regions `from` run in one of the countries `places`. */
type Profile = Readonly<{ from: ReadonlySet<string>; places: readonly string[] }>

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

/**
 * Where the model of this name runs when it is called in `region`. A name decides: `eu.` and the like are inference profiles over several
 * regions. Null for `global.`, for prefixes and vendors that the catalogue does not list, for profiles called from regions that it does not
 * list, for ARNs of another region or partition, and for ARNs that hide where they lead (application inference profiles, prompts, prompt routers).
 */
export function reachOf(id: string, region: string, bedrock: Bedrock): Reach {
  const [, partition, at, account, kind, name] = ARN.exec(id) ?? []
  if (partition === undefined || kind === undefined || name === undefined) return reachOfName(id, region, bedrock)
  if (at !== region || bedrock.regions.get(region)?.partition !== partition) return null
  if (kind === 'foundation-model') {
    return account === undefined && reachOfName(name, region, bedrock) === 'region' ? 'region' : null
  }
  if (account === undefined) return null
  if (OWN.has(kind)) return /^[a-z0-9]{12}$/.test(name) ? 'region' : null
  if (kind !== 'inference-profile') return null
  const reach = reachOfName(name, region, bedrock)
  return reach === 'region' ? null : reach
}

function reachOfName(name: string, region: string, { vendors, profiles }: Bedrock): Reach {
  if (isFoundation(name, vendors)) return 'region'
  const [, prefix = '', rest = ''] = PREFIX.exec(name) ?? []
  if (!isFoundation(rest, vendors)) return null
  return profiles.get(prefix)?.find(({ from }) => from.has(region))?.places ?? null
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
export function readBedrock(content: unknown): Bedrock {
  const { partitions, vendors, profiles } = record(content, 'bedrock')
  const regions = new Map<string, Region>()
  for (const [partition, value] of Object.entries(record(partitions, 'bedrock.partitions'))) {
    const { hosts, regions: listed } = record(value, `partition ${partition}`)
    const templates = words(hosts, `hosts of partition ${partition}`)
    if (!templates.every((host) => host.split('.').includes('{region}'))) {
      throw invalid(`Each of the hosts of partition ${partition} must have {region} as one of its labels.`)
    }
    for (const [id, country] of Object.entries(record(listed, `regions of partition ${partition}`))) {
      if (!REGION.test(id) || regions.has(id)) throw invalid(`${id} is no region of AWS, or stands there twice.`)
      const [code = '', ...more] = placesOf([country], {}, `region ${id}`)
      if (code === ANYWHERE || more.length > 0) throw invalid(`Region ${id} must be in one country.`)
      regions.set(id, {
        id,
        partition,
        country: code,
        hosts: templates.map((host) => host.replace('{region}', id)),
      })
    }
  }
  const known: Bedrock = { regions, vendors: new Set(words(vendors, 'bedrock.vendors')), profiles: new Map() }
  return { ...known, profiles: readProfiles(profiles, known) }
}

function readProfiles(content: unknown, { regions, vendors }: Bedrock): Bedrock['profiles'] {
  const profiles = new Map<string, readonly Profile[]>()
  for (const [prefix, rows] of Object.entries(record(content, 'bedrock.profiles'))) {
    if (!/^[a-z]+(-[a-z]+)?$/.test(prefix) || vendors.has(prefix)) {
      throw invalid(`${JSON.stringify(prefix)} can be no prefix of inference profiles.`)
    }
    if (!Array.isArray(rows)) throw invalid(`Profile ${prefix} must be a list of { from, to }.`)
    const sources = new Set<string>()
    const read = rows.map((row: unknown): Profile => {
      const { from, to } = record(row, `profile ${prefix}`)
      const [starts, ends] = [words(from, `from of ${prefix}`), words(to, `to of ${prefix}`)]
      for (const id of starts) {
        // Who calls a profile is served at home too, where that is one of its regions.
        if (sources.has(id) || !ends.includes(id))
          throw invalid(`Profile ${prefix}: ${id} must stand in one from, and in its to.`)
        sources.add(id)
      }
      const countries = ends.map((id) => {
        const region = regions.get(id)
        if (region === undefined) throw invalid(`Profile ${prefix} names ${id}, which is none of the regions.`)
        return region.country
      })
      return { from: new Set(starts), places: placesOf(countries, {}, `profile ${prefix}`) }
    })
    profiles.set(prefix, read)
  }
  return profiles
}

function words(list: unknown, where: string): readonly string[] {
  if (!Array.isArray(list)) throw invalid(`${where} must be a list of words.`)
  return list.map((word: unknown) => {
    if (typeof word !== 'string' || word === '') throw invalid(`${where} must be a list of words.`)
    return word
  })
}
