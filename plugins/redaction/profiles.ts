import type { Obligation } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { type Members, membersOf, refuse, requireKnown, wordsOf } from './custom/refusal.ts'
import { isMisread, type Misread, type Params, readParams } from './params.ts'

/**
 * What a profile asks for of a call and of its answer; null: nothing. `references`: the kinds of content that may go though nobody reads them; null: all.
 */
export type Profile = Readonly<{
  redact: Params | null
  answer: Params | null
  references: ReadonlySet<string> | null
}>

type Part = 'redact' | 'answer'

/** The profiles of a policy by name, the organisation's own before the shipped ones. */
export type Profiles = ReadonlyMap<string, Profile>

export const NO_PROFILES: Profiles = new Map()

/**
 * What a `redact` obligation asks for: of a profile that it names in `profile`, and then has no other member, or of its own members.
 *
 * @param part of the profile: `redact` for what is sent, `answer` for what comes back
 */
export function askedOf(obligation: Obligation, part: Part, profiles: Profiles): Params | Misread {
  const { profile: name, ...others } = obligation.params
  if (name === undefined) return readParams(obligation)
  if (typeof name !== 'string' || Object.keys(others).length > 0)
    return { message: 'redact: profile is a name, and has no other member beside it' }
  const asked = profiles.get(name)?.[part]
  return asked ?? { message: `redact: the policy's data has no profile ${JSON.stringify(name)} with the part ${part}` }
}

const AT = 'org.redaction'
const ORGANISATION = [
  'defaults',
  'tenants',
  'classes',
  'findings',
  'profiles',
  'types',
  'entities',
  'dictionaries',
  'allow',
] as const
const ENTRY = ['profile', 'types', 'tools', 'tasks'] as const
const PROFILE = ['redact', 'answer', 'references'] as const
/** A type of the reader's own, for entries that change tools alone. */
const ANY_TYPES: Members = { '*': 'token' }

/**
 * Reads what the control `redaction` makes obligations of: its profiles (`controls.redaction.profiles`), and of `org.redaction` the profiles, entries and names of
 * profiles. A policy without that control has no profiles, and its `org.redaction` is its own.
 *
 * @throws ERR_POLICY_BUNDLE with the path of what would be refused at every call, and how to mend it
 */
export function readProfiles(data: Json): Profiles {
  const { controls, org } = membersOf(data, 'data')
  const shipped = membersOf(membersOf(controls, 'controls').redaction, 'controls.redaction').profiles
  if (shipped === undefined) return NO_PROFILES
  const own = membersOf(membersOf(org, 'org').redaction, AT)
  requireKnown(own, ORGANISATION, AT)
  const profiles = new Map([
    ...profilesIn(shipped, 'controls.redaction.profiles'),
    ...profilesIn(own.profiles, `${AT}.profiles`),
  ])
  const { defaults, tenants, classes, findings } = own
  requireNamed(requireEntry(defaults, `${AT}.defaults`, profiles).profile, `${AT}.defaults.profile`, profiles)
  for (const [tenant, entry] of Object.entries(membersOf(tenants, `${AT}.tenants`)))
    requireEntry(entry, `${AT}.tenants.${tenant}`, profiles)
  requireAllNamed(classes, `${AT}.classes`, profiles)
  requireAllNamed(findings, `${AT}.findings`, profiles)
  return profiles
}

function profilesIn(value: Json | undefined, path: string): readonly (readonly [string, Profile])[] {
  return Object.entries(membersOf(value, path)).map(([name, profile]) => [
    name,
    readProfile(membersOf(profile, `${path}.${name}`), `${path}.${name}`),
  ])
}

function readProfile(profile: Members, path: string): Profile {
  requireKnown(profile, PROFILE, path)
  const references = wordsOf(profile.references, `${path}.references`)
  const part = (name: Part): Params | null => {
    const asked = profile[name]
    return asked === undefined ? null : params(membersOf(asked, `${path}.${name}`), `${path}.${name}`)
  }
  for (const member of ['restore', 'answer'])
    if (membersOf(profile.answer, `${path}.answer`)[member] !== undefined)
      throw refuse(
        `${path}.answer.${member}`,
        'it belongs to redact: nothing is put back into what an answer itself says',
      )
  const read = {
    redact: part('redact'),
    answer: part('answer'),
    references: profile.references === undefined ? null : new Set(references),
  }
  if (read.answer !== null && read.redact?.answer !== true)
    throw refuse(`${path}.answer`, 'nobody reads the answers for it: write answer: inspect in redact, or leave it out')
  return read
}

function params(members: Members, path: string): Params {
  const read = readParams({ type: 'redact', params: members })
  if (isMisread(read)) throw refuse(path, read.message)
  return read
}

/** An entry of a tenant, or the defaults: what it changes is read as the obligation that has it is. */
function requireEntry(value: Json | undefined, path: string, profiles: Profiles): Members {
  const entry = membersOf(value, path)
  requireKnown(entry, ENTRY, path)
  const { profile, types, tools, tasks } = entry
  if (profile !== undefined) requireNamed(profile, `${path}.profile`, profiles)
  const changed = membersOf(types, `${path}.types`)
  params(
    {
      types: Object.keys(changed).length === 0 ? ANY_TYPES : changed,
      ...(tools !== undefined && { restore: { tools } }),
    },
    path,
  )
  requireAllNamed(tasks, `${path}.tasks`, profiles)
  return entry
}

function requireAllNamed(value: Json | undefined, path: string, profiles: Profiles): void {
  for (const [what, name] of Object.entries(membersOf(value, path))) requireNamed(name, `${path}.${what}`, profiles)
}

function requireNamed(name: Json | undefined, path: string, profiles: Profiles): void {
  if (typeof name !== 'string' || !profiles.has(name))
    throw refuse(path, `write the name of a profile; there are ${[...profiles.keys()].sort().join(', ')}`)
}
