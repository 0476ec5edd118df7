import type { Residency } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { ANYWHERE } from '../../src/core/residency.ts'

/** ISO 3166-1 alpha-2, officially assigned. `EU` and `UK` are not among them. */
const ISO_3166_1: ReadonlySet<string> = new Set(
  (
    'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ ' +
    'CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR ' +
    'GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP ' +
    'KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU ' +
    'MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW ' +
    'SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ ' +
    'UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'
  ).split(' '),
)

export type Groups = Readonly<Record<string, readonly string[]>>

/**
 * A set of places from a list of ISO codes, names of groups and `*`: sorted, each once, groups replaced by their codes. Throws
 * ERR_CONFIG_INVALID for anything else; `where` names the list in the message.
 */
export function placesOf(list: unknown, groups: Groups, where: string): readonly string[] {
  if (!Array.isArray(list)) throw invalid(`${where} must be a list of places.`)
  const places = new Set<string>()
  for (const name of list) {
    const codes = typeof name === 'string' && Object.hasOwn(groups, name) ? groups[name] : [name]
    for (const code of codes ?? []) {
      if (typeof code !== 'string' || (code !== ANYWHERE && !ISO_3166_1.has(code))) {
        const known = Object.keys(groups).join(', ')
        throw invalid(
          `${where} names ${JSON.stringify(code)}, which is no ISO 3166-1 alpha-2 code, no group (${known}) and not "*".`,
        )
      }
      places.add(code)
    }
  }
  return Object.freeze([...places].sort())
}

export function invalid(message: string): CustomhouseError {
  return new CustomhouseError('ERR_CONFIG_INVALID', message)
}

export function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} must be an object.`)
  return { ...value }
}

/** A region of a cloud: `eu-central-1`, `swedencentral`, `europe-west4`. */
const REGION = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/

/** Regions by country (`{ "DE": ["eu-central-1"] }`) as countries by region. Each stands in one country. */
export function regionsOf(value: unknown, where: string): ReadonlyMap<string, string> {
  const regions = new Map<string, string>()
  for (const [country, list] of Object.entries(record(value, where))) {
    const [code = ''] = placesOf([country], {}, where)
    if (code === ANYWHERE) throw invalid(`${where}: a region is in one country.`)
    for (const region of words(list, `${where}, ${country}`)) {
      if (!REGION.test(region) || regions.has(region))
        throw invalid(`${where}: ${JSON.stringify(region)} is no region, or stands there twice.`)
      regions.set(region, code)
    }
  }
  return regions
}

export function words(list: unknown, where: string): readonly string[] {
  if (!Array.isArray(list)) throw invalid(`${where} must be a list of words.`)
  return list.map((word: unknown) => {
    if (typeof word !== 'string' || word === '') throw invalid(`${where} must be a list of words.`)
    return word
  })
}

export const FACETS = ['endpoint', 'processing', 'storage'] as const

/** One residency from three lists; `null` is unknown. */
export function residencyOf(facets: Readonly<Record<string, unknown>>, groups: Groups, where: string): Residency {
  const [endpoint = null, processing = null, storage = null] = FACETS.map((facet) =>
    facets[facet] === null || facets[facet] === undefined
      ? null
      : placesOf(facets[facet], groups, `${facet} of ${where}`),
  )
  if (endpoint?.length === 0 || processing?.length === 0) {
    throw invalid(`${where}: TLS ends and inference runs somewhere; only storage may be empty.`)
  }
  return Object.freeze({ endpoint, processing, storage })
}

const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/

export function hostsOf(hosts: unknown, where: string): readonly string[] {
  if (!Array.isArray(hosts) || hosts.length === 0) throw invalid(`${where} must name its hosts.`)
  return hosts.map((host: unknown) => {
    if (typeof host !== 'string' || !HOST.test(host))
      throw invalid(`${where} names ${JSON.stringify(host)}, which is no host in lower case.`)
    return host
  })
}

/**
 * The origin of a URL whose text is already in the form that the URL standard gives it, else null. So nothing that two parsers could
 * read differently ever counts: user parts, upper case, default ports, percent-encoded or non-ASCII hosts, odd spellings of IP
 * addresses, backslashes, white space.
 */
export function canonicalOrigin(url: string): string | null {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.href !== url && parsed.href !== `${url}/`)) return null
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return null
  return parsed.username === '' && parsed.password === '' ? parsed.origin : null
}
