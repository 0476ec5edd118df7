import type { CallFacts, ProviderKind, Residency, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharged, Plugin, RequestOrder } from '../../src/core/plugin.ts'
import type { Catalogue } from '../../src/core/port.ts'
import { UNKNOWN, within } from '../../src/core/residency.ts'
import { type CatalogueData, FACETS, lookup, readCatalogue, residencyOf, SHIPPED } from './catalogue.ts'
import {
  canonicalOrigin,
  type Declared,
  declaredAt,
  type Known,
  OtherRegion,
  originsOf,
  type Place,
  readDeclared,
  readPlace,
  residencyOfAddress,
  residencyOfModel,
  same,
} from './origins.ts'
import type { Groups } from './places.ts'

export {
  type CatalogueData,
  type Declared,
  declaredAt,
  lookup,
  OtherRegion,
  type Place,
  readCatalogue,
  readDeclared,
  readPlace,
  SHIPPED,
  same,
  within,
}

export type ResidencyOptions = Readonly<{ declared: readonly Declared[]; catalogue?: CatalogueData }>

/** What a route asks for, and where. */
export type Asked = Readonly<{ kind: ProviderKind; baseUrl: string; model: string }>

type Params = Readonly<Record<string, Json>>
const FEW = 16

/** How many answers are kept. An answer depends on the text of the question alone. */
const REMEMBERED = 1024

/** Where addresses are, and the obligation to stay there. Throws ERR_CONFIG_INVALID for declarations that cannot stand. */
export function createResidency(options: ResidencyOptions): Readonly<{
  plugin: Plugin
  catalogue: Catalogue
  /** Where a target is. The catalogue says the same of the address that is written for it. */
  residencyOf(asked: Asked): Residency
}> {
  const data = options.catalogue ?? SHIPPED
  const origins = originsOf(data, options.declared)
  const remembered = new Map<string, Residency>()

  const resolve = (url: string): Residency => {
    const before = remembered.get(url)
    if (before !== undefined) return before
    const known = origins.get(canonicalOrigin(url) ?? '')
    const residency = known === undefined ? UNKNOWN : residencyOfAddress(known, url, data)
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.set(url, residency)
    return residency
  }

  // Targets live as long as a generation, and so do their residencies.
  const told = new WeakMap<Residency, Json>()
  const facts = (_: CallFacts, target: Target): Json => {
    const before = told.get(target.residency)
    if (before !== undefined) return before
    const found = factsOf(
      target,
      [...origins.values()].map((known) => ({ ...known, residency: residencyOfModel(known, target, data) })),
    )
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
  return {
    plugin,
    catalogue: { resolve, evidence: () => ({ facet: 'processing', places: null }) },
    residencyOf: ({ baseUrl, ...asked }) => {
      const known = origins.get(URL.parse(baseUrl)?.origin ?? '')
      return known === undefined ? UNKNOWN : residencyOfModel(known, asked, data)
    },
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
