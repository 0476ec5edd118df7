import type { ProviderKind, Residency } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { ANYWHERE, UNKNOWN } from '../../src/core/residency.ts'
import { modelIn, type Reach, reachOf } from './bedrock.ts'
import { type CatalogueData, type Entry, FACETS, lookup, residencyOf, SHIPPED } from './catalogue.ts'
import { invalid } from './places.ts'

/**
 * The operator's own word about a server: an origin (`https://llm.bank.example:8443`) and where it is. Groups may be named. `region` says
 * that Bedrock answers there, in that region of AWS: then the word holds for models that run in the region.
 */
export type Declared = Readonly<{ origin: string; residency: Residency; region?: string }>

/** A provider as it is configured. `residency` is an entry's id, or what the operator declares. `region` is that of AWS, of Bedrock only. */
export type Place = Readonly<{
  kind: ProviderKind
  baseUrl: string
  region: string | null
  residency: string | Residency
}>

/** What is known of an origin. */
export type Known = Readonly<{
  /** Of all that is sent there, or of models that run in the region where there is one. */
  residency: Residency
  source: 'catalogue' | 'declared'
  asOf: string | null
  /** Of AWS, where Bedrock answers. */
  region: string | null
  /** Whether something else than Bedrock answers there as well, as a simulator may. */
  shared: boolean
}>

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
  const entry = entryAt(origin, data)
  if (entry !== undefined) refuseMoreThanPromised(origin, residency, entry.residency)
  return residency
}

export function originsOf(data: CatalogueData, declared: readonly Declared[]): ReadonlyMap<string, Known> {
  const origins = new Map<string, Known>()
  for (const { hosts, residency, region } of data.entries.values()) {
    for (const host of hosts) {
      origins.set(`https://${host}`, { residency, source: 'catalogue', asOf: data.asOf, region, shared: false })
    }
  }
  const said = new Map<string, Known>()
  for (const one of declared) {
    const { origin } = one
    const residency = readDeclared(one, data)
    const its = entryAt(origin, data)?.region ?? null
    const region = one.region ?? its
    if (its !== null && region !== its) throw invalid(`${origin} is in ${its}, not in ${region}.`)
    const earlier = said.get(origin)
    if (earlier !== undefined && !same(earlier.residency, residency))
      throw invalid(`${origin} is declared twice, with different residencies.`)
    if (earlier !== undefined && earlier.region !== null && region !== null && earlier.region !== region)
      throw invalid(`${origin} is declared twice, in different regions.`)
    said.set(origin, {
      residency,
      source: 'declared',
      asOf: null,
      region: region ?? earlier?.region ?? null,
      shared: its === null && (one.region === undefined || earlier?.shared === true || earlier?.region === null),
    })
  }
  for (const [origin, known] of said) origins.set(origin, known)
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

/** By its host's name alone: what answers on another port or without TLS is the same provider's. */
function entryAt(origin: string, { entries }: CatalogueData): Entry | undefined {
  const { hostname } = new URL(origin)
  return [...entries.values()].find(({ hosts }) => hosts.includes(hostname))
}

/** A provider's region is not that of its residency: either may be the one that was meant. */
export class OtherRegion extends CustomhouseError {
  /** What the residency is of. */
  readonly meant: string

  constructor(region: string, meant: string) {
    super('ERR_CONFIG_INVALID', `is ${region}, but residency is of ${meant}`)
    this.meant = meant
  }
}

/**
 * Where a provider is, whatever its models. Throws ERR_CONFIG_INVALID where entry, kind, region and address do not fit ({@link OtherRegion} for
 * the region), and where a declaration cannot stand.
 */
export function readPlace({ kind, baseUrl, region, residency }: Place, data: CatalogueData = SHIPPED): Residency {
  if (typeof residency !== 'string') {
    const declared = declaredAt(baseUrl, residency, region)
    originsOf(data, [declared])
    return readDeclared(declared, data)
  }
  const its = data.entries.get(residency)?.region ?? null
  // Before the address, which may only have been made from the region.
  if (kind === 'bedrock' && its !== null && its !== region) throw new OtherRegion(`${region}`, its)
  const found = lookup(residency, baseUrl, data)
  if (kind === 'bedrock' && its === null) {
    throw invalid(
      `residency ${residency} says nothing of Bedrock's models: name an entry such as bedrock/eu-central-1.`,
    )
  }
  if (kind !== 'bedrock' && its !== null) {
    throw invalid(
      `residency ${residency} is for \`kind: bedrock\` only: other kinds name the model in the body, and it decides where inference runs. Declare the residency instead.`,
    )
  }
  return found
}

/** A provider's declaration. `region` is null for all kinds but Bedrock. */
export function declaredAt(baseUrl: string, residency: Residency, region: string | null): Declared {
  return { origin: new URL(baseUrl).origin, residency, ...(region === null ? {} : { region }) }
}

/** Where a model runs that a provider of this kind asks for at an origin. */
export function residencyOfModel(
  known: Known,
  { kind, model }: Readonly<{ kind: ProviderKind; model: string }>,
  { bedrock }: CatalogueData,
): Residency {
  const { region, residency, shared } = known
  if (kind === 'bedrock') return reaching(residency, region === null ? null : reachOf(model, region, bedrock))
  return region === null || shared ? residency : reaching(residency, null)
}

/** Where an address leads, by itself. `url` is at the origin of `known`, in plain form. */
export function residencyOfAddress(known: Known, url: string, { bedrock }: CatalogueData): Residency {
  const { region, residency, shared } = known
  if (region === null) return residency
  const read = modelIn(new URL(url).pathname)
  if (read === 'none') return shared ? residency : reaching(residency, null)
  if (read === 'unclear' || /[?#]/.test(url)) return UNKNOWN
  return reaching(residency, reachOf(read.id, region, bedrock))
}

/**
 * TLS ends where it did. Inference runs where the model's name lets it, and text is kept there too: Bedrock keeps what it suspects of abuse
 * in the region that it was sent on to. Where nobody can tell, only an operator who has declared anywhere has said enough.
 */
function reaching(residency: Residency, reach: Reach): Residency {
  if (reach === 'region') return residency
  const wider = (places: readonly string[] | null): readonly string[] | null => {
    if (places?.includes(ANYWHERE)) return places
    return places === null || reach === null ? null : Object.freeze([...new Set([...places, ...reach])].sort())
  }
  const { endpoint, processing, storage } = residency
  return Object.freeze({ endpoint, processing: wider(processing), storage: wider(storage) })
}

export function same(a: Residency, b: Residency): boolean {
  return sameFacet(a.endpoint, b.endpoint) && sameFacet(a.processing, b.processing) && sameFacet(a.storage, b.storage)
}

function sameFacet(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b
  return a.every((place) => b.includes(place)) && b.every((place) => a.includes(place))
}
