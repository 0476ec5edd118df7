import type { ProviderKind, Residency } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { ANYWHERE, UNKNOWN } from '../../src/core/residency.ts'
import { type CatalogueData, lookup, SHIPPED } from './catalogue.ts'
import { domainOf, vpceAt } from './domains.ts'
import type { Entry } from './entry.ts'
import type { Known } from './known.ts'
import { isWeaker } from './layers.ts'
import { canonicalOrigin, FACETS, invalid, residencyOf } from './places.ts'
import { OtherProject, projectAt } from './projects.ts'

/**
 * The operator's own word about a server: an origin (`https://llm.bank.example:8443`) and where it is. Groups may be named. `region` says
 * that Bedrock answers there, in that region of AWS: then the word holds for models that run in the region.
 */
export type Declared = Readonly<{ origin: string; residency: Residency; region?: string }>

/** OpenAI's projects by the origin that their provider is at. */
export type Projects = ReadonlyMap<string, string>

/** A provider as it is configured. `residency` is an entry's id, or what the operator declares. `region` is that of AWS, of Bedrock only. */
export type Place = Readonly<{
  kind: ProviderKind
  baseUrl: string
  region: string | null
  residency: string | Residency
  /** The residency of OpenAI's project: `EU_STORAGE_PROCESSING`. */
  project?: string | null
}>

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
  refuseMoreThanPromised(origin, residency, promisedAt(origin, data))
  return residency
}

/**
 * Whether only the operator says where a resource of Azure infers: no row has its deployments' types, which neither its address nor a call tells.
 * What is declared as anywhere rests on nobody's word.
 */
export function isUnimported(
  { baseUrl, residency }: Pick<Place, 'baseUrl' | 'residency'>,
  data: CatalogueData,
): boolean {
  const { origin, hostname } = new URL(baseUrl)
  if (typeof residency === 'string' || !isResource(hostname, data)) return false
  return residency.processing?.includes(ANYWHERE) !== true && entryAt(origin, data) === undefined
}

export function originsOf(
  data: CatalogueData,
  declared: readonly Declared[],
  projects: Projects = new Map(),
): ReadonlyMap<string, Known> {
  const origins = new Map<string, Known>()
  for (const { id, hosts, residency, region, names, switches, stamp } of data.entries.values()) {
    const { author: source, asOf } = stamp
    const known = { residency, source, asOf, entry: id, region, names, switches, shared: false } as const
    for (const host of hosts) origins.set(`https://${host}`, known)
  }
  const said = new Map<string, Known>()
  for (const one of declared) {
    const { origin } = one
    const residency = readDeclared(one, data)
    const its = regionAt(origin, data)
    const region = one.region ?? its
    if (its !== null && region !== its) throw invalid(`${origin} is in ${its}, not in ${region}.`)
    const earlier = said.get(origin)
    if (earlier !== undefined && !same(earlier.residency, residency))
      throw invalid(`${origin} is declared twice, with different residencies.`)
    if (earlier !== undefined && earlier.region !== null && region !== null && earlier.region !== region)
      throw invalid(`${origin} is declared twice, in different regions.`)
    const entry = entryAt(origin, data)
    said.set(origin, {
      residency,
      source: 'declared',
      asOf: null,
      entry: null,
      names: entry?.names ?? null,
      // A switch narrows: it counts where it is known to be obeyed, not wherever its dialect is spoken.
      switches: switchesAt(origin, data),
      region: region ?? earlier?.region ?? null,
      shared: its === null && (one.region === undefined || earlier?.shared === true || earlier?.region === null),
    })
  }
  for (const [origin, known] of said) origins.set(origin, known)
  for (const [origin, name] of projects) {
    const known = origins.get(origin)
    if (known === undefined) continue
    const { storage, stamp } = projectAt(name, origin, data)
    if (known.source === 'declared') {
      refuseMoreThanPromised(origin, known.residency, { ...known.residency, storage })
      continue
    }
    const source = isWeaker(stamp.author, known.source) ? stamp.author : known.source
    origins.set(origin, { ...known, source, residency: Object.freeze({ ...known.residency, storage }) })
  }
  return origins
}

/**
 * What nobody can declare narrower at an origin: the word of its entry; at an endpoint in a VPC, that it is in the region of its name; and at any other host of a
 * provider's domain, nothing at all. Null where the operator's word is all there is.
 */
function promisedAt(origin: string, data: CatalogueData): Residency | null {
  const entry = entryAt(origin, data)
  if (entry !== undefined) return entry.residency
  const { hostname } = new URL(origin)
  if (domainOf(hostname, data.domains) === null) return null
  const endpoint = vpceAt(hostname)
  const region = endpoint === null ? undefined : data.bedrock.regions.get(endpoint.region)
  if (endpoint === null || region === undefined) return UNKNOWN
  const places = [region.country]
  return { endpoint: places, processing: places, storage: null }
}

/** Of AWS, where Bedrock is known to answer. */
function regionAt(origin: string, data: CatalogueData): string | null {
  const entry = entryAt(origin, data)
  if (entry !== undefined) return entry.region
  const endpoint = vpceAt(new URL(origin).hostname)
  return endpoint?.bedrock === true && data.bedrock.regions.has(endpoint.region) ? endpoint.region : null
}

/**
 * At a provider's own host a declaration may widen what the catalogue says, never narrow it; where the provider promises no place for
 * TLS or inference, only `*` can be declared. Storage that the address does not tell is the operator's to declare: it follows
 * the project of the key.
 */
function refuseMoreThanPromised(origin: string, declared: Residency, promised: Residency | null): void {
  if (promised === null) return
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

/** By the forms of Azure's hosts: also a resource that nobody has imported. */
function isResource(hostname: string, { azure }: CatalogueData): boolean {
  const dot = hostname.indexOf('.')
  return dot > 0 && azure.hosts.some((host) => host === `{resource}${hostname.slice(dot)}`)
}

/** By its host's name alone: what answers on another port or without TLS is the same provider's. */
function entryAt(origin: string, { entries }: CatalogueData): Entry | undefined {
  const { hostname } = new URL(origin)
  return [...entries.values()].find(({ hosts }) => hosts.includes(hostname))
}

/** At the provider's own host by HTTPS alone, or where a row of the operator says that a server obeys. */
function switchesAt(origin: string, data: CatalogueData): Entry['switches'] {
  const entry = entryAt(origin, data)
  if (entry !== undefined) return origin === `https://${new URL(origin).hostname}` ? entry.switches : null
  return data.servers.get(origin) ?? null
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
export function readPlace(place: Place, data: CatalogueData = SHIPPED): Residency {
  const { kind, baseUrl, region, residency, project = null } = place
  const { origin } = new URL(baseUrl)
  const projects: Projects = new Map(project === null ? [] : [[origin, project]])
  if (project !== null) {
    if (kind !== 'openai') throw new OtherProject('is of OpenAI: `kind: openai` only has projects')
    // Before the rest: what stands there depends on it.
    projectAt(project, origin, data)
  }
  if (kind === 'openai' && isResource(new URL(origin).hostname, data))
    throw invalid(
      `residency of ${origin}, a resource of Azure, is for \`kind: azure\`: where an answer came from (x-ms-region) is heard of no other kind that speaks this API.`,
    )
  if (typeof residency !== 'string') {
    const declared = declaredAt(baseUrl, residency, region)
    originsOf(data, [declared], projects)
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
  const family = residency.split('/')[0] ?? ''
  if (!(KINDS.get(family)?.includes(kind) ?? true)) {
    throw invalid(
      `residency ${residency} is for \`kind: ${KINDS.get(family)?.join(' or ')}\`: no other speaks what is read there.`,
    )
  }
  return project === null ? found : Object.freeze({ ...found, storage: projectAt(project, origin, data).storage })
}

/** Who speaks what is read at the hosts where a name in the body decides. */
const KINDS: ReadonlyMap<string, readonly ProviderKind[]> = new Map([
  ['azure', ['azure']],
  ['vertex', ['openai']],
  ['oci', ['openai']],
])

/** A provider's declaration. `region` is null for all kinds but Bedrock. */
export function declaredAt(baseUrl: string, residency: Residency, region: string | null): Declared {
  const { origin } = new URL(baseUrl)
  return { origin, residency, ...(region === null ? {} : { region }) }
}

export function same(a: Residency, b: Residency): boolean {
  return sameFacet(a.endpoint, b.endpoint) && sameFacet(a.processing, b.processing) && sameFacet(a.storage, b.storage)
}

function sameFacet(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b
  return a.every((place) => b.includes(place)) && b.every((place) => a.includes(place))
}
