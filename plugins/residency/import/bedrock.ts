import type { Json } from '../../../src/core/json.ts'
import {
  type Document,
  Faults,
  type ImportedOverlay,
  type ImportedProfile,
  isList,
  type Members,
  membersOf,
  ordered,
  sorted,
} from './document.ts'

/** What the catalogue knows of AWS. */
export type KnownRegions = Readonly<{
  /** By region: its partition. */
  partitions: ReadonlyMap<string, string>
  /** Where a profile of this id may run when it is called in `region`: its regions, null for anywhere, undefined where nobody knows. */
  profile(id: string, region: string): readonly string[] | null | undefined
}>

type Path = readonly (string | number)[]
type Arn = Readonly<{ partition: string; region: string; account: string; kind: string; name: string }>
type Place = Readonly<{ file: string; path: Path }>

/** A profile or a router as it stands in a file, its ARN read and its models' ARNs not yet. */
type Stated = Place & Readonly<{ arn: Arn; keys: readonly string[]; models: readonly (Place & { text: string })[] }>

const ARN = /^arn:(aws[a-z-]*):bedrock:([a-z0-9-]*):([0-9]{12})?:([a-z-]+)\/([A-Za-z0-9.:-]+)$/
const PROFILES: ReadonlySet<string> = new Set(['inference-profile', 'application-inference-profile'])
const ROUTERS: ReadonlySet<string> = new Set(['prompt-router', 'default-prompt-router'])
const WHAT = 'Nothing was imported'

/**
 * Reads what `aws bedrock get-inference-profile`, `list-inference-profiles`, `get-prompt-router` and `list-prompt-routers` print, of one account and any number of
 * regions, as rows of an overlay. A profile may run in each region that its models' ARNs name; a model's ARN without a region (global profiles) is anywhere. A router may run
 * wherever one of its models may: profiles among them must stand in the same files, or in the catalogue.
 *
 * Throws ERR_CONFIG_INVALID, with file and JSON pointer of all that is wrong: what is half read is not used at all.
 */
export function importBedrock(documents: readonly Document[], known: KnownRegions, asOf: string): ImportedOverlay {
  const faults = new Faults()
  const stated = documents.flatMap((document) => statedIn(document, known, faults))
  const account = accountOf(stated, faults)
  const rows = new Map<string, Map<string, ImportedProfile>>()
  const source = `aws-${account}`
  const places = new Map<string, Place>()
  const keep = (one: Stated, regions: readonly string[] | null): void => {
    const { region } = one.arn
    const called = rows.get(region) ?? new Map<string, ImportedProfile>()
    rows.set(region, called)
    for (const key of one.keys) {
      const before = called.get(key)
      const seen = places.get(`${region} ${key}`)
      if (before !== undefined && seen !== undefined && String(before.regions) !== String(regions))
        faults.add(one.file, one.path, `${key} leads elsewhere than in ${seen.file}; import what is newest alone`)
      called.set(key, { regions, as_of: asOf, source })
      places.set(`${region} ${key}`, one)
    }
  }
  const profileOf = (arn: Arn, text: string): readonly string[] | null | undefined => {
    const called = rows.get(arn.region)
    const found = called?.get(text) ?? called?.get(arn.name)
    return found === undefined ? known.profile(arn.name, arn.region) : found.regions
  }
  // Routers lead through profiles: those come first, whatever the order of the files.
  for (const kinds of [PROFILES, ROUTERS]) {
    for (const one of stated.filter(({ arn }) => kinds.has(arn.kind))) keep(one, reach(one, known, profileOf, faults))
  }
  const [first] = documents
  if (rows.size === 0 && first !== undefined && !faults.any)
    faults.add(first.file, [], 'there is no profile and no router in it')
  faults.raise(WHAT)
  return {
    version: 2,
    as_of: asOf,
    sources: { [source]: `aws bedrock, account ${account}: inference profiles and prompt routers as it printed them` },
    bedrock: { imported: sorted([...rows].map(([region, called]) => [region, sorted(called)])) },
  }
}

/** All regions of an item's models; null as soon as one of them may be anywhere. */
function reach(
  { arn: own, models, file }: Stated,
  known: KnownRegions,
  profileOf: (arn: Arn, text: string) => readonly string[] | null | undefined,
  faults: Faults,
): readonly string[] | null {
  const regions = new Set<string>()
  let anywhere = false
  for (const { text, path } of models) {
    const arn = arnOf(text)
    if (arn === null) faults.add(file, path, 'must be the ARN of a model')
    else if (arn.partition !== own.partition)
      faults.add(file, path, `is of the partition ${arn.partition}, not ${own.partition}`)
    else if (arn.kind === 'foundation-model' && arn.account === '') {
      if (arn.region === '') anywhere = true
      else if (known.partitions.get(arn.region) !== own.partition)
        faults.add(file, path, `the catalogue has no region ${arn.region} in the partition ${own.partition}`)
      else regions.add(arn.region)
    } else if (ROUTERS.has(own.kind) && PROFILES.has(arn.kind)) {
      const through = arn.account === own.account && arn.region === own.region ? profileOf(arn, text) : undefined
      if (through === undefined)
        faults.add(
          file,
          path,
          'names a profile that is in none of these files: import it with get-inference-profile too',
        )
      else if (through === null) anywhere = true
      else for (const region of through) regions.add(region)
    } else faults.add(file, path, `names ${arn.kind}, and not a foundation model`)
  }
  return anywhere ? null : [...regions].sort(ordered)
}

function arnOf(text: string): Arn | null {
  const [, partition, region = '', account = '', kind, name] = ARN.exec(text) ?? []
  return partition === undefined || kind === undefined || name === undefined
    ? null
    : { partition, region, account, kind, name }
}

function accountOf(stated: readonly Stated[], faults: Faults): string {
  const [first, ...others] = stated
  if (first === undefined) return ''
  for (const { file, path, arn } of others) {
    if (arn.account !== first.arn.account)
      faults.add(
        file,
        path,
        `is of account ${arn.account}, ${first.file} of ${first.arn.account}: import one at a time`,
      )
  }
  return first.arn.account
}

/** The profiles and routers of one file. */
function statedIn({ file, content }: Document, known: KnownRegions, faults: Faults): readonly Stated[] {
  const members = membersOf(content)
  const found = members === null ? null : listed(members)
  if (members === null || found === null) {
    const message =
      'is none of what aws bedrock get- or list-inference-profile(s) and get- or list-prompt-router(s) print'
    faults.add(file, [], message)
    return []
  }
  for (const more of ['nextToken', 'NextToken']) {
    if (members[more] !== undefined && members[more] !== null)
      faults.add(file, [more], 'the list goes on: print all of it, without --max-items and --no-paginate')
  }
  return found.flatMap(({ item, path }) => {
    const read = membersOf(item)
    const one = read === null ? null : itemOf(read, file, path, known, faults)
    if (read === null) faults.add(file, path, 'must be an object')
    return one === null ? [] : [one]
  })
}

function listed(members: Members): readonly Readonly<{ item: Json; path: Path }>[] | null {
  if (members.inferenceProfileArn !== undefined || members.promptRouterArn !== undefined)
    return [{ item: members, path: [] }]
  for (const name of ['inferenceProfileSummaries', 'promptRouterSummaries']) {
    const list = members[name]
    if (isList(list)) return list.map((item, index) => ({ item, path: [name, index] }))
  }
  return null
}

function itemOf(item: Members, file: string, path: Path, known: KnownRegions, faults: Faults): Stated | null {
  const router = item.promptRouterArn !== undefined
  const member = router ? 'promptRouterArn' : 'inferenceProfileArn'
  const text = item[member]
  const arn = typeof text === 'string' ? arnOf(text) : null
  const bad = (at: Path, message: string): null => {
    faults.add(file, [...path, ...at], message)
    return null
  }
  if (typeof text !== 'string' || arn === null || arn.account === '' || !(router ? ROUTERS : PROFILES).has(arn.kind))
    return bad([member], `must be the ARN of ${router ? 'a prompt router' : 'an inference profile'}, with its account`)
  const partition = known.partitions.get(arn.region)
  if (partition === undefined) return bad([member], `the catalogue has no region ${JSON.stringify(arn.region)}`)
  if (partition !== arn.partition)
    return bad([member], `names the partition ${arn.partition}, and ${arn.region} is in ${partition}`)
  const { status } = item
  if (status !== 'ACTIVE' && !(router && status === 'AVAILABLE'))
    return bad(['status'], `is ${JSON.stringify(status) ?? 'missing'}: only what is active can be called`)
  const keys = router ? [text] : profileKeys(item, text, arn, bad)
  const models = modelsOf(item, router, file, path, bad)
  return keys === null || models === null ? null : { file, path: [...path, member], arn, keys, models }
}

/** A profile of AWS's own is called by id or by ARN, one of the account by its ARN only. */
function profileKeys(
  { type, inferenceProfileId: id }: Members,
  text: string,
  { kind, name }: Arn,
  bad: (at: Path, message: string) => null,
): readonly string[] | null {
  if (id !== name) return bad(['inferenceProfileId'], 'must be the name at the end of the ARN')
  if (type === 'SYSTEM_DEFINED' && kind === 'inference-profile') return [name, text]
  if (type === 'APPLICATION' && kind === 'application-inference-profile') return [text]
  return bad(['type'], `${JSON.stringify(type) ?? 'none'} does not go with the ARN of ${kind}`)
}

function modelsOf(
  { models, fallbackModel }: Members,
  router: boolean,
  file: string,
  path: Path,
  bad: (at: Path, message: string) => null,
): Stated['models'] | null {
  if (!isList(models) || models.length === 0) return bad(['models'], 'must name at least one model')
  const all: readonly Readonly<{ model: Json; at: Path }>[] = [
    ...models.map((model, index) => ({ model, at: ['models', index] })),
    ...(router ? [{ model: fallbackModel ?? null, at: ['fallbackModel'] }] : []),
  ]
  const read: (Place & { text: string })[] = []
  for (const { model, at } of all) {
    const text = membersOf(model)?.modelArn
    if (typeof text !== 'string') return bad([...at, 'modelArn'], 'must be the ARN of a model')
    read.push({ file, path: [...path, ...at, 'modelArn'], text })
  }
  return read
}
