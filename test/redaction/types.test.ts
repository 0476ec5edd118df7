import { describe, expect, test } from 'vitest'
import { dictionaryLine } from '../../plugins/redaction/custom/index.ts'
import { redactionData } from '../../src/compose/redaction.ts'
import type { Json } from '../../src/core/json.ts'

const salt = 'b2c7d0a1e5f64839'
const shipped = { plain: { redact: { types: { PERSON: 'token' } } } }
const usual = { defaults: { profile: 'plain' }, tenants: {} }
const read = (redaction: Json, profiles: Json = shipped) =>
  redactionData({ controls: { redaction: { profiles } }, org: { redaction } })
const redact = (params: Json): Json => ({ ...usual, profiles: { mine: { redact: params } } })
const dictionary = (type: string): Json => ({
  ...usual,
  dictionaries: { claims: { salt, [type]: [dictionaryLine('Blue Heron', type, salt)] } },
})

describe('the types that policy data names', () => {
  test('are the built-in ones, its entities and those that it lists', () => {
    const { types } = read({
      ...usual,
      types: ['PROJECT', 'INJECTION'],
      entities: { POLICY_NUMBER: { pattern: 'PN-[0-9]{6}' }, old: { type: 'PROJECT', pattern: 'P-[0-9]{6}' } },
      dictionaries: { claims: { salt, PROJECT: [dictionaryLine('Blue Heron', 'PROJECT', salt)] } },
      allow: { '*': { '*': ['Clippy'], POLICY_NUMBER: ['PN-000000'] } },
      findings: { INJECTION: 'plain', HEALTH: 'plain' },
      profiles: {
        mine: { redact: { types: { POLICY_NUMBER: 'keep', '*': 'token' }, scores: { PROJECT: 0.4 } } },
      },
    })
    expect([...types]).toEqual(expect.arrayContaining(['PERSON', 'POLICY_NUMBER', 'PROJECT', 'INJECTION']))
    expect(types.has('old')).toBe(false)
  })

  test.each<readonly [string, Json, string, string]>([
    ['a profile', redact({ types: { PRESON: 'token' } }), 'profiles.mine.redact.types.PRESON ', 'Is PERSON meant?'],
    [
      'a profile beside one that is right',
      redact({ types: { PERSON: 'token', CREDIT_CRAD: 'refuse' } }),
      'profiles.mine.redact.types.CREDIT_CRAD ',
      'Is CREDIT_CARD meant?',
    ],
    [
      'a score',
      redact({ types: { '*': 'token' }, scores: { PERSN: 0.2 } }),
      'profiles.mine.redact.scores.PERSN ',
      'Is PERSON meant?',
    ],
    [
      'what is done to answers',
      {
        ...usual,
        profiles: {
          mine: { redact: { types: { '*': 'token' }, answer: 'inspect' }, answer: { types: { EMIAL: 'mask' } } },
        },
      },
      'profiles.mine.answer.types.EMIAL ',
      'Is EMAIL meant?',
    ],
    ['the defaults', { defaults: { profile: 'plain', types: { PERSN: 'mask' } } }, 'defaults.types.PERSN ', 'PERSON'],
    ['a tenant', { ...usual, tenants: { claims: { types: { PERSN: 'mask' } } } }, 'claims.types.PERSN ', 'Is PERSON'],
    ['a finding', { ...usual, findings: { HELTH: 'plain' } }, 'org.redaction.findings.HELTH ', 'Is HEALTH meant?'],
    ['what is let pass', { ...usual, allow: { claims: { PERSN: ['Clippy'] } } }, 'allow.claims.PERSN ', 'Is PERSON'],
    [
      'a further pattern',
      { ...usual, entities: { chart: { type: 'MNR', pattern: '[0-9]{7}' } } },
      'entities.chart.type ',
      'Is MRN meant?',
    ],
    ['a dictionary', dictionary('PERSN'), 'dictionaries.claims.PERSN ', 'Is PERSON meant?'],
    ['one of its own', redact({ types: { QUUX_WIDGET: 'token' } }), 'QUUX_WIDGET ', 'or listed in org.redaction.types'],
    ['the list', { ...usual, types: ['project'] }, 'org.redaction.types[0] ', 'is written as in PERSON'],
    ['the list that is none', { ...usual, types: 'PROJECT' }, 'org.redaction.types ', 'a list of words'],
  ])('that is misspelt in %s is refused with its place and what is near', (_, redaction, place, mend) => {
    const load = () => read(redaction)
    expect(load).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_BUNDLE', message: expect.stringContaining(place) }),
    )
    expect(load).toThrow(mend)
  })

  test('that is misspelt in a shipped profile is refused as well', () => {
    const load = () => read(usual, { plain: { redact: { types: { PERSN: 'token' } } } })
    expect(load).toThrow('controls.redaction.profiles.plain.redact.types.PERSN ')
  })

  test('where the policy has no such control are those of the inspector alone', () => {
    expect(() => redactionData({ org: { redaction: { findings: { HELTH: 'x' } } } })).not.toThrow()
    expect(() => redactionData({ org: { redaction: dictionary('PERSN') } })).toThrow('Is PERSON meant?')
  })
})
