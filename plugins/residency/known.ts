import type { ProviderKind, Residency } from '../../src/core/call.ts'
import { ANYWHERE, UNKNOWN } from '../../src/core/residency.ts'
import { modelIn, type Reach, reachedBy, reachOf, vendorRow } from './bedrock.ts'
import type { CatalogueData } from './catalogue.ts'
import type { Entry, Names, Told } from './entry.ts'
import { type Author, isWeaker } from './layers.ts'
import { FACETS } from './places.ts'
import { membersIn } from './skim.ts'

/** What is known of an origin. */
export type Known = Readonly<{
  /** Of all that is sent there, or of models that run in the region where there is one. */
  residency: Residency
  source: Author | 'declared'
  asOf: string | null
  /** Id of the row; null for a declaration. */
  entry: string | null
  /** Of AWS, where Bedrock answers. */
  region: string | null
  /** Whether something else than Bedrock answers there as well, as a simulator may. */
  shared: boolean
  /** Where a name decides. */
  names: Names | null
  switches: Entry['switches']
}>

export type Model = Readonly<{ kind: ProviderKind; model: string }>

/** Where a model runs that a provider of this kind asks for at an origin. `path` is that of its base URL. */
export function residencyOfModel(
  known: Known,
  path: string,
  { kind, model }: Model,
  { bedrock }: CatalogueData,
): Residency {
  const { region, residency, shared, names } = known
  if (kind === 'bedrock') return reaching(residency, region === null ? null : reachOf(model, region, bedrock))
  if (names !== null) {
    const read = names.nameIn(`${path === '/' ? '' : path}/chat/completions`)
    if (read === 'unclear') return UNKNOWN
    return widened(known, read === 'none' ? names.unnamed : names.of(read === 'body' ? model : read.name))
  }
  return region === null || shared ? residency : reaching(residency, null)
}

/** Who says where a model runs: the row of its profile or of the model, where one decides. Null where all is the host's own row, or the weaker word is. */
export function rowOfModel(known: Known, { kind, model }: Model, { bedrock }: CatalogueData): Told | null {
  const { region, source, names } = known
  if (source === 'declared') return null
  if (kind !== 'bedrock') return weaker(names?.rowOf(model) ?? null, known)
  if (region === null) return null
  const reached = reachedBy(model, region, bedrock)
  const row = reached === 'region' ? null : weaker(reached, known)
  // A name is read as one of a vendor's by the row that lists the vendor.
  const vendor = reached === null ? null : vendorRow(model, bedrock)
  return vendor !== null && isWeaker(vendor.stamp.author, row?.stamp.author ?? source) ? vendor : row
}

/** A row vouches for nothing that a weaker one of the host decides too. */
function weaker(told: Told | null, { source }: Known): Told | null {
  return told !== null && source !== 'declared' && isWeaker(source, told.stamp.author) ? null : told
}

/** Where a dispatch leads, by itself. `url` is at the origin of `known`, in plain form. */
export function residencyOfDispatch(
  known: Known,
  url: string,
  body: Uint8Array | undefined,
  { bedrock }: CatalogueData,
): Residency {
  const { region, residency, shared, names, switches } = known
  if (region !== null) {
    const read = modelIn(new URL(url).pathname)
    if (read === 'none') return shared ? residency : reaching(residency, null)
    if (read === 'unclear' || /[?#]/.test(url)) return UNKNOWN
    return reaching(residency, reachOf(read.id, region, bedrock))
  }
  if (names !== null) return residencyByName(known, names, url, body)
  return switches === null || body === undefined ? residency : residencyBySwitch(residency, switches, url, body)
}

/** Whether the body has a say at an origin: then an answer is not that of the address alone. */
export function readsBody({ names, switches }: Known): boolean {
  return names !== null || switches !== null
}

const MODEL = ['model'] as const
const GEO = ['inference_geo'] as const

function residencyByName(known: Known, names: Names, url: string, body: Uint8Array | undefined): Residency {
  const read = names.nameIn(new URL(url).pathname)
  if (read === 'unclear') return UNKNOWN
  if (read === 'none') return widened(known, names.unnamed)
  if (read !== 'body') return widened(known, names.of(read.name))
  const name = body === undefined ? undefined : membersIn(body, MODEL)?.get('model')
  return widened(known, typeof name === 'string' ? names.of(name) : names.unnamed)
}

/** `inference_geo` is read at Anthropic's messages alone. What two readers could read differently is unknown. */
function residencyBySwitch(
  residency: Residency,
  switches: ReadonlyMap<string, readonly string[]>,
  url: string,
  body: Uint8Array,
): Residency {
  // Where another facet is unknown nothing is sent, whatever the switch says: a long body is not read for it.
  if (residency.endpoint === null || residency.storage === null) return residency
  const members = membersIn(body, GEO)
  if (members === null) return UNKNOWN
  if (!members.has('inference_geo')) return residency
  const word = members.get('inference_geo')
  const places = typeof word === 'string' ? switches.get(word) : undefined
  if (places === undefined || !new URL(url).pathname.endsWith('/v1/messages')) return { ...residency, processing: null }
  return { ...residency, processing: places }
}

/** A declaration at a host where a name decides is no narrower than what is known of the name; an entry is what is known of it. */
function widened({ source, residency }: Known, named: Residency): Residency {
  if (source !== 'declared') return named
  const [endpoint = null, processing = null, storage = null] = FACETS.map((facet) =>
    joined(residency[facet], named[facet]),
  )
  return Object.freeze({ endpoint, processing, storage })
}

/**
 * TLS ends where it did. Inference runs where the model's name lets it, and text is kept there too: Bedrock keeps what it suspects of abuse
 * in the region that it was sent on to.
 */
function reaching(residency: Residency, reach: Reach): Residency {
  if (reach === 'region') return residency
  const { endpoint, processing, storage } = residency
  return Object.freeze({ endpoint, processing: joined(processing, reach), storage: joined(storage, reach) })
}

/** All places of both. Where nobody can tell one of them, only an operator who has declared anywhere has said enough. */
function joined(places: readonly string[] | null, more: readonly string[] | null): readonly string[] | null {
  if (places?.includes(ANYWHERE)) return places
  return places === null || more === null ? null : Object.freeze([...new Set([...places, ...more])].sort())
}
