import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isMisread } from '../../plugins/redaction/params.ts'
import { askedOf, NO_PROFILES, readProfiles } from '../../plugins/redaction/profiles.ts'
import type { Json } from '../../src/core/json.ts'
import { readPolicySource } from '../../src/policy/source.ts'

const shipped = { plain: { redact: { types: { PERSON: 'token' } } }, off: {} }
const usual = { defaults: { profile: 'plain' }, tenants: {} }
const of = (redaction: Json, profiles: Json = shipped) =>
  readProfiles({ controls: { redaction: { profiles } }, org: { redaction } })
const redact = (params: Readonly<Record<string, Json>>) => ({ type: 'redact', params })

describe('profiles of a policy', () => {
  test('are those that are shipped', async () => {
    const { data } = await readPolicySource(join(import.meta.dirname, '../../policies'))
    const profiles = readProfiles(data)
    expect([...profiles.keys()].sort()).toEqual(
      ['finance', 'gdpr', 'health', 'hipaa_safe_harbor', 'off', 'pci', 'secrets', 'standard'].sort(),
    )
    expect([...profiles].filter(([, { answer }]) => answer !== null).map(([name]) => name)).toEqual([
      'finance',
      'health',
    ])
    expect(profiles.get('off')).toEqual({ redact: null, answer: null, references: null })
  })

  test("the organisation's own stand before the shipped ones", () => {
    const profiles = of({
      ...usual,
      profiles: {
        plain: { redact: { types: { EMAIL: 'drop' } } },
        more: { redact: { types: { EMAIL: 'drop' }, answer: 'inspect' }, answer: { types: { '*': 'mask' } } },
      },
    })
    expect([...(profiles.get('plain')?.redact?.types.keys() ?? [])]).toEqual(['EMAIL'])
    expect(profiles.get('more')?.answer?.others).toEqual({ operator: 'mask', first: 0, last: 0 })
  })

  test('a policy without the control has none, and data of its own', () => {
    expect(readProfiles({ org: { redaction: { whatever: 1 } } })).toBe(NO_PROFILES)
    expect(readProfiles({})).toBe(NO_PROFILES)
  })

  test('entries, classes, findings and tasks that are right are taken', () => {
    const entry = {
      profile: 'off',
      types: { PERSON: { operator: 'mask', last: 2 }, '*': 'drop' },
      tools: { pay: ['card'], mail: 'all' },
      tasks: { chart: 'plain' },
    }
    const all = { ...usual, tenants: { claims: entry }, classes: { phi: 'plain' }, findings: { HEALTH: 'plain' } }
    expect(of(all).size).toBe(2)
    expect(of({ ...all, entities: {}, dictionaries: {}, allow: {} }).size).toBe(2)
  })

  const wrong: readonly (readonly [string, Json, string, string])[] = [
    ['a member', { ...usual, tennants: {} }, 'org.redaction.tennants ', 'it may have defaults, tenants'],
    ['no defaults', { tenants: {} }, 'org.redaction.defaults.profile ', 'there are off, plain'],
    ['defaults without a profile', { defaults: {} }, 'org.redaction.defaults.profile ', 'there are off, plain'],
    ['a profile of nobody', { defaults: { profile: 'plane' } }, 'org.redaction.defaults.profile ', 'off, plain'],
    ['a member of the defaults', { defaults: { prfile: 'plain' } }, 'defaults.prfile ', 'profile, types, tools, tasks'],
    ['no tenants', { ...usual, tenants: ['claims'] }, 'org.redaction.tenants ', 'write an object'],
    ['a tenant that is a word', { ...usual, tenants: { a: 'off' } }, 'tenants.a ', 'write an object'],
    ['a tenant with another profile', { ...usual, tenants: { a: { profile: 'of' } } }, 'tenants.a.profile ', 'off'],
    ['an operator', { ...usual, tenants: { a: { types: { PERSON: 'tokn' } } } }, 'tenants.a ', 'types.PERSON must be'],
    ['a kept code', { ...usual, tenants: { a: { types: { CVV: 'keep' } } } }, 'tenants.a ', 'may never be kept'],
    ['a type', { ...usual, defaults: { profile: 'off', types: { person: 'drop' } } }, 'defaults ', 'is no type'],
    [
      'tools',
      { ...usual, tenants: { a: { tools: 'any' } } },
      'tenants.a ',
      'restore.tools must be all, none, or the names of tools',
    ],
    ['fields of a tool', { ...usual, tenants: { a: { tools: { pay: 1 } } } }, 'tenants.a ', 'list of field names'],
    ['a task', { ...usual, tenants: { a: { tasks: { x: 'plane' } } } }, 'tenants.a.tasks.x ', 'off, plain'],
    ['tasks', { ...usual, tenants: { a: { tasks: 'plain' } } }, 'tenants.a.tasks ', 'write an object'],
    ['a class', { ...usual, classes: { phi: 'hippa' } }, 'org.redaction.classes.phi ', 'off, plain'],
    ['a finding', { ...usual, findings: { HEALTH: 1 } }, 'org.redaction.findings.HEALTH ', 'off, plain'],
    ['a member of a profile', { ...usual, profiles: { a: { redcat: {} } } }, 'profiles.a.redcat ', 'redact, answer'],
    ['params', { ...usual, profiles: { a: { redact: { type: {} } } } }, 'profiles.a.redact ', '"type" is no member'],
    ['no types', { ...usual, profiles: { a: { redact: {} } } }, 'profiles.a.redact ', 'types must be an object'],
    [
      'an answer',
      { ...usual, profiles: { a: { answer: { types: { ZIP: 1 } } } } },
      'profiles.a.answer ',
      'types.ZIP must',
    ],
    [
      'an answer put back',
      { ...usual, profiles: { a: { answer: { types: { ZIP: 'mask' }, restore: { text: true } } } } },
      'profiles.a.answer.restore ',
      'belongs to redact',
    ],
    ['references', { ...usual, profiles: { a: { references: 'none' } } }, 'profiles.a.references ', 'a list of words'],
    ['a profile that is none', { ...usual, profiles: { a: 'token' } }, 'profiles.a ', 'write an object'],
  ]
  test.each(wrong)('%s is refused with its place and how to mend it', (_, redaction, place, mend) => {
    expect(() => of(redaction)).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_BUNDLE', message: expect.stringContaining(place) }),
    )
    expect(() => of(redaction)).toThrow(mend)
  })

  test('a shipped one that was changed for the worse is refused as well', () => {
    expect(() => of(usual, { plain: { redact: { types: { PERSON: 'gone' } } } })).toThrow(
      'controls.redaction.profiles.plain.redact',
    )
  })
})

describe('an obligation', () => {
  const profiles = of({
    ...usual,
    profiles: { both: { redact: { types: { ZIP: 'token' }, answer: 'inspect' }, answer: { types: { ZIP: 'drop' } } } },
  })
  const operatorsOf = (params: Readonly<Record<string, Json>>, part: 'redact' | 'answer') => {
    const asked = askedOf(redact(params), part, profiles)
    return isMisread(asked) ? asked.message : [...asked.types.values()].map(({ operator }) => operator)
  }

  test('that names a profile asks for its part, and any other for what it says', () => {
    expect(operatorsOf({ profile: 'both' }, 'redact')).toEqual(['token'])
    expect(operatorsOf({ profile: 'both' }, 'answer')).toEqual(['drop'])
    expect(operatorsOf({ types: { ZIP: 'mask' } }, 'redact')).toEqual(['mask'])
  })

  test.each([
    [{ profile: 'plane' }, 'has no profile "plane" with the part redact'],
    [{ profile: 'off' }, 'has no profile "off" with the part redact'],
    [{ profile: '__proto__' }, 'has no profile'],
    [{ profile: 1 }, 'profile is a name'],
    [{ profile: null }, 'profile is a name'],
    [{ profile: 'both', types: { ZIP: 'keep' } }, 'has no other member beside it'],
    [{ profile: 'both', restore: { text: true } }, 'has no other member beside it'],
    [{ profle: 'both' }, '"profle" is no member'],
  ])('%j is none that is carried out', (params, expected) => {
    expect(operatorsOf(params, 'redact')).toContain(expected)
  })
})
