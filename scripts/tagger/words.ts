import { hashOf } from '../../plugins/redaction/detect/tokens.ts'
import * as gazetteer from '../../plugins/redaction/tagger/gazetteer.ts'
import { AMBIGUOUS, NAMESAKES } from './ambiguous.ts'
import * as lists from './lists.ts'
import { BANKS_AT_HOME, CITIES_AT_HOME, COMPANIES_AT_HOME, INFLECTED } from './native.ts'

/** The gazetteer's words: hash to bits. */
export function known(): Map<number, number> {
  const words = new Map<number, number>()
  const add = (text: string, bit: number): void => {
    for (const part of text.split(/[^\p{L}\p{M}\p{N}]+/u)) {
      if (part.length < 2) continue
      const bare = part.normalize('NFD').replaceAll(/\p{M}/gu, '')
      for (const one of bare === part ? [part] : [part, bare])
        words.set(hashOf(one), (words.get(hashOf(one)) ?? 0) | bit)
    }
  }
  for (const [, , names] of lists.POOLS) {
    for (const name of names.first) add(name, gazetteer.FIRST)
    for (const name of names.last) add(name, gazetteer.LAST)
  }
  for (const name of AMBIGUOUS.first) add(name, gazetteer.FIRST)
  for (const name of AMBIGUOUS.last) add(name, gazetteer.LAST)
  for (const name of NAMESAKES) add(name, gazetteer.FIRST | gazetteer.PLACE)
  for (const name of [...Object.values(CITIES_AT_HOME).flat(), ...INFLECTED])
    add(name, gazetteer.PLACE | gazetteer.REGION)
  for (const city of lists.CITIES) {
    if (city.population >= 20_000) add(city.name, gazetteer.PLACE)
    if (city.population >= 300_000) add(city.name, gazetteer.REGION)
  }
  for (const names of Object.values(lists.COUNTRIES)) for (const name of names) add(name, gazetteer.REGION)
  for (const state of lists.STATES) add(state, gazetteer.REGION)
  for (const name of [
    ...lists.BANKS,
    ...lists.COMPANIES,
    ...Object.values(BANKS_AT_HOME).flat(),
    ...Object.values(COMPANIES_AT_HOME).flat(),
  ])
    add(name, gazetteer.ORGANISATION)
  for (const end of ORGANISATIONS.split(' ')) add(end, gazetteer.ORGANISATION)
  const ordinary = lists.FREQUENT.filter((word) => /^[a-z]{2,}$/.test(word))
  const foreign = [
    lists.SPANISH_FREQUENT,
    lists.FRENCH_FREQUENT,
    lists.GERMAN,
    lists.ITALIAN,
    lists.PORTUGUESE,
    lists.DUTCH,
    lists.POLISH,
    ...lists.FURTHER,
  ]
  for (const [i, word] of ordinary.slice(0, 40_000).entries())
    add(word, i < 4_000 ? gazetteer.COMMON | gazetteer.WORD : gazetteer.WORD)
  for (const list of foreign)
    for (const [i, word] of list.entries()) add(word, i < 2_000 ? gazetteer.COMMON | gazetteer.WORD : gazetteer.WORD)
  const english = new Set(lists.ENGLISH)
  for (const name of lists.ALL_NAMES) {
    if (!/^\p{L}{3,11}$/u.test(name)) continue
    const hash = hashOf(name)
    const is = words.get(hash)
    if (is !== undefined) words.set(hash, is | gazetteer.NAME)
    else if (!english.has(name.toLowerCase()) && words.size < 230_000) words.set(hash, gazetteer.NAME)
  }
  return words
}

/** The words without the names of one fifth of them: names that no list has come in every text. */
export function narrowed(words: ReadonlyMap<number, number>, part: number): Map<number, number> {
  const names = gazetteer.FIRST | gazetteer.LAST | gazetteer.NAME | gazetteer.PLACE | gazetteer.REGION
  const rest = new Map<number, number>()
  for (const [hash, bits] of words) {
    const is = (Math.imul(hash, 0x9e3779b1) >>> 8) % 5 === part ? bits & ~names : bits
    if (is !== 0) rest.set(hash, is)
  }
  return rest
}

const ORGANISATIONS =
  'Inc LLC Ltd Corp Corporation Company Group PLC Holdings Partners Insurance Bank Capital Solutions Technologies Foundation Consulting Industries GmbH AG KG SE SA SL SARL SAS SpA Srl BV NV Lda Ltda Hospital Clinic Klinikum Universidad University Universität Université College Institute Institut Instituto Ministry Department Association Banco Banque Sparkasse Krankenhaus Hôpital Clinique Clínica Ospedale Ziekenhuis Medical Center Centro Union Trust Society Church School Police Council Committee Agency Szpital Krankenkasse Versicherung Assicurazioni Banca Assurances Seguros Ospedale Mutua Electronics Logistics Freight Plumbing Airlines Pharmacy Trust'
