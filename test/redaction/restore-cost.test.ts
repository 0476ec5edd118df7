import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readParams } from '../../plugins/redaction/params.ts'
import type { Live } from '../../plugins/redaction/pseudonyms.ts'
import { redactAnswer, restorer } from '../../plugins/redaction/restore/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import type { Finding } from '../../src/core/call.ts'
import type { Filter, LaneView } from '../../src/core/plugin.ts'

/** What is put back costs with the length of the answer, whatever it says and however it is cut: so much work for a unit, and no more for one of a long text. */

const keys = tenantKeys(Buffer.alloc(32, 7), 'acme')
const LIVE: readonly Live[] = [
  ...Array.from({ length: 50 }, (_, at): Live => {
    const value = `value ${at}`
    return { token: tokenOf(keys, 'PERSON', at + 1, '', value), value, type: 'PERSON' }
  }),
  { token: 'Erika Erika Erika Muster', value: 'Berta Real', type: 'PERSON' },
]
const TOKEN = LIVE[0]?.token ?? ''
const UNITS: readonly string[] = [
  ...[
    'a',
    '1',
    ' ',
    '"',
    '\\',
    '\\\\',
    '\\"',
    '\\u',
    '\\u0',
    '\\u005c',
    '{',
    '[',
    '{"',
    '[[',
    '{"a":"',
    '{"a":"{\\"',
    '```\n',
    '```json\n',
    '`',
    '~',
  ],
  ...[
    '*',
    '_',
    '\u200b',
    'P',
    'PERSON_',
    'PERSON_1_',
    TOKEN,
    `${TOKEN} `,
    TOKEN.slice(0, -1),
    `${TOKEN}.`,
    `${TOKEN}.a`,
    `${TOKEN}\\`,
    'Erika ',
    'Erika Muster',
  ],
  ...['http://', 'http://a.b/', '](', '<a ', '<a b="', 'curl ', 'curl -', '$ ', '\n', 'PERSON\\u0031', 'é', '😀'],
]
const SIZE = 20_000
const filled = (unit: string, size: number): string => unit.repeat(Math.ceil(size / unit.length)).slice(0, size)

type Kind = Pick<LaneView, 'channel' | 'json'>
const KINDS: readonly Kind[] = [
  { channel: 'text', json: false },
  { channel: 'text', json: true },
  { channel: 'tool', json: true },
]

function feed(filter: Filter, text: string, kind: Kind, every: number, findings: readonly Finding[] = []): void {
  const lane = { ...kind, lane: 'l', role: 'assistant', signed: false, tool: 't' } as const
  let released = 0
  for (let end = Math.min(every, text.length); ; end = Math.min(end + every, text.length)) {
    const view = { ...lane, text: text.slice(released, end), released, final: end === text.length, findings }
    filter.edit?.(view)
    if (view.final) return
    released = end - (filter.waits?.(view) ?? view.text.length)
  }
}

/** The least CPU time of some runs, microseconds. */
function cost(run: () => void, runs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let at = 0; at < runs; at++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

/** Four times the text may cost ten times as much, and 3 ms that a collection of garbage takes: sixteen times, as a square does, is too much. */
function isLinear(of: (text: string) => void, make: (size: number) => string): boolean {
  const [small, large] = [make(SIZE / 2), make(SIZE * 2)]
  for (let attempt = 0; attempt < 3; attempt++)
    if (cost(() => of(large), 3) <= cost(() => of(small), 3) * 10 + 3000) return true
  return false
}

const restoring = (kind: Kind, every: number) => (text: string) =>
  feed(restorer(LIVE, { tools: 'all', reads: true }), text, kind, every)

describe.each(KINDS)('$channel, JSON: $json', (kind) => {
  test.each([4, SIZE * 2])('runs of anything, %i units at a time', { timeout: 240_000 }, (every) => {
    const square = UNITS.filter((unit) => !isLinear(restoring(kind, every), (size) => filled(unit, size)))
    expect(square).toEqual([])
  })

  test('mixes that are made up', { timeout: 240_000 }, () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...UNITS), { minLength: 2, maxLength: 6 }), (units) =>
        isLinear(restoring(kind, 4), (size) => filled(units.join(''), size)),
      ),
      { numRuns: 15 },
    )
  })
})

test('an answer full of findings, in strings of JSON and outside of them', { timeout: 240_000 }, () => {
  const params = readParams({ type: 'redact', params: { types: { '*': 'drop' } } })
  if ('message' in params) throw new Error(params.message)
  for (const kind of KINDS) {
    const redacting = (text: string): void => {
      const findings: Finding[] = []
      for (let start = 1; start + 3 < text.length; start += 6)
        findings.push({ type: 'EMAIL', pointer: 'l', start, end: start + 3, score: 1 })
      feed(redactAnswer(params, LIVE, keys), text, kind, text.length, findings)
    }
    for (const unit of ['"aaa",', 'aaaaaa', `${TOKEN} `, '"', 'PERSON_'])
      expect(
        isLinear(redacting, (size) => filled(unit, size)),
        unit,
      ).toBe(true)
  }
})
