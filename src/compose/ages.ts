/** A row of the catalogue and the day on which its source was read, `YYYY-MM-DD`. */
export type Dated = Readonly<{ id: string; asOf: string }>

const NAMED = 4
const DAY_MS = 86_400_000

/** Whether a row is older than `maxAgeMs` at `now` (milliseconds since 1970). A row is of its whole day, wherever on earth that was: a day of grace. */
export function isAged(asOf: string, maxAgeMs: number, now: number): boolean {
  return !(now - Date.parse(asOf) <= maxAgeMs + DAY_MS)
}

/** Lines for the operator about rows that are too old, or of a day that has not come, on which nobody can have read anything. Mostly none. */
export function ageWarnings(rows: readonly Dated[], maxAgeMs: number, now: number): readonly string[] {
  const aged = rows.filter(({ asOf }) => isAged(asOf, maxAgeMs, now)).sort((a, b) => compare(a.asOf, b.asOf))
  const future = rows.filter(({ asOf }) => Date.parse(asOf) > now + DAY_MS)
  const lines: string[] = []
  const [oldest] = aged
  if (oldest !== undefined)
    lines.push(
      `residency  older than residency.max_age (${Math.floor(maxAgeMs / DAY_MS)} days): ${named(aged)}; the oldest is of ${oldest.asOf}. Import them anew, or lay newer rows over them`,
    )
  if (future.length > 0) lines.push(`residency  of a day that has not come: ${named(future)}. Mend their as_of`)
  return lines
}

/** Some of them, the first first. A table may have rows of one name. */
function named(rows: readonly Dated[]): string {
  const ids = [...new Set(rows.map(({ id }) => id))]
  const few = ids.slice(0, NAMED).join(', ')
  return ids.length > NAMED ? `${few} and ${ids.length - NAMED} more rows of the catalogue` : few
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
