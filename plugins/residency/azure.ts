import type { Residency } from '../../src/core/call.ts'
import { ANYWHERE } from '../../src/core/residency.ts'
import type { Entry, Naming } from './entry.ts'
import { derived, type Layers, membersOf, type RawRow, type Stamp } from './layers.ts'
import { invalid, placesOf, record, regionsOf, words } from './places.ts'

/** Dated data: where resources of Azure are, and where each type of deployment runs. */
export type Azure = Readonly<{
  /** Forms of the hosts of resources: `{resource}.openai.azure.com`. */
  hosts: readonly string[]
  /** Country by region: `swedencentral`. */
  regions: ReadonlyMap<string, string>
  /** Countries of a region's geography, where data at rest stays. */
  geographyOf(region: string): readonly string[]
  /** By type (`sku.name`): where it runs for a resource in this region; null where nobody can tell. */
  types: ReadonlyMap<string, Type>
  /** Who says where a region and its geography are. */
  stampsOf(region: string): readonly Stamp[]
}>

/** Where deployments of a type run, and who says so. */
type Type = Readonly<{
  runs: (region: string) => readonly string[] | null
  stampsOf: (region: string) => readonly Stamp[]
}>

const RESOURCE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const DEPLOYMENT = /^[A-Za-z0-9._-]{1,64}$/

/** Reads the catalogue's part about Azure. Throws ERR_CONFIG_INVALID. */
export function readAzure({ rows, groups }: Layers): Azure {
  const regions = new Map<string, string>()
  const stamps = new Map<string, Stamp>()
  for (const row of rows('azure.regions')) {
    for (const [region, country] of regionsOf(membersOf(row, ['regions']).regions, row.where)) {
      if (regions.has(region)) throw invalid(`${row.where}: ${region} stands in another row as well.`)
      regions.set(region, country)
      stamps.set(region, row.stamp)
    }
  }
  const placed = new Set<string>()
  const geographies = rows('azure.geographies').map((row) => {
    const list = words(membersOf(row, ['regions']).regions, row.where)
    const countries = list.map((region) => {
      const country = regions.get(region)
      if (country === undefined) throw invalid(`${row.where}: ${region} is none of the regions of Azure.`)
      if (placed.has(region)) throw invalid(`${row.where}: ${region} stands in another geography as well.`)
      placed.add(region)
      return country
    })
    return { regions: new Set(list), places: placesOf(countries, {}, row.where), stamp: row.stamp }
  })
  const geographyOf = (region: string): readonly string[] => {
    const country = regions.get(region)
    const found = geographies.find((one) => one.regions.has(region))
    return found?.places ?? Object.freeze(country === undefined ? [] : [country])
  }
  const stampsOf = (region: string): readonly Stamp[] => {
    const [own, geography] = [stamps.get(region), geographies.find((one) => one.regions.has(region))]
    return [...(own === undefined ? [] : [own]), ...(geography === undefined ? [] : [geography.stamp])]
  }
  const zoned = new Set<string>()
  const zones = rows('azure.zones').map((row) => {
    const places = placesOf(membersOf(row, ['places']).places, groups, row.where)
    const twice = places.find((place) => zoned.has(place))
    if (twice !== undefined) throw invalid(`${row.where}: ${twice} stands in another zone as well.`)
    for (const place of places) zoned.add(place)
    return { places, stamp: row.stamp }
  })
  const zoneOf = (region: string) => zones.find(({ places }) => places.includes(regions.get(region) ?? '')) ?? null
  const anywhere = () => Object.freeze([ANYWHERE])
  const types = new Map(
    rows('azure.types').map((row) => {
      const { runs } = membersOf(row, ['runs'])
      if (runs !== 'anywhere' && runs !== 'zone' && runs !== 'geography')
        throw invalid(`${row.where}: runs must be "anywhere", "zone" or "geography".`)
      const zone = (region: string) => (runs === 'zone' ? zoneOf(region) : null)
      const type: Type = {
        runs: runs === 'anywhere' ? anywhere : runs === 'zone' ? (region) => zone(region)?.places ?? null : geographyOf,
        stampsOf: (region) => [row.stamp, zone(region)?.stamp ?? row.stamp],
      }
      return [row.key, type] as const
    }),
  )
  const hosts = rows('azure.hosts').flatMap((row) => words(membersOf(row, ['hosts']).hosts, row.where))
  return { hosts, regions, geographyOf, types, stampsOf }
}

/** Each resource as an entry: `azure/claims-oai`. The deployment's name decides; one that is not in the row is unknown. */
export function azureEntries({ rows }: Layers, azure: Azure): readonly Entry[] {
  return rows('azure.resources').map((row): Entry => {
    const { key, where, stamp } = row
    if (!RESOURCE.test(key)) throw invalid(`${where}: ${JSON.stringify(key)} is no name of a resource in lower case.`)
    const { location, deployments } = membersOf(row, ['location', 'deployments'])
    const country = typeof location === 'string' ? azure.regions.get(location) : undefined
    if (typeof location !== 'string' || country === undefined)
      throw invalid(`${where}: location ${JSON.stringify(location)} is none of the regions of Azure.`)
    const endpoint = Object.freeze([country])
    const storage = azure.geographyOf(location)
    const unnamed = Object.freeze({ endpoint, processing: null, storage })
    const listed = deploymentsOf(deployments, row, azure)
    const stamps = [...rows('azure.hosts').map((one) => one.stamp), ...azure.stampsOf(location)]
    for (const type of listed.values()) stamps.push(...type.stampsOf(location))
    const known = new Map(
      [...listed].map(([name, { runs }]) => [name, Object.freeze({ endpoint, processing: runs(location), storage })]),
    )
    return {
      id: `azure/${key}`,
      hosts: azure.hosts.map((host) => host.replace('{resource}', key)),
      residency: Object.freeze({ endpoint, processing: unionOf(known.values()), storage }),
      region: null,
      names: { nameIn: deploymentIn, of: (name) => known.get(name) ?? unnamed, rowOf: () => null, unnamed },
      switches: null,
      stamp: derived(stamp, stamps),
      note: `In ${location}. The type of the deployment decides where it runs.`,
    }
  })
}

/** Wherever any of the deployments runs; null where that is not known of one of them, or where none is listed. */
function unionOf(deployments: Iterable<Residency>): readonly string[] | null {
  const places = new Set<string>()
  for (const { processing } of deployments) {
    if (processing === null) return null
    for (const place of processing) places.add(place)
  }
  if (places.has(ANYWHERE)) return Object.freeze([ANYWHERE])
  return places.size === 0 ? null : Object.freeze([...places].sort())
}

function deploymentsOf(value: unknown, { where }: RawRow, { types }: Azure) {
  const found = new Map<string, Type>()
  for (const [name, type] of Object.entries(record(value, `${where}: deployments`))) {
    const known = typeof type === 'string' ? types.get(type) : undefined
    if (known === undefined || !DEPLOYMENT.test(name))
      throw invalid(
        `${where}: deployment ${JSON.stringify(name)} has the type ${JSON.stringify(type)}, which is none that is known.`,
      )
    found.set(name, known)
  }
  return found
}

/** v1 API: the body's `model`. The classic API names the deployment in the path, and looks at no `model`. */
function deploymentIn(path: string): Naming {
  const segments = path.split('/').slice(1)
  if (!segments.every((segment) => /^[A-Za-z0-9._~-]*$/.test(segment))) return 'unclear'
  const [api, version, name = ''] = segments
  if (api === 'openai' && version === 'v1') return 'body'
  if (api === 'openai' && version === 'deployments' && DEPLOYMENT.test(name)) return { name }
  return 'none'
}
