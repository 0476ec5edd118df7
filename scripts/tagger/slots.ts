import type { Chance } from './chance.ts'
import * as lists from './lists.ts'

export type Piece = Readonly<{ text: string; type?: 'PERSON' | 'LOCATION' | 'ORG' }>
export type Language = 'en' | 'es' | 'de' | 'fr' | 'it' | 'pt' | 'nl' | 'xx'

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
  nl: ['dhr.', 'mevr.', 'mevrouw', 'de heer', 'dr.'],
  xx: ['Dr.', 'Prof.', 'Mr.', 'Mme', 'Pan', 'Pani', 'Bay', 'Herr', 'Fru', 'Ing.'],
}

const RELATIONS =
  `cousin brother sister mother father son daughter wife husband friend boss neighbour neighbor colleague partner aunt uncle nephew niece grandfather grandson roommate manager
 assistant lawyer doctor accountant landlord tenant client ex fiancé agent advisor nurse teacher coach`.split(/\s+/)

const MAJOR = new Set(['en', 'es', 'de', 'fr', 'it', 'pt', 'nl'])
const VERBS: Readonly<Partial<Record<Language, readonly string[]>>> = {
  en: `asked said called wants opened has is was went lives sent paid needs told got bought drove thinks works signed spoke met moved wrote owes took gave used lost found disputes claims
 ordered cancelled closed left joined approved denied agreed refused complained visited stayed knows likes says calls keeps handled reviewed confirmed`.split(
    /\s+/,
  ),
}

const COMMON_WORDS: Readonly<Record<Language, readonly string[]>> = {
  en: lists.FREQUENT.filter((word) => /^[a-z]{2,}$/.test(word)).slice(0, 12_000),
  es: lists.SPANISH_FREQUENT,
  de: lists.GERMAN,
  fr: lists.FRENCH_FREQUENT,
  it: lists.ITALIAN,
  pt: lists.PORTUGUESE,
  nl: lists.DUTCH,
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
  xx: ['SE', 'DK', 'NO', 'FI', 'PL', 'CZ', 'HU', 'RO', 'HR', 'TR', 'VN', 'ID'],
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
  const verbs = VERBS[language] ?? []
  const weights = (pools: typeof lists.POOLS): number => pools.reduce((sum, pool) => sum + pool[0], 0)
  const pool = () => {
    const from = language === 'en' || chance.is(0.15) || own.length === 0 ? lists.POOLS : own
    let at = chance.unit() * weights(from)
    for (const one of from) {
      at -= one[0]
      if (at < 0) return one[2]
    }
    return lists.AMBIGUOUS
  }
  const first = (): string => {
    if (language === 'en' && chance.is(0.22)) return chance.of(lists.AMBIGUOUS.first)
    if (chance.is(0.06)) return capital(drawn(lists.ALL_NAMES))
    return drawn(pool().first)
  }
  const last = (): string => {
    if (chance.is(language === 'en' || language === 'es' ? 0.15 : 0.04)) return chance.of(lists.AMBIGUOUS.last)
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
    const large = chance.is(0.5)
    const at = chance.is(0.7) ? homes.get(large ? `${language} large` : language) : large ? LARGE_NAMES : EVERY_CITY
    return drawn(at ?? LARGE_NAMES)
  }
  const country = (): string => chance.of(lists.COUNTRIES[chance.is(0.9) ? language : 'en'] ?? lists.STATES)
  const word = (): string => chance.of(chance.is(0.4) ? common.slice(0, 300) : common)
  const noun = (): string => capital(word())
  const hospital = (): string => {
    const l = last()
    if (language === 'es' || language === 'pt')
      return chance.of([
        `Hospital ${l}`,
        `Hospital Universitario ${l}`,
        `Hospital de ${city()}`,
        `Clínica ${l}`,
        `Hospital General de ${city()}`,
        `Centro de Salud ${l}`,
        `Hospital Clínico San ${first()}`,
        `Complejo Hospitalario de ${city()}`,
      ])
    if (language === 'de')
      return chance.of([
        `Klinikum ${city()}`,
        `Universitätsklinikum ${city()}`,
        `Charité`,
        `St. ${first()} Krankenhaus`,
        `Krankenhaus ${city()}`,
      ])
    if (language === 'fr')
      return chance.of([`CHU de ${city()}`, `Hôpital ${l}`, `Clinique Saint-${first()}`, `Hôpital Saint-${first()}`])
    return chance.of(
      [
        `${city()} General Hospital`,
        `St. ${first()}'s Hospital`,
        `Mount Sinai`,
        `${l} Medical Center`,
        `${city()} Clinic`,
        'Mayo Clinic',
        `${city()} Memorial Hospital`,
        `Ospedale ${l}`,
        `${l} Family Practice`,
        `Ziekenhuis ${city()}`,
      ].slice(0, language === 'en' ? 9 : 10),
    )
  }
  const university = (): string => {
    if (language === 'es') return chance.of([`Universidad de ${city()}`, `Universidad Autónoma de ${city()}`])
    if (language === 'de') return chance.of([`Universität ${city()}`, `TU ${city()}`])
    return chance.of([
      `University of ${city()}`,
      `${city()} University`,
      `${chance.of(lists.STATES)} State University`,
      'MIT',
      'UCLA',
      `${l1()} College`,
    ])
  }
  const l1 = (): string => drawn(pool().last)
  const organisation = (): string => {
    const r = chance.unit()
    if (chance.is(0.14)) {
      // Names as new companies have them: one word, made up.
      const end = chance.of([
        'tech',
        'ify',
        'labs',
        'soft',
        'net',
        'sys',
        'ware',
        'gen',
        'pharma',
        'path',
        'hub',
        'ly',
        'io',
        'data',
        'pay',
        'care',
        'works',
        'base',
        'mart',
        'max',
      ])
      return chance.is(0.5) ? `${noun()}${end}` : `${noun()}${capital(chance.is(0.5) ? word() : end)}`
    }
    if (r < 0.28) return chance.of(lists.COMPANIES)
    if (r < 0.36) return chance.of(lists.BANKS)
    if (r < 0.42) return hospital()
    if (r < 0.46) return university()
    const end = {
      en: [
        'Inc',
        'Inc.',
        'LLC',
        'Ltd',
        'Ltd.',
        'Corp.',
        'Group',
        'PLC',
        'and Sons',
        '& Co.',
        'Holdings',
        'Partners',
        'Insurance',
        'Bank',
        'Capital',
        'Solutions',
        'Technologies',
        'Foundation',
        'Consulting',
        'Industries',
      ],
      es: ['S.A.', 'S.L.', 'SA', 'SL', 'e Hijos'],
      de: ['GmbH', 'AG', 'KG', 'GmbH & Co. KG', 'e.V.', 'SE'],
      fr: ['SA', 'SARL', 'SAS', 'et Fils'],
      it: ['S.p.A.', 'S.r.l.', 'SpA'],
      pt: ['S.A.', 'Ltda', 'Lda.'],
      nl: ['B.V.', 'NV', 'BV'],
      xx: ['AB', 'A/S', 'ASA', 'Oy', 'Sp. z o.o.', 's.r.o.', 'Kft.', 'd.o.o.', 'A.Ş.', 'S.R.L.', 'Tbk', 'AS'],
    }[language]
    const e = chance.of(end)
    if (r < 0.66) return `${l1()} ${e}`
    if (r < 0.76) return `${l1()}, ${l1()} and ${l1()}`
    if (r < 0.82) return `${l1()}-${l1()}`
    if (r < 0.9) return `${noun()} ${noun()} ${e}`
    if (r < 0.94) return `${noun()} ${e}`
    return chance.of([
      `${city()} ${e}`,
      `Department of ${noun()}`,
      `${noun()} ${noun()} Association`,
      `Ministry of ${noun()}`,
      `${city()} Police Department`,
      `Bank of ${city()}`,
      `${l1()} & ${l1()} LLP`,
    ])
  }
  const digits = (n: number): string => Array.from({ length: n }, () => chance.below(10)).join('')
  const months = {
    en: 'January February March April May June July August September October November December',
    es: 'enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre',
    de: 'Januar Februar März April Mai Juni Juli August September Oktober November Dezember',
    fr: 'janvier février mars avril mai juin juillet août septembre octobre novembre décembre',
    it: 'gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre',
    pt: 'janeiro fevereiro março abril maio junho julho agosto setembro outubro',
    nl: 'januari februari maart april mei juni juli augustus september oktober',
    xx: 'januar februari marts maj czerwca října mayıs tháng',
  }[language].split(' ')
  const days = {
    en: 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday',
    es: 'lunes martes miércoles jueves viernes',
    de: 'Montag Dienstag Mittwoch Donnerstag Freitag Samstag',
    fr: 'lundi mardi mercredi jeudi vendredi',
    it: 'lunedì martedì venerdì',
    pt: 'segunda terça sexta',
    nl: 'maandag dinsdag vrijdag',
    xx: 'mandag fredag piątek pátek Pazartesi',
  }[language].split(' ')
  const street = (): string => {
    const l = l1()
    const n = 1 + chance.below(900)
    if (language === 'es') return `${chance.of(['Calle', 'C/', 'Avenida', 'Plaza', 'Paseo'])} ${l}, ${n}`
    if (language === 'de') return `${l}${chance.of(['straße', 'weg', 'platz', 'str.'])} ${n}`
    if (language === 'fr') return `${n} ${chance.of(['rue', 'avenue', 'boulevard', 'place'])} ${l}`
    return `${n} ${l} ${chance.of(['Street', 'St', 'Avenue', 'Ave', 'Road', 'Lane', 'Drive', 'Blvd', 'Court', 'Way'])}${chance.is(0.2) ? `, Apt ${n}` : ''}`
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
        return [person(`${last()}, ${first()}${chance.is(0.2) ? ` ${initial()}.` : ''}`)]
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
        return [{ text: organisation(), type: 'ORG' }]
      case 'bank':
        return [{ text: chance.is(0.8) ? chance.of(lists.BANKS) : `${l1()} Bank`, type: 'ORG' }]
      case 'hosp':
        return [{ text: hospital(), type: 'ORG' }]
      case 'uni':
        return [{ text: university(), type: 'ORG' }]
      case 'n':
        return [{ text: digits(1 + chance.below(4)) }]
      case 'amt':
        return [
          {
            text: chance.of([
              `$${digits(3)}`,
              `${digits(4)} EUR`,
              `€${digits(2)}.${digits(2)}`,
              `£${digits(3)}`,
              `USD ${digits(3)}`,
              `${digits(3)} euros`,
              `${digits(2)}.000 €`,
            ]),
          },
        ]
      case 'date':
        return [
          {
            text: chance.of([
              `${1 + chance.below(28)}/${1 + chance.below(12)}/20${digits(2)}`,
              `19${digits(2)}-0${1 + chance.below(9)}-1${digits(1)}`,
              `${1 + chance.below(28)} ${chance.of(months)} 20${digits(2)}`,
              `${chance.of(months)} ${1 + chance.below(28)}, 19${digits(2)}`,
              `${1 + chance.below(28)} de ${chance.of(months)}`,
              `${1 + chance.below(28)}.${1 + chance.below(12)}.20${digits(2)}`,
            ]),
          },
        ]
      case 'phone':
        return [
          {
            text: chance.of([
              `+1 ${digits(3)}-${digits(3)}-${digits(4)}`,
              `(${digits(3)}) ${digits(3)}-${digits(4)}`,
              `+34 6${digits(8)}`,
              `0${digits(3)} ${digits(7)}`,
              `${digits(3)}.${digits(3)}.${digits(4)}`,
            ]),
          },
        ]
      case 'email':
        return [
          {
            text: chance.of([
              `${first().toLowerCase().replaceAll(' ', '.')}.${l1().toLowerCase().replaceAll(' ', '')}@${word()}.com`,
              `${word()}${digits(2)}@gmail.com`,
              `${l1()}@${word()}.es`,
            ]),
          },
        ]
      case 'id':
        return [
          {
            text: chance.of([
              digits(8),
              `${initial()}${initial()}${digits(7)}`,
              `${digits(3)}-${digits(2)}-${digits(4)}`,
              `DE${digits(20)}`,
              `${digits(4)} ${digits(4)} ${digits(4)} ${digits(4)}`,
              `${initial()}-${digits(6)}`,
            ]),
          },
        ]
      case 'addr':
        return [{ text: street() }, ...(chance.is(0.4) ? [{ text: ', ' }, place(city())] : [])]
      case 'time':
        return [
          {
            text: chance.of([
              `${1 + chance.below(12)}:${digits(1)}0`,
              `${1 + chance.below(12)} pm`,
              `1${digits(1)}:3${digits(1)}:1${digits(1)}`,
            ]),
          },
        ]
      case 'drug':
        return [{ text: chance.of(lists.DRUGS) }]
      case 'dis':
        return [{ text: chance.of(lists.DISEASES) }]
      case 'prod':
        return [{ text: chance.of(lists.PRODUCTS) }]
      case 'dept':
        return [{ text: chance.of(lists.DEPARTMENTS) }]
      case 'job':
        return [{ text: chance.of(lists.JOBS) }]
      case 'month':
        return [{ text: chance.of(months) }]
      case 'day':
        return [{ text: chance.of(days) }]
      case 'rel':
        return [{ text: chance.of(RELATIONS) }]
      case 'v':
        return [{ text: verbs.length > 0 ? chance.of(verbs) : word() }]
      case 'w':
        return [{ text: word() }]
      case 'W':
        return [{ text: noun() }]
      default:
        throw new RangeError(`no such slot: ${slot}`)
    }
  }
}
