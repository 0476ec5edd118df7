import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Obligation } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { courseOf, PLAIN, READERS } from '../../src/pipeline/course.ts'
import { FAILURES } from '../../src/pipeline/failures.ts'
import { createDecider, loadEngine, type PolicyEngine } from '../../src/policy/index.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { asked, GERMANY } from '../policy/policies.inputs.ts'

/** What the shipped control passes on, and what the loop can carry out, is the same. */

type Params = Obligation['params']
type Row = readonly [name: 'retry' | 'fallback' | 'deadline', params: Params, whole: boolean]

const ROWS: readonly Row[] = [
  ['retry', { times: 1, on: ['connect'] }, true],
  ['retry', { times: 3, on: [...FAILURES], wait_ms: 60_000 }, true],
  ['retry', { times: 1, on: [], wait_ms: 0 }, true],
  ['retry', { times: 0, on: [] }, false],
  ['retry', { times: 4, on: [] }, false],
  ['retry', { times: 1.5, on: [] }, false],
  ['retry', { times: '1', on: [] }, false],
  ['retry', { times: 1 }, false],
  ['retry', { on: [] }, false],
  ['retry', { times: 1, on: ['connect', 'connect'] }, false],
  ['retry', { times: 1, on: ['typo'] }, false],
  ['retry', { times: 1, on: [1] }, false],
  ['retry', { times: 1, on: 'connect' }, false],
  ['retry', { times: 1, on: { first: 'connect' } }, false],
  ['retry', { times: 1, on: [], wait_ms: 60_001 }, false],
  ['retry', { times: 1, on: [], wait_ms: -1 }, false],
  ['retry', { times: 1, on: [], wait_ms: 0.5 }, false],
  ['retry', { times: 1, on: [], wait_ms: null }, false],
  ['retry', { times: 1, on: [], wait: 1 }, false],
  ['fallback', { on: [] }, true],
  ['fallback', { on: ['throttled', 'connect'] }, true],
  ['fallback', { on: ['connect', 'connect'] }, false],
  ['fallback', { on: ['typo'] }, false],
  ['fallback', { on: [], more: 1 }, false],
  ['fallback', {}, false],
  ['deadline', { first_byte_ms: 1, total_ms: 3_600_000, call_ms: 5 }, true],
  ['deadline', {}, false],
  ['deadline', { call_ms: 0 }, false],
  ['deadline', { call_ms: 3_600_001 }, false],
  ['deadline', { call_ms: 1.5 }, false],
  ['deadline', { call_ms: null }, false],
  ['deadline', { total: 1 }, false],
]

const number = fc.constantFrom<Json>(-1, 0, 0.5, 1, 2, 3, 4, 60_000, 60_001, 3_600_000, 3_600_001, '1', null, true)
const list = fc.oneof(
  fc.subarray<Json>([...FAILURES]),
  fc.array(fc.constantFrom<Json>('connect', 'timeout', 'typo', 1, null), { maxLength: 3 }),
  fc.constantFrom<Json>('connect', null, {}),
)
const made: fc.Arbitrary<Row> = fc
  .oneof(
    fc.tuple(
      fc.constant('retry' as const),
      fc.record({ times: number, on: list, wait_ms: number, more: number }, { requiredKeys: [] }),
    ),
    fc.tuple(fc.constant('fallback' as const), fc.record({ on: list, more: number }, { requiredKeys: [] })),
    fc.tuple(
      fc.constant('deadline' as const),
      fc.record({ first_byte_ms: number, total_ms: number, call_ms: number, more: number }, { requiredKeys: [] }),
    ),
  )
  .map(([name, params]) => [name, params, typeof READERS[`attempt.${name}`]?.(params) === 'object'])
const all = [...ROWS, ...fc.sample(made, { seed: 1, numRuns: 2_000 })]

const toolchain = openToolchain()
let engine: PolicyEngine

beforeAll(async () => {
  const source = await readPolicySource(join(import.meta.dirname, '../../policies'))
  const built = await toolchain.build({ files: source.modules, data: source.data })
  const tenants = Object.fromEntries(all.map(([name, params], index) => [`c${index}`, { [name]: params }]))
  const { org } = built.data
  const known = typeof org === 'object' && org !== null && !Array.isArray(org) ? org : {}
  engine = await loadEngine({
    wasm: built.wasm,
    data: { ...built.data, org: { ...known, routing: { defaults: {}, tenants } } },
  })
})
afterAll(async () => {
  engine.close()
  await toolchain.close()
})

test.each(ROWS)('attempt.%s with %j is carried out: %s', (name, params, whole) => {
  expect(typeof READERS[`attempt.${name}`]?.(params)).toBe(whole ? 'object' : 'string')
})

test('the control denies what the loop could not carry out, and nothing else', async () => {
  const decider = createDecider({ engine, revision: 'r' })
  const outcomes = { whole: 0, faulty: 0 }
  for (const [index, [name, params, whole]] of all.entries()) {
    const verdict = (await decider.request(asked(`c${index}`, [GERMANY]))).targets.get(GERMANY.id)
    const denied = verdict?.reasons.some(({ rule }) => rule === 'routing/data')
    expect({ name, params, denied }).toEqual({ name, params, denied: !whole })
    outcomes[whole ? 'whole' : 'faulty'] += 1
  }
  expect(Math.min(outcomes.whole, outcomes.faulty)).toBeGreaterThan(50)
})

test('of several obligations of a type the strictest of each member counts, in either order', () => {
  const pairs: readonly (readonly [type: string, one: Params, other: Params, Partial<typeof PLAIN>])[] = [
    [
      'attempt.retry',
      { times: 1, on: ['connect', 'throttled'], wait_ms: 9 },
      { times: 3, on: ['timeout', 'connect'], wait_ms: 5 },
      { times: 1, retryOn: ['connect'], waitMs: 5 },
    ],
    ['attempt.fallback', { on: ['connect', 'timeout'] }, { on: ['timeout'] }, { fallbackOn: ['timeout'] }],
    [
      'attempt.deadline',
      { call_ms: 5, total_ms: 9 },
      { call_ms: 7, total_ms: 8, first_byte_ms: 3 },
      { callMs: 5, totalMs: 8, firstByteMs: 3 },
    ],
  ]
  for (const [type, one, other, expected] of pairs)
    for (const order of [
      [one, other],
      [other, one],
    ])
      expect(courseOf(order.map((params) => ({ type, params })))).toEqual({ ...PLAIN, ...expected })
})
