import { AMBIGUOUS, COMMON_COMPANIES, MONTHLY, NAMESAKES, NOUNS, ORDERS } from './ambiguous.ts'
import type { Chance } from './chance.ts'
import * as lists from './lists.ts'
import { CITIES_AT_HOME, INFLECTED, type Language } from './native.ts'
import { bank, hospital, organisation, university } from './organisation.ts'
import { plainOf } from './plain.ts'

export type Piece = Readonly<{ text: string; type?: 'PERSON' | 'LOCATION' | 'ORG' }>

const TITLES: Readonly<Record<Language, readonly string[]>> = {
  en: [
    'Mr.',
    'Mr',
    'Mrs.',
    'Mrs',
    'Ms.',
    'Ms',
    'Miss',
    'Dr.',
    'Dr',
    'Prof.',
    'Sir',
    'Judge',
    'Officer',
    'Rev.',
    'Captain',
  ],
  es: ['Sr.', 'Sra.', 'Dr.', 'Dra.', 'Don', 'Doña', 'D.', 'Dña.'],
  de: ['Herr', 'Frau', 'Herrn', 'Dr.', 'Prof.', 'Herr Dr.', 'Frau Dr.'],
  fr: ['M.', 'Mme', 'Mlle', 'Monsieur', 'Madame', 'Dr', 'Docteur', 'Me', 'Pr', 'Maître', 'Professeur'],
  it: ['Sig.', 'Sig.ra', 'Dott.', 'Dott.ssa', 'Signora'],
  pt: ['Sr.', 'Sra.', 'Dr.', 'Dra.', 'Dona'],
  pl: ['Pan', 'Pani', 'Pana', 'Panem', 'Panią', 'dr', 'mgr', 'Szanowny Panie', 'Szanowna Pani'],
  nl: ['dhr.', 'mevr.', 'mevrouw', 'de heer', 'dr.'],
  xx: ['Dr.', 'Prof.', 'Mr.', 'Mme', 'Pan', 'Pani', 'Bay', 'Herr', 'Fru', 'Ing.'],
}

const MAJOR = new Set(['en', 'es', 'de', 'fr', 'it', 'pt', 'nl', 'pl'])

const COMMON_WORDS: Readonly<Record<Language, readonly string[]>> = {
  en: lists.FREQUENT.filter((word) => /^[a-z]{2,}$/.test(word)).slice(0, 12_000),
  es: lists.SPANISH_FREQUENT,
  de: lists.GERMAN,
  fr: lists.FRENCH_FREQUENT,
  it: lists.ITALIAN,
  pt: lists.PORTUGUESE,
  nl: lists.DUTCH,
  pl: lists.POLISH,
  xx: [],
}

const LARGE_NAMES = lists.CITIES.filter((city) => city.population >= 150_000).map((city) => city.name)
const EVERY_CITY = lists.CITIES.map((city) => city.name)
const AT_HOME: Readonly<Record<Language, readonly string[]>> = {
  en: ['US', 'GB', 'AU', 'CA', 'IE', 'IN'],
  es: ['ES', 'MX', 'AR', 'CO'],
  de: ['DE', 'AT', 'CH'],
  fr: ['FR', 'BE', 'CA'],
  it: ['IT'],
  pt: ['PT', 'BR'],
  nl: ['NL', 'BE'],
  pl: ['PL'],
  xx: ['SE', 'DK', 'NO', 'FI', 'CZ', 'HU', 'RO', 'HR', 'TR', 'VN', 'ID'],
}
const homes = new Map<string, readonly string[]>()
for (const [language, countries] of Object.entries(AT_HOME)) {
  const all = lists.CITIES.filter((city) => countries.includes(city.country))
  homes.set(
    language,
    all.map((city) => city.name),
  )
  homes.set(
    `${language} large`,
    all.filter((city) => city.population >= 100_000).map((city) => city.name),
  )
}

const PARTICLES = [
  'van der',
  'van',
  'de',
  'de la',
  'del',
  'von',
  'da',
  'dos',
  'di',
  'bin',
  'al',
  'Mac',
  "O'",
  'Mc',
  'St.',
  'le',
  'ten',
  'El',
  'Ní',
  'Ó',
  'Nic',
  "N'",
  "D'",
  'De',
  'De la',
  'Van',
  'Von',
  'Di',
  'La',
]
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

/** One fill of one slot. `held`: lists of names that only validation sees are used; training never draws one of them. */
export function filler(chance: Chance, language: Language, held: boolean): (slot: string) => readonly Piece[] {
  const isHeld = (word: string): boolean => {
    let sum = 0
    for (let i = 0; i < word.length; i++) sum = (sum * 31 + word.charCodeAt(i)) | 0
    return (sum >>> 4) % 10 === 0
  }
  const drawn = (list: readonly string[]): string => {
    for (let i = 0; i < 60; i++) {
      const word = chance.of(list)
      if (isHeld(word) === held) return word
    }
    return chance.of(list)
  }
  const own = lists.POOLS.filter((pool) => (language === 'xx' ? !MAJOR.has(pool[1]) : pool[1] === language))
  const common = language === 'xx' ? chance.of(lists.FURTHER) : COMMON_WORDS[language]
  const weights = (pools: typeof lists.POOLS): number => pools.reduce((sum, pool) => sum + pool[0], 0)
  const pool = () => {
    const from = language === 'en' || chance.is(0.15) || own.length === 0 ? lists.POOLS : own
    let at = chance.unit() * weights(from)
    for (const one of from) {
      at -= one[0]
      if (at < 0) return one[2]
    }
    return AMBIGUOUS
  }
  const first = (): string => {
    if (language === 'en' && chance.is(0.22)) return chance.of(AMBIGUOUS.first)
    if (chance.is(0.06)) return capital(drawn(lists.ALL_NAMES))
    return drawn(pool().first)
  }
  const last = (): string => {
    if (chance.is(language === 'en' || language === 'es' ? 0.15 : 0.04)) return chance.of(AMBIGUOUS.last)
    const base = chance.is(0.15) ? capital(drawn(lists.ALL_NAMES)) : drawn(pool().last)
    if (chance.is(0.04)) return `${base}-${drawn(pool().last)}`
    if (chance.is(0.05)) {
      const particle = chance.of(PARTICLES)
      return particle.endsWith("'") || particle.endsWith('c') ? particle + base : `${particle} ${base}`
    }
    if (language === 'es' && chance.is(0.55)) return `${base} ${drawn(pool().last)}`
    return base
  }
  const initial = (): string => String.fromCharCode(65 + chance.below(26))
  const full = (): string => {
    const p = pool()
    const a = chance.is(0.75) && !chance.is(0.14) ? drawn(p.first) : first()
    const b = chance.is(0.75) && !chance.is(0.14) && language !== 'es' ? drawn(p.last) : last()
    const r = chance.unit()
    if (r < 0.06) return `${a} ${initial()}. ${b}`
    if (r < 0.08) return `${a} ${initial()} ${b}`
    if (r < 0.11) return `${initial()}. ${b}`
    if (r < 0.12) return `${initial()}. ${initial()}. ${b}`
    if (r < 0.17) return `${a} ${first()} ${b}`
    if (r < 0.19) return `${a}-${first()} ${b}`
    if (r < 0.2) return `${b} ${a}`
    return `${a} ${b}`
  }
  const city = (): string => {
    if (chance.is(0.07))
      return chance.of([
        'Paris',
        'Jordan',
        'Georgia',
        'Virginia',
        'Sydney',
        'Austin',
        'Florence',
        'Charlotte',
        'Madison',
        'Victoria',
        'Orlando',
        'Lincoln',
        'Jackson',
        'Houston',
        'Dallas',
        'London',
        'Phoenix',
        'Reading',
        'Bath',
        'Mobile',
        'Nice',
        'Cork',
        'Chelsea',
        'Brooklyn',
        'Buffalo',
        'Hope',
        'Santiago',
        'San Jose',
        'Essen',
        'Regensburg',
        'Tours',
        'Troy',
      ])
    if (chance.is(language === 'en' ? 0.05 : 0.35)) return chance.of(CITIES_AT_HOME[language])
    const large = chance.is(0.5)
    const at = chance.is(0.7) ? homes.get(large ? `${language} large` : language) : large ? LARGE_NAMES : EVERY_CITY
    return drawn(at ?? LARGE_NAMES)
  }
  const country = (): string => chance.of(lists.COUNTRIES[chance.is(0.9) ? language : 'en'] ?? lists.STATES)
  const word = (): string => chance.of(chance.is(0.4) ? common.slice(0, 300) : common)
  const noun = (): string => capital(word())
  const l1 = (): string => drawn(pool().last)
  const draw = { chance, language, first, last: l1, city, noun, word }
  const plain = plainOf(draw, initial)
  let same = chance.of(AMBIGUOUS.first)
  const kept = (word: string): string => {
    same = word
    return word
  }
  const person = (text: string): Piece => ({ text, type: 'PERSON' })
  const place = (text: string): Piece => ({ text, type: 'LOCATION' })
  return (slot) => {
    switch (slot) {
      case 'p': {
        const r = chance.unit()
        return [person(r < 0.55 ? full() : r < 0.85 ? first() : r < 0.93 ? last() : `${last()}, ${first()}`)]
      }
      case 'f':
        return [person(first())]
      case 'l':
        return [person(last())]
      case 'fl':
        return [person(full())]
      case 'lf':
        return [
          person(
            `${last()}, ${first()}${chance.is(0.08) ? `-${first()}` : ''}${chance.is(0.2) ? ` ${initial()}.` : ''}`,
          ),
        ]
      case 't':
        return [{ text: `${chance.of(TITLES[language])} ` }, person(chance.is(0.6) ? last() : full())]
      case 'c':
        return [place(city())]
      case 'co':
        return [place(country())]
      case 'st':
        return [place(chance.is(0.5) ? chance.of(lists.STATES) : chance.of(lists.STATE_CODES))]
      case 'loc': {
        const r = chance.unit()
        if (r < 0.5) return [place(city())]
        if (r < 0.75) return [place(country())]
        if (r < 0.9 && language === 'en')
          return [
            place(city()),
            { text: ', ' },
            place(chance.is(0.5) ? chance.of(lists.STATES) : chance.of(lists.STATE_CODES)),
          ]
        return [place(city()), { text: ', ' }, place(country())]
      }
      case 'o':
        return [{ text: organisation(draw), type: 'ORG' }]
      case 'bank':
        return [{ text: bank(draw), type: 'ORG' }]
      case 'hosp':
        return [{ text: hospital(draw), type: 'ORG' }]
      case 'uni':
        return [{ text: university(draw), type: 'ORG' }]
      case 'af':
        return [person(kept(chance.of(AMBIGUOUS.first)))]
      case 'al':
        return [person(kept(chance.of(AMBIGUOUS.last)))]
      case 'ap':
        return [person(kept(chance.of(NAMESAKES)))]
      case 'ac':
        return [place(chance.is(0.7) && NAMESAKES.includes(same) ? same : kept(chance.of(NAMESAKES)))]
      case 'ao':
        return [
          {
            text: chance.is(0.5) && COMMON_COMPANIES.includes(same) ? same : kept(chance.of(COMMON_COMPANIES)),
            type: 'ORG',
          },
        ]
      case 'mf':
        return [person(chance.is(0.7) && MONTHLY.includes(same) ? same : kept(chance.of(MONTHLY)))]
      case 'addr':
        return [{ text: plain('street') }, ...(chance.is(0.4) ? [{ text: ', ' }, place(city())] : [])]
      case 'ci':
        return [place(chance.of(INFLECTED))]
      case 'aw':
        return [{ text: same.toLowerCase() }]
      case 'aW':
        return [{ text: capital(same.toLowerCase()) }]
      case 'mW':
        return [{ text: chance.is(0.7) && MONTHLY.includes(same) ? same : kept(chance.of(MONTHLY)) }]
      case 'iv':
        return [{ text: kept(chance.of(ORDERS)) }]
      case 'an':
        return [{ text: kept(chance.of(NOUNS)) }]
      default:
        return [{ text: plain(slot) }]
    }
  }
}
