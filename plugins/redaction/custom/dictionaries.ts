import { hash } from 'node:crypto'
import type { Json } from '../../../src/core/json.ts'
import type { Detector, Reading, Span } from '../detect/detector.ts'
import { BEYOND, hashOf, MARK, tokensOf } from '../detect/tokens.ts'
import { ENTITY_NAME } from '../entity.ts'
import { fold } from './fold.ts'
import { membersOf, refuse } from './refusal.ts'

/** Words of the longest term. */
export const MOST_WORDS = 6
const MOST_LINES = 1_000_000
const LEAST_SALT = 16

/** `first` (8), number of words (1), digest (16): what a line of a dictionary is, in lower-case hex. */
const LINE = /^[0-9a-f]{8}[1-6][0-9a-f]{16}$/
const FIRST = 8

/**
 * The terms of one type that a tenant never lets out, as digests: customers, employees, names of projects. A digest is keyed by the tenant's salt, so
 * two tenants' lists cannot be compared; whoever has the salt can try guesses.
 */
export type Dictionary = Readonly<{
  type: string
  salt: string
  /** By the hash of its first word, how many words a term may have (bit n: n words). */
  lengths: ReadonlyMap<number, number>
  digests: ReadonlySet<string>
}>

/**
 * The line of a term, for `data.org.redaction.dictionaries.<tenant>.<type>`.
 * @throws ERR_POLICY_BUNDLE where it has no word, or more than {@link MOST_WORDS}
 */
export function dictionaryLine(term: string, type: string, salt: string): string {
  const words = wordsIn(term)
  const [first] = words
  if (first === undefined || words.length > MOST_WORDS)
    throw refuse(`a term of ${type}`, `a term has 1 to ${MOST_WORDS} words`)
  const head = (hashOf(first) >>> 0).toString(16).padStart(FIRST, '0')
  return `${head}${words.length}${digestOf(words.join(' '), type, salt)}`
}

function wordsIn(term: string): readonly string[] {
  const { count, start, end, kind } = tokensOf(term)
  const words: string[] = []
  for (let i = 0; i < count; i++) if (((kind[i] ?? MARK) & MARK) === 0) words.push(fold(term.slice(start[i], end[i])))
  return words
}

function digestOf(words: string, type: string, salt: string): string {
  return hash('sha256', `${salt}\0${type}\0${words}`, 'hex').slice(0, 16)
}

/**
 * Reads `data.org.redaction.dictionaries`: tenant -> `salt`, and type -> lines, or -> lists of lines by any name (a file of a policy is 1 MiB at most).
 * @throws ERR_POLICY_BUNDLE with the member, and how to mend it
 */
export function readDictionaries(value: Json | undefined, path: string): ReadonlyMap<string, readonly Dictionary[]> {
  const tenants = Object.entries(membersOf(value, path))
  const room = { left: MOST_LINES }
  return new Map(
    tenants.map(([tenant, types]) => {
      const here = `${path}.${tenant}`
      const { salt, ...lists } = membersOf(types, here)
      if (typeof salt !== 'string' || salt.length < LEAST_SALT)
        throw refuse(`${here}.salt`, `write ${LEAST_SALT} random characters at least`)
      return [tenant, Object.entries(lists).map(([type, list]) => readDictionary(type, list, salt, here, room))]
    }),
  )
}

function readDictionary(type: string, list: Json, salt: string, path: string, room: { left: number }): Dictionary {
  const here = `${path}.${type}`
  if (!ENTITY_NAME.test(type)) throw refuse(here, 'a type of entities is written as in PERSON')
  const lists = Array.isArray(list) ? [list] : Object.values(membersOf(list, here))
  const lengths = new Map<number, number>()
  const digests = new Set<string>()
  for (const lines of lists) {
    if (!Array.isArray(lines))
      throw refuse(here, 'write lists of lines, as customhouse redaction dictionary prints them')
    room.left -= lines.length
    if (room.left < 0) throw refuse(path, `there may be ${MOST_LINES} lines in all`)
    for (const [index, line] of lines.entries()) {
      if (typeof line !== 'string' || !LINE.test(line))
        throw refuse(
          `${here}[${index}]`,
          'write lines as customhouse redaction dictionary prints them, not the terms themselves',
        )
      const first = Number.parseInt(line.slice(0, FIRST), 16) | 0
      lengths.set(first, (lengths.get(first) ?? 0) | (1 << Number(line[FIRST])))
      digests.add(line.slice(FIRST + 1))
    }
  }
  return { type, salt, lengths, digests }
}

const SCORE = 0.95
/** Units that may stand between the words of a term, beside blanks. */
const JOINTS: ReadonlySet<number> = new Set(Array.from("-'.,&\u2010\u2019", (mark) => mark.charCodeAt(0)))

export function dictionaryDetector(dictionary: Dictionary): Detector {
  return {
    name: `dictionary/${dictionary.type}`,
    finds: [dictionary.type],
    scan: (reading, found) => scan(dictionary, reading, found),
  }
}

/** The longest term at each word; a term of a hundred words' first is digested once for each of its lengths. */
function scan({ type, salt, lengths, digests }: Dictionary, { text, tokens }: Reading, found: Span[]): void {
  const { count, kind, start, end } = tokens
  const known = new Map<string, boolean>()
  const holds = (words: string): boolean => {
    const before = known.get(words)
    if (before !== undefined) return before
    const is = digests.has(digestOf(words, type, salt))
    known.set(words, is)
    return is
  }
  for (let i = 0; i < count; i++) {
    if (((kind[i] ?? MARK) & MARK) !== 0) continue
    const sizes = lengths.get(firstHash(text, tokens, i))
    if (sizes === undefined) continue
    let words = ''
    let number = 0
    let last = -1
    for (let at = i; at < count && number < MOST_WORDS; at++) {
      if (((kind[at] ?? MARK) & MARK) !== 0) {
        if (JOINTS.has(text.charCodeAt(start[at] ?? 0))) continue
        break
      }
      number += 1
      if (sizes >>> number === 0) break
      words = number === 1 ? fold(text.slice(start[at], end[at])) : `${words} ${fold(text.slice(start[at], end[at]))}`
      if ((sizes & (1 << number)) !== 0 && holds(words)) last = at
    }
    if (last < 0) continue
    found.push({ start: start[i] ?? 0, end: end[last] ?? 0, type, score: SCORE, rule: `dictionary/${type}` })
    i = last
  }
}

/** The tokens' own hash is of lower case with its accents; dictionaries are without. */
function firstHash(text: string, { hash: hashes, kind, start, end }: Reading['tokens'], i: number): number {
  if (((kind[i] ?? 0) & BEYOND) === 0) return hashes[i] ?? 0
  return hashOf(fold(text.slice(start[i], end[i])))
}
