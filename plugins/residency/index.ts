import type { CallFacts, ProviderKind, Residency, Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { Catalogue } from '../../src/core/port.ts'
import { ANYWHERE, UNKNOWN, within } from '../../src/core/residency.ts'
import { type CatalogueData, catalogueWith, lookup, readCatalogue, SHIPPED } from './catalogue.ts'
import type { Entry } from './entry.ts'
import { evidenceOf } from './evidence.ts'
import { type Known, readsBody, residencyOfDispatch, residencyOfModel, rowOfModel } from './known.ts'
import type { Layer, Stamp } from './layers.ts'
import {
  type Declared,
  declaredAt,
  isUnimported,
  OtherRegion,
  originsOf,
  type Place,
  type Projects,
  readDeclared,
  readPlace,
  same,
} from './origins.ts'
import { createPin } from './pin.ts'
import { canonicalOrigin } from './places.ts'
import { OtherProject } from './projects.ts'
import { ageOf, type Row } from './rows.ts'

export {
  ageOf,
  type CatalogueData,
  catalogueWith,
  type Declared,
  declaredAt,
  type Entry,
  isUnimported,
  type Layer,
  lookup,
  OtherProject,
  OtherRegion,
  type Place,
  type Projects,
  type Row,
  readCatalogue,
  readDeclared,
  readPlace,
  SHIPPED,
  type Stamp,
  same,
  within,
}

export type ResidencyOptions = Readonly<{
  declared: readonly Declared[]
  catalogue?: CatalogueData
  /** Base URL of each provider, by its name: facts are of the address that a target is at. */
  addresses?: ReadonlyMap<string, string>
  projects?: Projects
}>

/** What a route asks for, and where. */
export type Asked = Readonly<{ kind: ProviderKind; baseUrl: string; model: string }>

/** How many answers are kept. An answer depends on the text of the question alone. */
const REMEMBERED = 1024

/** Where addresses are, and the obligation to stay there. Throws ERR_CONFIG_INVALID for declarations that cannot stand. */
export function createResidency(options: ResidencyOptions): Readonly<{
  plugin: Plugin
  catalogue: Catalogue
  /** Where a target is. The catalogue says the same of the address that is written for it. */
  residencyOf(asked: Asked): Residency
  /** Every row of the catalogue that is in force. */
  rows(): readonly Row[]
}> {
  const data = options.catalogue ?? SHIPPED
  const origins = originsOf(data, options.declared, options.projects)
  const addresses = new Map([...(options.addresses ?? [])].map(([name, baseUrl]) => [name, new URL(baseUrl)]))
  const remembered = new Map<string, Residency>()

  const resolve = (url: string, body?: Uint8Array): Residency => {
    const before = remembered.get(url)
    if (before !== undefined) return before
    const known = origins.get(canonicalOrigin(url) ?? '')
    if (known !== undefined && readsBody(known)) return residencyOfDispatch(known, url, body, data)
    const residency = known === undefined ? UNKNOWN : residencyOfDispatch(known, url, undefined, data)
    if (remembered.size >= REMEMBERED) remembered.clear()
    remembered.set(url, residency)
    return residency
  }

  // Targets live as long as a generation.
  const told = new WeakMap<Residency, Map<string, Json>>()
  const facts = (_: CallFacts, target: Target): Json => {
    const by = told.get(target.residency) ?? new Map<string, Json>()
    const before = by.get(target.id)
    if (before !== undefined) return before
    const address = addresses.get(target.provider)
    // Without an address: by what is said anywhere.
    const candidates =
      address === undefined ? [...origins] : [...origins].filter(([origin]) => origin === address.origin)
    const found = factsOf(
      target,
      candidates.map(([origin, known]) => ({
        host: address?.host ?? new URL(origin).host,
        known,
        row: rowOfModel(known, target, data),
        residency: residencyOfModel(known, address?.pathname ?? '', target, data),
      })),
    )
    told.set(target.residency, by.set(target.id, found))
    return found
  }

  /** What the words of a switch mean at the server that answered. */
  const switchesOf = ({ provider }: Target) => {
    const address = addresses.get(provider)
    return (address === undefined ? null : origins.get(address.origin)?.switches) ?? data.switches
  }

  const plugin: Plugin = {
    name: 'residency',
    facts,
    discharge: { 'residency.pin': createPin(data.groups, addresses) },
  }
  return {
    plugin,
    catalogue: { resolve, evidence: (target, evidence) => evidenceOf(evidence, switchesOf(target), data) },
    residencyOf: ({ baseUrl, ...asked }) => {
      const address = URL.parse(baseUrl)
      const known = address === null ? undefined : origins.get(address.origin)
      return address === null || known === undefined ? UNKNOWN : residencyOfModel(known, address.pathname, asked, data)
    },
    rows: () => data.rows,
  }
}

type Candidate = Readonly<{ host: string; known: Known; row: ReturnType<typeof rowOfModel>; residency: Residency }>

function factsOf(target: Target, candidates: readonly Candidate[]): Json {
  // A declaration and an entry may say the same. Then the weaker source is told.
  const matching = candidates.filter(({ residency }) => same(residency, target.residency))
  const found = matching.find(({ known }) => known.source === 'declared') ?? matching[0]
  if (found === undefined) {
    // A throw denies this target.
    throw new CustomhouseError(
      'ERR_GATEWAY_INTERNAL',
      `Neither the catalogue nor a declaration knows the residency of ${target.id}.`,
    )
  }
  const { host, known, row, residency } = found
  const [endpoint, storage] = [frozen(residency.endpoint), frozen(residency.storage)]
  const switches = [...(target.kind === 'anthropic' ? (known.switches ?? []) : [])]
    .filter(([, places]) => narrows(places, residency.processing))
    .map(([word, places]) => Object.freeze({ inference_geo: word, endpoint, processing: frozen(places), storage }))
  // What is frozen throughout is judged without being copied at each call.
  return Object.freeze({
    endpoint,
    processing: frozen(residency.processing),
    storage,
    source: row?.stamp.author ?? known.source,
    as_of: row?.stamp.asOf ?? known.asOf,
    entry: row?.row ?? known.entry,
    host,
    switches: Object.freeze(switches),
  })
}

/** Whether a word of a switch keeps a call in fewer places than it may be in without. */
function narrows(places: readonly string[], within: readonly string[] | null): boolean {
  if (places.includes(ANYWHERE)) return false
  return within === null || within.includes(ANYWHERE) || places.every((place) => within.includes(place))
}

const frozen = (places: readonly string[] | null): readonly string[] | null => places && Object.freeze([...places])
