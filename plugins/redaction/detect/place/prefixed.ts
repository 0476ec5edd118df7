import { cueOf, cueOfWord } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { isOf, NUMERAL } from '../network/units.ts'
import { AFTER_BLANK, AFTER_BREAK, BEYOND, DIGIT, hashOf, LOWER, MARK, UPPER } from '../tokens.ts'
import { emit, isCalle, isNumber, WORD_IN } from './line.ts'

/** In front of the name: `Calle Mayor 5`, `via Roma 12`, `rue de Rivoli`. */
export const PREFIX = cueOf(
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
const MOST_WORDS = 7
const SN = hashOf('s')
const N = hashOf('n')

/** `Calle Mayor, 5, 2º A`, `via Roma 12`, `12 rue de la Paix`. */
export function prefixed(reading: Reading, at: number, found: Span[]): number {
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
