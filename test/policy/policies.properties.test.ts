import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestInput, TargetInput } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { createDecider, DECISION_ENTRYPOINT, loadEngine, type PolicyEngine } from '../../src/policy/index.ts'
import { type PolicySource, readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { asked, targetIn } from './policies.inputs.ts'

const toolchain = openToolchain()
let source: PolicySource
let engine: PolicyEngine

beforeAll(async () => {
  source = await readPolicySource(join(import.meta.dirname, '../../policies'))
  const built = await toolchain.build({ files: source.modules, data: source.data })
  engine = await loadEngine({ wasm: built.wasm, data: built.data })
})
afterAll(async () => {
  engine.close()
  await toolchain.close()
})

const decider = () => createDecider({ engine, revision: source.digest })

describe('for any call', () => {
  const places = fc.oneof(
    { weight: 3, arbitrary: fc.subarray(['DE', 'FR', 'IE']) },
    { weight: 1, arbitrary: fc.subarray(['DE', 'FR', 'IE', 'CH', 'GB', 'US', 'CN', '*', 'ZZ']) },
  )
  const target = fc
    .record({ endpoint: places, processing: places, storage: places })
    .map((residency) => targetIn('t', residency))
  const call = fc.record({
    tenant: fc.constantFrom('claims', 'research', 'lab', 'nobody'),
    model: fc.constantFrom('gpt-4o', 'auto', 'o5'),
    task: fc.constantFrom(null, 'phi', 'other'),
    contract: fc.subarray(['baa', 'dpa']),
    references: fc.array(
      fc.record({
        kind: fc.constantFrom('image', 'file'),
        where: fc.constantFrom('inline', 'remote', 'stored'),
        count: fc.constant(1),
      }),
      { maxLength: 2 },
    ),
  })
  type Made = typeof call extends fc.Arbitrary<infer T> ? T : never
  const inputOf = (made: Made, targets: readonly TargetInput[]): RequestInput => {
    const { tenant, contract, ...changes } = made
    const numbered = targets.map((one, index) => ({ ...one, id: `t${index}`, contract }))
    return asked(tenant, numbered, changes)
  }

  test('what is allowed lies within what the data lists', () => {
    const EEA = ['DE', 'FR', 'IE']
    const within: Readonly<Record<string, readonly string[] | null>> = {
      claims: [...EEA, 'CH'],
      research: [...EEA, 'CH', 'GB', 'US'],
      lab: null,
      nobody: [],
    }
    const references: Readonly<Record<string, readonly string[]>> = {
      research: ['image inline'],
      lab: ['image inline', 'image remote', 'file inline'],
    }
    fc.assert(
      fc.property(call, target, (made, one) => {
        const verdict = decider()
          .request(inputOf(made, [one]))
          .targets.get('t0')
        const { endpoint, processing, storage } = one.residency
        const allowed = within[made.tenant]
        const home =
          allowed === null || [endpoint, processing, storage].flat().every((place) => allowed?.includes(place))
        const covered =
          made.tenant !== 'claims' || made.task !== 'phi' || (made.contract.includes('baa') && storage.length === 0)
        const task = made.tenant !== 'claims' || made.task === null || made.task === 'phi'
        const known = endpoint.length > 0 && processing.length > 0 && made.tenant !== 'nobody' && task
        const model = made.tenant === 'lab' || made.model !== 'o5'
        const granted = references[made.tenant] ?? []
        const pointed = made.references.every(({ kind, where }) => granted.includes(`${kind} ${where}`))
        expect(verdict?.effect).toBe(home && covered && known && model && pointed ? 'allow' : 'deny')
      }),
      { numRuns: 500 },
    )
  })

  test('a target is judged alike alone and in company', () => {
    fc.assert(
      fc.property(call, target, target, (made, one, other) => {
        const both = decider().request(inputOf(made, [one, other])).targets
        const alone = decider().request(inputOf(made, [one])).targets
        expect(both.get('t0')).toEqual(alone.get('t0'))
      }),
    )
  })

  test("OPA's interpreter and the WebAssembly say the same", async () => {
    const { modules: files, data } = source
    await fc.assert(
      fc.asyncProperty(call, target, target, async (made, one, other) => {
        const input = inputOf(made, [one, other])
        const answer = engine.evaluate(DECISION_ENTRYPOINT, input, { now: 0n })
        const oracle = await toolchain.eval({
          files,
          data,
          entrypoint: DECISION_ENTRYPOINT,
          input: input,
        })
        expect(answer.defined && sorted(answer.value)).toEqual(sorted(oracle.value ?? null))
      }),
      { numRuns: 25 },
    )
  })
})

/** Reasons come from sets, which WebAssembly writes in an order of its own; so it does with members. */
function sorted(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const texts = value.map(sorted).map((item) => [JSON.stringify(item), item] as const)
    return texts.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  }
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
