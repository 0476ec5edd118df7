import { createHash } from 'node:crypto'
import { canonical } from '../../../src/core/canonical.ts'
import type { Json } from '../../../src/core/json.ts'
import type { Detector } from '../detect/detector.ts'
import { ENTITY_NAME } from '../entity.ts'
import { dictionaryDetector, readDictionaries } from './dictionaries.ts'
import { fold } from './fold.ts'
import { patternDetector, readPatterns } from './patterns.ts'
import { membersOf, refuse, wordsOf } from './refusal.ts'

export { dictionaryLine } from './dictionaries.ts'

/** What a policy's data adds to the built-in detectors, for the life of that policy. */
export type Custom = Readonly<{
  /** SHA-256 (hex) of the data that it was read from: part of what a remembered inspection is kept under. */
  version: string
  detectorsFor(tenant: string): readonly Detector[]
  /** Whether the tenant lets a value of a type pass, however it is written. */
  allows(tenant: string, type: string, normalised: string): boolean
}>

export const NO_CUSTOM: Custom = { version: '', detectorsFor: () => [], allows: () => false }

/** Stands for every tenant, or for every type, in the allow lists. */
const ANY = '*'

/**
 * Reads `org.redaction` of a policy's data: `entities`, `dictionaries` and `allow`. Its other members are the control's.
 *
 * @throws ERR_POLICY_BUNDLE with the path of what cannot be used, and how to mend it
 */
export function readCustom(data: Json): Custom {
  const path = 'org.redaction'
  const { entities, dictionaries, allow } = membersOf(membersOf(membersOf(data, 'data').org, 'org').redaction, path)
  if (entities === undefined && dictionaries === undefined && allow === undefined) return NO_CUSTOM
  const patterns = readPatterns(entities, `${path}.entities`)
  const terms = readDictionaries(dictionaries, `${path}.dictionaries`)
  const allowed = readAllowed(allow, `${path}.allow`)
  const version = createHash('sha256')
    .update(canonical([entities ?? null, dictionaries ?? null, allow ?? null]))
    .digest('hex')
  const made = new Map<string, readonly Detector[]>()
  const detectorsOf = (tenant: string): readonly Detector[] => {
    const own = patternDetector(patterns.filter(({ tenants }) => tenants === null || tenants.has(tenant)))
    return [...(own === null ? [] : [own]), ...(terms.get(tenant) ?? []).map(dictionaryDetector)]
  }
  return {
    version,
    detectorsFor: (tenant) => {
      const known = made.get(tenant)
      if (known !== undefined) return known
      const detectors = detectorsOf(tenant)
      made.set(tenant, detectors)
      return detectors
    },
    allows: (tenant, type, normalised) => {
      if (allowed.size === 0) return false
      const term = fold(normalised)
      return [tenant, ANY].some((who) => [type, ANY].some((what) => allowed.get(who)?.get(what)?.has(term) === true))
    },
  }
}

type Allowed = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

function readAllowed(value: Json | undefined, path: string): Allowed {
  return new Map(
    Object.entries(membersOf(value, path)).map(([tenant, types]) => [
      tenant,
      new Map(
        Object.entries(membersOf(types, `${path}.${tenant}`)).map(([type, terms]) => {
          const here = `${path}.${tenant}.${type}`
          if (type !== ANY && !ENTITY_NAME.test(type)) throw refuse(here, 'a type of entities is written as in PERSON')
          return [type, new Set(wordsOf(terms, here).map(fold))]
        }),
      ),
    ]),
  )
}
