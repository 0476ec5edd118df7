import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Json } from '../../../src/core/json.ts'

export type Members = Readonly<Record<string, Json>>

/** What is wrong with the policy's data: where, and how to mend it. It never quotes a value: a pattern or a term may itself be confidential. */
export function refuse(path: string, mend: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_POLICY_BUNDLE',
    `The policy's data at ${path} cannot be used: ${mend}${/[.?]$/.test(mend) ? '' : '.'}`,
    { cause },
  )
}

/** The members of an object; none where it is absent. */
export function membersOf(value: Json | undefined, path: string): Members {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(path, 'write an object')
  return value as Members
}

export function requireKnown(members: Members, known: readonly string[], path: string): void {
  const stranger = Object.keys(members).find((name) => !known.includes(name))
  if (stranger !== undefined) throw refuse(`${path}.${stranger}`, `it may have ${known.join(', ')}`)
}

/** A list of strings that are not empty; none where it is absent. */
export function wordsOf(value: Json | undefined, path: string): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw refuse(path, 'write a list of words')
  return value.map((word: Json, index) => {
    if (typeof word === 'string' && word.trim() !== '') return word
    throw refuse(`${path}[${index}]`, 'write a word')
  })
}
