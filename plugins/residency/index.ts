import type { CallFacts, Residency, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Plugin, RequestOrder } from '../../src/core/plugin.ts'
import type { Catalogue } from '../../src/core/port.ts'
import { ANYWHERE, UNKNOWN, within } from '../../src/core/residency.ts'
import { type CatalogueData, FACETS, lookup, readCatalogue, residencyOf, SHIPPED } from './catalogue.ts'
import { type Groups, invalid } from './places.ts'

export { type CatalogueData, lookup, readCatalogue, SHIPPED, within }

/** The operator's own word about a server: an origin (`https://llm.bank.example:8443`) and where it is. Groups may be named. */
export type Declared = Readonly<{ origin: string; residency: Residency }>

export type ResidencyOptions = Readonly<{ declared: readonly Declared[]; catalogue?: CatalogueData }>

type Known = Readonly<{ residency: Residency; source: 'catalogue' | 'declared'; asOf: string | null }>

type Params = Readonly<Record<string, Json>>
const FEW = 16

/** How many answers are kept. An answer depends on the text of the question alone. */
const REMEMBERED = 1024

/** Where addresses are, and the obligation to stay there. Throws ERR_CONFIG_INVALID for declarations that cannot stand. */
export function createResidency(options: ResidencyOptions): Readonly<{ plugin: Plugin; catalogue: Catalogue }> {
  const data = options.catalogue ?? SHIPPED
  const origins = originsOf(data, options.declared)
  const remembered = new Map<string, Residency>()

  const resolve = (url: string): Residency => {
    const before = remembered.get(url)
    if (before !== undefined) return before
    const residency = origins.get(canonicalOrigin(url) ?? '')?.residency ?? UNKNOWN
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.set(url, residency)
    return residency
  }

  // Targets live as long as a generation, and so do their residencies.
  const told = new WeakMap<Residency, Json>()
  const facts = (_: CallFacts, target: Target): Json => {
    const before = told.get(target.residency)
    if (before !== undefined) return before
    const found = factsOf(target, [...origins.values()])
    told.set(target.residency, found)
    return found
  }

  // A policy asks for few different pins, each call anew: comparing is cheaper than reading (measured, three sets of 31 places: 0.6 us, not 12).
  const pins: Readonly<{ params: Params; places: Residency | null }>[] = []
  const pinOf = (params: Params): Residency | null => {
    const before = pins.find((pin) => FACETS.every((facet) => alike(pin.params[facet], params[facet])))
    if (before !== undefined) return before.places
    const places = readPin(params, data.groups)
    if (pins.length >= FEW) pins.shift()
    pins.push({ params, places })
    return places
  }

  const plugin: Plugin = {
    name: 'residency',
    facts,
    discharge: { 'residency.pin': { stage: 'pin', request: (order) => pin(order, pinOf(order.obligation.params)) } },
  }
  return { plugin, catalogue: { resolve } }
}

/**
 * The origin of a URL whose text is already in the form that the URL standard gives it, else null. So nothing that two parsers could
 * read differently ever counts: user parts, upper case, default ports, percent-encoded or non-ASCII hosts, odd spellings of IP
 * addresses, backslashes, white space.
 */
function canonicalOrigin(url: string): string | null {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.href !== url && parsed.href !== `${url}/`)) return null
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return null
  return parsed.username === '' && parsed.password === '' ? parsed.origin : null
}

/**
 * One declaration by itself, with its groups expanded. Throws ERR_CONFIG_INVALID where it cannot stand: an origin that is not in plain form,
 * a place that is none, or less than the catalogue says of that host.
 */
export function readDeclared({ origin, residency: raw }: Declared, data: CatalogueData = SHIPPED): Residency {
  if (canonicalOrigin(origin) !== origin) {
    throw invalid(
      'A declared origin must be scheme, host and port in plain form, such as https://llm.bank.example:8443.',
    )
  }
  const { hostname } = new URL(origin)
  // `host.` and `host` are one host, and could be declared in two ways.
  if (hostname.endsWith('.')) throw invalid(`The host of ${origin} ends in a dot: write it without.`)
  const residency = residencyOf(raw, data.groups, origin)
  // By its name alone: what answers on another port or without TLS is the same provider's.
  const entry = [...data.entries.values()].find(({ hosts }) => hosts.includes(hostname))
  if (entry !== undefined) refuseMoreThanPromised(origin, residency, entry.residency)
  return residency
}

function originsOf(data: CatalogueData, declared: readonly Declared[]): ReadonlyMap<string, Known> {
  const origins = new Map<string, Known>()
  for (const entry of data.entries.values()) {
    for (const host of entry.hosts) {
      origins.set(`https://${host}`, { residency: entry.residency, source: 'catalogue', asOf: data.asOf })
    }
  }
  const said = new Map<string, Residency>()
  for (const one of declared) {
    const { origin } = one
    const residency = readDeclared(one, data)
    const earlier = said.get(origin)
    if (earlier !== undefined && !same(earlier, residency))
      throw invalid(`${origin} is declared twice, with different residencies.`)
    said.set(origin, residency)
    origins.set(origin, { residency, source: 'declared', asOf: null })
  }
  return origins
}

/**
 * At a provider's own host a declaration may widen what the catalogue says, never narrow it; where the provider promises no place for
 * TLS or inference, only `*` can be declared. Storage that the address does not tell is the operator's to declare: it follows
 * the project of the key.
 */
function refuseMoreThanPromised(origin: string, declared: Residency, promised: Residency): void {
  for (const facet of FACETS) {
    const narrow = declared[facet]
    const known = promised[facet]
    if (narrow === null || narrow.includes(ANYWHERE) || (known === null && facet === 'storage')) continue
    if (known === null) {
      throw invalid(
        `${facet} names places for ${origin}, where the provider promises none: declare ["*"], or name another host.`,
      )
    }
    const missing = known.filter((place) => !narrow.includes(place))
    if (missing.length > 0) {
      throw invalid(
        `${facet} declared for ${origin} is narrower than what the provider promises there: it lacks ${missing.join(', ')}.`,
      )
    }
  }
}

function factsOf(target: Target, known: readonly Known[]): Json {
  // A declaration and an entry may say the same. Then the weaker source is told.
  const matching = known.filter(({ residency }) => same(residency, target.residency))
  const found = matching.find(({ source }) => source === 'declared') ?? matching[0]
  if (found === undefined) {
    // A throw denies this target.
    throw new CustomhouseError(
      'ERR_GATEWAY_INTERNAL',
      `Neither the catalogue nor a declaration knows the residency of ${target.id}.`,
    )
  }
  const { endpoint, processing, storage } = found.residency
  // What is frozen throughout is judged without being copied at each call.
  return Object.freeze({
    endpoint: frozen(endpoint),
    processing: frozen(processing),
    storage: frozen(storage),
    source: found.source,
    as_of: found.asOf,
  })
}

const frozen = (places: readonly string[] | null): readonly string[] | null => places && Object.freeze([...places])

function pin({ target }: RequestOrder, allowed: Residency | null): Discharged {
  if (allowed === null) {
    const message = 'residency.pin needs endpoint, processing and storage, each a list of places.'
    return { met: false, code: 'region_unpinnable', message }
  }
  if (!within(target.residency, allowed)) {
    const message = `Target ${target.id} may leave the places that the policy allows.`
    return { met: false, code: 'region_unpinnable', message }
  }
  return { met: true, pin: allowed }
}

/** The places that a policy pins a call to; null for what is none. A facet that it leaves out is unknown, and admits nothing. */
function readPin(params: Params, groups: Groups): Residency | null {
  try {
    return residencyOf(params, groups, 'residency.pin')
  } catch (error) {
    if (error instanceof CustomhouseError) return null
    throw error
  }
}

/** Whether two lists of params hold the same words in the same order. Anything but lists of words is like nothing. */
function alike(a: Json | undefined, b: Json | undefined): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((place, index) => typeof place === 'string' && place === b[index])
}

function same(a: Residency, b: Residency): boolean {
  return sameFacet(a.endpoint, b.endpoint) && sameFacet(a.processing, b.processing) && sameFacet(a.storage, b.storage)
}

function sameFacet(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b
  return a.every((place) => b.includes(place)) && b.every((place) => a.includes(place))
}
