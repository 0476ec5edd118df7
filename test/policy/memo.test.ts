import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Decider, RequestInput, ResponseInput } from '../../src/core/decision.ts'
import { createDecider, DECISION_ENTRYPOINT, loadEngine, type PolicyEngine } from '../../src/policy/index.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain, type Reads, type Toolchain } from '../../src/policy/toolchain/index.ts'
import { ROOT } from '../house.ts'
import { asked, targetIn } from './policies.inputs.ts'

/** A remembered decision is the one that an evaluation would give, and is remembered only where nothing else could be. */

let toolchain: Toolchain
beforeAll(() => {
  toolchain = openToolchain()
})
afterAll(() => toolchain.close())

const reads = (rego: string): Promise<Reads> =>
  toolchain.reads({
    files: {
      'p.rego': `package p\n\n${rego}\n`,
      'p_test.rego': 'package p_test\n\ntest_x if data.p.x with input as {}\n',
    },
  })

describe('what a policy reads', () => {
  test.each<[name: string, rego: string, expected: Partial<Reads>]>([
    [
      'constant paths',
      'x if input.call.model == "a"\ny := input.call["task"]',
      {
        paths: [
          ['call', 'model'],
          ['call', 'task'],
        ],
        whole: false,
        volatile: false,
      },
    ],
    [
      'up to the first variable',
      'x contains t.id if some t in input.targets\ny if input.targets[_].model == input.call[input.phase]',
      { paths: [['call'], ['phase'], ['targets']], whole: false },
    ],
    [
      'through an import',
      'import input.call as c\n\nx if c.model == "a"',
      { paths: [['call', 'model']], whole: false },
    ],
    ['through a function', 'f(v) := v.model\n\nx := f(input.call)', { paths: [['call']], whole: false }],
    [
      'inside of comprehensions, every and not',
      'x := [m | m := input.a.b]\ny if every r in input.c { r > 0 }\nz if not input.d.e',
      { paths: [['a', 'b'], ['c'], ['d', 'e']] },
    ],
    ['nothing', 'x := 1', { paths: [], whole: false, volatile: false }],
    ['the whole of it', 'x := count(input)', { whole: true }],
    ['the whole of it, walked', 'x if { walk(input, [_, v]); v == 1 }', { whole: true }],
    ['another by with', 'y := input.a\nx if y with input as {"a": true}', { whole: true }],
    ['a part of another by with', 'y := input.a\nx if y with input.a as true', { whole: true }],
    ['the clock', 'x := time.now_ns()', { volatile: true }],
    ['a random id', 'x := uuid.rfc4122(input.call.id)', { volatile: true }],
    ['dates without the clock', 'x := time.weekday(0)', { volatile: false }],
  ])('%s', async (_, rego, expected) => {
    expect(await reads(rego)).toMatchObject(expected)
  })
})

describe('the shipped policies', () => {
  let engine: PolicyEngine & { evaluations: number }
  let remembering: Decider
  let forgetting: Decider

  beforeAll(async () => {
    const { modules: files, data } = await readPolicySource(join(ROOT, 'policies'))
    const built = await toolchain.build({ files, data, entrypoints: [DECISION_ENTRYPOINT] })
    const loaded = await loadEngine({ wasm: built.wasm, data: built.data })
    engine = {
      ...loaded,
      evaluations: 0,
      evaluate(...args: Parameters<PolicyEngine['evaluate']>) {
        engine.evaluations += 1
        return loaded.evaluate(...args)
      },
    }
    remembering = createDecider({ engine, revision: 'r', reads: await toolchain.reads({ files, data }) })
    forgetting = createDecider({ engine: loaded, revision: 'r' })
  })

  const place = fc.constantFrom('DE', 'CH', 'US', '*')
  const target = fc.record({
    endpoint: fc.array(place, { maxLength: 2 }),
    processing: fc.array(place, { maxLength: 2 }),
    storage: fc.array(place, { maxLength: 2 }),
  })
  const call = fc.record({
    id: fc.uuid(),
    model: fc.constantFrom('gpt-4o', 'o5'),
    task: fc.constantFrom(null, 'phi', 'task'),
    stream: fc.boolean(),
    references: fc.constantFrom([], [{ kind: 'image', where: 'inline', count: 1 }]),
    metadata: fc.constantFrom({}, { note: 'x' }),
  })
  const input = fc
    .record({
      tenant: fc.constantFrom('claims', 'research', 'lab', 'nobody'),
      call,
      targets: fc.array(target, { minLength: 1, maxLength: 2 }),
    })
    .map(({ tenant, call: changes, targets }) =>
      asked(
        tenant,
        targets.map((residency, index) => Object.freeze(targetIn(`t${index}/m`, residency))),
        changes,
      ),
    )

  test('remembered or evaluated, a request is judged alike', () => {
    const before = engine.evaluations
    let judged = 0
    fc.assert(
      fc.property(input, (one: RequestInput) => {
        judged += 1
        // Fuel is that of the evaluation that made the decision; it varies with what the policy does not read.
        const { id: first, fuel: _f, ...said } = remembering.request(one)
        const { id: second, fuel: _g, ...evaluated } = forgetting.request(one)
        expect(said).toEqual(evaluated)
        expect(first).not.toBe(second)
      }),
      { numRuns: 3000 },
    )
    // Otherwise nothing would have been shown.
    expect(engine.evaluations - before).toBeLessThan(judged)
  })

  test('what the policy does not read makes no other decision: ids, metadata, the time', () => {
    const one = asked('claims', [targetIn('a/m', { endpoint: ['DE'], processing: ['DE'], storage: [] })])
    remembering.request(one)
    const before = engine.evaluations
    const ids = new Set(
      [1, 2, 3].map(
        (n) =>
          remembering.request({
            ...one,
            call: { ...one.call, id: `call-${n}`, metadata: { n: String(n) } },
            context: { ...one.context, time: `2026-11-2${n}T00:00:00.000Z` },
          }).id,
      ),
    )
    expect(ids.size).toBe(3)
    expect(engine.evaluations).toBe(before)
    remembering.request({ ...one, call: { ...one.call, model: 'o5' } })
    expect(engine.evaluations).toBe(before + 1)
  })

  test('an answer is judged alike, whatever was used', () => {
    const {
      call: asking,
      targets,
      context,
    } = asked('claims', [targetIn('a/m', { endpoint: ['DE'], processing: ['DE'], storage: [] })])
    const [one] = targets
    if (one === undefined) throw new Error('there is a target')
    const answer = (output: number): ResponseInput => ({
      phase: 'response',
      call: asking,
      target: one,
      findings: [],
      usage: { input_tokens: 1, output_tokens: output },
      progress: { characters: output, finished: true },
      context,
    })
    expect(remembering.response(answer(1)).verdict).toEqual(forgetting.response(answer(2)).verdict)
  })

  test('what came to no decision is asked again', () => {
    const twice = asked('claims', [
      targetIn('a/m', { endpoint: ['DE'], processing: ['DE'], storage: [] }),
      targetIn('a/m', { endpoint: ['US'], processing: ['US'], storage: [] }),
    ])
    const before = engine.evaluations
    for (let i = 0; i < 2; i++) expect(() => remembering.request(twice)).toThrow()
    expect(engine.evaluations).toBe(before)
  })
})
