import type { Reading } from './detector.ts'
import { AFTER_BREAK, DIGIT, hashOf, isWordUnit, LOWER, MARK, tokensOf, UPPER } from './tokens.ts'

/**
 * Labels and context words. Cues are numbered in the order of their names; what is found comes back as a bit set ({@link Lexicon.bit}). All cues of a
 * lexicon are looked up together: one probe of an integer table for each word in reach.
 */
export type Lexicon<N extends string = string> = Readonly<{
  bit: Readonly<Record<N, number>>
  slots: Int32Array
  hashes: Int32Array
  phrases: readonly (readonly Phrase[])[]
}>

/** A phrase that ends with the word of its slot: the words in front of that one, nearest first. */
type Phrase = Readonly<{ before: readonly number[]; bits: number }>

/** Words in reach, nearest first, and of which token each is. One reading at a time; nothing in them outlives a call. */
const REACH = 64
const WORDS = new Int32Array(REACH)
const FROM = new Int32Array(REACH)
let taken = 0

/**
 * A lexicon of at most 31 cues. Phrases are words with blanks between; a text may have any of `_ - . / '` or no more than a change of case
 * (`patientMrn`) there. Accents may be left out.
 */
export function lexiconOf<N extends string>(cues: Readonly<Record<N, readonly string[]>>): Lexicon<N> {
  const groups = new Map<number, Map<string, { before: number[]; bits: number }>>()
  const bit = {} as Record<N, number>
  let next = 1
  for (const name in cues) {
    bit[name] = next
    for (const phrase of cues[name]) {
      for (const spelling of new Set([phrase, phrase.normalize('NFD').replace(/\p{M}/gu, '')])) {
        const words = spelling.split(' ').map(hashOfWord).reverse()
        const [last, ...before] = words
        if (last === undefined) continue
        const group = groups.get(last) ?? new Map<string, { before: number[]; bits: number }>()
        groups.set(last, group)
        const key = before.join()
        const known = group.get(key)
        if (known === undefined) group.set(key, { before, bits: next })
        else known.bits |= next
      }
    }
    next <<= 1
  }
  let size = 16
  while (size < groups.size * 4) size *= 2
  const slots = new Int32Array(size)
  const hashes = new Int32Array(size)
  const phrases: Phrase[][] = []
  for (const [hash, group] of groups) {
    let slot = hash & (size - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (size - 1)
    phrases.push([...group.values()].sort((a, b) => b.before.length - a.before.length))
    slots[slot] = phrases.length
    hashes[slot] = hash
  }
  return { bit, slots, hashes, phrases }
}

/** A mark's hash is its unit (./tokens.ts). */
const hashOfWord = (word: string): number =>
  word.length === 1 && !isWordUnit(word.charCodeAt(0)) ? word.charCodeAt(0) : hashOf(word)

/** A lexicon of one cue, whose bit is 1. */
export function cueOf(...phrases: readonly string[]): Lexicon<'cue'> {
  return lexiconOf({ cue: phrases })
}

const FILLER_MARKS = new Set([...':#=-–—("\'`[{<>|*_.?º°№«»“”‘’\\~→↳▸▶•·…]})'].map((mark) => mark.charCodeAt(0)))
const FILLERS = cueOf(
  ...'number no num nr numero número nummer numéro nº n° n numer # code código codigo id value valor wert is was are es ist est è e é are the my our your'.split(
    ' ',
  ),
  ...'his her their of de del der la le el il o a du da do di für for per with to on as und y et and new old nuevo last full complete following'.split(
    ' ',
  ),
  ...'below here reads says equals being be provided listed given used ending str string lautet siguiente suivant seguente nummber mi tu su mein meine mon ma mio numer nr jest to jego jej i think believe guess it s its maybe probably should that this one'.split(
    ' ',
  ),
)
/** Words of phrases may have these between. */
const JOINS = new Set([..."_-./'’`()º°"].map((mark) => mark.charCodeAt(0)))

/** Whether a word (its {@link hashOf}) may stand between a label and its value: `number`, `is`, `de`. */
export function isFiller(hash: number): boolean {
  return phrasesOf(FILLERS, hash) !== undefined
}

/**
 * The label that stands in front of a token with nothing between but `:`, `#`, `is`, `number` and such, or the name of the JSON member where the text
 * begins there. Bits of the lexicon, 0 if none.
 */
export function labelBefore<N extends string>(reading: Reading, token: number, lexicon: Lexicon<N>): number {
  const { kind, hash } = reading.tokens
  // Most numbers have a word of the sentence in front of them; that is seen at once.
  if (token > 0) {
    const is = kind[token - 1] ?? 0
    const word = hash[token - 1] ?? 0
    const plain = (is & MARK) === 0 && ((is & UPPER) === 0 || (is & (LOWER | DIGIT)) === 0)
    if (plain && phrasesOf(lexicon, word) === undefined && phrasesOf(FILLERS, word) === undefined) return 0
    if ((is & MARK) !== 0 && !FILLER_MARKS.has(word)) return 0
  }
  gather(reading, token, 14)
  for (let k = 0; k < taken; k++) {
    const found = phraseAt(lexicon, k)
    if (found !== 0) return found
    const at = FROM[k] ?? -1
    const word = WORDS[k] ?? 0
    if (at >= 0 && ((kind[at] ?? 0) & MARK) !== 0) {
      if (FILLER_MARKS.has(hash[at] ?? 0)) continue
      return 0
    }
    if (phrasesOf(FILLERS, word) === undefined) return 0
  }
  return 0
}

/** The cue nearest in front of a token, at most `reach` words and marks away, in its sentence or its line. 0 if none. */
export function nearestBefore<N extends string>(
  reading: Reading,
  token: number,
  lexicon: Lexicon<N>,
  reach = 12,
): number {
  gather(reading, token, reach)
  const end = sentence(reading, token)
  for (let k = 0; k < end; k++) {
    const found = phraseAt(lexicon, k)
    if (found !== 0) return found
  }
  return 0
}

/** All cues within `reach` words behind the token `to`, not beyond a line break or the end of a sentence. */
export function cuesAfter<N extends string>(reading: Reading, to: number, lexicon: Lexicon<N>, reach = 6): number {
  const { count, kind, hash } = reading.tokens
  const last = Math.min(count, to + 1 + reach)
  let end = to + 1
  while (end < last && ((kind[end] ?? 0) & AFTER_BREAK) === 0) {
    const mark = hash[end]
    if (((kind[end] ?? 0) & MARK) !== 0 && (mark === 0x2e || mark === 0x3b)) break
    end += 1
  }
  if (end === to + 1) return 0
  gather(reading, end, end - to - 1)
  let found = 0
  for (let k = 0; k < taken; k++) if ((FROM[k] ?? -1) > to) found |= phraseAt(lexicon, k)
  return found
}

/** Distance in words and marks, from 1, to the nearest cue in front of the token `from` or behind the token `to`; 0 if there is none within reach. */
export function cueNear(reading: Reading, from: number, to: number, cue: Lexicon, before = 12, after = 6): number {
  gather(reading, from, before)
  let nearest = 0
  for (let k = 0; k < taken; k++) {
    if (phraseAt(cue, k) !== 0) {
      nearest = k + 1
      break
    }
  }
  const last = Math.min(reading.tokens.count, to + 1 + Math.min(after, nearest === 0 ? after : nearest - 1))
  for (let at = to + 1; at < last; at++) {
    gather(reading, at + 1, at - to)
    if (phraseAt(cue, 0) !== 0) return at - to
  }
  return nearest
}

/** The cues of a JSON member name, wherever they stand in it: `patient_ssn`, `ssnOfPatient`. */
export function cuesOfKey<N extends string>(key: string | null, lexicon: Lexicon<N>): number {
  if (key === null) return 0
  taken = 0
  keyWords(key, REACH)
  let found = 0
  for (let k = 0; k < taken; k++) found |= phraseAt(lexicon, k)
  return found
}

/** Whether a word (its {@link hashOf}) is a cue of one word; its bits. */
export function cueOfWord<N extends string>(hash: number, lexicon: Lexicon<N>): number {
  for (const phrase of phrasesOf(lexicon, hash) ?? []) if (phrase.before.length === 0) return phrase.bits
  return 0
}

function phrasesOf(lexicon: Lexicon, hash: number): readonly Phrase[] | undefined {
  const { slots, hashes, phrases } = lexicon
  const size = slots.length - 1
  let slot = hash & size
  for (;;) {
    const group = slots[slot] ?? 0
    if (group === 0) return undefined
    if (hashes[slot] === hash) return phrases[group - 1]
    slot = (slot + 1) & size
  }
}

/** Bits of the longest phrase whose last word is the k-th gathered. */
function phraseAt(lexicon: Lexicon, k: number): number {
  const group = phrasesOf(lexicon, WORDS[k] ?? 0)
  if (group === undefined) return 0
  for (const { before, bits } of group) {
    let at = k + 1
    let n = 0
    for (; n < before.length; n++) {
      while (at < taken && JOINS.has(WORDS[at] ?? 0)) at += 1
      if (at >= taken || WORDS[at] !== before[n]) break
      at += 1
    }
    if (n === before.length) return bits
  }
  return 0
}

/** How many of the gathered words are in the sentence of the token. */
function sentence(reading: Reading, token: number): number {
  const { kind, hash, start, end } = reading.tokens
  for (let k = 0; k < taken; k++) {
    const at = FROM[k] ?? -1
    if (at < 0) return taken
    if (((kind[at] ?? 0) & MARK) === 0 || at + 1 >= token) continue
    const mark = hash[at]
    if (mark === 0x3b || mark === 0x3f || mark === 0x21) return k
    // A full stop behind a word of more than four letters ends a sentence; behind a shorter one it may be an abbreviation.
    const long = at > 0 && (end[at - 1] ?? 0) - (start[at - 1] ?? 0) > 4
    if (mark === 0x2e && long && ((kind[at + 1] ?? 0) & UPPER) !== 0) return k
  }
  return taken
}

/** Collects the words and marks in front of a token, nearest first; before the text, those of the JSON member name. */
function gather(reading: Reading, token: number, reach: number): void {
  const { kind, hash, start, end } = reading.tokens
  const most = Math.min(reach, REACH - 8)
  taken = 0
  let at = token - 1
  for (; at >= 0 && taken < most; at--) {
    const is = kind[at] ?? 0
    if ((is & UPPER) !== 0 && (is & (LOWER | DIGIT)) !== 0) {
      const text = reading.text
      parts(text, start[at] ?? 0, end[at] ?? 0, at, most + 4)
      continue
    }
    WORDS[taken] = hash[at] ?? 0
    FROM[taken] = at
    taken += 1
  }
  if (at < 0 && taken < most && reading.hints.key !== null) keyWords(reading.hints.key, most + 6)
}

/** The parts of a word with changes of case in it, last first: `patientMRNValue` is `Value`, `MRN`, `patient`. */
function parts(text: string, start: number, end: number, token: number, most: number): void {
  let last = end
  for (let i = end - 1; i >= start && last - i <= 64 && taken < most; i--) {
    const unit = text.charCodeAt(i)
    const before = i > start ? text.charCodeAt(i - 1) : 0
    const upper = unit >= 0x41 && unit <= 0x5a
    const follows = i + 1 < last ? text.charCodeAt(i + 1) : 0
    const breaks =
      i === start ||
      (upper && before >= 0x61 && before <= 0x7a) ||
      (upper && before >= 0x41 && before <= 0x5a && follows >= 0x61 && follows <= 0x7a && i + 2 < last) ||
      (upper && before >= 0x30 && before <= 0x39)
    if (!breaks) continue
    WORDS[taken] = hashOf(text.slice(i, last))
    FROM[taken] = token
    taken += 1
    last = i
  }
}

/** Adds the words of a member name to what is gathered. */
function keyWords(key: string, most: number): void {
  const name = key.length <= 96 ? key : key.slice(-96)
  const words = tokensOf(name)
  for (let at = words.count - 1; at >= 0 && taken < most; at--) {
    const is = words.kind[at] ?? 0
    if ((is & UPPER) !== 0 && (is & (LOWER | DIGIT)) !== 0) {
      parts(name, words.start[at] ?? 0, words.end[at] ?? 0, -1, most)
    } else {
      WORDS[taken] = words.hash[at] ?? 0
      FROM[taken] = -1
      taken += 1
    }
  }
}
