import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SegmentCache } from '../../plugins/redaction/cache.ts'
import { NO_CUSTOM, readCustom } from '../../plugins/redaction/custom/index.ts'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { hashOf, tokensOf } from '../../plugins/redaction/detect/tokens.ts'
import { createInspector, type Inspector, keyOf } from '../../plugins/redaction/inspector.ts'
import { indexOf, propagate, type Seed } from '../../plugins/redaction/propagate.ts'
import { resolve } from '../../plugins/redaction/resolve.ts'
import type { Finding, Segment } from '../../src/core/call.ts'
import { FACTS } from '../kit/facts.ts'

const never = new AbortController().signal
const secret = randomBytes(32)
const made = (options: Partial<Parameters<typeof createInspector>[0]> = {}): Inspector =>
  createInspector({
    custom: NO_CUSTOM,
    tagger: null,
    workers: 0,
    cacheBytes: 1 << 20,
    apartAbove: 16_384,
    secret,
    ...options,
  })
const turn = (text: string, at: number): Segment => ({
  pointer: `/messages/${at}/content`,
  role: at % 2 === 0 ? 'user' : 'assistant',
  channel: 'text',
  text,
})
const told = (findings: readonly Finding[], segments: readonly Segment[]): readonly string[] =>
  findings.map(
    ({ type, pointer, start, end }) =>
      `${pointer} ${type} ${segments.find((one) => one.pointer === pointer)?.text.slice(start, end)}`,
  )

describe('what is remembered of one call in another', () => {
  it('is read anew where the same value is another type there', async () => {
    const again = 'please look at 84736251 again'
    const warm = made()
    await warm.inspect('request', ['account number: 84736251', again].map(turn), never, FACTS)
    const second = ['MRN: 84736251', again].map(turn)
    const found = await warm.inspect('request', second, never, FACTS)
    expect(told(found, second)).toEqual(['/messages/0/content MRN 84736251', '/messages/1/content MRN 84736251'])
  })
})

describe('overlaps', () => {
  const span = (start: number, end: number, type: string, score: number): Span => ({
    start,
    end,
    type,
    score,
    rule: 'test',
  })
  const text = 'Anna Schmidt anna@example.org 4111 1111 1111 1111 Main Street 12 Berlin and so on and on'
  it.each([
    ['of equals the longer', [span(0, 4, 'PERSON', 0.9), span(0, 12, 'PERSON', 0.8)], [[0, 12, 'PERSON']]],
    [
      'proved before guessed',
      [span(0, 29, 'ORG', 0.9), span(13, 29, 'EMAIL', 1)],
      [
        [0, 12, 'ORG'],
        [13, 29, 'EMAIL'],
      ],
    ],
    [
      'proved before labelled',
      [span(30, 49, 'US_ACCOUNT', 0.8), span(30, 49, 'CREDIT_CARD', 1)],
      [[30, 49, 'CREDIT_CARD']],
    ],
    [
      'the address takes in its place',
      [span(50, 71, 'ADDRESS', 0.7), span(65, 71, 'LOCATION', 0.9)],
      [[50, 71, 'ADDRESS']],
    ],
    [
      'digits that are left fall to their neighbour',
      [span(30, 44, 'CREDIT_CARD', 1), span(40, 49, 'PHONE', 0.6)],
      [[30, 49, 'CREDIT_CARD']],
    ],
    ['likely before unlikely', [span(0, 12, 'SECRET', 0.3), span(0, 12, 'PERSON', 0.7)], [[0, 12, 'PERSON']]],
    ['a flag yields', [span(0, 12, 'HEALTH', 0.9), span(5, 12, 'PERSON', 0.6)], [[5, 12, 'PERSON']]],
    [
      'text of the shape of a token before all',
      [span(0, 12, 'SECRET', 1), span(0, 4, 'TOKEN', 1)],
      [
        [0, 4, 'TOKEN'],
        [5, 12, 'SECRET'],
      ],
    ],
  ])('%s', (_, spans, expected) => {
    expect(resolve(spans, text).map(({ start, end, type }) => [start, end, type])).toEqual(expected)
  })

  it.each([
    [
      'a street, a place and a code on three lines',
      '12 Main Street\nAmherst\nMA 01002',
      [0, 14, 'ADDRESS'],
      [15, 22, 'LOCATION'],
      [26, 31, 'ZIP'],
      [[0, 31, 'ADDRESS']],
    ],
    [
      'a place in a sentence of its own',
      '12 Main Street is in Amherst',
      [0, 14, 'ADDRESS'],
      [21, 28, 'LOCATION'],
      null,
      [
        [0, 14, 'ADDRESS'],
        [21, 28, 'LOCATION'],
      ],
    ],
    [
      'a person behind it',
      '12 Main Street, Anna',
      [0, 14, 'ADDRESS'],
      [16, 20, 'PERSON'],
      null,
      [
        [0, 14, 'ADDRESS'],
        [16, 20, 'PERSON'],
      ],
    ],
  ] as const)('an address is one as on a letter: %s', (_, letter, first, second, third, expected) => {
    const spans = [first, second, ...(third === null ? [] : [third])].map(([start, end, type]) =>
      span(start, end, type, 0.8),
    )
    expect(resolve(spans, letter).map(({ start, end, type }) => [start, end, type])).toEqual(expected)
  })

  it('sorted, none over another, and every letter and digit of a likely span is covered', () => {
    const spans = fc.array(
      fc
        .tuple(
          fc.nat(text.length - 2),
          fc.integer({ min: 1, max: 40 }),
          fc.constantFrom('PERSON', 'ADDRESS', 'EMAIL', 'PHONE', 'SECRET', 'TOKEN', 'HEALTH'),
          fc.constantFrom(0.2, 0.45, 0.5, 0.8, 0.97, 1),
        )
        .map(([start, length, type, score]) => span(start, Math.min(text.length, start + length), type, score)),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(spans, (given) => {
        const settled = resolve(given, text)
        for (const [at, one] of settled.entries()) {
          expect(one.start).toBeLessThan(one.end)
          expect(one.start).toBeGreaterThanOrEqual(settled[at - 1]?.end ?? 0)
        }
        for (const { start, end, type, score } of given) {
          if (type === 'HEALTH' || score < 0.5) continue
          for (let at = start; at < end; at++) {
            if (!/[\p{L}\p{N}]/u.test(text.charAt(at))) continue
            expect(settled.some((one) => one.start <= at && at < one.end)).toBe(true)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('values that were found once', () => {
  const seed = (type: string, words: readonly string[], part = false): Seed => ({ type, score: 0.9, words, part })
  const found = (text: string, ...seeds: readonly Seed[]): readonly string[] => {
    const spans: Span[] = []
    propagate(text, tokensOf(text), indexOf(seeds), spans)
    return spans.map(({ start, end }) => text.slice(start, end))
  }
  it.each([
    ['whole words', 'Anna Schmidt, Annas, AnnaSchmidt', [seed('PERSON', ['Anna', 'Schmidt'])], ['Anna Schmidt']],
    ['over a line break', 'Anna\n  Schmidt', [seed('PERSON', ['Anna', 'Schmidt'])], ['Anna\n  Schmidt']],
    ['in capitals', 'ANNA SCHMIDT and anna schmidt', [seed('PERSON', ['Anna', 'Schmidt'])], ['ANNA SCHMIDT']],
    ['in a text without capitals', 'ask anna schmidt', [seed('PERSON', ['Anna', 'Schmidt'])], ['anna schmidt']],
    [
      'the longest',
      'Anna Schmidt',
      [seed('PERSON', ['Anna'], true), seed('PERSON', ['Anna', 'Schmidt'])],
      ['Anna Schmidt'],
    ],
    [
      'a part that is in the middle of a text in small letters is a word',
      'He said Rush, do not rush',
      [seed('PERSON', ['Rush'], true)],
      ['Rush'],
    ],
    ['a number with its marks', 'again AB-1234 and AB-12345', [seed('MRN', ['AB', '-', '1234'])], ['AB-1234']],
  ])('%s', (_, text, seeds, expected) => {
    expect(found(text, ...seeds)).toEqual(expected)
  })

  it('are compared as they are written where hashes fall together', () => {
    const other = { ...tokensOf('Bert'), hash: Int32Array.of(hashOf('Anna')) }
    const spans: Span[] = []
    propagate('Bert', other, indexOf([seed('PERSON', ['Anna'])]), spans)
    expect(spans).toEqual([])
  })

  it('are found in every text of the call, before and after, however often it comes again', async () => {
    const inspector = made()
    const segments = [turn('Is QX77-Z19 known to you?', 0), turn('No.', 1), turn('MRN: QX77-Z19. Thanks', 2)]
    const expected = ['/messages/0/content MRN QX77-Z19', '/messages/2/content MRN QX77-Z19']
    for (let again = 0; again < 3; again++) {
      expect(told(await inspector.inspect('request', segments, never, FACTS), segments)).toEqual(expected)
    }
    // A history that was read before anybody said what the number is.
    const later = made()
    const early = segments.slice(0, 2)
    expect(await later.inspect('request', early, never, FACTS)).toEqual([])
    expect(told(await later.inspect('request', segments, never, FACTS), segments)).toEqual(expected)
    expect(await later.inspect('request', early, never, FACTS)).toEqual([])
  })
})

describe('what is remembered', () => {
  const words = [
    'Anna',
    'mail anna@example.org',
    'MRN: 7781204',
    '7781204',
    'card 4111 1111 1111 1111',
    'or not.',
    'SSN 219-44-1234',
  ]
  const texts = fc.array(
    fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((some) => some.join(' ')),
    { maxLength: 5 },
  )

  it('changes nothing that is found, whatever came before, in a small cache and in a large one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(texts, { maxLength: 4 }),
        fc.constantFrom(0, 600, 1 << 20),
        async (calls, cacheBytes) => {
          const inspector = made({ cacheBytes })
          for (const call of calls) {
            const segments = call.map(turn)
            const cold = made({ cacheBytes: 0 })
            expect(await inspector.inspect('request', segments, never, FACTS)).toEqual(
              await cold.inspect('request', segments, never, FACTS),
            )
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('is the same from threads', async () => {
    const apart = made({ workers: 1, apartAbove: 20 })
    const segments = words.map(turn)
    const before = await apart.inspect('request', segments.slice(0, 4), never, FACTS)
    expect(before.length).toBeGreaterThan(0)
    expect(await apart.inspect('request', segments, never, FACTS)).toEqual(
      await made().inspect('request', segments, never, FACTS),
    )
    await apart.stop()
  })

  it('is of one tenant, one policy, one place and one text', () => {
    const cache = new SegmentCache(secret, 1 << 20)
    const hints = { key: 'a', role: 'user', channel: 'text' } as const
    const given = { text: 'b', hints, json: false }
    const keys = [
      cache.keyOf('one', given),
      cache.keyOf('two', given),
      cache.keyOf('one', { ...given, json: true }),
      cache.keyOf('one', { ...given, text: 'c' }),
      cache.keyOf('one', { ...given, hints: { ...hints, key: 'ab' } }),
      cache.keyOf('one', { ...given, hints: { ...hints, role: 'tool' } }),
      cache.keyOf('one', { ...given, hints: { ...hints, channel: 'tool' } }),
      new SegmentCache(randomBytes(32), 1).keyOf('one', given),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(cache.keyOf('one', given)).toBe(keys[0])
  })

  it('takes no more room than it is given; the least recently used goes first', () => {
    const cache = new SegmentCache(secret, 1024)
    const known = { own: [], seeds: '', all: [] }
    for (let at = 0; at < 50; at++) {
      cache.set(`k${at}`, known)
      cache.get('k0')
      expect(cache.bytes).toBeLessThanOrEqual(1024)
    }
    expect(cache.get('k0')).toBeDefined()
    expect(cache.get('k49')).toBeDefined()
    expect(cache.get('k1')).toBeUndefined()
  })
})

describe('the inspector', () => {
  it.each([
    [
      'https://x.org/pay?card=4111111111111111&mail=jo@example.com',
      [
        'URL https://x.org/pay?card=4111111111111111&mail=jo@example.com',
        'CREDIT_CARD 4111111111111111',
        'EMAIL jo@example.com',
      ],
    ],
    [
      'postgres://jo:hunter2pass@10.1.2.3:5432/app',
      ['SECRET postgres://jo:hunter2pass@10.1.2.3:5432/app', 'IP 10.1.2.3'],
    ],
    ['https://[2001:db8::1]/path', ['URL https://[2001:db8::1]/path', 'IP 2001:db8::1']],
    ['12 Main Street, Springfield, IL 62704', ['ADDRESS 12 Main Street, Springfield, IL 62704', 'ZIP 62704']],
    // Weak readings of the digits of a surer number are no finds.
    ['00:1A:2B:3C:4D:5E', ['MAC 00:1A:2B:3C:4D:5E']],
  ])('tells what lies within another type, and tells none twice: %s', async (text, expected) => {
    const inspector = made()
    const segments = [turn(text, 0)]
    const findings = await inspector.inspect('request', segments, never, FACTS)
    expect(told(findings, segments).map((line) => line.slice('/messages/0/content '.length))).toEqual(
      expect.arrayContaining([...expected]),
    )
    const places = findings.map(({ type, start, end }) => `${type} ${start} ${end}`)
    expect(new Set(places).size).toBe(places.length)
    expect(await inspector.inspect('request', segments, never, FACTS)).toEqual(findings)
    // Where all types count there is none over another.
    const hints = { key: null, role: 'user', channel: 'text' } as const
    const [all = []] = inspector.findIn([{ text, json: false, hints }], NO_CUSTOM, 't')
    for (const [at, { start }] of all.entries()) expect(start).toBeGreaterThanOrEqual(all[at - 1]?.end ?? 0)
    expect(text.slice(all[0]?.start, all[0]?.end)).toBe(expected[0]?.replace(/^[A-Z_]+ /, ''))
  })

  it('finds nothing of what a tenant lets pass, and what its policy adds', async () => {
    const data = { org: { redaction: { allow: { '*': { EMAIL: ['help@example.org'] } } } } }
    const inspector = made({ custom: readCustom(data), customData: data })
    const segments = [turn('help@example.org, anna@example.org', 0)]
    expect(told(await inspector.inspect('request', segments, never, FACTS), segments)).toEqual([
      '/messages/0/content EMAIL anna@example.org',
    ])
  })

  it.each([
    ['/messages/0/content', 'content'],
    ['/messages/0/content/3', 'content'],
    ['/tools/0/input/patient~1ssn', 'patient/ssn'],
    ['/metadata/ssn~#', 'ssn'],
    ['/metadata/123-45-6789#', null],
    ['', null],
  ])('takes the member of %s for a label: %s', (pointer, expected) => {
    expect(keyOf(pointer)).toBe(expected)
  })
})
