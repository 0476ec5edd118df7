import { type CatalogueData, type Row, SHIPPED } from '../../../plugins/residency/index.ts'
import { isAged } from '../../compose/ages.ts'
import { catalogueOf } from '../../compose/generation.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { loadSettings } from '../settings.ts'
import { folded } from './matrix.ts'
import { placesText, wrapped } from './print.ts'

export type RowsOptions = Readonly<{ config?: string; kind?: string; json?: true }>

/** Prints the rows of a catalogue with their day and source: the shipped one, or with a configuration the one in force. */
export async function rows({ config, kind, json }: RowsOptions): Promise<void> {
  const loaded = config === undefined ? null : await loadSettings({ config }, { secrets: false })
  const catalogue: CatalogueData = loaded === null ? SHIPPED : catalogueOf(loaded)
  const chosen = catalogue.rows.filter(({ id }) => kind === undefined || sectionOf(id) === kind)
  if (chosen.length === 0) {
    const kinds = [...new Set(catalogue.rows.map(({ id }) => sectionOf(id)))].sort().join(', ')
    throw new CustomhouseError(
      'ERR_CLI_USAGE',
      `The catalogue has no rows of ${JSON.stringify(kind)}: there are ${kinds}.`,
    )
  }
  const maxAgeMs = loaded?.config.residency.maxAgeMs ?? null
  const now = Date.now()
  const aged = ({ asOf }: Row): boolean => maxAgeMs !== null && isAged(asOf, maxAgeMs, now)
  process.stdout.write(json === true ? `${JSON.stringify(asJson(chosen, aged), null, 2)}\n` : printed(chosen, aged))
}

/** `bedrock` of `bedrock.profiles/eu` and `bedrock/eu-central-1`. */
const sectionOf = (id: string): string => /^[^./]*/.exec(id)?.[0] ?? id

function asJson(chosen: readonly Row[], aged: (row: Row) => boolean): unknown {
  return chosen.map((row) => {
    const { id, asOf, author, source, file, residency } = row
    return { id, as_of: asOf, aged: aged(row), author, source, file, residency }
  })
}

const NAME = 44
const FEW = 6

function printed(chosen: readonly Row[], aged: (row: Row) => boolean): string {
  const sources = new Map<string, number>()
  const out: string[] = []
  for (const row of chosen) {
    const { id, asOf, author, file, source } = row
    const number = sources.get(source) ?? sources.size + 1
    sources.set(source, number)
    const whose = author === 'catalogue' ? '' : `, ${author} (${file})`
    out.push(`${id.padEnd(NAME)} ${asOf} [${number}]${whose}${aged(row) ? ', older than residency.max_age' : ''}`)
    const where = whereOf(row)
    if (where !== null) out.push(...wrapped('   ', where))
  }
  out.push('')
  for (const [source, number] of sources) out.push(...wrapped(`[${number}]`, source))
  return `${out.join('\n')}\n`
}

/** Facets of a row that say the same stand together. */
function whereOf({ residency }: Row): string | null {
  if (residency === null) return null
  const facets = ['endpoint', 'processing', 'storage'] as const
  const groups = Map.groupBy(facets, (facet) => placesText(residency[facet], FEW))
  return [...groups].map(([places, named]) => `${folded(named)} ${places}`).join('; ')
}
