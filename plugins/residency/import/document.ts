import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Json } from '../../../src/core/json.ts'
import { formatPointer } from '../../../src/core/pointer.ts'

/** What a provider's own command line printed, already parsed. `file` is what messages call it. */
export type Document = Readonly<{ file: string; content: Json }>

/** The day of the rows, `YYYY-MM-DD`, and the text of the source that they name. */
export type Row = Readonly<{ as_of: string; source: string }>

/** Where inference may run: regions of AWS, or null for anywhere. */
export type ImportedProfile = Row & Readonly<{ regions: readonly string[] | null }>

/** A resource of Azure OpenAI, and the type of each of its deployments. */
export type ImportedResource = Row & Readonly<{ location: string; deployments: Readonly<Record<string, string>> }>

/** A file that is laid over the shipped catalogue, as importers write it (catalogue version 2). */
export type ImportedOverlay = Readonly<{
  version: 2
  as_of: string
  sources: Readonly<Record<string, string>>
  /** By the region that is called, then by id or whole ARN. */
  bedrock?: Readonly<{ imported: Readonly<Record<string, Readonly<Record<string, ImportedProfile>>>> }>
  /** By the resource's own label in its host. */
  azure?: Readonly<{ resources: Readonly<Record<string, ImportedResource>> }>
}>

/** How many faults one message tells. */
const TOLD = 20

/** All that is wrong with what is imported, each with its file and JSON pointer (RFC 6901). */
export class Faults {
  readonly #lines: string[] = []

  add(file: string, path: readonly (string | number)[], message: string): void {
    this.#lines.push(`${file}#${formatPointer(path)}: ${message}`)
  }

  get any(): boolean {
    return this.#lines.length > 0
  }

  /** Throws ERR_CONFIG_INVALID if anything was added. `what` is the sentence before the list. */
  raise(what: string): void {
    if (!this.any) return
    const more = this.#lines.length - TOLD
    const lines = more > 0 ? [...this.#lines.slice(0, TOLD), `and ${more} more`] : this.#lines
    throw new CustomhouseError('ERR_CONFIG_INVALID', `${what}:\n${lines.join('\n')}`)
  }
}

export type Members = Readonly<Record<string, Json>>

/** The members of an object; null for anything else. */
export function membersOf(value: Json | undefined): Members | null {
  return isMembers(value) ? value : null
}

function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

export const ordered = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The same members, by name. */
export function sorted<T>(members: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...members].sort(([a], [b]) => ordered(a, b)))
}
