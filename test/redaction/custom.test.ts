import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dictionaryLine, NO_CUSTOM, readCustom } from '../../plugins/redaction/custom/index.ts'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import type { Json } from '../../src/core/json.ts'

const of = (redaction: Json) => readCustom({ org: { redaction } })

type Asked = Readonly<{ tenant?: string; key?: string | null }>

function found(redaction: Json, text: string, { tenant = 'claims', key = null }: Asked = {}): readonly Span[] {
  const spans: Span[] = []
  const reading = { text, tokens: tokensOf(text), hints: { key, role: 'user', channel: 'text' } } as const
  for (const detector of of(redaction).detectorsFor(tenant)) detector.scan(reading, spans)
  return spans
}
const texts = (redaction: Json, text: string, asked?: Asked) =>
  found(redaction, text, asked).map(({ start, end }) => text.slice(start, end))

describe('entities of policy data', () => {
  const policy = { pattern: 'PN-[0-9]{6}' }
  const cases: readonly (readonly [string, Json, string, readonly string[], Asked?])[] = [
    ['a pattern', { POLICY: policy }, 'see PN-123456 and PN-654321', ['PN-123456', 'PN-654321']],
    ['beyond the basic plane', { POLICY: policy }, '😀😀 PN-123456 é', ['PN-123456']],
    ['its first group', { MRN2: { pattern: 'chart no\\.? ([0-9]+)' } }, 'chart no. 1234', ['1234']],
    ['a group that took no part', { MRN2: { pattern: 'x(y)?' } }, 'x', []],
    ['two of them', { POLICY: policy, CASE_NO: { pattern: 'C[0-9]+' } }, 'C12 PN-123456', ['PN-123456', 'C12']],
    [
      'context in front',
      { AA: { pattern: '[0-9]{4}', context: ['ticket'] } },
      'Ticket no. 1234, 5678',
      ['1234', '5678'],
    ],
    ['context behind', { AA: { pattern: '[0-9]{4}', context: ['ticket'] } }, 'in 1234 of the ticket', ['1234']],
    ['no context', { AA: { pattern: '[0-9]{4}', context: ['ticket'] } }, 'in 1234 alone', []],
    [
      'context too far',
      { AA: { pattern: '[0-9]{4}', context: ['ticket'] } },
      'ticket a b c d e f g h 1234 a b c d ticket',
      [],
    ],
    ['a key', { AA: { pattern: '[0-9]{4}', keys: ['ticket_no'] } }, '1234', ['1234'], { key: 'ticketNo' }],
    ['another key', { AA: { pattern: '[0-9]{4}', keys: ['ticket_no'] } }, '1234', [], { key: 'ticket' }],
    ['no key', { AA: { pattern: '[0-9]{4}', keys: ['ticket_no'] } }, '1234', []],
    ['luhn', { AA: { pattern: '[0-9]{4}', validate: 'luhn' } }, '1234 0018', ['0018']],
    [
      'mod97',
      { AA: { pattern: '[A-Z0-9]{20}', validate: 'mod97' } },
      '5493001KJTIIGC8Y1R12 5493001KJTIIGC8Y1R13',
      ['5493001KJTIIGC8Y1R12'],
    ],
    ['none', { AA: { pattern: '[0-9]{4}', validate: 'none' } }, '1234', ['1234']],
    ['its tenant', { AA: { pattern: '[0-9]{4}', tenants: ['claims'] } }, '1234', ['1234']],
    ['another tenant', { AA: { pattern: '[0-9]{4}', tenants: ['claims'] } }, '1234', [], { tenant: 'lab' }],
  ]
  const rows = cases.map(([title, entities, text, expected, asked = {}]) => ({
    title,
    entities,
    text,
    expected,
    asked,
  }))
  test.each(rows)('$title', ({ entities, text, expected, asked }) => {
    expect(texts({ entities }, text, asked)).toEqual(expected)
  })

  test('have a type, a score and a rule', () => {
    const entities = { acme: { type: 'MRN', pattern: 'A[0-9]+', score: 0.6 } }
    expect(found({ entities }, 'A1')).toEqual([{ start: 0, end: 2, type: 'MRN', score: 0.6, rule: 'custom/acme' }])
    expect(
      of({ entities })
        .detectorsFor('claims')
        .map(({ finds }) => finds),
    ).toEqual([['MRN']])
  })

  test('are found wherever they stand in a long text, each once', () => {
    const entities = { POLICY: policy }
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { minLength: 1, maxLength: 6 }), (gaps) => {
        const text = gaps.map((gap) => `${'x '.repeat(gap)}PN-123456 `).join('')
        expect(texts({ entities }, text)).toEqual(gaps.map(() => 'PN-123456'))
      }),
      { numRuns: 30 },
    )
  })

  test.each([
    'PN-[0-9]{6}',
    '\\b[A-Z]{2}[0-9]{4,8}\\b',
    '(?i)contract[ -]?no\\.?:? ?([A-Z0-9-]{5,20})',
    '(?:\\d[ -]?){13,19}',
    '\\d{1,3}(?:,\\d{3})*(?:\\.\\d+)?',
    '[A-Za-z0-9._-]+\\.internal',
    '[^,]+,[^,]+',
    '\\S+',
  ])('%s is read in one pass, and taken', (pattern) => {
    expect(of({ entities: { AA: { pattern } } }).detectorsFor('claims')).toHaveLength(1)
  })

  const wrong: readonly (readonly [string, Json, string])[] = [
    ['a lower-case type', { policy: { pattern: 'a' } }, 'org.redaction.entities.policy '],
    ['a type of another shape', { a: { type: 'a', pattern: 'a' } }, 'org.redaction.entities.a.type'],
    ['no pattern', { AA: {} }, 'org.redaction.entities.AA.pattern'],
    ['a pattern that is too long', { AA: { pattern: 'a'.repeat(513) } }, 'entities.AA.pattern'],
    ['a pattern that looks ahead', { AA: { pattern: '(?=a)a' } }, 'entities.AA.pattern'],
    ['a pattern that matches nothing', { AA: { pattern: 'a*' } }, 'entities.AA.pattern'],
    ['an unknown member', { AA: { pattern: 'a', patern: 'b' } }, 'entities.AA.patern'],
    ['an operator', { AA: { pattern: 'a', operator: 'tokn' } }, 'entities.AA.operator'],
    ['an operator of another type', { AA: { pattern: 'a', type: 'CVV', operator: 'keep' } }, 'entities.AA.operator'],
    ...[
      'a.*b|a',
      '(a|aa)+b|a',
      'a{1,200}b|a',
      '[a-z]+[0-9]|[a-z]',
      '\\w+\\s*x|\\w',
      'Ref( .*end)?',
      '(?:[a-z]{1,40} ){1,12}z|a',
    ].map((pattern): [string, Json, string] => [
      `${pattern}, which looks far,`,
      { AA: { pattern } },
      'entities.AA.pattern',
    ]),
    ['a score', { AA: { pattern: 'a', score: 2 } }, 'entities.AA.score'],
    ['a score of nothing', { AA: { pattern: 'a', score: 0 } }, 'entities.AA.score'],
    ['a checksum', { AA: { pattern: 'a', validate: 'crc' } }, 'entities.AA.validate'],
    ['two words of context', { AA: { pattern: 'a', context: ['a b'] } }, 'entities.AA.context[0]'],
    ['no list of keys', { AA: { pattern: 'a', keys: 'a' } }, 'entities.AA.keys'],
    ['an empty word', { AA: { pattern: 'a', tenants: [''] } }, 'entities.AA.tenants[0]'],
    ['no object', { AA: 'a' }, 'entities.AA'],
    ['no object of entities', ['a'], 'org.redaction.entities'],
    [
      'too many',
      Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`E${n}`, { pattern: 'a' }])),
      'org.redaction.entities',
    ],
  ]
  test.each(wrong)('%s is refused with its place', (_, entities, place) => {
    expect(() => of({ entities })).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_BUNDLE', message: expect.stringContaining(place) }),
    )
  })

  test.each([
    ['(hush', 'missing closing )'],
    ['hush{2000}', 'invalid repeat count'],
    ['(?=hush)a', 'invalid or unsupported Perl syntax'],
  ])('%s is refused in the words of RE2, without a piece of it', (pattern, said) => {
    const load = () => of({ entities: { AA: { pattern } } })
    expect(load).toThrow(said)
    expect(load).not.toThrow('hush')
  })
})

describe('dictionaries', () => {
  const salt = 'b2c7d0a1e5f64839'
  const lines = (terms: readonly string[], type = 'PERSON') => terms.map((term) => dictionaryLine(term, type, salt))
  const claims = (list: Json) => ({ dictionaries: { claims: { salt, PERSON: list } } })
  const terms = lines(['María José Núñez', 'Ng', "Sinéad O'Connor", 'Project Blue Heron', 'Project'])
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['a term', 'ask Ng today', ['Ng']],
    ['in another case, without its accents', 'MARIA JOSE NUNEZ', ['MARIA JOSE NUNEZ']],
    ['with its accents', 'a María  José Núñez b', ['María  José Núñez']],
    ['with marks between', "O. Sinead O'Connor", ["Sinead O'Connor"]],
    ['the longest', 'project blue heron, project blue', ['project blue heron', 'project']],
    ['no part of a word', 'Ngo', []],
    ['no part of a term', 'María José', []],
  ]
  test.each(cases)('%s', (_, text, expected) => {
    expect(texts(claims(terms), text)).toEqual(expected)
    expect(texts(claims({ a: terms.slice(0, 2), b: terms.slice(2) }), text)).toEqual(expected)
    expect(texts(claims(terms), text, { tenant: 'lab' })).toEqual([])
  })

  test('hold of a term only digests, which neither type nor salt shares', () => {
    const line = dictionaryLine('Ada Lovelace', 'PERSON', salt)
    expect(line).toMatch(/^[0-9a-f]{8}2[0-9a-f]{16}$/)
    expect(dictionaryLine('Ada Lovelace', 'ORG', salt).slice(9)).not.toBe(line.slice(9))
    expect(dictionaryLine('Ada Lovelace', 'PERSON', `${salt}x`).slice(9)).not.toBe(line.slice(9))
    expect(() => dictionaryLine('a b c d e f g', 'PERSON', salt)).toThrow('1 to 6 words')
    expect(() => dictionaryLine('...', 'PERSON', salt)).toThrow('1 to 6 words')
  })

  test('any term of up to six words is found in any text around it', () => {
    const word = fc.stringMatching(/^[a-zA-ZäöüéÉñß0-9]{1,8}$/)
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), word, (words, other) => {
        const term = words.join(' ')
        const spans = found(claims(lines([term])), `${other}; ${term.toUpperCase()}; ${other}`)
        expect(spans.some(({ start, end }) => start <= other.length + 2 && end >= other.length + 2 + term.length)).toBe(
          true,
        )
      }),
    )
  })

  const wrong: readonly (readonly [string, Json, string])[] = [
    ['no salt', { claims: { PERSON: [] } }, 'dictionaries.claims.salt'],
    ['a short salt', { claims: { salt: 'abc', PERSON: [] } }, 'dictionaries.claims.salt'],
    ['terms themselves', { claims: { salt, PERSON: ['Ng'] } }, 'dictionaries.claims.PERSON[0]'],
    ['no list', { claims: { salt, PERSON: 'Ng' } }, 'dictionaries.claims.PERSON'],
    ['lists that are none', { claims: { salt, PERSON: { a: 'Ng' } } }, 'dictionaries.claims.PERSON'],
    ['another type', { claims: { salt, person: [] } }, 'dictionaries.claims.person'],
  ]
  test.each(wrong)('%s: refused with its place, and without a term', (_, dictionaries, place) => {
    expect(() => of({ dictionaries })).toThrow(
      expect.objectContaining({
        code: 'ERR_POLICY_BUNDLE',
        message: expect.toSatisfy((text: string) => text.includes(place) && !text.includes('Ng')),
      }),
    )
  })
})

describe('allow lists', () => {
  const custom = of({ allow: { claims: { ORG: ['Acme  Ltd'], '*': ['Zürich'] }, '*': { PERSON: ['Ada'] } } })
  test.each([
    ['claims', 'ORG', 'ACME LTD', true],
    ['claims', 'ORG', 'Acme', false],
    ['claims', 'PERSON', 'Acme Ltd', false],
    ['claims', 'LOCATION', 'zurich', true],
    ['lab', 'LOCATION', 'Zürich', false],
    ['lab', 'PERSON', 'ada', true],
  ] as const)('%s, %s: %s is %s', (tenant, type, term, expected) => {
    expect(custom.allows(tenant, type, term)).toBe(expected)
  })

  test.each([
    ['a type', { claims: { org: [] } }, 'allow.claims.org'],
    ['no list', { claims: { ORG: 'Acme' } }, 'allow.claims.ORG'],
  ] as const)('%s is refused with its place', (_, allow, place) => {
    expect(() => of({ allow })).toThrow(expect.objectContaining({ message: expect.stringContaining(place) }))
  })
})

test('without any of them there is nothing, and what there is has a version', () => {
  expect(of({ defaults: { profile: 'standard' } })).toBe(NO_CUSTOM)
  expect(readCustom({})).toBe(NO_CUSTOM)
  const one = of({ allow: { claims: { ORG: ['Acme'] } } })
  expect(one.version).toMatch(/^[0-9a-f]{64}$/)
  expect(of({ allow: { claims: { ORG: ['Acme'] } } }).version).toBe(one.version)
  expect(of({ allow: { claims: { ORG: ['Acne'] } } }).version).not.toBe(one.version)
  expect(one.detectorsFor('claims')).toBe(one.detectorsFor('claims'))
})
