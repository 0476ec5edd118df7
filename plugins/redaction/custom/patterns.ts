import { RE2JS, RE2JSSyntaxException, RE2Set } from 're2js'
import type { Json } from '../../../src/core/json.ts'
import type { Detector, Reading, Span } from '../detect/detector.ts'
import { hashOf, tokensOf } from '../detect/tokens.ts'
import { ENTITY_NAME } from '../entity.ts'
import { readOperator } from '../operate/operator.ts'
import { CHECKSUMS, type Checksum, isChecksum } from './checksums.ts'
import { looksFar } from './cost.ts'
import { type Members, membersOf, refuse, requireKnown, wordsOf } from './refusal.ts'

/** An entity that policy data defines. `keys` are folded as {@link keyOf} folds them; `tenants` null is all of them. */
export type Pattern = Readonly<{
  name: string
  type: string
  source: string
  regex: RE2JS
  score: number
  context: ReadonlySet<number>
  keys: ReadonlySet<string>
  checksum: Checksum | null
  tenants: ReadonlySet<string> | null
}>

const MOST_PATTERNS = 200
const LONGEST_PATTERN = 512
const MEMBERS = ['type', 'pattern', 'context', 'keys', 'score', 'validate', 'tenants', 'operator']

/**
 * Reads `data.org.redaction.entities`.
 * @throws ERR_POLICY_BUNDLE with the member, and how to mend it
 */
export function readPatterns(value: Json | undefined, path: string): readonly Pattern[] {
  const entities = Object.entries(membersOf(value, path))
  if (entities.length > MOST_PATTERNS) throw refuse(path, `there may be ${MOST_PATTERNS} entities`)
  return entities.map(([name, entity]) => readPattern(name, membersOf(entity, `${path}.${name}`), `${path}.${name}`))
}

function readPattern(name: string, entity: Members, path: string): Pattern {
  requireKnown(entity, MEMBERS, path)
  const { type = name, pattern, score = 0.85, validate, operator = 'token' } = entity
  if (typeof type !== 'string' || !ENTITY_NAME.test(type)) {
    const where = entity.type === undefined ? path : `${path}.type`
    throw refuse(
      where,
      'a type of entities is written as in POLICY_NUMBER: capitals, digits and underscores, 32 at most',
    )
  }
  if (typeof pattern !== 'string' || pattern === '' || pattern.length > LONGEST_PATTERN)
    throw refuse(`${path}.pattern`, `write a regular expression (RE2) of at most ${LONGEST_PATTERN} characters`)
  const done = readOperator(type, operator)
  if (typeof done === 'string') throw refuse(`${path}.operator`, `it ${done}`)
  if (typeof score !== 'number' || !(score > 0 && score <= 1)) throw refuse(`${path}.score`, 'write a number in 0..1')
  if (validate !== undefined && !isChecksum(validate))
    throw refuse(`${path}.validate`, `write one of ${[...Object.keys(CHECKSUMS), 'none'].join(', ')}`)
  return {
    name,
    type,
    source: pattern,
    regex: compiled(pattern, `${path}.pattern`),
    score,
    context: new Set(
      wordsOf(entity.context, `${path}.context`).flatMap((word, at) => wordHashes(word, `${path}.context[${at}]`)),
    ),
    keys: new Set(wordsOf(entity.keys, `${path}.keys`).map(keyOf)),
    checksum: validate === undefined || validate === 'none' ? null : CHECKSUMS[validate],
    tenants: entity.tenants === undefined ? null : new Set(wordsOf(entity.tenants, `${path}.tenants`)),
  }
}

function compiled(pattern: string, path: string): RE2JS {
  let regex: RE2JS
  try {
    regex = RE2JS.compile(pattern)
  } catch (cause) {
    throw refuse(
      path,
      `it is no regular expression of RE2, which has no look-around and no back-references${reasonOf(cause)}`,
      cause,
    )
  }
  if (regex.matcher('').find())
    throw refuse(path, 'it matches where there is nothing: let it match a character at least')
  if (looksFar(pattern, regex))
    throw refuse(
      path,
      'it matches short and looks far, over and over in a run of one character: bound its repetitions, or end it at a \\b',
    )
  return regex
}

/** What RE2 says is wrong with a pattern, without the piece of it that its message quotes. */
function reasonOf(cause: unknown): string {
  return cause instanceof RE2JSSyntaxException ? `: ${cause.getDescription()}` : ''
}

function wordHashes(word: string, path: string): readonly number[] {
  if (tokensOf(word).count !== 1) throw refuse(path, 'write single words')
  return [hashOf(word)]
}

/** A JSON member's name as it is compared: `policyNumber`, `policy_number` and `Policy-Number` are one. */
function keyOf(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '')
}

/** Longer texts are read in pieces, so that an entity that matches short and looks far costs no more than its piece for each match. */
const PIECE = 1024
const BEFORE = 64
const AFTER = 512

/** What finds the entities of policy data that a tenant has; null where it has none. */
export function patternDetector(patterns: readonly Pattern[]): Detector | null {
  if (patterns.length === 0) return null
  // All at once first: which of them are in a text at all. Most are not.
  const set = new RE2Set()
  for (const { source } of patterns) set.add(source)
  set.compile()
  return {
    name: 'custom',
    finds: [...new Set(patterns.map(({ type }) => type))],
    scan: (reading, found) => {
      for (let from = 0; from < reading.text.length; from += PIECE) {
        const base = Math.max(0, from - BEFORE)
        const piece = reading.text.slice(base, from + PIECE + AFTER)
        for (const index of set.match(piece)) {
          const pattern = patterns[index]
          if (pattern !== undefined) scanPiece(pattern, reading, { piece, base, from }, found)
        }
      }
    },
  }
}

type Piece = Readonly<{ piece: string; base: number; from: number }>

/** A match belongs to the piece in which it begins. Its first group is what is meant, where it has one. */
function scanPiece(pattern: Pattern, reading: Reading, { piece, base, from }: Piece, found: Span[]): void {
  const { regex, name, type, score, checksum } = pattern
  const matcher = regex.matcher(piece)
  const group = matcher.groupCount() > 0 ? 1 : 0
  while (matcher.find()) {
    const begins = base + matcher.start()
    if (begins >= from + PIECE) return
    const start = base + matcher.start(group)
    const end = base + matcher.end(group)
    if (begins < from || matcher.start(group) < 0 || end === start) continue
    if (checksum !== null && !checksum(reading.text.slice(start, end))) continue
    if (!isMeant(pattern, reading, start, end)) continue
    found.push({ start, end, type, score, rule: `custom/${name}` })
  }
}

const WORDS_BEFORE = 8
const WORDS_AFTER = 4

/** Where an entity has context words or keys, one of them stands near. */
function isMeant({ context, keys }: Pattern, { tokens, hints }: Reading, start: number, end: number): boolean {
  if (context.size === 0 && keys.size === 0) return true
  if (hints.key !== null && keys.has(keyOf(hints.key))) return true
  if (context.size === 0) return false
  const first = tokenFrom(tokens.start, tokens.count, start)
  for (let at = Math.max(0, first - WORDS_BEFORE); at < first; at++) if (context.has(tokens.hash[at] ?? 0)) return true
  const last = tokenFrom(tokens.start, tokens.count, end)
  for (let at = last; at < Math.min(tokens.count, last + WORDS_AFTER); at++)
    if (context.has(tokens.hash[at] ?? 0)) return true
  return false
}

/** The first token that begins at `offset` or later. */
function tokenFrom(starts: Int32Array, count: number, offset: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? 0) < offset) low = middle + 1
    else high = middle
  }
  return low
}
