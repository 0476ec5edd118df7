import { passes, sieveOf } from '../contact/sieve.ts'
import { cueOf, cueOfWord, cuesOfKey, labelBefore, lexiconOf, nearestBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isOf, NUMERAL, numeralsFrom } from '../network/units.ts'
import { AFTER_BREAK, DIGIT, hashOf, LOWER, MARK, UPPER } from '../tokens.ts'

const UNIT = lexiconOf({
  years:
    'year,years,yr,yrs,yo,año,años,jahr,jahre,jahren,jähriger,jährige,jährigen,jährig,an,ans,anni,anno,ano,anos,jaar,jarige,lat,lata'.split(
      ',',
    ),
  short:
    'month,months,mo,week,weeks,wk,wks,day,days,mes,meses,semana,semanas,día,días,monat,monate,monaten,woche,wochen,tage,mois,semaines,mese,mesi,settimane,mês,maand,maanden,weken'.split(
      ',',
    ),
})
/** What makes a span of years an age. */
const OLD = cueOf('old', 'of age', 'de edad', 'alt', 'd âge', 'di età', 'de idade', 'oud', 'y o', 'y.o', 'años de edad')
const OLD_WORD = cueOf('old', 'alt', 'oud', 'ago')
const AGE_KEY = cueOf('age', 'edad', 'alter', 'âge', 'età', 'idade', 'leeftijd', 'wiek', 'patient age')
const AGED = cueOf(
  ...'age,aged,ages,age of,edad,edad de,alter,alter von,im alter von,âge,âgé,âgée,agé,agée,età,di età,idade,leeftijd,wiek,w wieku,turned,turning,turns,cumplió,cumple,age at diagnosis,pt age'.split(
    ',',
  ),
)
const SOMEBODY = cueOf(
  ...'patient,male,female,man,woman,boy,girl,gentleman,lady,child,infant,son,daughter,mother,father,i,he,she,im,is,was,am,paciente,varón,mujer,hombre,niño,niña,hijo,hija,pacjent,pacjentka,mężczyzna,kobieta,lactante,neonato,masculino,femenino,tiene,tengo,mann,frau,patientin,homme,femme,uomo,donna,homem,mulher,vrouw,tenía,m,f'.split(
    ',',
  ),
)
/** In front or behind: a length of time, nobody's age. */
const LASTING = cueOf(
  ...'for,during,over,hacía,plazo,past,last,next,within,every,after,since,in,hace,durante,tras,desde hace,cada,últimos,próximos,en,seit,für,nach,vor,pendant,depuis,il y a,dans,da,fa,per,entro,há,por,gedurende,sinds'.split(
    ',',
  ),
)
const LASTING_AFTER = cueOf(
  ...'ago,experience,later,after,before,evolución,después,antes,seguimiento,atrás,later,más,mas,of experience,imprisonment,warranty,prior,más tarde,duration,now,fa,dopo,später,zuvor'.split(
    ',',
  ),
)
const WORDS = new Map<number, number>()
for (const [word, value] of Object.entries({
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty': 1,
  'un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte': 1,
  'ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig': 1,
}))
  for (const [at, each] of word.split(' ').entries()) WORDS.set(hashOf(each), at + value)
for (const word of 'thirty forty fifty sixty seventy eighty ninety treinta cuarenta cincuenta sesenta setenta ochenta noventa una'.split(
  ' ',
))
  WORDS.set(hashOf(word), 30)
const MOST = 130

const SIEVE = sieveOf([UNIT, AGED])

/** Ages of persons: a number with its unit where somebody has it, or behind a label. */
export const age: Detector = {
  name: 'age',
  finds: ['AGE'],
  scan(reading, found) {
    const { text, tokens, hints } = reading
    const { count, hash, kind, start, end } = tokens
    if (
      count === 1 &&
      hints.key !== null &&
      ((kind[0] ?? 0) & DIGIT) !== 0 &&
      (end[0] ?? 0) - (start[0] ?? 0) <= 3 &&
      cuesOfKey(hints.key, AGE_KEY) !== 0
    ) {
      found.push({ start: start[0] ?? 0, end: end[0] ?? 0, type: 'AGE', score: 0.9, rule: 'age/member' })
      return
    }
    for (let at = 0; at < count; at++) {
      const is = kind[at] ?? 0
      if ((is & MARK) !== 0) continue
      if ((is & DIGIT) === 0) {
        if (!passes(SIEVE, hash[at] ?? 0)) continue
        const unit = cueOfWord(hash[at] ?? 0, UNIT)
        if (unit !== 0 && at > 0) withUnit(reading, at, unit, found)
        else if (cueOfWord(hash[at] ?? 0, AGED) !== 0) labelled(reading, at, found)
        continue
      }
      const from = start[at] ?? 0
      if ((is & LOWER) !== 0 && (end[at] ?? 0) - from <= 5) glued(reading, at, found)
      else if (at + 3 < count && hash[at + 2] === 0x2f && text.charCodeAt(end[at] ?? 0) <= 32)
        slashed(reading, at, found)
    }
  },
}
const Y = hashOf('y')
const O = hashOf('o')

/** `36 y/o`. */
function slashed(reading: Reading, at: number, found: Span[]): void {
  const { hash, start, end } = reading.tokens
  if (hash[at + 1] !== Y || hash[at + 3] !== O || amountAt(reading, at) < 0) return
  found.push({ start: start[at] ?? 0, end: end[at + 3] ?? 0, type: 'AGE', score: 0.95, rule: 'age/unit' })
}

/** `37yo`, `37y`, `12mo`. */
function glued(reading: Reading, at: number, found: Span[]): void {
  const { text, tokens } = reading
  const start = tokens.start[at] ?? 0
  const end = tokens.end[at] ?? 0
  const read = numeralsFrom(text, start, 4)
  const unit = text.slice(read.end, end).toLowerCase()
  if (read.value < 0 || read.value > MOST) return
  if (unit === 'yo') found.push({ start, end, type: 'AGE', score: 0.9, rule: 'age/unit' })
  else if (unit === 'y' && tokens.hash[at + 1] === 0x2f && tokens.hash[at + 2] === O) {
    found.push({ start, end: tokens.end[at + 2] ?? end, type: 'AGE', score: 0.9, rule: 'age/unit' })
  } else if (unit === 'y' || unit === 'mo' || unit === 'a') {
    const near = nearestBefore(reading, at, SOMEBODY, 3) !== 0
    if (near || labelBefore(reading, at, AGED) !== 0)
      found.push({ start, end, type: 'AGE', score: 0.6, rule: 'age/unit' })
  }
}

/** Value of a number of at most three digits, -1 if it is none. */
function amountAt(reading: Reading, token: number): number {
  const { text, tokens } = reading
  const start = tokens.start[token] ?? 0
  if (((tokens.kind[token] ?? 0) & DIGIT) === 0) return WORDS.get(tokens.hash[token] ?? 0) ?? -1
  const read = numeralsFrom(text, start, 4)
  if (read.end !== tokens.end[token] || read.end - start > 3 || read.value > MOST) return -1
  const before = text.charCodeAt(start - 1)
  if ((before === 0x2e || before === 0x2c || before === 0x24) && (before === 0x24 || isOf(text, start - 2, NUMERAL)))
    return -1
  return read.value
}

function withUnit(reading: Reading, at: number, unit: number, found: Span[]): void {
  const { text, tokens } = reading
  const { hash, kind, start, end, count } = tokens
  let number = at - 1
  if (hash[number] === 0x2d || hash[number] === 0x2010) number -= 1
  if (number < 0 || ((kind[at] ?? 0) & AFTER_BREAK) !== 0 || amountAt(reading, number) < 0) return
  let first = number
  // `sesenta y tres años`, `thirty-seven years`.
  if (((kind[number] ?? 0) & DIGIT) === 0) {
    if (first > 1 && (hash[first - 1] === Y || hash[first - 1] === 0x2d) && WORDS.has(hash[first - 2] ?? 0)) first -= 2
    else if (first > 0 && ((kind[first - 1] ?? 0) & MARK) === 0 && WORDS.has(hash[first - 1] ?? 0)) first -= 1
  }
  let last = at
  let sure = false
  const next = hash[at + 1] === 0x2d ? at + 2 : at + 1
  if (
    next < count &&
    cueOfWord(hash[next] ?? 0, OLD_WORD) !== 0 &&
    text.slice(start[next] ?? 0, end[next] ?? 0).toLowerCase() !== 'ago'
  ) {
    last = next
    sure = true
  }
  // `3 años y 8 meses` is one age.
  if (
    first > 2 &&
    COMPOUND.has(hash[first - 1] ?? 0) &&
    cueOfWord(hash[first - 2] ?? 0, UNIT) !== 0 &&
    amountAt(reading, first - 3) >= 0
  ) {
    first -= 3
    const before = found.at(-1)
    if (before !== undefined && before.type === 'AGE' && before.start === start[first]) found.pop()
  }
  const years = (unit & UNIT.bit.years) !== 0
  if (
    !sure &&
    years &&
    (end[at] ?? 0) - (start[at] ?? 0) > 5 &&
    text
      .slice(start[at] ?? 0, end[at] ?? 0)
      .toLowerCase()
      .includes('jähr')
  )
    sure = true
  if (!sure && hash[at] === YO) sure = true
  const behind = sure ? 1 : follows(reading, at, OLD)
  let score = 0
  if (sure || behind !== 0) score = 0.95
  else if (labelBefore(reading, first, AGED) !== 0) score = 0.95
  else if (followsAny(reading, at, LASTING_AFTER)) return
  else {
    const inFront = first > 0 ? cueOfWord(hash[first - 1] ?? 0, LASTING) : 0
    const language = YEARS_ELSEWHERE.has(hash[at] ?? 0)
    const somebody = nearestBefore(reading, first, SOMEBODY, language ? 4 : 3) !== 0
    if (inFront !== 0) score = 0.2
    else if (somebody) score = years ? 0.7 : 0.5
    else if (first > 1 && hash[first - 1] === LOS && hash[first - 2] === A) score = years ? 0.6 : 0.25
    else score = years && (language || isAside(reading, first, at)) ? 0.55 : 0.25
  }
  found.push({ start: start[first] ?? 0, end: end[last] ?? 0, type: 'AGE', score, rule: 'age/unit' })
}

/** `Anna Schmidt (71 Jahre)`, `De Luca, 71 anni, …`: behind a word that may be a name, and set off on both sides. */
function isAside({ tokens }: Reading, first: number, last: number): boolean {
  const { hash, kind, count } = tokens
  const opens = first > 1 ? hash[first - 1] : 0
  const closes = last + 1 < count ? hash[last + 1] : 0x2c
  if (opens === 0x28 ? closes !== 0x29 : opens !== 0x2c || closes !== 0x2c) return false
  return ((kind[first - 2] ?? 0) & (UPPER | MARK)) === UPPER
}

const YO = hashOf('yo')
const COMPOUND = new Set(['y', 'and', 'und', 'et', 'e', 'en'].map(hashOf))
const LOS = hashOf('los')
const A = hashOf('a')
const YEARS_ELSEWHERE = new Set(['año', 'años', 'anos'].map(hashOf))

/** Whether one of some phrases stands right behind a token. */
function follows(reading: Reading, at: number, lexicon: typeof OLD): number {
  const { count } = reading.tokens
  return at + 2 < count && nearestBefore(reading, at + 3, lexicon, 2) !== 0 ? 1 : 0
}

function followsAny(reading: Reading, at: number, lexicon: typeof OLD): boolean {
  const { hash, count } = reading.tokens
  for (let i = at + 1; i < count && i <= at + 2; i++) if (cueOfWord(hash[i] ?? 0, lexicon) !== 0) return true
  return false
}

/** `Edad: 58`, `aged 64`, `at age 7`. A unit behind it is read by {@link withUnit}. */
function labelled(reading: Reading, at: number, found: Span[]): void {
  const { hash, kind, start, end, count } = reading.tokens
  let token = at + 1
  while (
    token < count &&
    token < at + 4 &&
    (((kind[token] ?? 0) & MARK) !== 0
      ? ':=-"\'('.includes(String.fromCharCode(hash[token] ?? 0))
      : cueOfWord(hash[token] ?? 0, FILL) !== 0)
  )
    token += 1
  if (token >= count || ((kind[token] ?? 0) & DIGIT) === 0 || amountAt(reading, token) < 0) return
  const next = token + 1
  const abbreviated = next < count && (hash[next] === A || hash[next] === Y) && ((kind[next] ?? 0) & AFTER_BREAK) === 0
  if (abbreviated && hash[next + 1] !== 0x2f) {
    found.push({ start: start[token] ?? 0, end: end[next] ?? 0, type: 'AGE', score: 0.85, rule: 'age/label' })
    return
  }
  if (next < count && cueOfWord(hash[next] ?? 0, UNIT) !== 0) return
  if (hash[next] === 0x2e && isOf(reading.text, end[next] ?? 0, NUMERAL)) return
  if (hash[next] === 0x25 || hash[next] === 0x2f) return
  found.push({ start: start[token] ?? 0, end: end[token] ?? 0, type: 'AGE', score: 0.85, rule: 'age/label' })
}
const FILL = cueOf('is', 'of', 'de', 'von', 'was', 'es', 'at')
