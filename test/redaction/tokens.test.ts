import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Finding, Segment } from '../../src/core/call.ts'
import { foundIn, redacted, redaction, restored, said } from './discharge-order.ts'

const ALL = { types: { '*': 'token' } }
const TOKEN = /[A-Z][A-Z_0-9]*_\d+[A-Z]*_[0-9bcdfghjklmnpqrstvwxyz]{4}/g

/** Texts and tokens of messages in which each value is found. */
async function tokensOf(
  texts: readonly string[],
  values: Readonly<Record<string, string>>,
  more: Readonly<{ tenant?: string; secret?: string }> = {},
): Promise<readonly string[]> {
  const segments = texts.map((text, i) => said(i, text))
  const made = await redacted({
    segments,
    findings: foundIn(segments, values),
    params: ALL,
    ...(more.tenant !== undefined && { tenant: more.tenant }),
    ...(more.secret !== undefined && { plugin: redaction(more.secret) }),
  })
  expect(made.texts.map((text) => restored(made.filter, text))).toEqual(texts)
  return made.texts.flatMap((text) => text.match(TOKEN) ?? [])
}

/** A token without its check. */
const short = (tokens: readonly string[]): readonly string[] => tokens.map((token) => token.slice(0, -5))

describe('numbers', () => {
  const CASES: readonly (readonly [
    what: string,
    texts: readonly string[],
    values: Readonly<Record<string, string>>,
    tokens: readonly string[],
  ])[] = [
    [
      'count by first appearance, each type by itself',
      ['Ada and Bob', 'Bob wrote a@x.org, Ada wrote'],
      { Ada: 'PERSON', Bob: 'PERSON', 'a@x.org': 'EMAIL' },
      ['PERSON_1', 'PERSON_2', 'PERSON_2', 'EMAIL_1', 'PERSON_1'],
    ],
    [
      'of another form of a value are the same, with a letter',
      ['a@x.org, A@X.org', 'a@X.ORG, a@x.org'],
      { 'a@x.org': 'EMAIL', 'A@X.org': 'EMAIL', 'a@X.ORG': 'EMAIL' },
      ['EMAIL_1', 'EMAIL_1B', 'EMAIL_1C', 'EMAIL_1'],
    ],
    [
      'see digits only',
      ['4111 1111 1111 1111', '4111-1111-1111-1111'],
      { '4111 1111 1111 1111': 'CREDIT_CARD', '4111-1111-1111-1111': 'CREDIT_CARD' },
      ['CREDIT_CARD_1', 'CREDIT_CARD_1B'],
    ],
    [
      'of a surname or a first name are those of the full name',
      ['Dr. Ada Lovelace', 'Lovelace', 'Ada', 'Ms Lovelace'],
      { 'Dr. Ada Lovelace': 'PERSON', Lovelace: 'PERSON', Ada: 'PERSON', 'Ms Lovelace': 'PERSON' },
      ['PERSON_1', 'PERSON_1B', 'PERSON_1C', 'PERSON_1D'],
    ],
    [
      'of a full name are those of its surname, where that came first',
      ['Lovelace', 'Ada Lovelace', 'Jane Lovelace', 'Jane'],
      { Lovelace: 'PERSON', 'Ada Lovelace': 'PERSON', 'Jane Lovelace': 'PERSON', Jane: 'PERSON' },
      ['PERSON_1', 'PERSON_1B', 'PERSON_2', 'PERSON_2B'],
    ],
    [
      'of a name that two people bear are its own',
      ['Ada Lovelace', 'Jane Lovelace', 'Lovelace'],
      { 'Ada Lovelace': 'PERSON', 'Jane Lovelace': 'PERSON', Lovelace: 'PERSON' },
      ['PERSON_1', 'PERSON_2', 'PERSON_3'],
    ],
  ]
  test.each(CASES)('%s', async (_, texts, values, tokens) => {
    expect(short(await tokensOf(texts, values))).toEqual(tokens)
  })

  test('of what stands outside of the messages do not depend on how many there are', async () => {
    const tool: Segment = { pointer: '/tools/0/description', role: 'system', channel: 'tool', text: 'for Cleo' }
    const values = { Ada: 'PERSON', Bob: 'PERSON', Cleo: 'PERSON' }
    const sent = async (turns: readonly string[]) => {
      const segments = [...turns.map((text, i) => said(i, text)), tool]
      return (await redacted({ segments, findings: foundIn(segments, values), params: ALL })).texts
    }
    const before = await sent(['Ada'])
    const after = await sent(['Ada', 'Bob'])
    expect([after[0], after[2]]).toEqual(before)
  })
})

describe('checks', () => {
  test('are those of tenant, secret, type, number and value', async () => {
    const [token] = await tokensOf(['Ada'], { Ada: 'PERSON' })
    expect(await tokensOf(['Ada'], { Ada: 'PERSON' })).toEqual([token])
    const others = [
      await tokensOf(['Ada'], { Ada: 'PERSON' }, { tenant: 'another' }),
      await tokensOf(['Ada'], { Ada: 'PERSON' }, { secret: 'another secret of thirty-two bytes' }),
      await tokensOf(['Bob'], { Bob: 'PERSON' }),
    ]
    for (const [other] of others) {
      expect(other?.slice(0, -4)).toBe(token?.slice(0, -4))
      expect(other).not.toBe(token)
    }
  })

  test('a type that ends in a number is no other with another number', async () => {
    const segments = [said(0, 'Ada')]
    const of = async (type: string) =>
      (await redacted({ segments, findings: foundIn(segments, { Ada: type }), params: ALL })).texts[0]
    expect(await of('AB_1_2B')).toMatch(/^AB12B_1_[0-9a-z]{4}$/)
    expect(await of('AB_CD')).toMatch(/^AB_CD_1_[0-9a-z]{4}$/)
  })

  test('no token is the beginning of another, whatever types policy data adds', async () => {
    const type = fc.constantFrom('PERSON', 'AB', 'AB_1', 'AB_1_2', 'AB1', 'AB_1_2B', 'PERSON_1')
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(type, fc.stringMatching(/^[a-z]{1,8}$/)), { minLength: 2, maxLength: 60 }),
        async (said_) => {
          const segments = said_.map(([, text], i) => said(i, text))
          const findings: Finding[] = said_.map(([type, { length }], i) => ({
            type,
            pointer: `/messages/${i}/content`,
            start: 0,
            end: length,
            score: 1,
          }))
          const { texts } = await redacted({ segments, findings, params: ALL })
          const tokens = [...new Set(texts)].sort()
          expect(tokens.length).toBe(new Set(said_.map(([type, text]) => `${type} ${text}`)).size)
          for (let i = 1; i < tokens.length; i++) expect(tokens[i]?.startsWith(tokens[i - 1] ?? '')).toBe(false)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('foreign tokens', () => {
  const spellings = ['PERSON_1_k7bc', 'PERSON_1B_0000', 'PERSON\\_1\\_k7bc', '**PERSON_1_k7bc**', 'CREDIT_CARD_12_9999']
  test.each(spellings)('%s is taken out, told and put back as it came', async (spelling) => {
    const segments = [said(0, `Ada says ${spelling}.`)]
    const params = { types: { PERSON: 'token' }, min_score: 1 }
    const made = await redacted({ segments, findings: foundIn(segments, { Ada: 'PERSON' }), params })
    expect(made.texts[0]).toMatch(/^PERSON_1_[0-9a-z]{4} says /)
    expect(made.texts[0]).toMatch(/TOKEN_1_/)
    expect(made.done).toMatchObject({ notes: { PERSON: { token: 1 }, TOKEN: { token: 1 } } })
    expect(restored(made.filter, made.texts[0] ?? '')).toBe(segments[0]?.text)
  })

  test('the token of a value, written into the call by hand, does not stand for the value', async () => {
    const [mine = ''] = await tokensOf(['Ada'], { Ada: 'PERSON' })
    const segments = [said(0, `Ada is not ${mine}`)]
    const { texts, filter } = await redacted({ segments, findings: foundIn(segments, { Ada: 'PERSON' }), params: ALL })
    expect(texts[0]).toMatch(new RegExp(`^${mine} is not TOKEN_1_[0-9a-z]{4}$`))
    expect(restored(filter, texts[0] ?? '')).toBe(`Ada is not ${mine}`)
  })

  test('what the inspector calls one goes too, whatever the params list', async () => {
    const segments = [said(0, 'see PERSON-1-k7bc')]
    const findings = foundIn(segments, { 'PERSON-1-k7bc': 'TOKEN' })
    const params = { types: { EMAIL: 'drop' }, min_score: 1, roles: ['system'] }
    const { texts, filter } = await redacted({ segments, findings, params })
    expect(texts[0]).toMatch(/^see TOKEN_1_[0-9a-z]{4}$/)
    expect(restored(filter, texts[0] ?? '')).toBe(segments[0]?.text)
  })

  test('in the name of a member it stays, and no value gets its token', async () => {
    const [mine = ''] = await tokensOf(['Ada'], { Ada: 'PERSON' })
    const name: Segment = { pointer: `/metadata/${mine}#`, role: 'none', channel: 'data', text: mine }
    const segments = [said(0, 'Ada'), name]
    const { texts, filter } = await redacted({
      segments,
      findings: foundIn([said(0, 'Ada')], { Ada: 'PERSON' }),
      params: ALL,
    })
    expect(texts[1]).toBe(mine)
    expect(texts[0]).toMatch(/^PERSON_1B_/)
    expect(restored(filter, `${mine} and ${texts[0]}`)).toBe(`${mine} and Ada`)
  })

  test('what has digits behind underscores is none', async () => {
    const segments = [
      said(0, 'SSN 123-45-6789, MAX_1_2345, ERROR_404_2024, person_1_k7bc, PERSON_1_k7bcd, APERSON_1_k7bc'),
    ]
    expect((await redacted({ segments, findings: [], params: ALL })).texts).toEqual([segments[0]?.text])
  })
})
