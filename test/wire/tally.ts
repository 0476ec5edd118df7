import type { ReadRequest } from '../kit/index.ts'
import type { Door } from './doors.ts'

/** How often each of them stands there. */
export function tallied(names: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const TRANSPORT: ReadonlySet<string> = new Set(['host', 'connection', 'content-length'])

/** Names of header fields that a provider got and should not have, and those that stand twice. */
export function unlisted({ headers }: ReadRequest, door: Door): readonly string[] {
  const counts = tallied(headers.map(([name]) => name.toLowerCase()))
  return [...counts]
    .filter(([name, count]) => count > 1 || !(TRANSPORT.has(name) || door.fields.has(name)))
    .map(([name]) => name)
}
