import type { Json } from '../../../src/core/json.ts'
import { type Document, Faults, type ImportedOverlay, isList, membersOf, sorted } from './document.ts'

/** What the catalogue knows of Azure. */
export type KnownDeployments = Readonly<{
  /** Types of deployments: `DataZoneStandard`. */
  types: ReadonlySet<string>
  /** Regions as ARM names them: `swedencentral`. */
  locations: ReadonlySet<string>
}>

/** The account of a listing: what `az cognitiveservices account show` or `account list` prints, or its name and location in the operator's own words. */
export type AccountGiven = Document | Readonly<{ name: string; location: string }>

type Account = Readonly<{
  id: string | null
  name: string
  label: string
  location: string
  /** Where the location was said. */
  said: Readonly<{ file: string; path: readonly (string | number)[] }>
}>

const DEPLOYMENT =
  /^(\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.CognitiveServices\/accounts\/([^/]+))\/deployments\/([^/]+)$/i
const ACCOUNT =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.CognitiveServices\/accounts\/([^/]+)$/i
/** One label of a host name. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const WHAT = 'Nothing was imported'

/**
 * Reads what `az cognitiveservices account deployment list` prints of one account as a row of an overlay: the account's location and the type of each deployment. The row stands
 * under the label of the account's own host (`customSubDomainName`), as calls name it.
 *
 * Throws ERR_CONFIG_INVALID, with file and JSON pointer of all that is wrong: a type or location that the catalogue does not have, deployments of another account.
 */
export function importAzure(
  listing: Document,
  given: AccountGiven,
  known: KnownDeployments,
  asOf: string,
): ImportedOverlay {
  const faults = new Faults()
  const deployments = 'content' in given ? accountNameIn(listing) : given.name
  const account = 'content' in given ? accountIn(given, deployments, faults) : named(given, listing.file, faults)
  const location = account === null ? '' : account.location.toLowerCase().replaceAll(' ', '')
  if (account !== null && !known.locations.has(location))
    faults.add(
      account.said.file,
      account.said.path,
      `the catalogue has no location ${JSON.stringify(account.location)} of Azure`,
    )
  const types = typesIn(listing, account, known, faults)
  faults.raise(WHAT)
  const label = account?.label ?? ''
  const source = `az-${label}`
  return {
    version: 2,
    as_of: asOf,
    sources: {
      [source]: `az cognitiveservices account deployment list, account ${account?.name ?? ''}: as it printed them`,
    },
    azure: { resources: { [label]: { location, deployments: sorted(types), as_of: asOf, source } } },
  }
}

/** Types by deployment. */
function typesIn(
  { file, content }: Document,
  account: Account | null,
  known: KnownDeployments,
  faults: Faults,
): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  if (!isList(content)) {
    faults.add(file, [], 'must be the list that az cognitiveservices account deployment list prints')
    return types
  }
  if (content.length === 0) faults.add(file, [], 'there is no deployment in it')
  for (const [index, value] of content.entries()) {
    const { id, name, sku } = membersOf(value) ?? {}
    const [, of = '', accountName = '', end = ''] = typeof id === 'string' ? (DEPLOYMENT.exec(id) ?? []) : []
    const type = membersOf(sku)?.name
    if (typeof name !== 'string' || end === '' || name.toLowerCase() !== end.toLowerCase()) {
      faults.add(
        file,
        [index, 'id'],
        'must be the id of a deployment, /subscriptions/.../accounts/.../deployments/..., that ends in its name',
      )
    } else if (account !== null && !isOf(account, of, accountName)) {
      faults.add(
        file,
        [index, 'id'],
        `is a deployment of the account ${accountName}, and not of ${account.id ?? account.name}`,
      )
    } else if (typeof type !== 'string' || !known.types.has(type)) {
      const types = [...known.types].sort().join(', ')
      faults.add(
        file,
        [index, 'sku', 'name'],
        `${JSON.stringify(type) ?? 'none'} is no type of deployment that the catalogue has (${types})`,
      )
    } else if (types.has(name)) faults.add(file, [index, 'name'], `${JSON.stringify(name)} stands there twice`)
    else types.set(name, type)
  }
  return types
}

/** Resource ids of Azure do not tell capitals from small letters (ARM: Resource naming). */
function isOf({ id, name }: Account, of: string, accountName: string): boolean {
  return id === null ? name.toLowerCase() === accountName.toLowerCase() : id.toLowerCase() === of.toLowerCase()
}

function named(
  { name, location }: Readonly<{ name: string; location: string }>,
  file: string,
  faults: Faults,
): Account | null {
  const label = name.toLowerCase()
  if (LABEL.test(label)) return { id: null, name, label, location, said: { file: '--location', path: [] } }
  faults.add(file, [], `${JSON.stringify(name)} can be no name of an account`)
  return null
}

/** The account that the first deployment names; the others are held against it. */
function accountNameIn({ content }: Document): string {
  const first = isList(content) ? membersOf(content[0])?.id : undefined
  return typeof first === 'string' ? (DEPLOYMENT.exec(first)?.[2] ?? '') : ''
}

function accountIn({ file, content }: Document, wanted: string, faults: Faults): Account | null {
  const all: readonly Json[] = isList(content) ? content : [content]
  const index = all.findIndex((one) => String(membersOf(one)?.name).toLowerCase() === wanted.toLowerCase())
  // Of a single account that is another one, what is wrong is said at each deployment.
  const at = index === -1 && all.length === 1 ? 0 : index
  const path = isList(content) ? [at] : []
  const { id, name, location, properties } = membersOf(all[at]) ?? {}
  if (
    at === -1 ||
    typeof name !== 'string' ||
    typeof id !== 'string' ||
    ACCOUNT.exec(id)?.[1]?.toLowerCase() !== name.toLowerCase()
  ) {
    faults.add(
      file,
      at === -1 ? [] : path,
      `is not the account ${JSON.stringify(wanted)} as az cognitiveservices account show or list prints it`,
    )
    return null
  }
  if (typeof location !== 'string') {
    faults.add(file, [...path, 'location'], 'must be the location of the account')
    return null
  }
  const label = membersOf(properties)?.customSubDomainName
  if (typeof label !== 'string' || !LABEL.test(label.toLowerCase())) {
    const message =
      'must be a name: without one the account has no host of its own, and an address does not tell it from others'
    faults.add(file, [...path, 'properties', 'customSubDomainName'], message)
    return null
  }
  return { id, name, label: label.toLowerCase(), location, said: { file, path: [...path, 'location'] } }
}
