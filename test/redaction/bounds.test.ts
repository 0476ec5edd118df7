import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Live } from '../../plugins/redaction/pseudonyms.ts'
import { restorer } from '../../plugins/redaction/restore/index.ts'
import { tenantKeys, tokenOf } from '../../plugins/redaction/token.ts'
import { answer, type How, plugin } from './bounds-answer.ts'
import { FORMS, type Form, type Said } from './restore-speech.ts'

/** An answer that is inspected: nothing that is found leaves before it is decided on, however it is cut, and nothing waits longer than it must. */

const RUNS = Number(process.env.CUSTOMHOUSE_RUNS ?? 8)
const DROP = { types: { '*': 'drop' } }

const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const hex = (units: number): string => 'c0ffee15decade'.repeat(units).slice(0, units)
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** What must not pass, with the label that it is known by, if any. */
const FOUND: readonly (readonly [label: string, value: string])[] = [
  ['', 'ada.canary@lovelace-test.org'],
  ['', `${'quibble'.repeat(8)}@${'zephyr'.repeat(8)}.example.org`],
  ['', '4111 1111 1111 1111'],
  ['', 'GB29 NWBK 6016 1331 9268 19'],
  ['', '+1 415 867 5309'],
  ['SSN ', '536-22-8726'],
  ['MRN: ', 'QX77-Z19'],
  ['Account number is ', '000723456789'],
  ['', `sk-proj-${'Jq7Zx2Wv9Kb4'.repeat(14)}`],
  ['password=', 'Jq7_Zx2-Wv9Kb4Tm'.repeat(12)],
  ['', `postgres://admin:${hex(150)}@db.internal-zone.net:5432/prod`],
  ['', `${json({ alg: 'RS256', typ: 'JWT' })}.${json({ sub: hex(200) })}.${hex(342)}`],
  ['', String(privateKey.export({ type: 'pkcs8', format: 'pem' })).trimEnd()],
]

/** Pieces of a value so long that they say something of it, which prose and labels have none of. */
function pieces(value: string): readonly string[] {
  return Array.from({ length: Math.max(1, value.length - 5) }, (_, at) => value.slice(at, at + 6))
}

const by =
  (every: number) =>
  (text: string): readonly string[] =>
    Array.from({ length: Math.ceil(text.length / every) }, (_, at) => text.slice(at * every, (at + 1) * every))

const AT_ONCE: How = { pieces: (text) => [text], reads: 1 }
const PROSE = [
  'so it was said, and nobody minded. ',
  'the rest of it comes later, as ever.\n',
  'ü😀 ',
  'well, ',
  'that is all there is to it, is it not? ',
]
const spoken = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...PROSE) }, fc.constantFrom(...FOUND)), {
    minLength: 1,
    maxLength: 9,
  })
  .map((parts) => ({
    text: `a ${parts.map((part) => (typeof part === 'string' ? part : `${part.join('')} , and `)).join('')}`,
    values: parts.flatMap((part) => (typeof part === 'string' ? [] : [part[1]])),
  }))
const cuts = fc.record({ units: fc.integer({ min: 1, max: 200 }), reads: fc.integer({ min: 1, max: 60 }) })

describe.each(FORMS)('$name', (form) => {
  test('nothing of what is found is released, in text and in arguments; and the same is, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(spoken, spoken, cuts, async (said, told, { units, reads }) => {
        const speech: Said = {
          text: said.text,
          tool: { name: 'send', arguments: JSON.stringify({ to: told.text, n: 1 }) },
        }
        const whole = await answer(form, speech, DROP, AT_ONCE)
        const cut = await answer(form, speech, DROP, { pieces: by(units), reads })
        for (const { text, tool } of [...cut.windows, whole.last]) {
          for (const value of said.values) for (const piece of pieces(value)) expect(text).not.toContain(piece)
          for (const value of told.values)
            for (const piece of pieces(value)) expect(tool?.arguments ?? '').not.toContain(piece)
        }
        expect(cut.last).toEqual(whole.last)
        for (const { text } of cut.windows) expect(whole.last.text.startsWith(text)).toBe(true)
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
})

const STREAMED: readonly Form[] = FORMS.filter(({ name }) => name.endsWith('streamed'))
const WORD = 24
/** Units that one read of the socket brings, at most, beside the event that it ends in. */
const READ = 64

describe.each(STREAMED)('$name: what waits', (form) => {
  const keys = tenantKeys(Buffer.alloc(32, 7), 'claims')
  const live: Live = { token: tokenOf(keys, 'PERSON', 1, '', 'Anna'), value: 'Anna', type: 'PERSON' }
  const prose = (units: number) => PROSE.join('').repeat(40).slice(0, units)

  test.each([1, 4, 60])(
    'of prose, in pieces of %i: no more than the longest that has a bound, and a word',
    async (units) => {
      const { held, last } = await answer(form, { text: prose(3_000) }, DROP, { pieces: by(units), reads: 200 })
      expect(last.text).toBe(prose(3_000))
      expect(held).toBeLessThanOrEqual((plugin.span ?? 0) + WORD + units + READ)
    },
  )

  test.each([1, 4, 60])('with a restorer, in pieces of %i: no more', async (units) => {
    const filter = restorer([live], { tools: 'all', reads: true })
    const text = `${prose(700)}${live.token} ${prose(700)}`
    const { held, last } = await answer(form, { text }, DROP, { pieces: by(units), reads: 200 }, [filter])
    expect(last.text).toBe(text.replace(live.token, 'Anna'))
    expect(held).toBeLessThanOrEqual((plugin.span ?? 0) + WORD + units + READ + live.token.length)
  })

  test('a private key waits whole, and what is behind it goes on', async () => {
    const [, key] = FOUND.at(-1) ?? ['', '']
    const text = `a ${key} ${prose(2_000)}`
    const { windows, last } = await answer(form, { text }, DROP, { pieces: by(7), reads: 200 })
    expect(last.text).toBe(`a  ${prose(2_000)}`)
    expect(new Set(windows.map((one) => one.text.length)).size).toBeGreaterThan(20)
  })
})
