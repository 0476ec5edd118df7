import type { Span } from './detect/detector.ts'
import { DIGIT, hashOf, LOWER, MARK, type Tokens, UPPER } from './detect/tokens.ts'

/**
 * A value that was found once, to be found wherever the call has it again. `words`: its words and marks, as they were written. `whole`: what it is a part
 * of (the surname of a name) where it is one.
 */
export type Seed = Readonly<{ type: string; score: number; words: readonly string[]; part: boolean }>

/** Names, from this score on. Below it a wrong guess would be repeated all over the call. */
const SURE = 0.6
const NAMES: ReadonlySet<string> = new Set(['PERSON', 'ORG', 'LOCATION'])
/** What a label or a form found: without the label the same value is the same value. Not CVV and PIN: three digits stand for much else. */
const VALUES: ReadonlySet<string> = new Set([
  'MRN',
  'ID',
  'US_ACCOUNT',
  'ABA_ROUTING',
  'PLATE',
  'PASSPORT',
  'DRIVER_LICENSE',
  'DEVICE',
  'SSN',
  'ITIN',
  'EIN',
  'NHS',
  'NPI',
  'MBI',
  'HICN',
  'NINO',
  'IMEI',
  'VIN',
  'BIC',
  'UK_SORT_CODE',
  'PHONE',
  'USERNAME',
  'SECRET',
])
const SHORTEST_VALUE = 5
const LONGEST_WORDS = 40
const MOST_SEEDS = 4096

/** Words that are names of people too. Alone they are what they mean. */
const COMMON: ReadonlySet<number> = new Set(
  (
    'will may mark grace hope rose bill art jack grant summer april june august young king black white green brown long best day price case page park parks stone wood ' +
    'rich chase dean drew faith joy dawn sky bank banks church cook baker mason hill rivers field fields west north east south snow winter love power powers sharp small ' +
    'little short strong swift major mayor doctor judge bishop pope prince duke earl noble gold silver cash law bond ford royal christian paris london florence victoria ' +
    'georgia virginia carolina austin dallas houston jackson lincoln washington madison dear hello please thanks patient client customer account number date name street ' +
    'road avenue hospital clinic bank company insurance the and for from with van von den der del des dos las los san santa saint mac junior senior jr sr mr mrs ms dr prof ' +
    'don doña señor señora herr frau monsieur madame signor signora rey leon cruz flores campos rosa luz sol mar paz blanco rojo verde castillo torres iglesia guerra klein ' +
    'gross lang kurz stein berg wolf fuchs vogel koch bauer meister richter petit grand blanc noir roi bois long lieu marche ferrari fiat roma monday tuesday wednesday ' +
    'thursday friday saturday sunday january february march july september october november december he she it its his her they them we our you your this that'
  )
    .split(' ')
    .map(hashOf),
)

/** Adds to `seeds` what the settled spans of a text found for sure. `shown` is the text of a span as detectors read it. */
export function seedsOf(
  spans: readonly Span[],
  shown: (span: Span) => string,
  wordsOf: (value: string) => readonly string[],
  seeds: Map<string, Seed>,
): void {
  for (const span of spans) {
    const isName = NAMES.has(span.type)
    if (isName ? span.score < SURE : span.score < 0.5 || !VALUES.has(span.type)) continue
    if (seeds.size >= MOST_SEEDS) return
    const value = shown(span)
    if (value.length > 128 || value.length < (isName ? 3 : SHORTEST_VALUE)) continue
    const words = wordsOf(value)
    if (words.length === 0 || words.length > LONGEST_WORDS) continue
    if (words.length === 1 && isName && COMMON.has(hashOf(words[0] ?? ''))) continue
    if (!isName && span.type !== 'USERNAME' && !/[0-9]/.test(value)) continue
    add(seeds, { type: span.type, score: span.score, words, part: false })
    if (span.type === 'PERSON' && words.length > 1) addParts(seeds, words, span.score)
  }
}

function add(seeds: Map<string, Seed>, seed: Seed): void {
  const id = seed.words.join(' ')
  const known = seeds.get(id)
  if (known === undefined || (known.part && !seed.part) || (known.part === seed.part && known.score < seed.score))
    seeds.set(id, seed)
}

/** First name and surname alone, where they are written as names and mean nothing else. */
function addParts(seeds: Map<string, Seed>, words: readonly string[], score: number): void {
  for (const word of words) {
    if (word.length < 3 || !/^\p{Lu}[\p{L}\p{M}]*\p{Ll}[\p{L}\p{M}]*$/u.test(word) || COMMON.has(hashOf(word))) continue
    add(seeds, { type: 'PERSON', score: Math.min(score, 0.9), words: [word], part: true })
  }
}

/** Seeds by the hash of their first word; longest first. */
export type Index = ReadonlyMap<number, readonly Seed[]>

export function indexOf(seeds: Iterable<Seed>): Index {
  const index = new Map<number, Seed[]>()
  for (const seed of seeds) {
    const hash = hashOf(seed.words[0] ?? '')
    const list = index.get(hash)
    if (list === undefined) index.set(hash, [seed])
    else list.push(seed)
  }
  for (const list of index.values()) list.sort((a, b) => b.words.length - a.words.length)
  return index
}

/**
 * Finds seeds in a text. Whole words only; letters as they were found, all in capitals, or in any case where the text has no capitals at all. Linear in the
 * text: a place is compared with the seeds of its first word alone.
 */
export function propagate(text: string, tokens: Tokens, index: Index, found: Span[]): void {
  if (index.size === 0) return
  let folds: boolean | null = null
  for (let at = 0; at < tokens.count; at++) {
    const seeds = index.get(tokens.hash[at] ?? 0)
    if (seeds === undefined) continue
    folds ??= !hasCapitals(tokens)
    for (const seed of seeds) {
      if (!standsAt(text, tokens, at, seed, folds)) continue
      found.push({
        start: tokens.start[at] ?? 0,
        end: tokens.end[at + seed.words.length - 1] ?? 0,
        type: seed.type,
        score: seed.score,
        rule: seed.part ? 'propagated/part' : 'propagated/value',
      })
      at += seed.words.length - 1
      break
    }
  }
}

function standsAt(text: string, tokens: Tokens, at: number, { words, part }: Seed, folds: boolean): boolean {
  if (at + words.length > tokens.count) return false
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const start = tokens.start[at + i] ?? 0
    if ((tokens.end[at + i] ?? 0) - start !== word.length) return false
    if (text.startsWith(word, start)) continue
    const kind = tokens.kind[at + i] ?? 0
    const capitals = (kind & (LOWER | MARK | DIGIT)) === 0 && word.length > 2 && !part
    if (!capitals && !folds) return false
    if (text.slice(start, start + word.length).toLowerCase() !== word.toLowerCase()) return false
  }
  return true
}

function hasCapitals(tokens: Tokens): boolean {
  for (let i = 0; i < tokens.count; i++) if (((tokens.kind[i] ?? 0) & UPPER) !== 0) return true
  return false
}
