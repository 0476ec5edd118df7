import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical } from '../../src/core/canonical.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { LEAF_MAX_BYTES } from '../../src/core/record.ts'
import { brief, briefFindings, briefReasons, briefTypes } from '../../src/pipeline/brief.ts'
import { openaiAnswer } from '../kit/index.ts'
import { play, type Scene, TARGET } from './scene.ts'

/** No denial and no outcome goes unrecorded for what others wrote into it: leaves are small, policies and plugins are wordy. */

const chunks = [JSON.stringify(openaiAnswer({ texts: ['ok'] }))]
/** Each unit is six bytes in the canonical form. */
const dear = '\u0001'
const reason = (message: string, rule = 'wordy/no') => ({ control: 'wordy', rule, controls: ['A-1'], message })
type Deciding = NonNullable<Scene['decider']>
const denies = (reasons: readonly ReturnType<typeof reason>[]): Deciding => ({
  request: () => ({
    id: 'decision',
    revision: 'revision',
    fuel: 1,
    phase: 'request',
    targets: new Map([[TARGET.id, { effect: 'deny', reasons, obligations: [] }]]),
    order: [],
    choose: null,
  }),
  response: () => ({
    id: 'decision',
    revision: 'revision',
    fuel: 1,
    phase: 'response',
    verdict: { effect: 'deny', reasons, obligations: [] },
  }),
})
const { response } = denies([reason(dear.repeat(100_000))])
const deniesAnswer: Deciding = response === undefined ? {} : { response }
const tooLarge = (draft: Readonly<{ body: Parameters<typeof canonical>[0] }>): Error | false =>
  Buffer.byteLength(canonical(draft.body)) > LEAF_MAX_BYTES - 4_096 &&
  new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The record is refused: its leaf is too large.')

test('whatever is said, a record of it fits into a leaf, and what is short is kept as it is', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.integer({ min: 0, max: 3_000 }).map((length) => dear.repeat(length)),
    fc.constant('x\ud800'),
  )
  const reasons = fc.array(
    fc.record({ control: text, rule: text, controls: fc.array(text, { maxLength: 60 }), message: text }),
    { maxLength: 60 },
  )
  const findings = fc.array(
    fc.record({ type: text, count: fc.nat(), roles: fc.constant([]), max_score: fc.constant(1) }),
    { maxLength: 300 },
  )
  fc.assert(
    fc.property(reasons, findings, (many, found) => {
      const why = briefReasons(many)
      const what = briefFindings(found)
      const types = briefTypes(found.map(({ type }) => ({ type, params: {} })))
      expect(Buffer.byteLength(canonical([why.json, what.json, types.json]))).toBeLessThan(LEAF_MAX_BYTES - 16_384)
      if (many.length > 0) expect(canonical(why.json)).not.toBe('[]')
      if (many.length > 20) expect(why.cut).toBe(true)
      if (found.length > 100) expect([what.cut, types.cut]).toEqual([true, true])
    }),
    { numRuns: 200 },
  )
  expect(briefReasons([reason('short')])).toEqual({ json: [reason('short')], cut: false })
})

test('twenty reasons, each as large as one may be, still fit', () => {
  const long = dear.repeat(600)
  const worst = { control: long, rule: long, controls: Array.from({ length: 30 }, () => long), message: long }
  const { json, cut } = briefReasons(Array.from({ length: 20 }, () => worst))
  expect(Buffer.byteLength(canonical(json))).toBeLessThan(32_000)
  expect([cut, canonical(json) === '[]']).toEqual([true, false])
})

test('a text is cut with a mark, never in the middle of a character', () => {
  expect(brief('a'.repeat(500))).toBe('a'.repeat(500))
  expect(brief('a'.repeat(501))).toBe(`${'a'.repeat(499)}…`)
  expect(brief(`${'a'.repeat(498)}\u{1f600}aaa`).isWellFormed()).toBe(true)
})

test.each([
  ['a long message', [reason(dear.repeat(100_000))], undefined],
  ['many reasons', Array.from({ length: 1_000 }, (_, at) => reason(`the ${at}th`, `wordy/${at}`)), true],
  ['a lone surrogate', [reason('x\ud800')], undefined],
])('a denial with %s is recorded, and told in a sentence', async (_, reasons, cut) => {
  const played = await play({ streamed: false, chunks, decider: denies(reasons), refuses: tooLarge })
  expect(played.status).toBe(403)
  expect(played.records.map(({ kind, body }) => [kind, body.cut])).toEqual([['call.denied', cut]])
  expect(played.journal.filter((line) => line.startsWith('refused'))).toEqual([])
  expect(played.text.length).toBeLessThan(5_000)
})

test('an outcome with a long message is recorded', async () => {
  const played = await play({ streamed: false, chunks, decider: deniesAnswer, refuses: tooLarge })
  expect(played.status).toBe(403)
  expect(played.outcomes.map(({ body }) => body.ending)).toEqual(['denied'])
})

test('findings of a thousand types: the intent and the outcome are recorded, and say that they were cut', async () => {
  const played = await play({
    streamed: false,
    chunks,
    refuses: tooLarge,
    plugins: [
      {
        name: 'wordy',
        inspect: async (_, segments) =>
          segments.slice(0, 1).flatMap(({ pointer }) =>
            Array.from({ length: 1_000 }, (_, at) => ({
              type: `${dear.repeat(50)}${at}`,
              pointer,
              start: 0,
              end: 1,
              score: 1,
            })),
          ),
      },
    ],
  })
  expect(played.status).toBe(200)
  expect(played.records.map(({ kind, body }) => [kind, body.cut])).toEqual([
    ['call.intent', true],
    ['call.outcome', true],
  ])
})

test.each<[string, Deciding, number]>([
  ['call.denied', denies([reason('no')]), 403],
  ['call.outcome', deniesAnswer, 403],
])('a %s that the ledger refuses for what it holds is recorded without it', async (kind, decider, status) => {
  let refused = 0
  const played = await play({
    streamed: false,
    chunks,
    decider,
    refuses: (draft) => {
      if (draft.kind !== kind || refused > 0) return false
      refused += 1
      return new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The record is refused: who knows.')
    },
  })
  expect(refused).toBe(1)
  expect(played.status).toBe(status)
  const record = played.records.find((draft) => draft.kind === kind)
  expect(record?.body).toMatchObject({ status, reasons: [], findings: [], cut: true })
  expect(record?.personal).toBeUndefined()
  expect(played.journal).toContain(`report a record ${kind} was refused for what it holds`)
})

test('two targets that one rule denies are named once', async () => {
  const targets = [TARGET, { ...TARGET, id: 'one/second' }]
  const verdict = (message: string) => ({ effect: 'deny', reasons: [reason(message)], obligations: [] }) as const
  const played = await play({
    streamed: false,
    targets,
    decider: {
      request: () => ({
        id: 'decision',
        revision: 'revision',
        fuel: 1,
        phase: 'request',
        targets: new Map(targets.map(({ id }) => [id, verdict(`not at ${id}`)])),
        order: [],
        choose: null,
      }),
    },
  })
  expect(played.text).toContain('Denied by policy wordy/no: not at one/gpt-4o')
  expect(played.records[0]?.body.reasons).toMatchObject([{ rule: 'wordy/no' }, { rule: 'wordy/no' }])
})
