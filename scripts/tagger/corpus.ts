import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Chance, chanceOf } from './chance.ts'
import type { Language } from './native.ts'
import { filler } from './slots.ts'
import { ANY_NAMED, ANY_NAMELESS } from './templates/any.ts'
import { NAMED } from './templates/en.ts'
import { MORE_NAMED } from './templates/more.ts'
import { MORE_NAMELESS } from './templates/more-nameless.ts'
import { NAMELESS } from './templates/nameless.ts'
import { OTHERS } from './templates/other.ts'
import { PAIRS_NAMED, PAIRS_NAMELESS } from './templates/pairs.ts'
import { RECORDS } from './templates/records.ts'
import { ROLES } from './templates/roles.ts'

const ANY = { named: ANY_NAMED, nameless: ANY_NAMELESS }
const ENGLISH = {
  named: [...NAMED, ...MORE_NAMED, ...RECORDS, ...PAIRS_NAMED],
  nameless: [...NAMELESS, ...MORE_NAMELESS, ...PAIRS_NAMELESS],
}

const NONE = { named: [], nameless: [] }
const tongueOf = (language: Exclude<Language, 'en' | 'xx'>) => {
  const { named, nameless } = language === 'pl' ? NONE : OTHERS[language]
  const more = ROLES[language]
  return { named: [...named, ...more.named], nameless: [...nameless, ...more.nameless] }
}
const TONGUES = {
  en: ENGLISH,
  xx: ANY,
  es: tongueOf('es'),
  de: tongueOf('de'),
  fr: tongueOf('fr'),
  it: tongueOf('it'),
  pt: tongueOf('pt'),
  nl: tongueOf('nl'),
  pl: tongueOf('pl'),
}

export type Label = 'PERSON' | 'LOCATION' | 'ORG'
export type Document = Readonly<{
  text: string
  /** Name of the JSON member whose value it is. */
  key?: string
  spans: readonly Readonly<{ start: number; end: number; type: Label }>[]
}>

/** Every eighth template is for validation alone. */
const isHeld = (i: number): boolean => i % 8 === 5

const SHARES: readonly (readonly [number, Language])[] = [
  [5, 'xx'],
  [48, 'en'],
  [12, 'es'],
  [10, 'de'],
  [9, 'fr'],
  [5, 'it'],
  [4, 'pt'],
  [4, 'nl'],
  [3, 'pl'],
]

/** `count` documents of one to four templates each. `held`: of the templates and names that training never sees. */
export function generated(seed: number, count: number, held: boolean): readonly Document[] {
  const chance = chanceOf(seed)
  const documents: Document[] = []
  for (let d = 0; d < count; d++) {
    const language = languageOf(chance)
    const tongue = TONGUES[language]
    const fill = filler(chance, language, held)
    const parts = 1 + (chance.is(0.4) ? 0 : chance.below(5))
    const glue = chance.is(0.6) ? ' ' : '\n'
    let text = ''
    const spans: { start: number; end: number; type: Label }[] = []
    for (let p = 0; p < parts; p++) {
      if (p > 0) text += glue
      const begin = text.length
      const of = chance.is(0.15) ? ANY : tongue
      const list = chance.is(0.62) ? of.named : of.nameless
      let at = chance.below(list.length)
      while (isHeld(at) !== held) at = chance.below(list.length)
      for (const [i, piece] of (list[at] ?? '').split(/\{(\w+)\}/).entries()) {
        if (i % 2 === 0) {
          text += piece
          continue
        }
        for (const filled of fill(piece)) {
          const before = spans.at(-1)
          // "{f} {l}" is one name.
          if (
            filled.type === 'PERSON' &&
            before?.type === 'PERSON' &&
            before.start >= begin &&
            text.slice(before.end) === ' '
          )
            before.end = text.length + filled.text.length
          else if (filled.type !== undefined)
            spans.push({ start: text.length, end: text.length + filled.text.length, type: filled.type })
          text += filled.text
        }
      }
    }
    documents.push(noisy(chance, { text, spans }))
  }
  return documents
}

function languageOf(chance: Chance): Language {
  let at = chance.below(100)
  for (const [share, language] of SHARES) {
    at -= share
    if (at < 0) return language
  }
  return 'en'
}

/** As people type: all lower case, all capitals, without marks over letters, without punctuation at the end. Lengths stay. */
export function noisy(chance: Chance, document: Document): Document {
  const r = chance.unit()
  let { text } = document
  if (r < 0.17) text = sameLength(text, text.toLowerCase())
  else if (r < 0.24) text = sameLength(text, text.toUpperCase())
  else if (r < 0.265) text = sameLength(text, [...text].map((c) => c.normalize('NFD').charAt(0)).join(''))
  else if (r < 0.28) text = text.replaceAll(/[.,!?]/g, ' ')
  else if (r < 0.33)
    for (const { start, end, type } of document.spans)
      if (type === 'PERSON')
        text =
          text.slice(0, start) +
          sameLength(text.slice(start, end), text.slice(start, end).toUpperCase()) +
          text.slice(end)
  return { text, spans: document.spans }
}

const sameLength = (text: string, other: string): string => (other.length === text.length ? other : text)

/** Labelled text of others, by file; read where it lies, never copied. Identifiers and streets are no names. */
export function labelled(folder: string, file: string): readonly Document[] {
  const path = join(folder, file)
  if (!existsSync(path)) throw new Error(`${path} is not there; CUSTOMHOUSE_PII names its folder`)
  type Row = { text: string; spans: { start: number; end: number; type: string }[] }
  const documents: Document[] = []
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue
    const row = JSON.parse(line) as Row
    const spans: { start: number; end: number; type: Label }[] = []
    for (const { start, end, type } of row.spans) {
      if (type !== 'PERSON' && type !== 'LOCATION' && type !== 'ORG') continue
      if (/^[\d\s.-]+$/.test(row.text.slice(start, end))) continue
      spans.push({ start, end, type })
    }
    documents.push({ text: row.text, spans })
  }
  return documents
}
