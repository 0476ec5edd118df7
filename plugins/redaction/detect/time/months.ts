import { hashOf } from '../tokens.ts'

/** Names and abbreviations by month, January first: English, Spanish, German, French, Italian, Portuguese, Dutch; Polish in the genitive. */
const NAMES: readonly string[] = [
  'january jan enero ene januar jänner jän janvier janv gennaio gen janeiro januari stycznia',
  'february feb febrero februar februari feber février févr fév febbraio fevereiro fev lutego',
  'march mar marzo märz mär mrz mars março maart mrt marca',
  'april apr abril abr avril avr aprile kwietnia',
  'may mayo mai mei maggio mag maio maja',
  'june jun junio juni juin giugno giu junho czerwca',
  'july jul julio juli juillet juil luglio lug julho lipca',
  'august aug agosto ago août aout augustus sierpnia',
  'september sep sept septiembre setiembre septembre settembre set setembro września',
  'october oct octubre oktober okt octobre ottobre ott outubro out października',
  'november nov noviembre novembre novembro listopada',
  'december dec diciembre dic dezember dez décembre déc dicembre dezembro grudnia',
]
const MONTHS = new Map<number, number>()
NAMES.forEach((names, at) => {
  for (const name of names.split(' ')) {
    MONTHS.set(hashOf(name), at + 1)
    MONTHS.set(hashOf(name.normalize('NFD').replace(/\p{M}/gu, '')), at + 1)
  }
})
/** Short or ordinary words: a month only right beside a number. */
const ALSO_WORDS = new Set(
  'may march mar mars sun set ago mai mei jan gen out ott dec mag jun mayo mag august'.split(' ').map(hashOf),
)
/** Days of the week, in full, that are no names of persons. */
const DAYS_IN_FULL =
  'monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunedì martedì mercoledì giovedì venerdì maandag dinsdag woensdag donderdag vrijdag zaterdag zondag lunes martes miércoles jueves viernes sábado'
/** Also short ones, and those that are ordinary words or, as Domingo, names. */
const WEEKDAYS = new Set(
  `${DAYS_IN_FULL} mon tue tues wed thu thur thurs fri sat sun domingo sabato domenica segunda terça quarta quinta sexta`
    .split(' ')
    .map(hashOf),
)
/** A day alone is nobody. */
const DAY_NAMES = new Set(
  `${DAYS_IN_FULL} poniedziałek wtorek środa czwartek piątek sobota niedziela`.split(' ').map(hashOf),
)
const ENGLISH_WEEKDAYS = new Set('monday tuesday wednesday thursday friday saturday sunday'.split(' ').map(hashOf))

export const isDayName = (hash: number): boolean => DAY_NAMES.has(hash)

/** The hashes of the names of months and of the English days of the week. */
export function dateWords(): readonly number[] {
  return [...MONTHS.keys(), ...ENGLISH_WEEKDAYS]
}

/** Month of a word by its hash, 0 if it is none. */
export function monthOf(hash: number): number {
  return MONTHS.get(hash) ?? 0
}

/** Whether a month's name is as well another word, or only part of one. */
export function alsoWord(hash: number): boolean {
  return ALSO_WORDS.has(hash)
}

export function isWeekday(hash: number): boolean {
  return WEEKDAYS.has(hash)
}

export function isEnglishWeekday(hash: number): boolean {
  return ENGLISH_WEEKDAYS.has(hash)
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Whether there is such a day; `year` 0 where it is not told. Two digits of a year are as good as four. */
export function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || day > (DAYS[month - 1] ?? 0)) return false
  if (month !== 2 || day !== 29 || year === 0) return true
  return year < 100 ? year % 4 === 0 : (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

/** Years that dates of people and their papers have. */
export function isYear(year: number): boolean {
  return year >= 1850 && year <= 2120
}
