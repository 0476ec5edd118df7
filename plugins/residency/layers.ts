import { type Groups, invalid, placesOf, record } from './places.ts'

/** One catalogue file as it was read. `name` stands in messages; null for the file that is shipped. */
export type Layer = Readonly<{ name: string | null; content: unknown }>

/** Whose word a row is: this version's, the operator's, or that of a listing which the provider gave the operator. */
export type Author = 'catalogue' | 'operator' | 'imported'

/** From when a row is, and of what. */
export type Stamp = Readonly<{
  /** The day on which the source was read, `YYYY-MM-DD`. */
  asOf: string
  /** Text or address of the source. */
  source: string
  author: Author
  /** File of the overlay; null for the shipped one. */
  file: string | null
}>

const WEAKEST: readonly Author[] = ['catalogue', 'imported', 'operator']

/** Whether `author` vouches for less than `other` does. */
export function isWeaker(author: Author, other: Author): boolean {
  return WEAKEST.indexOf(author) > WEAKEST.indexOf(other)
}

/** The stamp of what a row says by means of others: dated as the row is, and no better vouched for than the weakest of them. */
export function derived(stamp: Stamp, from: Iterable<Stamp>): Stamp {
  let told = stamp
  for (const { author, file } of from) if (isWeaker(author, told.author)) told = { ...told, author, file }
  return told
}

/** A row before it is understood. */
export type RawRow = Readonly<{
  key: string
  value: Readonly<Record<string, unknown>>
  stamp: Stamp
  /** As {@link rowsOf} and the facts name it: `bedrock.profiles/eu`. */
  id: string
  /** For messages: `own.json: bedrock.profiles.eu`. */
  where: string
}>

/** The files laid over each other: of rows with one name, the last one counts. A group is what the first file says that has it: rows of others are made of it. */
export type Layers = Readonly<{
  /** The day of the shipped file. */
  asOf: string
  groups: Groups
  /** Rows of a section (`bedrock.profiles`), by name. */
  rows(section: Section): readonly RawRow[]
}>

const SECTIONS = [
  'entries',
  'projects',
  'anthropic.servers',
  'domains',
  'bedrock.partitions',
  'bedrock.vendors',
  'bedrock.profiles',
  'bedrock.imported',
  'azure.hosts',
  'azure.regions',
  'azure.geographies',
  'azure.zones',
  'azure.types',
  'azure.resources',
  'vertex.locations',
  'vertex.regions',
  'vertex.models',
  'oci.realms',
  'oci.models',
] as const
export type Section = (typeof SECTIONS)[number]

/** What importers make, and nobody writes by hand as a rule. */
const IMPORTED: ReadonlySet<Section> = new Set(['bedrock.imported', 'azure.resources'])

/** Lays files over each other, the last on top, row by row. Throws ERR_CONFIG_INVALID that names file and row; nothing that is not known is passed over. */
export function layersOf(files: readonly Layer[]): Layers {
  const groups: Record<string, readonly string[]> = {}
  const sources = new Map<string, string>()
  const laid = new Map<Section, Map<string, RawRow>>(SECTIONS.map((section) => [section, new Map()]))
  let asOf = ''
  for (const { name, content } of files) {
    const file = name ?? 'the shipped catalogue'
    const top = record(content, file)
    const day = dayOf(top.as_of, file)
    asOf ||= day
    if (top.version !== 2) throw invalid(`${file} must have "version": 2.`)
    for (const [id, text] of Object.entries(record(top.sources ?? {}, `${file}: sources`))) {
      if (typeof text !== 'string' || text === '') throw invalid(`${file}: source ${id} must be a text.`)
      sources.set(id, text)
    }
    for (const [group, list] of Object.entries(record(top.groups ?? {}, `${file}: groups`))) {
      const where = `${file}: group ${group}`
      if (Object.hasOwn(groups, group))
        throw invalid(`${where} stands in an earlier file, whose rows are made of it: give it another name.`)
      groups[group] = placesOf(list, {}, where)
    }
    for (const [section, rows] of sectionsOf(top, file)) {
      for (const [key, value] of rowsOf(section, rows, file)) {
        const where = `${name === null ? '' : `${name}: `}${section}.${key}`
        const row = record(value, where)
        // They only ever add up: whoever took one away could declare its hosts to be anywhere.
        if (section === 'domains' && laid.get(section)?.has(key) === true)
          throw invalid(`${where} stands in an earlier file: give the row another name.`)
        const author = name === null ? 'catalogue' : IMPORTED.has(section) ? 'imported' : 'operator'
        const stamp = {
          asOf: dayOf(row.as_of ?? day, where),
          source: sourceOf(row.source, sources, where),
          author,
          file: name,
        } as const
        laid.get(section)?.set(key, { key, id: `${section}/${key}`, value: row, stamp, where })
      }
    }
  }
  return { asOf, groups, rows: (section) => [...(laid.get(section)?.values() ?? [])] }
}

const TOP: ReadonlySet<string> = new Set(['version', 'as_of', 'sources', 'groups'])

function sectionsOf(top: Readonly<Record<string, unknown>>, file: string): readonly (readonly [Section, unknown])[] {
  const found: (readonly [Section, unknown])[] = []
  const add = (name: string, value: unknown): boolean => {
    const section = SECTIONS.find((one) => one === name)
    if (section !== undefined) found.push([section, value])
    return section !== undefined
  }
  for (const [name, value] of Object.entries(top)) {
    if (TOP.has(name) || add(name, value)) continue
    if (!SECTIONS.some((section) => section.startsWith(`${name}.`)))
      throw invalid(`${file}: ${JSON.stringify(name)} is no part of a residency catalogue.`)
    for (const [below, part] of Object.entries(record(value, `${file}: ${name}`))) {
      if (!add(`${name}.${below}`, part))
        throw invalid(`${file}: ${JSON.stringify(`${name}.${below}`)} is no part of a residency catalogue.`)
    }
  }
  return found
}

/** Rows by name; imported profiles stand one level deeper, below the region that is called, and are named `region/profile`. */
function rowsOf(section: Section, rows: unknown, file: string): readonly (readonly [string, unknown])[] {
  const direct = Object.entries(record(rows, `${file}: ${section}`))
  if (section !== 'bedrock.imported') return direct
  return direct.flatMap(([region, below]) =>
    Object.entries(record(below, `${file}: ${section}.${region}`)).map(
      ([id, row]) => [`${region}/${id}`, row] as const,
    ),
  )
}

function dayOf(value: unknown, where: string): string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value) || new Date(value).toJSON()?.slice(0, 10) !== value)
    throw invalid(`${where} must say "as_of": "YYYY-MM-DD".`)
  return value
}

function sourceOf(value: unknown, sources: ReadonlyMap<string, string>, where: string): string {
  const text = typeof value === 'string' ? sources.get(value) : undefined
  if (text === undefined) throw invalid(`${where} must say its "source", one of the "sources" of its file.`)
  return text
}

const MARGIN: ReadonlySet<string> = new Set(['as_of', 'source', 'note'])

/** The members of a row. Throws for one that is not `known`. */
export function membersOf(row: RawRow, known: readonly string[]): Readonly<Record<string, unknown>> {
  const stray = Object.keys(row.value).find((name) => !MARGIN.has(name) && !known.includes(name))
  if (stray !== undefined)
    throw invalid(`${row.where} has ${JSON.stringify(stray)}, which is none of ${known.join(', ')}.`)
  return row.value
}
