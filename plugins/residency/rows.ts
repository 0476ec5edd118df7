import type { Residency } from '../../src/core/call.ts'
import type { Bedrock } from './bedrock.ts'
import type { Entry } from './entry.ts'
import type { Author, Layers } from './layers.ts'
import type { Project } from './projects.ts'

/** One dated statement of the catalogue. */
export type Row = Readonly<{
  /** Id of an entry (`openai/eu`), or section and name (`bedrock.profiles/eu`). */
  id: string
  /** `YYYY-MM-DD`. */
  asOf: string
  /** Text or address. */
  source: string
  author: Author
  /** File of the overlay; null for the shipped one. */
  file: string | null
  /** Where it says that text goes, in the facets that it speaks of; null for what is only a rule. */
  residency: Residency | null
}>

/** Every row in force: entries one by one, tables and rules as one row each. */
export function rowsOf(
  layers: Layers,
  entries: ReadonlyMap<string, Entry>,
  projects: ReadonlyMap<string, Project>,
  { profiles, imported }: Bedrock,
): readonly Row[] {
  const rows: Row[] = [...entries.values()].map(({ id, stamp, residency }) => ({ id, ...stamp, residency }))
  for (const { name, stamp, storage } of projects.values())
    rows.push({ id: `projects/${name}`, ...stamp, residency: { endpoint: null, processing: null, storage } })
  const reaching = (places: readonly string[] | null): Residency => ({
    endpoint: null,
    processing: places,
    storage: places,
  })
  for (const [prefix, list] of profiles)
    for (const { stamp, places } of list)
      rows.push({ id: `bedrock.profiles/${prefix}`, ...stamp, residency: reaching(places) })
  for (const [key, { stamp, places }] of imported)
    rows.push({ id: `bedrock.imported/${key}`, ...stamp, residency: reaching(places) })
  for (const section of [
    'anthropic.servers',
    'domains',
    'bedrock.vendors',
    'azure.regions',
    'azure.geographies',
    'azure.zones',
    'azure.types',
    'vertex.models',
    'oci.models',
  ] as const)
    for (const { key, stamp } of layers.rows(section)) rows.push({ id: `${section}/${key}`, ...stamp, residency: null })
  return Object.freeze(rows)
}

/** Whole days from the day of a row until `now` (milliseconds since 1970); not negative. */
export function ageOf({ asOf }: Pick<Row, 'asOf'>, now: number): number {
  return Math.max(0, Math.floor((now - Date.parse(asOf)) / 86_400_000))
}
