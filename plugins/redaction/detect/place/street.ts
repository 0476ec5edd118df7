import { passes, sieveOf } from '../contact/sieve.ts'
import { cueOf, cueOfWord, cuesOfKey } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isOf, NUMERAL } from '../network/units.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, hashOf, isWordUnit, LOWER, MARK, UPPER } from '../tokens.ts'
import { BOX_WORDS, box, FPO, isBox, isLabel, labelled, unitAlone } from './box.ts'
import { emit, isCalle, isNumber, UNIT, WORD_IN } from './line.ts'
import { PREFIX, prefixed } from './prefixed.ts'

/** Between a number and a suffix in small letters, these count something. */
const MEASURES = cueOf(
  ...'way minute minutes hour hours mile miles lane block blocks day days km m meter metre foot feet percent times'.split(
    ' ',
  ),
)
/** Behind the name: `12 Main Street`. */
const SUFFIX = cueOf(
  ...'street,st,str,avenue,ave,av,road,rd,lane,ln,drive,dr,boulevard,blvd,court,ct,circle,cir,place,pl,square,sq,terrace,ter,terr,parkway,pkwy,highway,hwy,way,trail,trl,crescent,cres,close,grove,mews,alley,row,walk,plaza,pike,turnpike,loop,path,parade,gardens,hill,rise,quay,broadway,mall,expressway,crossing,bypass,heights,ridge,point,esplanade,freeway,causeway,wharf,glen,park,view,vista,run'.split(
    ',',
  ),
)
/** Suffixes that are hardly ever anything else, so that small letters will do. */
const SURE = cueOf(
  ...'street avenue ave road rd lane ln boulevard blvd parkway pkwy terrace crescent highway hwy'.split(' '),
)
const KEY = cueOf(
  ...'address,street,address line,addressline,street address,home address,domicilio,dirección,calle,adresse,strasse,straße,indirizzo,endereço,adres'.split(
    ',',
  ),
)
const DIRECTION = cueOf(
  ...'n s e w ne nw se sw north south east west northeast northwest southeast southwest'.split(' '),
)
/** Endings of Germanic, Nordic and Dutch street names that are one word with the name. */
const ENDINGS = [
  'straße',
  'strasse',
  'str',
  'weg',
  'platz',
  'allee',
  'gasse',
  'ring',
  'damm',
  'ufer',
  'straat',
  'laan',
  'plein',
  'gracht',
  'kade',
  'dijk',
  'steig',
  'gatan',
  'vägen',
  'gata',
  'vej',
  'gade',
  'veien',
  'katu',
  'tie',
  'markt',
  'graben',
  'stieg',
  'promenade',
  'chaussee',
  'singel',
]
const LAST_UNITS = new Set([...'eregzmftnduil'].map((unit) => unit.charCodeAt(0)))

const SIEVE = sieveOf([SUFFIX, PREFIX, ...BOX_WORDS, UNIT], [hashOf('c'), ...FPO])

/** Street lines, post boxes, and what stands behind the label of an address. */
export const street: Detector = {
  name: 'street',
  finds: ['ADDRESS'],
  scan(reading, found) {
    const { text, tokens, hints } = reading
    const { count, hash, kind, start, end } = tokens
    if (hints.key !== null && count > 1 && text.length <= 128 && cuesOfKey(hints.key, KEY) !== 0 && hasNumeral(text)) {
      found.push({
        start: start[0] ?? 0,
        end: end[count - 1] ?? 0,
        type: 'ADDRESS',
        score: 0.85,
        rule: 'address/member',
      })
      return
    }
    let past = 0
    for (let at = 0; at < count; at++) {
      if (at < past || ((kind[at] ?? 0) & MARK) !== 0) continue
      const word = hash[at] ?? 0
      if (((kind[at] ?? 0) & DIGIT) === 0 && !passes(SIEVE, word)) continue
      let next = 0
      if (((kind[at] ?? 0) & DIGIT) !== 0) {
        if (at > 0 && (end[at] ?? 0) - (start[at] ?? 0) <= 5) next = compound(reading, at, found)
      } else {
        if (cueOfWord(word, SUFFIX) !== 0) next = suffixed(reading, at, found)
        if (next === 0 && (cueOfWord(word, PREFIX) !== 0 || isCalle(tokens, at))) next = prefixed(reading, at, found)
        if (next === 0 && isBox(word)) next = box(reading, at, found)
        if (next === 0 && isLabel(word) && hash[at + 1] === 0x3a) next = labelled(reading, at, found)
        if (next === 0 && cueOfWord(word, UNIT) !== 0) next = unitAlone(reading, at, found)
      }
      past = Math.max(past, next)
    }
  },
}

function hasNumeral(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (isOf(text, i, NUMERAL)) return true
  return false
}

/** `12 Main Street`, `1914 184th Street, Apt. 333`: back from the suffix to a number. */
function suffixed(reading: Reading, at: number, found: Span[]): number {
  const { text, tokens } = reading
  const { hash, kind, start, end } = tokens
  const capital = ((kind[at] ?? 0) & UPPER) !== 0
  let capitals = 0
  let words = 0
  let first = -1
  for (let token = at - 1; token >= 0 && at - token <= 9 && words <= 5; token--) {
    if (((kind[token + 1] ?? 0) & AFTER_BREAK) !== 0 && token + 1 > 0) break
    const is = kind[token] ?? 0
    if ((is & MARK) !== 0) {
      const mark = hash[token]
      if (mark === 0x2e || mark === 0x27 || mark === 0x2019 || mark === 0x2d || (mark === 0x2c && words > 0)) continue
      break
    }
    if ((is & DIGIT) !== 0) {
      const width = (end[token] ?? 0) - (start[token] ?? 0)
      const digit = isOf(text, start[token] ?? 0, NUMERAL)
      // `184th` is a name, `184` in front of it the number.
      if (
        digit &&
        width <= 6 &&
        !(width > 2 && isOf(text, (end[token] ?? 0) - 1, NUMERAL) === false && isNumber(tokens, token - 1, 6))
      ) {
        if (isOf(text, (end[token] ?? 0) - 1, NUMERAL) || width <= 5) {
          first = token
          break
        }
      }
      words += 1
      capitals += 1
      continue
    }
    words += 1
    if (!capital && cueOfWord(hash[token] ?? 0, MEASURES) !== 0) break
    if ((is & UPPER) !== 0 || (is & (BEYOND | LOWER)) === BEYOND) capitals += 1
    else if (!capital && cueOfWord(hash[token] ?? 0, WORD_IN) !== 0) break
  }
  if (first < 0 || words === 0) return 0
  if (start[first] !== undefined && text.charCodeAt((start[first] ?? 0) - 1) === 0x24) return 0
  const sure = cueOfWord(hash[at] ?? 0, SURE) !== 0
  if (!(capital && capitals * 2 >= words) && !sure) return 0
  if (!capital && capitals === 0 && words > 3) return 0
  // `31 27 Stone Cellar Road`, `12-14 High Street`, `221B`.
  if (isNumber(tokens, first - 1, 6) && ((kind[first] ?? 0) & AFTER_BREAK) === 0) first -= 1
  else if (hash[first - 1] === 0x2d && isNumber(tokens, first - 2, 6) && ((kind[first] ?? 0) & AFTER_BLANK) === 0)
    first -= 2
  let last = at
  if (
    hash[last + 1] === 0x2e &&
    (kind[last + 1] ?? 0) === MARK &&
    ((kind[last + 2] ?? 0) & LOWER) !== 0 &&
    ((kind[last + 2] ?? 0) & AFTER_BREAK) === 0
  )
    last += 1
  const side = last + 1
  if (
    side < tokens.count &&
    ((kind[side] ?? 0) & AFTER_BREAK) === 0 &&
    cueOfWord(hash[side] ?? 0, DIRECTION) !== 0 &&
    ((kind[side] ?? 0) & UPPER) !== 0
  )
    last = side
  return emit(reading, first, last, capital ? 0.9 : 0.65, 'address/suffix', found)
}

/** `Hauptstraße 12a`, `Lange Str. 5`, `Kerkstraat 7`: the number, behind a name that ends like a street's. */
function compound(reading: Reading, at: number, found: Span[]): number {
  const { text, tokens } = reading
  const { hash, kind, start, end } = tokens
  if (((kind[at] ?? 0) & AFTER_BREAK) !== 0) return 0
  let name = at - 1
  if (hash[name] === 0x2e) name -= 1
  if (name < 0 || ((kind[name] ?? 0) & (MARK | DIGIT)) !== 0 || !isOf(text, start[at] ?? 0, NUMERAL)) return 0
  const from = start[name] ?? 0
  const to = end[name] ?? 0
  if (!LAST_UNITS.has(text.charCodeAt(to - 1) | 32) || to - from > 40 || to - from < 3) return 0
  const word = text.slice(from, to).toLowerCase()
  const ending = ENDINGS.find((each) => word.endsWith(each) && (word.length > each.length + 2 || each === word))
  if (ending === undefined || (ending.length <= 3 && ((kind[name] ?? 0) & UPPER) === 0)) return 0
  let first = name
  if (word === ending) {
    // The name in front: `Lange Straße`, `Bürgermeister-Smidt-Straße`.
    let capital = false
    for (let steps = 0; steps < 6 && first > 0; steps++) {
      const before = first - 1
      if (((kind[first] ?? 0) & AFTER_BREAK) !== 0) break
      if (
        ((kind[before] ?? 0) & MARK) !== 0
          ? hash[before] !== 0x2d
          : ((kind[before] ?? 0) & UPPER) === 0 || (hash[before + 1] !== 0x2d && steps > 1)
      )
        break
      if (((kind[before] ?? 0) & UPPER) !== 0) capital = true
      first = before
    }
    if (!capital) return 0
  } else {
    while (
      first > 1 &&
      hash[first - 1] === 0x2d &&
      ((kind[first - 1] ?? 0) & AFTER_BLANK) === 0 &&
      ((kind[first - 2] ?? 0) & (MARK | DIGIT)) === 0
    )
      first -= 2
  }
  const capital = ((kind[first] ?? 0) & UPPER) !== 0
  let last = at
  if ((hash[at + 1] === 0x2d || hash[at + 1] === 0x2013) && isNumber(tokens, at + 2, 4)) last = at + 2
  if (
    last + 1 < tokens.count &&
    (end[last + 1] ?? 0) - (start[last + 1] ?? 0) === 1 &&
    ((kind[last + 1] ?? 0) & (LOWER | AFTER_BREAK)) === LOWER &&
    !isWordUnit(text.charCodeAt(end[last + 1] ?? 0)) &&
    text.charCodeAt(end[last + 1] ?? 0) !== 32
  )
    last += 1
  return emit(reading, first, last, capital ? 0.85 : 0.5, 'address/compound', found)
}
