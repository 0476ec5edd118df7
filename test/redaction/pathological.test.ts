import fc from 'fast-check'
import { checkSync } from 'recheck'
import { describe, expect, it } from 'vitest'
import { PATTERNS } from '../../plugins/redaction/detect/contact/patterns.ts'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { DETECTORS } from '../../plugins/redaction/detect/index.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'

const SIZE = 20_000
/** Each is repeated until the size is reached. */
const UNITS: readonly string[] = [
  'a',
  '1',
  ' ',
  '@',
  '"',
  "'",
  '.',
  '(',
  ')',
  '[',
  '-',
  '/',
  ':',
  '1-',
  '1-1-1 ',
  'a@',
  'a@a',
  '@a.',
  '://',
  'a://',
  '%%',
  '((((',
  '1.',
  '1.1.1.1.',
  '1:1:',
  '::',
  'a.',
  'www.',
  'a.com',
  '\u0301',
  '\u200d',
  'é',
  '１',
  '\ud83d\ude00',
  '\n',
  'A',
  'eyJ',
  'eyJa.',
  '-----BEGIN PRIVATE KEY-----',
  '-----BEGIN',
  'password=',
  'password: ',
  'key key ',
  'sk-',
  'ghp_',
  'AIza',
  'may ',
  'may 1 ',
  '1 may ',
  'years ',
  '1 years ',
  'age ',
  'street ',
  '1 a street ',
  '12 Main ',
  'calle ',
  'calle a ',
  'rue a ',
  'via 1 ',
  'po box ',
  'apt ',
  'dot at ',
  'a dot ',
  '[at] ',
  'at a dot com ',
  '+1 ',
  '(123) ',
  '415-555-0132 ',
  '06 12 34 56 78 ',
  '4111 1111 1111 1111 ',
  '00:',
  '00:11:22:33:44:',
  'ff-',
  'aabb.ccdd.',
  'SW1A ',
  'GB82WEST',
  'NY 12345 ',
  'ssn ',
  'account number ',
  '123456789 ',
  'http://a:b@',
  '{"a":',
  '= ',
  '\\',
  '\u2013',
  '1/1/',
  '2024-01-01T',
  '-1',
  'Apt. 1, ',
  'C/ ',
  '年1月',
]
const filled = (unit: string, size: number): string => unit.repeat(Math.ceil(size / unit.length)).slice(0, size)

function scan(text: string): Span[] {
  const found: Span[] = []
  const reading = { text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } } as const
  for (const detector of DETECTORS) detector.scan(reading, found)
  return found
}

/** The least CPU time of some runs, microseconds: what other processes take is not in it. */
function cost(text: string, runs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const before = process.cpuUsage()
    scan(text)
    const used = process.cpuUsage(before)
    least = Math.min(least, used.user + used.system)
  }
  return least
}

/** Four times the text may cost ten times as much, and 3 ms that a collection of garbage takes: sixteen times, as a square does, is too much. */
function isLinear(make: (size: number) => string): boolean {
  for (let attempt = 0; attempt < 3; attempt++) {
    const small = cost(make(SIZE / 2), 5)
    const large = cost(make(SIZE * 2), 5)
    if (large <= small * 10 + 3000) return true
  }
  return false
}

describe('texts that cost too much elsewhere', () => {
  it('every regular expression on a window is safe by recheck', { timeout: 120_000 }, () => {
    for (const [name, { source, flags }] of Object.entries(PATTERNS)) {
      expect([name, checkSync(source, flags, { timeout: 20_000 }).status]).toEqual([name, 'safe'])
    }
  })

  it('the cost of runs of anything grows with their length, not with its square', { timeout: 240_000 }, () => {
    scan(filled('call 415-555-0132 or a@b.com, 12 Main Street. ', SIZE))
    const costs = UNITS.map((unit) => [cost(filled(unit, SIZE), 3) / 1000, unit] as const).sort((a, b) => b[0] - a[0])
    console.log(
      `worst of ${String(costs.length)} texts of 20 KB, ms of CPU: ${costs
        .slice(0, 6)
        .map(([ms, unit]) => `${JSON.stringify(unit)} ${ms.toFixed(1)}`)
        .join(', ')}`,
    )
    const square = UNITS.filter((unit) => !isLinear((size) => filled(unit, size)))
    expect(square).toEqual([])
  })

  it('so does that of mixes that are made up', { timeout: 240_000 }, () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...UNITS), { minLength: 2, maxLength: 6 }), (units) =>
        isLinear((size) => filled(units.join(''), size)),
      ),
      { numRuns: 25 },
    )
  })

  it('spans lie in the text, are not empty and have a type that the detector says it finds', () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom(...UNITS), fc.string({ unit: 'grapheme', maxLength: 8 })), { maxLength: 40 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        text,
        fc.option(fc.constantFrom('password', 'dob', 'address', 'userName', 'age', 'zip'), { nil: null }),
        (whole, key) => {
          const reading = {
            text: whole,
            tokens: tokensOf(whole),
            hints: { key, role: 'user', channel: 'data' },
          } as const
          for (const detector of DETECTORS) {
            const found: Span[] = []
            detector.scan(reading, found)
            for (const span of found) {
              expect(span.start).toBeGreaterThanOrEqual(0)
              expect(span.end).toBeGreaterThan(span.start)
              expect(span.end).toBeLessThanOrEqual(whole.length)
              expect(span.score).toBeGreaterThan(0)
              expect(span.score).toBeLessThanOrEqual(1)
              expect(detector.finds).toContain(span.type)
            }
          }
        },
      ),
      { numRuns: 400 },
    )
  })
})
