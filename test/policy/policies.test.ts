import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { CallInput, RequestInput, ResponseInput, TargetInput, Verdict } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import {
  createDecider,
  DECISION_ENTRYPOINT,
  judgeCanaries,
  loadEngine,
  type PolicyEngine,
} from '../../src/policy/index.ts'
import { type PolicySource, readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'

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

const CONTROLS = ['models', 'residency']

const CALL: CallInput = {
  id: '0199b5a0-0000-7000-8000-000000000000',
  dialect: 'openai.chat',
  operation: 'chat',
  model: 'gpt-4o',
  stream: true,
  principal: { subject: 'desk', tenant: 'claims', groups: [], key: 'ck_1' },
  task: null,
  estimate: { input_tokens: 400, max_output_tokens: 500 },
  tools: ['lookup'],
  references: [],
  headers: {},
  metadata: {},
}

function targetIn(id: string, residency: TargetInput['residency'], contract: readonly string[] = []): TargetInput {
  return { id, provider: 'p', model: 'm', residency, contract, facts: {} }
}

const GERMANY = targetIn('eu/a', { endpoint: ['DE'], processing: ['FR', 'DE'], storage: ['IE'] })
const AMERICA = targetIn('us/a', { endpoint: ['US'], processing: ['US'], storage: ['US'] })
const ANYWHERE = targetIn('any/a', { endpoint: ['*'], processing: ['*'], storage: ['*'] })
const UNKNOWN = targetIn('who/a', { endpoint: [], processing: [], storage: [] })

function asked(
  tenant: string,
  targets: readonly TargetInput[],
  changes: Partial<CallInput> = {},
  controls: readonly string[] = CONTROLS,
): RequestInput {
  const call = { ...CALL, ...changes, principal: { ...CALL.principal, ...changes.principal, tenant } }
  const context = { time: '2026-11-24T12:00:00.000Z', environment: 'production', replay: false, controls }
  return { phase: 'request', call, targets, findings: [], context }
}

function answered(input: RequestInput, target: TargetInput): ResponseInput {
  const { call, findings, context } = input
  const usage = { input_tokens: 400, output_tokens: null }
  return { phase: 'response', call, target, findings, usage, progress: { characters: 10, finished: false }, context }
}

const decider = () => createDecider({ engine, revision: source.digest })
const rulesOf = (verdict: Verdict | undefined) => verdict?.reasons.map(({ rule }) => rule)

describe('the sources', () => {
  test('pass the strict check with the schemas', async () => {
    const { modules: files, data, schemas } = source
    expect(Object.keys(schemas)).toContain('input')
    expect((await toolchain.check({ files, data, schemas })).diagnostics).toEqual([])
  })

  test('are formatted', async () => {
    expect(await toolchain.fmt(source.modules)).toEqual(source.modules)
  })

  test('have a test beside each rule file', () => {
    const paths = Object.keys(source.modules)
    const rules = paths.filter((path) => !path.endsWith('_test.rego'))
    expect(rules.length).toBeGreaterThanOrEqual(1 + CONTROLS.length)
    for (const path of rules) expect(paths).toContain(path.replace(/\.rego$/, '_test.rego'))
  })

  test('declare the controls that there are, and what each reason serves', async () => {
    const { annotations, packages } = await toolchain.inspect(source.modules)
    const at = (path: string) => annotations.filter((one) => one.path === path).map((one) => one.annotations)
    const custom = at('data.customhouse.decision').map((one) => one.custom)
    expect(custom).toEqual([{ controls: CONTROLS, obligations: ['residency.pin'] }])
    for (const control of CONTROLS) {
      expect(at(`data.controls.${control}`)).toEqual([
        expect.objectContaining({ title: expect.any(String), description: expect.any(String) }),
      ])
      const rules = packages
        .find((one) => one.package === `controls.${control}` || one.package === `data.controls.${control}`)
        ?.rules.filter(({ path }) => path.includes('reasons'))
      const reasons = annotations.filter(
        (one) => one.path.startsWith(`data.controls.${control}.reasons`) && one.annotations.title !== undefined,
      )
      expect(reasons.length).toBe(rules?.length)
      for (const { annotations: given } of reasons) {
        const { regulations } = given.custom as Readonly<Record<string, Json>>
        expect(Array.isArray(regulations) && regulations.length > 0).toBe(true)
        for (const id of regulations as readonly string[]) expect(id).toMatch(/^(DORA|GDPR|HIPAA)-[0-9.]+$/)
      }
    }
  })
})

describe('the guide for authors', () => {
  test('shows a control that is formatted, strict, and held by its tests in both engines', async () => {
    const guide = await readFile(join(import.meta.dirname, '../../docs/policy.md'), 'utf8')
    const [control, tests, ...more] = [...guide.matchAll(/^```rego\n(.*?)^```$/gms)].map(([, block]) => block ?? '')
    const [listed] = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block]) => block ?? '')
    expect(more).toEqual([])
    const added = { 'controls/tools/tools.rego': control ?? '', 'controls/tools/tools_test.rego': tests ?? '' }
    const files = { ...source.modules, ...added }
    const data = {
      ...source.data,
      org: { ...(source.data.org as Readonly<Record<string, Json>>), ...parse(listed ?? '') },
    }

    expect(await toolchain.fmt(added)).toEqual(added)
    expect((await toolchain.check({ files, data, schemas: source.schemas })).diagnostics).toEqual([])
    const run = await toolchain.test({ files, data, coverage: true })
    expect(run.tests.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
    expect(run.coverage?.files['controls/tools/tools.rego']?.not_covered).toBeUndefined()

    const built = await toolchain.build({ files, data })
    const grown = await loadEngine({ wasm: built.wasm, data: built.data })
    const judge = (tools: readonly string[]) =>
      createDecider({ engine: grown, revision: 'guide' }).request(
        asked('claims', [GERMANY], { tools }, [...CONTROLS, 'tools']),
      )
    expect(judge(['lookup_policy']).targets.get('eu/a')?.effect).toBe('allow')
    expect(judge(['wire_money']).targets.get('eu/a')?.reasons).toEqual([
      {
        control: 'tools',
        rule: 'tools/tool',
        controls: ['DORA-28'],
        message: 'The tool wire_money is not granted to the tenant claims.',
      },
    ])
    grown.close()
  })

  test('names every rule of the shipped controls', async () => {
    const guide = await readFile(join(import.meta.dirname, '../../docs/policy.md'), 'utf8')
    const rules = Object.entries(source.modules)
      .filter(([path]) => path.startsWith('controls/') && !path.endsWith('_test.rego'))
      .flatMap(([, text]) => [...text.matchAll(/"rule": "([a-z/_-]+)"/g)].map(([, rule]) => rule ?? ''))
    expect(rules.length).toBeGreaterThan(10)
    for (const rule of [...rules, 'residency/endpoint', 'residency/processing', 'residency/storage'])
      expect(guide).toContain(`\`${rule}\``)
  })
})

describe('the tests of the policies', () => {
  test('pass and cover every line', async () => {
    const { tests, coverage } = await toolchain.test({ files: source.modules, data: source.data, coverage: true })
    expect(tests.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
    expect(tests.length).toBeGreaterThan(60)
    const missed = Object.entries(coverage?.files ?? {}).filter(([, file]) => (file.not_covered ?? []).length > 0)
    expect(missed).toEqual([])
    expect(coverage?.percent).toBe(100)
  })

  test('pass in the compiled WebAssembly as well', async () => {
    const { modules: files, data } = source
    const names = (await toolchain.test({ files, data })).tests.map(({ entrypoint }) => entrypoint)
    const built = await toolchain.build({ files, data, entrypoints: names, tests: true })
    const suite = await loadEngine({ wasm: built.wasm, data: built.data })
    const wrong = names.filter((name) => {
      const answer = suite.evaluate(name, {}, { now: 0n })
      return !answer.defined || answer.value !== true
    })
    suite.close()
    expect(wrong).toEqual([])
  })
})

describe('the decision', () => {
  const cases: readonly (readonly [string, RequestInput, Readonly<Record<string, readonly string[]>>])[] = [
    ['claims at home', asked('claims', [GERMANY]), { 'eu/a': [] }],
    [
      'claims abroad',
      asked('claims', [AMERICA, GERMANY]),
      { 'us/a': ['residency/endpoint', 'residency/processing', 'residency/storage'], 'eu/a': [] },
    ],
    ['claims to the unknown', asked('claims', [UNKNOWN]), { 'who/a': ['residency/unknown', 'residency/unknown'] }],
    ['research abroad', asked('research', [AMERICA]), { 'us/a': [] }],
    ['lab anywhere', asked('lab', [ANYWHERE], { model: 'o5' }), { 'any/a': [] }],
    ['lab to the unknown', asked('lab', [UNKNOWN]), { 'who/a': ['residency/unknown', 'residency/unknown'] }],
    ['a model of others', asked('claims', [GERMANY], { model: 'o5' }), { 'eu/a': ['models/model'] }],
    ['another operation', asked('claims', [GERMANY], { operation: 'speak' }), { 'eu/a': ['models/operation'] }],
    [
      'an image',
      asked('claims', [GERMANY], { references: [{ kind: 'image', where: 'inline', count: 1 }] }),
      { 'eu/a': ['models/reference'] },
    ],
    [
      'health data',
      asked('claims', [GERMANY], { task: 'phi' }),
      { 'eu/a': ['residency/contract', 'residency/storage'] },
    ],
    ['a stranger', asked('nobody', [GERMANY]), { 'eu/a': ['models/tenant', 'residency/tenant'] }],
    [
      'a control that is not there',
      asked('claims', [GERMANY], {}, [...CONTROLS, 'quotas']),
      { 'eu/a': ['quotas/unsatisfied'] },
    ],
    ['no control at all', asked('claims', [GERMANY], {}, []), { 'eu/a': ['policy/denied'] }],
  ]
  test.each(cases)('%s', (_, input, expected) => {
    const { targets, order } = decider().request(input)
    expect(Object.fromEntries([...targets].map(([id, verdict]) => [id, rulesOf(verdict)]))).toEqual(expected)
    for (const verdict of targets.values()) expect(verdict.effect).toBe(verdict.reasons.length === 0 ? 'allow' : 'deny')
    expect(order).toEqual(input.targets.map(({ id }) => id))
  })

  test('an allowed target is pinned to what was judged, a denied one to nothing', () => {
    const { targets } = decider().request(asked('claims', [GERMANY, AMERICA]))
    expect(targets.get('eu/a')?.obligations).toEqual([
      { type: 'residency.pin', params: { endpoint: ['DE'], processing: ['DE', 'FR'], storage: ['IE'] } },
    ])
    expect(targets.get('us/a')?.obligations).toEqual([])
  })

  test('a reason names what it serves', () => {
    const { targets } = decider().request(
      asked('claims', [targetIn('a', { endpoint: ['DE'], processing: ['US', 'CN'], storage: [] })]),
    )
    expect(targets.get('a')?.reasons).toEqual([
      {
        control: 'residency',
        rule: 'residency/processing',
        controls: ['DORA-30', 'GDPR-44', 'HIPAA-164.312'],
        message: 'For processing, the tenant claims may not use CN, US.',
      },
    ])
  })

  test('an answer is judged like its call, and carries no obligation', () => {
    const input = asked('claims', [GERMANY])
    const home = decider().response(answered(input, GERMANY)).verdict
    expect(home).toEqual({ effect: 'allow', reasons: [], obligations: [] })
    const abroad = decider().response(answered(input, AMERICA)).verdict
    expect(abroad.effect).toBe('deny')
    expect(rulesOf(abroad)).toContain('residency/processing')
  })

  test("denies the gateway's canaries", () => {
    judgeCanaries(decider(), { controls: CONTROLS, mustAllow: [asked('claims', [GERMANY])] })
  })

  test('stays cheap', () => {
    // Fuel is deterministic: two targets cost 11,248 when this was written.
    expect(decider().request(asked('claims', [GERMANY, { ...GERMANY, id: 'eu/b' }])).fuel).toBeLessThan(15_000)
  })
})

describe('for any call', () => {
  const places = fc.subarray(['DE', 'FR', 'IE', 'CH', 'GB', 'US', 'CN', '*', 'ZZ'])
  const target = fc
    .record({ endpoint: places, processing: places, storage: places })
    .map((residency) => ({ ...targetIn('t', residency) }))
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
      claims: EEA,
      research: [...EEA, 'CH', 'GB', 'US'],
      lab: null,
      nobody: [],
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
        const known = endpoint.length > 0 && processing.length > 0 && made.tenant !== 'nobody'
        const model = made.tenant === 'lab' || made.model !== 'o5'
        const granted: readonly string[] =
          { claims: [], research: ['image inline'], lab: ['image inline', 'image remote', 'file inline'] }[
            made.tenant
          ] ?? []
        const references = made.references.every(({ kind, where }) => granted.includes(`${kind} ${where}`))
        expect(verdict?.effect).toBe(home && covered && known && model && references ? 'allow' : 'deny')
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
          input: input as unknown as Json,
        })
        expect(answer.defined && sorted(answer.value)).toEqual(sorted(oracle.value ?? null))
      }),
      { numRuns: 25 },
    )
  })
})

/** Reasons come from sets, which WebAssembly writes in an order of its own. */
function sorted(value: Json): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sorted(item)]))
}
