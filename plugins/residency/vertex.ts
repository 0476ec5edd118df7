import type { Residency } from '../../src/core/call.ts'
import type { Entry, Names, Naming, Told } from './entry.ts'
import { type Layers, membersOf, type RawRow } from './layers.ts'
import { hostsOf, invalid, regionsOf, residencyOf, words } from './places.ts'

const MODEL = /^[a-z0-9][A-Za-z0-9._/@-]*$/

/** Locations of Vertex AI as entries: `vertex/eu`, `vertex/europe-west4`. Host and `locations/...` of the path must agree. Throws ERR_CONFIG_INVALID. */
export function vertexEntries(layers: Layers): readonly Entry[] {
  const { rows, groups } = layers
  const entries = new Map<string, Entry>()
  const promises = modelsOf(rows('vertex.models'))
  for (const row of rows('vertex.regions')) {
    const { host, regions } = membersOf(row, ['host', 'regions'])
    for (const [region, country] of regionsOf(regions, row.where)) {
      const places = Object.freeze([country])
      const plain = Object.freeze({ endpoint: null, processing: null, storage: places })
      const promised = Object.freeze({ ...plain, processing: places })
      const promiseOf = (model: string) => {
        const promise = promises.get(model)
        return promise?.regions.has(region) === true ? promise : null
      }
      const models = {
        of: (model: string) => (promiseOf(model) === null ? plain : promised),
        rowOf: (model: string) => promiseOf(model)?.told ?? null,
      }
      entries.set(region, entryOf(row, region, hostIn(host, region, row), plain, models))
    }
  }
  for (const row of rows('vertex.locations')) {
    const { host, ...facets } = membersOf(row, ['host', 'endpoint', 'processing', 'storage'])
    const residency = residencyOf(facets, groups, row.where)
    entries.set(row.key, entryOf(row, row.key, hostIn(host, row.key, row), residency, null))
  }
  return [...entries.values()]
}

function entryOf(
  { stamp, where }: RawRow,
  location: string,
  hosts: readonly string[],
  residency: Residency,
  models: Pick<Names, 'of' | 'rowOf'> | null,
): Entry {
  if (!/^[a-z0-9-]+$/.test(location)) throw invalid(`${where}: ${JSON.stringify(location)} is no location.`)
  const nameIn = (path: string): Naming => {
    const read = locationIn(path)
    if (read === null) return 'none'
    return read !== location ? 'unclear' : models === null ? { name: '' } : 'body'
  }
  return {
    id: `vertex/${location}`,
    hosts,
    residency,
    region: null,
    names: {
      nameIn,
      ...(models ?? { of: () => residency, rowOf: () => null }),
      unnamed: residency.processing === null ? residency : noInference(residency),
    },
    switches: null,
    stamp,
    note: 'The location of the path must be that of the host.',
  }
}

const noInference = (residency: Residency): Residency => Object.freeze({ ...residency, processing: null })

/** `/v1/projects/{p}/locations/{l}/...`, in plain letters; null for any other path. */
function locationIn(path: string): string | null {
  const [, location = ''] =
    /^\/v1(?:beta1)?\/projects\/[A-Za-z0-9:._-]+\/locations\/([a-z0-9-]+)(?:\/[A-Za-z0-9._~@:-]+)*$/.exec(path) ?? []
  const again = path.split('/').filter((segment) => segment.toLowerCase() === 'locations').length
  return location !== '' && again === 1 ? location : null
}

function hostIn(host: unknown, region: string, { where }: RawRow): readonly string[] {
  return hostsOf([typeof host === 'string' ? host.replace('{region}', region) : host], where)
}

/** Regions for which a model's processing is promised. */
function modelsOf(
  rows: readonly RawRow[],
): ReadonlyMap<string, Readonly<{ regions: ReadonlySet<string>; told: Told }>> {
  return new Map(
    rows.map((row) => {
      if (!MODEL.test(row.key)) throw invalid(`${row.where}: ${JSON.stringify(row.key)} is no model's name.`)
      const regions = new Set(words(membersOf(row, ['regions']).regions, row.where))
      return [row.key, { regions, told: { row: row.id, stamp: row.stamp } }]
    }),
  )
}
