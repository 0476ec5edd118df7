import { PATTERNS } from '../contact/patterns.ts'
import { cueOf, cueOfWord, labelBefore } from '../context.ts'
import type { Reading, Span } from '../detector.ts'
import { AFTER_BREAK, DIGIT, hashOf, MARK, UPPER } from '../tokens.ts'
import { emit, isNumber, unitEnd } from './line.ts'

const BOX = cueOf('box')
const BOX_FOREIGN = cueOf('postfach', 'apartado', 'apdo', 'postbus', 'bp')
const LABEL = cueOf(
  ...'domicilio,dirección,address,home address,street address,mailing address,billing address,shipping address,adresse,anschrift,wohnhaft,indirizzo,residente en,endereço,morada,adres,vive en,lives at,residing at,resides at,located at,ubicado en'.split(
    ',',
  ),
)
/** Lists of the words that begin, or label, what is read here. */
export const BOX_WORDS = [BOX, BOX_FOREIGN, LABEL] as const
export const FPO = new Set(['apo', 'fpo', 'dpo'].map(hashOf))

/** Whether a word begins what {@link box} reads. */
export function isBox(hash: number): boolean {
  return cueOfWord(hash, BOX) !== 0 || cueOfWord(hash, BOX_FOREIGN) !== 0 || FPO.has(hash)
}

/** `P.O. Box 175`, `PSC 4665, Box 2778`, `Postfach 12`, `FPO AP 07688`. */
export function box(reading: Reading, at: number, found: Span[]): number {
  const { tokens, text } = reading
  const { hash, kind } = tokens
  if (FPO.has(hash[at] ?? 0)) {
    if (!isNumber(tokens, at + 2, 10)) return 0
    let first = at
    if (at > 2 && ((kind[at] ?? 0) & AFTER_BREAK) !== 0) {
      while (first > 0 && at - first < 8 && ((kind[first - 1] ?? 0) & AFTER_BREAK) === 0) first -= 1
      if (first > 0 && at - first < 8) first -= 1
      const ship = text.slice(tokens.start[first] ?? 0, tokens.end[first] ?? 0)
      if (!PATTERNS.militaryUnit.test(ship)) {
        // The line may go on in front of the unit.
        let back = at - 1
        while (back > first && !PATTERNS.militaryUnit.test(text.slice(tokens.start[back] ?? 0, tokens.end[back] ?? 0)))
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

/** Whether a word is the last of an address label. */
export function isLabel(hash: number): boolean {
  return cueOfWord(hash, LABEL) !== 0
}

/** `Domicilio: Teatinos 180.`: to the end of the line or the sentence, if a number is in it. */
export function labelled(reading: Reading, at: number, found: Span[]): number {
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

/** `Apt. 333` on a line of its own. */
export function unitAlone(reading: Reading, at: number, found: Span[]): number {
  const { hash, kind, start, end } = reading.tokens
  const word = reading.text.slice(start[at] ?? 0, end[at] ?? 0).toLowerCase()
  if (word !== 'apt' && word !== 'apartment' && word !== 'suite' && word !== 'flat') return 0
  const last = unitEnd(reading, at)
  if (last === 0 || ((kind[last] ?? 0) & DIGIT) === 0) return 0
  // `68 Hulsterdreef 100 Apt. 535`: what stands on the line from a number on is the street.
  let first = at
  let back = at - 1
  if (hash[back] === 0x2c) back -= 1
  for (; back >= 0 && at - back <= 8 && ((kind[back + 1] ?? 0) & AFTER_BREAK) === 0; back--) {
    if (((kind[back] ?? 0) & MARK) !== 0 && hash[back] !== 0x2e) break
    if (isNumber(reading.tokens, back, 6)) first = back
  }
  if (first < at - 1) {
    found.push({ start: start[first] ?? 0, end: end[last] ?? 0, type: 'ADDRESS', score: 0.75, rule: 'address/unit' })
    return last + 1
  }
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
