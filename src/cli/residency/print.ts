import { ANYWHERE } from '../../core/residency.ts'
import type { Verdict } from './judging.ts'
import { FACETS, folded, type Line } from './matrix.ts'
import type { Shown } from './placing.ts'

/** What a line of a terminal holds. */
export const COLUMNS = 100
const NAME = 52
const CELL = 8
const LABEL = 14

/** The matrix as text: all targets first, jurisdictions across; then each of them with its facets, its row and its reasons. */
export function printMatrix(
  targets: readonly Shown[],
  tenant: string | null,
  verdicts: ReadonlyMap<string, readonly Verdict[]> | null,
): string {
  const names = targets[0]?.lines.slice(0, targets[0].always).map(({ jurisdiction }) => jurisdiction) ?? []
  const out = [`${'TARGET'.padEnd(NAME)}${row(names)}`]
  for (const { target, lines, always } of targets)
    out.push(`${middle(target.id, NAME - 2).padEnd(NAME)}${row(lines.slice(0, always).map(({ answer }) => answer))}`)
  for (const shown of targets) out.push('', ...detail(shown), ...said(tenant, verdicts?.get(shown.target.id) ?? []))
  return `${out.map((line) => line.trimEnd()).join('\n')}\n`
}

function row(cells: readonly string[]): string {
  return cells.map((cell) => cell.padEnd(CELL)).join('')
}

function detail(shown: Shown): readonly string[] {
  const { target, lines, always, models } = shown
  const out = [
    ...wrapped('', target.id),
    ...wrapped('  asked for as', folded(models)),
    ...wrapped('  row', rowOf(shown)),
  ]
  // A country alone can hold only what is wholly in one country: of others the answer is no, or that nobody knows.
  const few = [
    ...lines.slice(0, always),
    ...lines
      .slice(always)
      .filter((line) => FACETS.some((one) => line.facets[one].answer === 'yes' && target.residency[one]?.length === 1)),
  ]
  // Where all facets say the same, the first table has said it.
  if (few.some(({ facets }) => new Set(FACETS.map((facet) => facets[facet].answer)).size > 1) || few.length > always) {
    out.push(`${' '.repeat(LABEL)}${row(few.map(({ jurisdiction }) => jurisdiction))}`)
    for (const facet of FACETS)
      out.push(`  ${facet.padEnd(LABEL - 2)}${row(few.map(({ facets }) => facets[facet].answer))}`)
  }
  const { residency } = target
  for (const [places, facets] of Map.groupBy(FACETS, (facet) => placesText(residency[facet])))
    out.push(...wrapped(`  ${folded(facets)}`, places))
  for (const { jurisdictions, reason, answer } of reasonsOf(lines.slice(0, always)))
    out.push(...wrapped(`  ${jurisdictions.join(', ')}`, `${answer}: ${reason}`))
  for (const { inference_geo: geo, processing } of shown.switches)
    out.push(...wrapped('  switch', `inference_geo: ${geo} keeps inference in ${placesText(processing)}`))
  return out
}

function said(tenant: string | null, verdicts: readonly Verdict[]): readonly string[] {
  const many = new Set(verdicts.map(({ model }) => model)).size > 1
  return verdicts.flatMap(({ model, effect, reason, asked, obligations }) => {
    const how = [...(many ? [model] : []), ...(asked === null ? [] : [asked])].join(', ')
    const why = effect === 'deny' ? ` by ${reason}` : obligations.length > 0 ? ` with ${folded(obligations)}` : ''
    return wrapped(`  ${tenant}`, `${effect === 'allow' ? 'allowed' : 'denied'}${how === '' ? '' : ` (${how})`}${why}`)
  })
}

function rowOf({ entry, source, asOf, aged, host }: Shown): string {
  const from =
    source === null
      ? 'none'
      : source === 'declared'
        ? 'declared in the configuration'
        : `${entry ?? 'none'} (${source}), read on ${asOf}`
  return `${from}${aged ? ': older than residency.max_age' : ''}${host === null ? '' : `; host ${host}`}`
}

/** Jurisdictions that are refused for the same reasons stand in one line. */
function reasonsOf(
  lines: readonly Line[],
): readonly Readonly<{ jurisdictions: readonly string[]; answer: string; reason: string }>[] {
  const refused = lines.filter(({ reason }) => reason !== null)
  const groups = Map.groupBy(refused, ({ answer, reason }) => `${answer} ${reason}`)
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined || first.reason === null) return []
    return [
      { jurisdictions: group.map(({ jurisdiction }) => jurisdiction), answer: first.answer, reason: first.reason },
    ]
  })
}

/** A set of places in words; of many the first few. */
export function placesText(places: readonly string[] | null, few = 24): string {
  if (places === null) return 'unknown'
  if (places.includes(ANYWHERE)) return 'anywhere'
  return places.length === 0 ? 'nowhere' : folded(places, few)
}

/** A label and its text, over as many lines as it needs. A word that is longer than a line stays whole. */
export function wrapped(label: string, text: string): readonly string[] {
  const indent = label === '' ? 0 : LABEL
  const lines: string[] = []
  let line = label === '' ? '' : label.length < indent ? label.padEnd(indent) : `${label}  `
  let empty = true
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line)
      line = ' '.repeat(indent)
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line]
}

/** A long name keeps its beginning and its end. */
function middle(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.floor((most - 3) / 2)
  return `${text.slice(0, most - 3 - end)}...${text.slice(text.length - end)}`
}
