import type { Json } from '../core/json.ts'
import type { AuditRecord } from '../core/record.ts'
import type { Damage } from './damage.ts'
import { readEntries } from './reader.ts'
import type { Entry } from './segment.ts'

/** What a record must be to be found; every filter that is given must hold. */
export type Filter = Readonly<{
  tenant?: string
  /** Kinds, or families of kinds (`call`, `policy`): one of them. */
  kinds?: readonly string[]
  call?: string
  /** RFC 3339 UTC with milliseconds, inclusive. */
  since?: string
  /** The same, exclusive. */
  until?: string
  /** `allow`, `deny`, or the id of a decision. */
  decision?: string
  /** Fields of the body, at any depth: a member of the name that equals the value, or is a list that holds it. */
  rule?: string
  /** Id of the target that a dispatch was to go to. */
  target?: string
  provider?: string
  model?: string
}>

/** Names under which a body's members are searched. */
const BODY_FIELDS = {
  rule: ['rule', 'rules'],
  provider: ['provider'],
  model: ['model'],
} as const
type BodyField = keyof typeof BODY_FIELDS

/** Committed records that match, in order. `seen` hears of every record that was looked at. */
export async function* searchEntries(
  directory: string,
  filter: Filter,
  onDamage: (damage: Damage) => never,
  seen?: (record: AuditRecord) => void,
): AsyncGenerator<Entry> {
  for await (const entry of readEntries(directory, { onDamage })) {
    seen?.(entry.leaf)
    if (matches(entry.leaf, filter)) yield entry
  }
}

function matches(record: AuditRecord, filter: Filter): boolean {
  if (filter.tenant !== undefined && record.tenant !== filter.tenant) return false
  if (filter.kinds?.some((kind) => record.kind === kind || record.kind.startsWith(`${kind}.`)) === false) return false
  if (filter.call !== undefined && record.call !== filter.call) return false
  if (filter.since !== undefined && record.t < filter.since) return false
  if (
    filter.decision !== undefined &&
    effectOf(record) !== filter.decision &&
    idOf(record.body.decision) !== filter.decision
  ) {
    return false
  }
  if (filter.until !== undefined && record.t >= filter.until) return false
  if (filter.target !== undefined && idOf(record.body.target) !== filter.target) return false
  return fields.every((field) => {
    const wanted = filter[field]
    return wanted === undefined || holds(record.body, BODY_FIELDS[field], wanted)
  })
}

const fields: readonly BodyField[] = ['rule', 'provider', 'model']

function holds(value: Json, names: readonly string[], wanted: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([name, member]: [string, Json]) =>
      (names.includes(name) && equals(member, wanted)) || holds(member, names, wanted),
  )
}

function equals(member: Json, wanted: string): boolean {
  return member === wanted || (Array.isArray(member) && member.includes(wanted))
}

/** What was decided, as far as a record says it: an intent was allowed; an answer can still be denied. */
export function effectOf(record: AuditRecord): 'allow' | 'deny' | null {
  if (record.kind === 'call.denied') return 'deny'
  if (record.kind === 'call.outcome')
    return record.body.ending === 'denied' || record.body.ending === 'cut_off' ? 'deny' : 'allow'
  return record.kind === 'call.intent' ? 'allow' : null
}

function idOf(value: Json | undefined): Json {
  return typeof value === 'object' && value !== null && 'id' in value ? (value.id ?? null) : null
}

/** The first text found under a field of a record's body, for a table. */
export function bodyField(record: AuditRecord, field: BodyField): string | null {
  return find(record.body, BODY_FIELDS[field])
}

function find(value: Json, names: readonly string[]): string | null {
  if (typeof value !== 'object' || value === null) return null
  for (const [name, member] of Object.entries(value))
    if (names.includes(name) && typeof member === 'string') return member
  for (const member of Object.values(value)) {
    const found: string | null = find(member, names)
    if (found !== null) return found
  }
  return null
}
