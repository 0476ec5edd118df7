import { EPONYM_NOUNS, EPONYMS } from './ambiguous.ts'
import * as lists from './lists.ts'
import { ROLES } from './native.ts'
import type { Draw } from './organisation.ts'

const RELATIONS =
  `cousin brother sister mother father son daughter wife husband friend boss neighbour neighbor colleague partner aunt uncle nephew niece grandfather grandson roommate manager
 assistant lawyer doctor accountant landlord tenant client ex fiancé agent advisor nurse teacher coach`.split(/\s+/)

const VERBS: Readonly<Partial<Record<Language, readonly string[]>>> = {
  en: `asked said called wants opened has is was went lives sent paid needs told got bought drove thinks works signed spoke met moved wrote owes took gave used lost found disputes claims
 ordered cancelled had shouted loves hates resigned arrived runs drives sells manages reported wrote turned replied closed left joined approved denied agreed refused complained visited stayed knows likes says calls keeps handled reviewed confirmed`.split(
    /\s+/,
  ),
}

/** Fills slots that are no name: numbers, dates, identifiers, words. Throws RangeError for a slot that it does not know. */
export function plainOf(draw: Draw, initial: () => string): (slot: string) => string {
  const { chance, language, first, last, word, noun } = draw
  const verbs = VERBS[language] ?? []
  const digits = (n: number): string => Array.from({ length: n }, () => chance.below(10)).join('')
  const months = {
    en: 'January February March April May June July August September October November December',
    es: 'enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre',
    de: 'Januar Februar März April Mai Juni Juli August September Oktober November Dezember',
    fr: 'janvier février mars avril mai juin juillet août septembre octobre novembre décembre',
    it: 'gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre',
    pt: 'janeiro fevereiro março abril maio junho julho agosto setembro outubro',
    nl: 'januari februari maart april mei juni juli augustus september oktober',
    pl: 'stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia',
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
    pl: 'poniedziałek wtorek środa czwartek piątek',
    xx: 'mandag fredag piątek pátek Pazartesi',
  }[language].split(' ')
  const street = (): string => {
    const l = last()
    const n = 1 + chance.below(900)
    if (language === 'es') return `${chance.of(['Calle', 'C/', 'Avenida', 'Plaza', 'Paseo'])} ${l}, ${n}`
    if (language === 'de') return `${l}${chance.of(['straße', 'weg', 'platz', 'str.'])} ${n}`
    if (language === 'fr') return `${n} ${chance.of(['rue', 'avenue', 'boulevard', 'place'])} ${l}`
    if (language === 'it') return `${chance.of(['Via', 'Viale', 'Piazza', 'Corso'])} ${l} ${n}`
    if (language === 'pt') return `${chance.of(['Rua', 'Avenida', 'Praça', 'Travessa'])} ${l}, ${n}`
    if (language === 'nl') return `${l}${chance.of(['straat', 'laan', 'weg', 'plein', 'gracht'])} ${n}`
    if (language === 'pl') return `${chance.of(['ul.', 'al.', 'pl.'])} ${l} ${n}`
    return `${n} ${l} ${chance.of(['Street', 'St', 'Avenue', 'Ave', 'Road', 'Lane', 'Drive', 'Blvd', 'Court', 'Way'])}${chance.is(0.2) ? `, Apt ${n}` : ''}`
  }
  return (slot) => {
    switch (slot) {
      case 'street':
        return street()
      case 'ep':
        return chance.is(0.75) ? chance.of(EPONYMS) : last()
      case 'epn':
        return chance.of(EPONYM_NOUNS)
      case 'role':
        return chance.of(ROLES[language])
      case 'Role': {
        const role = chance.of(ROLES[language])
        return role.charAt(0).toUpperCase() + role.slice(1)
      }
      case 'n':
        return digits(1 + chance.below(4))
      case 'amt':
        return chance.of([
          `$${digits(3)}`,
          `${digits(4)} EUR`,
          `€${digits(2)}.${digits(2)}`,
          `£${digits(3)}`,
          `USD ${digits(3)}`,
          `${digits(3)} euros`,
          `${digits(2)}.000 €`,
        ])
      case 'date':
        return chance.of([
          `${1 + chance.below(28)}/${1 + chance.below(12)}/20${digits(2)}`,
          `19${digits(2)}-0${1 + chance.below(9)}-1${digits(1)}`,
          `${1 + chance.below(28)} ${chance.of(months)} 20${digits(2)}`,
          `${chance.of(months)} ${1 + chance.below(28)}, 19${digits(2)}`,
          `${1 + chance.below(28)} de ${chance.of(months)}`,
          `${1 + chance.below(28)}.${1 + chance.below(12)}.20${digits(2)}`,
        ])
      case 'phone':
        return chance.of([
          `+1 ${digits(3)}-${digits(3)}-${digits(4)}`,
          `(${digits(3)}) ${digits(3)}-${digits(4)}`,
          `+34 6${digits(8)}`,
          `0${digits(3)} ${digits(7)}`,
          `${digits(3)}.${digits(3)}.${digits(4)}`,
        ])
      case 'email':
        return chance.of([
          `${first().toLowerCase().replaceAll(' ', '.')}.${last().toLowerCase().replaceAll(' ', '')}@${word()}.com`,
          `${word()}${digits(2)}@gmail.com`,
          `${last()}@${word()}.es`,
        ])
      case 'id':
        return chance.of([
          digits(8),
          `${initial()}${initial()}${digits(7)}`,
          `${digits(3)}-${digits(2)}-${digits(4)}`,
          `DE${digits(20)}`,
          `${digits(4)} ${digits(4)} ${digits(4)} ${digits(4)}`,
          `${initial()}-${digits(6)}`,
        ])
      case 'time':
        return chance.of([
          `${1 + chance.below(12)}:${digits(1)}0`,
          `${1 + chance.below(12)} pm`,
          `1${digits(1)}:3${digits(1)}:1${digits(1)}`,
        ])
      case 'drug':
        return chance.of(lists.DRUGS)
      case 'dis':
        return chance.of(lists.DISEASES)
      case 'prod':
        return chance.of(lists.PRODUCTS)
      case 'dept':
        return chance.of(lists.DEPARTMENTS)
      case 'job':
        return chance.of(lists.JOBS)
      case 'month':
        return chance.of(months)
      case 'day':
        return chance.of(days)
      case 'rel':
        return chance.of(RELATIONS)
      case 'v':
        return verbs.length > 0 ? chance.of(verbs) : word()
      case 'w':
        return word()
      case 'W':
        return noun()
      default:
        throw new RangeError(`no such slot: ${slot}`)
    }
  }
}
