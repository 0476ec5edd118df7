import type { Residency, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Discharge, Discharged, RequestOrder } from '../../src/core/plugin.ts'
import { ANYWHERE, within } from '../../src/core/residency.ts'
import { FACETS, type Groups, residencyOf } from './places.ts'

type Params = Readonly<Record<string, Json>>
type Pin = Readonly<{
  places: Residency
  geo: boolean
  hosts: readonly string[] | null
  models: readonly string[] | null
}>

/** How many pins are kept as they were read. */
const FEW = 16
const MEMBERS: ReadonlySet<string> = new Set([...FACETS, 'inference_geo', 'hosts', 'models'])

/**
 * The obligation `residency.pin`: a call stays at the places, hosts and models that a policy names, or is not sent. Whether what is sent really lies there
 * is seen by the pipeline, which resolves the dispatch anew, from its address and bytes.
 *
 * @param addresses of providers, by name; a host is told with its port where that is not the default, as the facts tell it
 */
export function createPin(groups: Groups, addresses: ReadonlyMap<string, Pick<URL, 'host'>>): Discharge {
  // A policy asks for few different pins, each call anew: comparing is cheaper than reading (measured, three sets of 31 places: 0.6 us, not 12).
  const known: Readonly<{ params: Params; pin: Pin | null }>[] = []
  const pinOf = (params: Params): Pin | null => {
    const before = known.find((one) => same(one.params, params))
    if (before !== undefined) return before.pin
    const pin = readPin(params, groups)
    if (known.length >= FEW) known.shift()
    known.push({ params, pin })
    return pin
  }
  return {
    stage: 'pin',
    request: (order) =>
      carryOut(order, pinOf(order.obligation.params), addresses.get(order.target.provider)?.host ?? null),
  }
}

function carryOut(order: RequestOrder, pin: Pin | null, host: string | null): Discharged {
  const { target } = order
  if (pin === null) {
    return unmet(
      'residency.pin needs endpoint, processing and storage, each a list of places; it takes inference_geo: "us", hosts and models besides, and nothing else.',
    )
  }
  if (pin.hosts !== null && (host === null || !pin.hosts.includes(host)))
    return unmet(`Target ${target.id} is at no host that the policy allows.`)
  if (pin.models !== null && !pin.models.includes(target.model))
    return unmet(`Target ${target.id} is no model that the policy allows.`)
  if (pin.geo) return switched(order, pin.places)
  if (!within(target.residency, pin.places))
    return unmet(`Target ${target.id} may leave the places that the policy allows.`)
  return { met: true, pin: pin.places }
}

/**
 * Anthropic's own API has a switch, in messages alone: a count of tokens takes none. It narrows what the target was judged to be; whether that is enough
 * is for the pipeline to see in what was written.
 */
function switched({ call, target }: RequestOrder, places: Residency): Discharged {
  const has = target.kind === 'anthropic' && call.dialect === 'anthropic.messages' && call.operation === 'chat'
  if (!has || !mayBe(target, 'US'))
    return unmet(`Target ${target.id} has no inference_geo that could be set to "us" for this call.`)
  if (!within({ ...places, endpoint: target.residency.endpoint }, places) || places.processing?.length === 0)
    return unmet(`Target ${target.id} may leave the places that the policy allows.`)
  return { met: true, pin: places, assign: [{ pointer: '/inference_geo', value: 'us' }] }
}

function mayBe({ residency: { processing } }: Target, place: string): boolean {
  return processing !== null && (processing.includes(ANYWHERE) || processing.includes(place))
}

const unmet = (message: string): Discharged => ({ met: false, code: 'region_unpinnable', message })

/** Null for what is none. A facet that it leaves out is unknown, and admits nothing. */
function readPin(params: Params, groups: Groups): Pin | null {
  if (Object.keys(params).some((name) => !MEMBERS.has(name))) return null
  const { inference_geo: geo, hosts, models } = params
  if (geo !== undefined && geo !== 'us') return null
  if ((hosts !== undefined && !isNames(hosts)) || (models !== undefined && !isNames(models))) return null
  try {
    const facets = Object.fromEntries(FACETS.map((facet) => [facet, params[facet]]))
    const places = residencyOf(facets, groups, 'residency.pin')
    return { places, geo: geo !== undefined, hosts: hosts ?? null, models: models ?? null }
  } catch (error) {
    if (error instanceof CustomhouseError) return null
    throw error
  }
}

/** Names of which one at least must fit. */
function isNames(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '')
}

/** Whether two pins ask for the same in the same words. */
function same(a: Params, b: Params): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && alike(a[name], b[name]))
  )
}

/** The same word, or lists of the same words in the same order. Anything else is like nothing. */
function alike(a: Json | undefined, b: Json | undefined): boolean {
  if (typeof a === 'string') return a === b
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((place, index) => typeof place === 'string' && place === b[index])
}
