import { cueOf, cueOfWord, cuesOfKey, labelBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { isOf, NUMERAL } from '../network/units.ts'
import {
  AFTER_BLANK,
  AFTER_BREAK,
  BEYOND,
  DIGIT,
  hashOf,
  isWordUnit,
  LOWER,
  MARK,
  type Tokens,
  UPPER,
} from '../tokens.ts'
import { stateZipEnd } from './postal.ts'

/** Behind the name: `12 Main Street`. */
const SUFFIX = cueOf(
  ...'street,st,str,avenue,ave,av,road,rd,lane,ln,drive,dr,boulevard,blvd,court,ct,circle,cir,place,pl,square,sq,terrace,ter,terr,parkway,pkwy,highway,hwy,way,trail,trl,crescent,cres,close,grove,mews,alley,row,walk,plaza,pike,turnpike,loop,path,parade,gardens,hill,rise,quay,broadway,mall,expressway,crossing,bypass,heights,ridge,point,esplanade,freeway,causeway,wharf,glen,park,view,vista,run'.split(
    ',',
  ),
)
/** Suffixes that are hardly ever anything else, so that small letters will do. */
const SURE = cueOf(
  ...'street avenue ave road rd lane ln boulevard blvd drive parkway pkwy terrace crescent highway hwy'.split(' '),
)
/** In front of the name: `Calle Mayor 5`, `via Roma 12`, `rue de Rivoli`. */
const PREFIX = cueOf(
  ...(
    'calle,cl,avda,avd,avenida,av,plaza,plza,pza,pl,paseo,pso,pº,camino,cmno,carretera,ctra,ronda,travesía,trav,callejón,glorieta,urbanización,urb,carrera,cra,rúa,rambla,passeig,carrer,rua,praça,travessa,alameda,estrada,via,viale,piazza,piazzale,corso,vicolo,largo,lungomare,' +
    'rue,avenue,boulevard,bd,chemin,quai,cours,impasse,allée,place,route,ruelle,ulica,ul,ulice,calzada,bulevar,barrio,polígono,costanilla,cuesta,pasaje,jirón'
  ).split(','),
)
/** French ones have their number in front as often. */
const FRENCH = cueOf(
  ...'rue avenue av boulevard bd bld chemin quai cours impasse allée place route passage square villa faubourg'.split(
    ' ',
  ),
)
const UNIT = cueOf(
  ...'apt apartment suite ste unit room rm floor fl bldg building flat dept lot piso puerta planta escalera esc bajo dpto bloque portal wohnung apto casa interno scala appartement bâtiment bat étage box no'.split(
    ' ',
  ),
)
const DIRECTION = cueOf(
  ...'n s e w ne nw se sw north south east west northeast northwest southeast southwest'.split(' '),
)
const BOX = cueOf('box')
const BOX_FOREIGN = cueOf('postfach', 'apartado', 'apdo', 'postbus', 'bp')
const LABEL = cueOf(
  ...'domicilio,dirección,address,home address,street address,mailing address,billing address,shipping address,adresse,anschrift,wohnhaft,indirizzo,residente en,endereço,morada,adres,vive en,lives at,residing at,resides at,located at,ubicado en'.split(
    ',',
  ),
)
const KEY = cueOf(
  ...'address,street,address line,addressline,street address,home address,domicilio,dirección,calle,adresse,strasse,straße,indirizzo,endereço,adres'.split(
    ',',
  ),
)
const WORD_IN = cueOf(
  ...'de del la las los el y e da do das dos di della dei du des le les von van den der the of and san santa saint sankt st am an auf im zum zur a d l'.split(
    ' ',
  ),
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
const SN = hashOf('s')
const N = hashOf('n')
const MOST_WORDS = 7
const FPO = new Set(['apo', 'fpo', 'dpo'].map(hashOf))

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
      let next = 0
      if (((kind[at] ?? 0) & DIGIT) !== 0) {
        if (at > 0 && (end[at] ?? 0) - (start[at] ?? 0) <= 5) next = compound(reading, at, found)
      } else {
        if (cueOfWord(word, SUFFIX) !== 0) next = suffixed(reading, at, found)
        if (next === 0 && (cueOfWord(word, PREFIX) !== 0 || isCalle(tokens, at))) next = prefixed(reading, at, found)
        if (next === 0 && (cueOfWord(word, BOX) !== 0 || cueOfWord(word, BOX_FOREIGN) !== 0 || FPO.has(word)))
          next = box(reading, at, found)
        if (next === 0 && cueOfWord(word, LABEL) !== 0 && hash[at + 1] === 0x3a) next = labelled(reading, at, found)
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

/** `C/ Mayor`. */
function isCalle(tokens: Tokens, at: number): boolean {
  return tokens.hash[at] === C && tokens.hash[at + 1] === 0x2f && ((tokens.kind[at + 1] ?? 0) & AFTER_BLANK) === 0
}
const C = hashOf('c')

function isNumber(tokens: Tokens, at: number, most: number): boolean {
  return ((tokens.kind[at] ?? 0) & (DIGIT | MARK)) === DIGIT && (tokens.end[at] ?? 0) - (tokens.start[at] ?? 0) <= most
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

/** With the unit, and the city, state and ZIP behind it, if there. */
function emit(reading: Reading, first: number, last: number, score: number, rule: string, found: Span[]): number {
  const { tokens, text } = reading
  let end = last
  const unit = unitEnd(reading, end + 1)
  if (unit !== 0) end = unit
  const tail = stateZipEnd(reading, end + 1)
  if (tail !== 0) end = tail
  let to = tokens.end[end] ?? 0
  while (to > 0 && text.charCodeAt(to - 1) === 0x2c) to -= 1
  found.push({ start: tokens.start[first] ?? 0, end: to, type: 'ADDRESS', score, rule })
  return end + 1
}

/** Last token of `, Apt. 4B`, `Suite 200`, `#12`; 0 if there is none. */
function unitEnd(reading: Reading, from: number): number {
  const { hash, kind, start, end, count } = reading.tokens
  let at = from
  if (hash[at] === 0x2c || hash[at] === 0x2e) at += 1
  if (at >= count) return 0
  if (hash[at] === 0x23) return isNumber(reading.tokens, at + 1, 5) ? at + 1 : 0
  if (((kind[at] ?? 0) & MARK) !== 0 || cueOfWord(hash[at] ?? 0, UNIT) === 0) return 0
  at += 1
  while (at < count && (hash[at] === 0x2e || hash[at] === 0x23 || hash[at] === 0x3a)) at += 1
  const short = (end[at] ?? 0) - (start[at] ?? 0) <= 6
  if (
    at < count &&
    short &&
    (((kind[at] ?? 0) & (DIGIT | MARK)) === DIGIT || (end[at] ?? 0) - (start[at] ?? 0) === 1) &&
    ((kind[at] ?? 0) & AFTER_BREAK) === 0 &&
    ((kind[at] ?? 0) & MARK) === 0
  )
    return at
  return 0
}

/** `Apt. 333` on a line of its own. */
function unitAlone(reading: Reading, at: number, found: Span[]): number {
  const { hash, kind, start, end } = reading.tokens
  const word = reading.text.slice(start[at] ?? 0, end[at] ?? 0).toLowerCase()
  if (word !== 'apt' && word !== 'apartment' && word !== 'suite' && word !== 'flat') return 0
  const last = unitEnd(reading, at)
  if (last === 0 || ((kind[last] ?? 0) & DIGIT) === 0) return 0
  const line = at === 0 || ((kind[at] ?? 0) & AFTER_BREAK) !== 0 || hash[at - 1] === 0x2c || hash[at + 1] === 0x2e
  found.push({
    start: start[at] ?? 0,
    end: end[last] ?? 0,
    type: 'ADDRESS',
    score: line ? 0.7 : 0.5,
    rule: 'address/unit',
  })
  return last + 1
}

/** `Calle Mayor, 5, 2º A`, `via Roma 12`, `12 rue de la Paix`. */
function prefixed(reading: Reading, at: number, found: Span[]): number {
  const { text, tokens } = reading
  const { hash, kind, start, end, count } = tokens
  const calle = isCalle(tokens, at)
  let token = calle ? at + 2 : at + 1
  if (hash[token] === 0x2e || (hash[token] === 0x2c && !calle)) token += 1
  let words = 0
  let capitals = 0
  let mixed = 0
  let number = -1
  let lastWord = at
  for (; token < count && words <= MOST_WORDS; token++) {
    const is = kind[token] ?? 0
    if ((is & AFTER_BREAK) !== 0) break
    const mark = hash[token] ?? 0
    if ((is & MARK) !== 0) {
      if (
        mark === 0x2c ||
        mark === 0x27 ||
        mark === 0x2019 ||
        mark === 0x2d ||
        mark === 0xba ||
        mark === 0xb0 ||
        mark === 0x23
      )
        continue
      if (mark === 0x2e && (end[token - 1] ?? 0) - (start[token - 1] ?? 0) <= 4) continue
      break
    }
    if (isNumber(tokens, token, 6)) {
      // `Calle 8 de Marzo 5`, `Cra. 8a #99-55`: a number right behind the prefix is a name's where another follows.
      if (
        words === 0 &&
        token + 1 < count &&
        (((kind[token + 1] ?? 0) & (LOWER | UPPER)) !== 0 || hash[token + 1] === 0x23) &&
        ((kind[token + 1] ?? 0) & AFTER_BREAK) === 0
      ) {
        words += 1
        continue
      }
      number = token
      break
    }
    if (mark === SN && hash[token + 1] === 0x2f && hash[token + 2] === N) {
      number = token + 2
      break
    }
    if (mark === N || mark === NUM) continue
    // A second street begins; it is read by itself.
    if (words > 0 && (is & UPPER) !== 0 && (cueOfWord(mark, STRONG_PREFIX) !== 0 || isCalle(tokens, token))) return 0
    words += 1
    lastWord = token
    if ((is & UPPER) !== 0 && (is & (LOWER | BEYOND)) !== 0) mixed += 1
    if ((is & UPPER) !== 0 || (is & (BEYOND | LOWER)) === BEYOND) capitals += 1
    else if (words > 1 && capitals === 0 && cueOfWord(mark, WORD_IN) === 0 && ((kind[at] ?? 0) & UPPER) === 0) break
  }
  const capital = ((kind[at] ?? 0) & UPPER) !== 0
  if (number < 0) {
    // The number in front.
    if (cueOfWord(hash[at] ?? 0, FRENCH) === 0 || words === 0) return 0
    let first = at - 1
    if (hash[first] === 0x2c) first -= 1
    if (first > 0 && (hash[first] === BIS || hash[first] === TER)) first -= 1
    if (first < 0 || !isNumber(tokens, first, 5) || ((kind[at] ?? 0) & AFTER_BREAK) !== 0) return 0
    if (isNumber(tokens, first - 1, 3) && ((kind[first] ?? 0) & AFTER_BREAK) === 0) first -= 1
    return emit(reading, first, frenchEnd(reading, at, lastWord), 0.85, 'address/prefix', found)
  }
  if (words === 0 && !calle) return 0
  const short = (end[at] ?? 0) - (start[at] ?? 0) <= 3 && !calle
  if (
    (short ? mixed === 0 : capitals === 0) &&
    !(calle && words > 0) &&
    !(capital && !short && (words > 1 || (end[at] ?? 0) - (start[at] ?? 0) >= 5))
  )
    return 0
  const behindNumber = text.charCodeAt(end[number] ?? 0)
  if (
    (behindNumber === 0x2c || behindNumber === 0x2e || behindNumber === 0x2f) &&
    short &&
    isOf(text, (end[number] ?? 0) + 1, NUMERAL)
  )
    return 0
  let first = at
  if (cueOfWord(hash[at] ?? 0, FRENCH) !== 0 && isNumber(tokens, at - 1, 4) && ((kind[at] ?? 0) & AFTER_BREAK) === 0)
    first = at - 1
  let last = number
  // Storey, door: `, 2º A`, `-55`, ` 3 izq`.
  for (let pieces = 0; pieces < 6; pieces++) {
    let next = last + 1
    while (
      next < count &&
      ((kind[next] ?? 0) & (MARK | AFTER_BREAK)) === MARK &&
      ',-.ºª°/'.includes(String.fromCharCode(hash[next] ?? 0))
    )
      next += 1
    if (next >= count || next - last > 4 || ((kind[next] ?? 0) & (AFTER_BREAK | MARK)) !== 0) break
    const width = (end[next] ?? 0) - (start[next] ?? 0)
    const digit = ((kind[next] ?? 0) & DIGIT) !== 0
    const door =
      DOORS.has(hash[next] ?? 0) ||
      (width === 1 && ((kind[next] ?? 0) & UPPER) !== 0 && text.charCodeAt((start[next] ?? 0) - 1) !== 0x2e)
    if (!(door || (digit && width <= 3 && (isOf(text, start[next] ?? 0, NUMERAL) || width <= 2)))) break
    if (hash[last + 1] === 0x2e && ((kind[next] ?? 0) & AFTER_BLANK) !== 0) break
    if (hash[next + 1] === 0x2d && isNumber(tokens, next + 2, 6) && !digit) break
    last = next
  }
  let to = tokens.end[last] ?? 0
  if (text.charAt(to) === 'º' || text.charAt(to) === 'ª' || text.charAt(to) === '°') to += 1
  found.push({
    start: start[first] ?? 0,
    end: to,
    type: 'ADDRESS',
    score: capital || calle ? 0.9 : 0.6,
    rule: 'address/prefix',
  })
  return last + 1
}
const STRONG_PREFIX = cueOf(...'calle avda avenida plaza paseo carretera carrer rue via'.split(' '))
const NUM = hashOf('nº')
const BIS = hashOf('bis')
const TER = hashOf('ter')
const DOORS = new Set(
  'º ª izq izqda dcha der drcha izquierda derecha bajo bajos ático piso puerta planta esc escalera bloque portal bis apto casa local int interior 1º 2º 3º 4º 5º 6º 7º 8º 9º 1ª 2ª 3ª'
    .split(' ')
    .map(hashOf),
)

/** A French name ends where a mark, a number or a small word begins that is not of names. */
function frenchEnd(reading: Reading, at: number, lastWord: number): number {
  const { hash, kind, count } = reading.tokens
  let last = at
  for (let token = at + 1; token < count && token <= lastWord; token++) {
    const is = kind[token] ?? 0
    if ((is & MARK) !== 0) {
      if (hash[token] === 0x2c || hash[token] === 0x2e) break
      continue
    }
    if ((is & (UPPER | BEYOND)) === 0 && cueOfWord(hash[token] ?? 0, WORD_IN) === 0 && token > at + 3) break
    last = token
  }
  return last
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

/** `P.O. Box 175`, `PSC 4665, Box 2778`, `Postfach 12`, `FPO AP 07688`. */
function box(reading: Reading, at: number, found: Span[]): number {
  const { hash, kind, tokens, text } = { ...reading.tokens, tokens: reading.tokens, text: reading.text }
  if (FPO.has(hash[at] ?? 0)) {
    if (!isNumber(tokens, at + 2, 10)) return 0
    let first = at
    if (at > 2 && ((kind[at] ?? 0) & AFTER_BREAK) !== 0) {
      while (first > 0 && at - first < 8 && ((kind[first - 1] ?? 0) & AFTER_BREAK) === 0) first -= 1
      if (first > 0 && at - first < 8) first -= 1
      const ship = text.slice(tokens.start[first] ?? 0, tokens.end[first] ?? 0)
      if (!/^(?:US(?:NS|NV|S|CGC)|PSC|Unit)$/.test(ship)) {
        // The line may go on in front of the unit.
        let back = at - 1
        while (
          back > first &&
          !/^(?:US(?:NS|NV|S|CGC)|PSC|Unit)$/.test(text.slice(tokens.start[back] ?? 0, tokens.end[back] ?? 0))
        )
          back -= 1
        first = back > first ? back : at
      }
    }
    found.push({
      start: tokens.start[first] ?? 0,
      end: tokens.end[at + 2] ?? 0,
      type: 'ADDRESS',
      score: 0.95,
      rule: 'address/military',
    })
    return at + 3
  }
  let number = at + 1
  while (number < at + 3 && (hash[number] === 0x23 || hash[number] === 0x2e || hash[number] === 0x3a)) number += 1
  if (!isNumber(tokens, number, 7)) return 0
  let first = at
  let score = 0.85
  if (cueOfWord(hash[at] ?? 0, BOX) !== 0) {
    let before = at - 1
    while (
      before >= 0 &&
      at - before < 5 &&
      (hash[before] === 0x2e ||
        hash[before] === PO ||
        hash[before] === P ||
        hash[before] === O ||
        hash[before] === POST)
    )
      before -= 1
    if (before === at - 1) return 0
    first = before + 1
    if (hash[first] === 0x2e) return 0
  } else if (((kind[at] ?? 0) & UPPER) === 0) score = 0.5
  return emit(reading, first, number, score, 'address/box', found)
}
const PO = hashOf('po')
const P = hashOf('p')
const O = hashOf('o')
const POST = hashOf('post')

/** `Domicilio: Teatinos 180.`: to the end of the line or the sentence, if a number is in it. */
function labelled(reading: Reading, at: number, found: Span[]): number {
  const { hash, kind, start, end, count } = reading.tokens
  const first = at + 2
  if (first >= count || ((kind[first] ?? 0) & AFTER_BREAK) !== 0 || labelBefore(reading, first, LABEL) === 0) return 0
  let last = first
  let number = false
  for (let token = first; token < count && token - first < 24; token++) {
    if (((kind[token] ?? 0) & AFTER_BREAK) !== 0) break
    const mark = hash[token] ?? 0
    if (((kind[token] ?? 0) & MARK) !== 0) {
      if (mark === 0x3a || mark === 0x3b || mark === 0x40 || mark === 0x22 || mark === 0x7c) break
      if (mark === 0x2e && (token + 1 >= count || ((kind[token + 1] ?? 0) & AFTER_BREAK) !== 0)) break
      continue
    }
    if (((kind[token] ?? 0) & DIGIT) !== 0) number = true
    last = token
  }
  if (!number || (end[last] ?? 0) - (start[first] ?? 0) > 120) return 0
  found.push({ start: start[first] ?? 0, end: end[last] ?? 0, type: 'ADDRESS', score: 0.7, rule: 'address/label' })
  return 0
}
