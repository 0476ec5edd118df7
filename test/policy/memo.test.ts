import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestInput, ResponseInput, TargetInput } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import {
  createDecider,
  DECISION_ENTRYPOINT,
  loadEngine,
  type PolicyEngine,
  type PromptDecider,
} from '../../src/policy/index.ts'
import { Memo } from '../../src/policy/memo.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain, type Reads, type Toolchain } from '../../src/policy/toolchain/index.ts'
import { ROOT } from '../house.ts'
import { answered, asked, targetIn } from './policies.inputs.ts'

/** A remembered decision is the one that an evaluation would give, and is remembered only where nothing else could be. */

const NOWHERE = { endpoint: [], processing: [], storage: [] }

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
    [
      'names that hold what would part two of them',
      'x := [input["a\\u0000b"], input.a.b, input["a\\",\\"b"]]',
      { paths: expect.toSatisfy((paths: unknown[]) => new Set(paths.map((one) => JSON.stringify(one))).size === 3) },
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

describe('what is remembered', () => {
  const open = asked('claims', [targetIn('a/m', { endpoint: ['DE'], processing: ['DE'], storage: [] })])
  const memoOf = (...paths: readonly (readonly string[])[]): Memo<number> => {
    const memo = Memo.of<number>({ paths, whole: false, volatile: false })
    if (memo === null) throw new Error('it may be remembered')
    return memo
  }
  const callOf = (changes: Partial<RequestInput['call']>): RequestInput => ({
    ...open,
    call: { ...open.call, ...changes },
  })

  test('nothing without sources, of a policy that reads the clock, or that takes its input whole', () => {
    expect(Memo.of(null)).toBeNull()
    expect(Memo.of({ paths: [], whole: false, volatile: true })).toBeNull()
    expect(Memo.of({ paths: [], whole: true, volatile: false })).toBeNull()
  })

  test('no text of a client can make two inputs look like one', () => {
    const memo = memoOf(['call', 'task'], ['call', 'model'], ['call', 'tools'])
    const word = fc.oneof(fc.string(), fc.constantFrom('\n', '"\n"', 'a"\n"b', 'null', 'undefined', '","', '[]'))
    const part = fc.record({ task: fc.option(word), model: word, tools: fc.array(word, { maxLength: 2 }) })
    fc.assert(
      fc.property(part, part, (one, other) => {
        const same =
          JSON.stringify([one.task, one.model, one.tools]) === JSON.stringify([other.task, other.model, other.tools])
        expect(memo.key(callOf(one)) === memo.key(callOf(other))).toBe(same)
      }),
      { numRuns: 2000 },
    )
    expect(memo.key(callOf({ task: 'a"\n"b', model: 'c' }))).not.toBe(memo.key(callOf({ task: 'a', model: 'b"\n"c' })))
    expect(memo.key(callOf({ task: null }))).not.toBe(memo.key(callOf({ task: 'null' })))
  })

  test('the required controls and the targets count, whatever the policy reads', () => {
    const memo = memoOf(['call', 'model'])
    const key = memo.key(open)
    expect(memo.key({ ...open, context: { ...open.context, controls: ['models'] } })).not.toBe(key)
    expect(memo.key({ ...open, targets: open.targets.map((one) => ({ ...one, id: 'b/m' })) })).not.toBe(key)
    expect(memo.key({ ...open, targets: [] })).not.toBe(key)
    const [one] = open.targets
    if (one === undefined) throw new Error('there is a target')
    const answer = answered(open, one)
    expect(memo.key({ ...answer, target: { ...one, id: 'b/m' } })).not.toBe(memo.key(answer))
    expect(memo.key({ ...open, call: { ...open.call, task: 'other' } })).toBe(key)
  })

  test('the oldest go first, and what is too long is not kept', () => {
    const memo = memoOf(['call', 'model'])
    for (let n = 0; n <= 4096; n++) memo.set(`key ${n}`, n)
    expect(memo.get('key 0')).toBeUndefined()
    expect(memo.get('key 1')).toBe(1)
    expect(memo.get('key 4096')).toBe(4096)
    const short = memo.key(callOf({ model: 'x' }))?.length ?? 0
    expect(memo.key(callOf({ model: 'x'.repeat(8193 - short) }))).toHaveLength(8192)
    expect(memo.key(callOf({ model: 'x'.repeat(8194 - short) }))).toBeUndefined()
    // A list is written no further than a key may be long: here beyond that it could not be written at all.
    const unwritable = new Proxy<string[]>([], {
      get: (list, name) => (name === Symbol.iterator ? () => endless() : Reflect.get(list, name)),
    })
    function* endless(): Generator<string> {
      for (let n = 0; n < 10_000; n++) yield 'tool'
      throw new Error('nobody reads so far')
    }
    expect(memoOf(['call', 'tools']).key(callOf({ tools: unwritable }))).toBeUndefined()
  })

  test('only what can never change has its text kept', () => {
    const memo = memoOf(['targets'])
    const keyOf = (facts: TargetInput['facts']) =>
      memo.key({ ...open, targets: [Object.freeze({ ...targetIn('a/m', NOWHERE), facts })] })
    const fresh = (n: number): Json[] => {
      const within: Record<string, Json> = { n: 0 }
      const live: Readonly<Record<string, Json>>[] = [
        within,
        Object.freeze({ within }),
        Object.freeze(Object.defineProperty({}, 'n', { enumerable: true, get: () => within.n })),
        Object.freeze({ toJSON: () => within.n }) as unknown as Readonly<Record<string, Json>>,
      ]
      const shared = live.map((one) => Object.freeze({ ...targetIn('a/m', NOWHERE), facts: one }))
      const keys = (): unknown[] => shared.map((one) => memo.key({ ...open, targets: [one] }))
      const before = keys()
      within.n = n
      const after = keys()
      return before.map((key, index) => key !== after[index])
    }
    expect(fresh(1)).toEqual([true, true, true, true])
    expect(fresh(0)).toEqual([false, false, false, false])
    expect(keyOf({ a: 1 })).toBe(keyOf({ a: 1 }))
  })
})

describe('the shipped policies', () => {
  let engine: PolicyEngine & { evaluations: number }
  let remembering: PromptDecider
  let forgetting: PromptDecider

  beforeAll(async () => {
    const { modules: files, data } = await readPolicySource(join(ROOT, 'policies'))
    const built = await toolchain.build({ files, data, entrypoints: [DECISION_ENTRYPOINT] })
    const loaded = await loadEngine({ wasm: built.wasm, data: built.data })
    engine = {
      ...loaded,
      evaluations: 0,
      run(...args: Parameters<PolicyEngine['run']>) {
        engine.evaluations += 1
        return loaded.run(...args)
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
      evidence: [],
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
