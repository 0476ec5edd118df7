import { membersOf, refuse, wordsOf } from '../../plugins/redaction/custom/refusal.ts'
import { ENTITIES, ENTITY_NAME } from '../../plugins/redaction/entity.ts'
import { nearest } from '../config.ts'
import type { Json } from '../core/json.ts'

const AT = 'org.redaction'
const ANY = '*'

/**
 * The types that a policy's data may name: the built-in ones, the entities that have no other `type`, and `org.redaction.types`: those of dictionaries alone, of
 * several patterns, and of other plugins' inspectors.
 *
 * @throws ERR_POLICY_BUNDLE where a name in `org.redaction.types` is none that a type can have
 */
export function knownTypes(data: Json): ReadonlySet<string> {
  const { entities, types } = ownOf(data)
  const known = new Set<string>(Object.keys(ENTITIES))
  for (const [name, entity] of Object.entries(membersOf(entities, `${AT}.entities`)))
    if (membersOf(entity, `${AT}.entities.${name}`).type === undefined) known.add(name)
  wordsOf(types, `${AT}.types`).forEach((type, at) => {
    if (!ENTITY_NAME.test(type)) throw refuse(`${AT}.types[${at}]`, 'a type of entities is written as in PERSON')
    known.add(type)
  })
  return known
}

/**
 * That each type which a policy's data names is one that can be found. By a misspelt one nothing is taken out, and what it was meant for would leave.
 *
 * @param controlled the policy has the control that reads all of `org.redaction`, not the inspector's members alone
 * @throws ERR_POLICY_BUNDLE with the path of one that cannot, and the type that is near
 */
export function requireTypes(data: Json, controlled: boolean): void {
  const known = knownTypes(data)
  const { entities, dictionaries, allow, ...own } = ownOf(data)
  for (const [name, entity] of Object.entries(membersOf(entities, `${AT}.entities`))) {
    const path = `${AT}.entities.${name}`
    const { type } = membersOf(entity, path)
    if (typeof type === 'string') requireType(type, `${path}.type`, known)
  }
  for (const [tenant, lists] of Object.entries(membersOf(dictionaries, `${AT}.dictionaries`))) {
    const { salt: _, ...types } = membersOf(lists, `${AT}.dictionaries.${tenant}`)
    requireAll(types, `${AT}.dictionaries.${tenant}`, known)
  }
  for (const [tenant, types] of Object.entries(membersOf(allow, `${AT}.allow`)))
    requireAll(types, `${AT}.allow.${tenant}`, known)
  if (!controlled) return
  requireProfiles(shippedOf(data), 'controls.redaction.profiles', known)
  requireProfiles(own.profiles, `${AT}.profiles`, known)
  requireEntry(own.defaults, `${AT}.defaults`, known)
  for (const [tenant, entry] of Object.entries(membersOf(own.tenants, `${AT}.tenants`)))
    requireEntry(entry, `${AT}.tenants.${tenant}`, known)
  requireAll(own.findings, `${AT}.findings`, known)
}

function requireProfiles(value: Json | undefined, path: string, known: ReadonlySet<string>): void {
  for (const [name, profile] of Object.entries(membersOf(value, path))) {
    const parts = membersOf(profile, `${path}.${name}`)
    for (const part of ['redact', 'answer']) {
      const here = `${path}.${name}.${part}`
      const { types, scores } = membersOf(parts[part], here)
      requireAll(types, `${here}.types`, known)
      requireAll(scores, `${here}.scores`, known)
    }
  }
}

function requireEntry(value: Json | undefined, path: string, known: ReadonlySet<string>): void {
  requireAll(membersOf(value, path).types, `${path}.types`, known)
}

function requireAll(value: Json | undefined, path: string, known: ReadonlySet<string>): void {
  for (const type of Object.keys(membersOf(value, path))) if (type !== ANY) requireType(type, `${path}.${type}`, known)
}

function requireType(type: string, path: string, known: ReadonlySet<string>): void {
  if (!known.has(type)) throw refuse(path, `there is no such type. ${hintOf(type, known)}`)
}

/** What may have been meant by a type that there is not. */
export function hintOf(type: string, known: ReadonlySet<string>, whose = ''): string {
  const near = nearest(type, known)
  return near === null ? `A type of your own is an entity, or listed in ${AT}.types${whose}.` : `Is ${near} meant?`
}

function ownOf(data: Json) {
  return membersOf(membersOf(membersOf(data, 'data').org, 'org').redaction, AT)
}

function shippedOf(data: Json): Json | undefined {
  const { controls } = membersOf(data, 'data')
  return membersOf(membersOf(controls, 'controls').redaction, 'controls.redaction').profiles
}
