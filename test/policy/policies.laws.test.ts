import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestInput, TargetInput, Verdict } from '../../src/core/decision.ts'
import type { Json } from '../../src/core/json.ts'
import { createDecider, loadEngine } from '../../src/policy/index.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { asked, targetIn } from './policies.inputs.ts'

type Entry = Readonly<{
  endpoint?: readonly string[]
  processing?: readonly string[]
  storage?: readonly string[]
  contract?: readonly string[]
  regimes?: readonly string[]
  pin?: Readonly<{ hosts?: readonly string[]; models?: readonly string[] }>
}>
type Tenant = Entry &
  Readonly<{
    classes?: readonly string[]
    data_classes: Readonly<Record<string, Entry>>
    purposes: Readonly<Record<string, Entry>>
    tasks: Readonly<Record<string, Entry>>
    transfers: Readonly<Record<string, readonly string[]>>
  }>
type Regime = Readonly<{
  contract: readonly string[]
  within: Readonly<Record<string, string>>
  adequate?: Readonly<Record<string, { contract: readonly string[]; until?: string }>>
  safeguard?: string
}>
type Case = Readonly<{ tenant: Tenant; target: TargetInput; call: Parameters<typeof asked>[2] }>

const FACETS = ['endpoint', 'processing', 'storage'] as const
const REGIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  EEA: { DE: 'Germany', FR: 'France' },
  CH: { CH: 'Switzerland' },
  OTHER: { GB: 'United Kingdom', CA: 'Canada', IN: 'India', JP: 'Japan' },
  US: { US: 'United States' },
  WORLD: { '*': 'anywhere' },
}
const PLACES = ['DE', 'FR', 'CH', 'GB', 'CA', 'IN', 'JP', 'US', '*']
const CLAUSES = ['dpa', 'baa', 'scc', 'idta', 'dpf', 'dpf_uk', 'pipeda']
const REGIMES = ['gdpr', 'hipaa', 'swiss', 'swiss_only', 'uk', 'us_only']

const wide = fc.oneof(
  { weight: 6, arbitrary: fc.constant(['WORLD']) },
  { weight: 2, arbitrary: fc.subarray(Object.keys(REGIONS), { minLength: 1 }) },
)
const few = (words: readonly string[], maxLength: number) => fc.subarray([...words], { maxLength })
const pin = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record(
      { hosts: fc.subarray(['a.example', 'b.example']), models: fc.subarray(['m', 'n'], { minLength: 1 }) },
      { requiredKeys: [] },
    ),
  },
)
const seldom = <T>(usual: T, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary })
const none: string[] = []
const besides = { contract: seldom(none, few(CLAUSES, 1)), regimes: seldom(none, few(REGIMES, 1)), pin }
const entry: fc.Arbitrary<Entry> = fc.record(
  { endpoint: wide, processing: wide, storage: wide, ...besides },
  { requiredKeys: [] },
)
const own = { endpoint: wide, processing: wide, storage: wide }
const tenant: fc.Arbitrary<Tenant> = fc.record(
  {
    ...own,
    ...besides,
    classes: few(['phi'], 1),
    data_classes: fc.record({ phi: entry, pci: entry }),
    purposes: fc.record({ care: entry }),
    tasks: fc.record({ triage: entry }),
    transfers: fc.record({ gdpr: few(PLACES, 3), swiss: few(PLACES, 3), uk: few(PLACES, 3) }),
  },
  { requiredKeys: [...FACETS, 'data_classes', 'purposes', 'tasks', 'transfers'] },
)
const places = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('DE', 'CH', 'US').map((place) => [place]) },
  { weight: 2, arbitrary: fc.subarray(PLACES, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.subarray(['*', ...PLACES]).map((list) => [...new Set(list)]) },
)
const residency = fc.record({ endpoint: places, processing: places, storage: seldom(none, few(PLACES, 1)) })
const target = fc
  .record({
    residency,
    contract: seldom(CLAUSES, few(CLAUSES, CLAUSES.length)),
    host: fc.constantFrom('a.example', 'c.example'),
    model: fc.constantFrom('m', 'n', 'o'),
    switches: fc.array(residency, { maxLength: 2 }),
  })
  .map(({ residency: at, contract, host, model, switches }) => ({
    ...targetIn('t', at, contract),
    model,
    facts: { residency: { host, switches: switches.map((option) => ({ ...option, inference_geo: 'us' })) } },
  }))
const principal = (purpose: string | null) => ({
  subject: 'desk',
  tenant: 'made',
  groups: [],
  purpose,
  proof: 'key' as const,
  key: 'ck_1',
})
const call = fc.record({
  task: fc.constantFrom(null, 'triage'),
  classes: few(['phi', 'pci'], 2),
  principal: fc.constantFrom(null, 'care').map(principal),
})
const made: fc.Arbitrary<Case> = fc.record({ tenant, target, call })

const toolchain = openToolchain()
let wasm: Uint8Array
let shipped: Readonly<Record<string, Json>>
let regimes: Readonly<Record<string, Regime>>

beforeAll(async () => {
  const source = await readPolicySource(join(import.meta.dirname, '../../policies'))
  const built = await toolchain.build({ files: source.modules, data: source.data })
  wasm = built.wasm
  shipped = built.data as Readonly<Record<string, Json>>
  const controls = shipped.controls as unknown as { residency: { regimes: Readonly<Record<string, Regime>> } }
  regimes = controls.residency.regimes
})
afterAll(() => toolchain.close())

/** The verdicts of the gateway's own engine over the residency of some tenants. */
async function verdicts(cases: readonly Case[]): Promise<readonly Verdict[]> {
  const tenants = Object.fromEntries(cases.map((one, index) => [`t${index}`, one.tenant]))
  const data = { ...shipped, org: { residency: { regions: REGIONS, tenants } } } as unknown as Json
  const engine = await loadEngine({ wasm, data: data as never })
  try {
    const decider = createDecider({ engine, revision: 'laws' })
    return cases.map((one, index) => {
      const input: RequestInput = asked(`t${index}`, [one.target], one.call, ['residency'])
      const verdict = decider.request(input).targets.get('t')
      if (verdict === undefined) throw new Error('no verdict')
      return verdict
    })
  } finally {
    engine.close()
  }
}

const named = <T>(list: Readonly<Record<string, T>>, name: string | null | undefined): readonly T[] => {
  const found = name === null || name === undefined ? undefined : list[name]
  return found === undefined ? [] : [found]
}

/** The entries that apply, said once more than in the policy. */
function applicable({ tenant: one, call: asking }: Case): readonly Entry[] {
  const classes = new Set([...(one.classes ?? []), ...(asking?.classes ?? [])])
  return [
    one,
    ...named(one.tasks, asking?.task),
    ...named(one.purposes, asking?.principal?.purpose),
    ...[...classes].flatMap((name) => named(one.data_classes, name)),
  ]
}

function covered(name: string, place: string, contract: readonly string[], transfers: readonly string[]): boolean {
  const regime = regimes[name]
  if (regime === undefined) return false
  const decision = regime.adequate?.[place]
  const decided = decision?.contract.every((clause) => contract.includes(clause)) ?? false
  const safe = regime.safeguard !== undefined && contract.includes(regime.safeguard) && transfers.includes(place)
  return place in regime.within || '*' in regime.within || decided || safe
}

/** Changes that ask for more. */
const stricter: fc.Arbitrary<(one: Case) => Case> = fc.oneof(
  fc.constantFrom(...CLAUSES).map((clause) => onOwn((from) => ({ contract: [...(from.contract ?? []), clause] }))),
  fc.constantFrom(...REGIMES).map((name) => onOwn((from) => ({ regimes: [...(from.regimes ?? []), name] }))),
  fc.constantFrom(...FACETS).map((facet) => onOwn((from) => ({ [facet]: from[facet]?.slice(1) ?? [] }))),
  fc.constant(
    onOwn((from) => ({
      pin: { ...from.pin, models: ['m'].filter((name) => from.pin?.models?.includes(name) ?? true) },
    })),
  ),
  fc
    .constantFrom('phi', 'pci', 'x')
    .map((name) => (one: Case) => ({ ...one, call: { ...one.call, classes: [...(one.call?.classes ?? []), name] } })),
  fc.constant((one: Case) => ({ ...one, call: { ...one.call, task: 'triage' } })),
  fc.constant((one: Case) => ({ ...one, call: { ...one.call, principal: principal('care') } })),
  fc.constantFrom(...CLAUSES).map((clause) => (one: Case) => ({
    ...one,
    target: { ...one.target, contract: one.target.contract.filter((other) => other !== clause) },
  })),
  fc.tuple(fc.constantFrom(...FACETS), fc.constantFrom(...PLACES)).map(([facet, place]) => (one: Case) => {
    const at = one.target.residency
    // An endpoint that nobody knows is the most that there is: one that is known asks for less.
    if (facet !== 'storage' && at[facet].length === 0) return one
    return { ...one, target: { ...one.target, residency: { ...at, [facet]: [...at[facet], place] } } }
  }),
)

function onOwn(change: (from: Tenant) => Entry): (one: Case) => Case {
  return (one) => ({ ...one, tenant: { ...one.tenant, ...change(one.tenant) } })
}

/** One engine judges some cases: to load one takes far longer than to judge. */
const batch = { minLength: 1, maxLength: 20, size: 'max' as const }
const count = { allow: 0, deny: 0 }

describe('for any data and any call', () => {
  test('who asks for more is never allowed more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(made, stricter), batch), async (pairs) => {
        const before = await verdicts(pairs.map(([one]) => one))
        const after = await verdicts(pairs.map(([one, change]) => change(one)))
        before.forEach(({ effect }, index) => {
          count[effect] += 1
          if (effect === 'deny') expect(after[index]?.effect).toBe('deny')
        })
      }),
      { numRuns: 40 },
    )
    expect(Math.min(count.allow, count.deny)).toBeGreaterThan(20)
  })

  test('a pin lies within every entry and every regime that applies', async () => {
    let seen = 0
    await fc.assert(
      fc.asyncProperty(fc.array(made, batch), async (cases) => {
        const judged = await verdicts(cases)
        for (const [index, one] of cases.entries()) {
          const verdict = judged[index]
          if (verdict?.effect !== 'allow') continue
          seen += 1
          const params = verdict.obligations.find(({ type }) => type === 'residency.pin')?.params as Record<
            string,
            string[]
          >
          expect(FACETS.every((facet) => Array.isArray(params[facet]))).toBe(true)
          for (const each of applicable(one)) {
            for (const facet of FACETS) {
              const permitted = each[facet]?.flatMap((name) => Object.keys(REGIONS[name] ?? {})) ?? ['*']
              const outside = params[facet]?.filter((place) => !permitted.includes(place) && !permitted.includes('*'))
              expect(outside).toEqual([])
            }
            const uncovered = (each.regimes ?? []).flatMap((name) => {
              const transfers = one.tenant.transfers[name] ?? []
              const all = FACETS.flatMap((facet) => params[facet] ?? [])
              return all.filter((place) => !covered(name, place, one.target.contract, transfers))
            })
            expect(uncovered).toEqual([])
            const clauses = [
              ...(each.contract ?? []),
              ...(each.regimes ?? []).flatMap((name) => regimes[name]?.contract ?? []),
            ]
            expect(clauses.filter((clause) => !one.target.contract.includes(clause))).toEqual([])
            for (const list of ['hosts', 'models'] as const) {
              const listed = each.pin?.[list]
              if (listed === undefined) continue
              expect(params[list]?.length).toBeGreaterThan(0)
              expect(params[list]?.filter((name) => !listed.includes(name))).toEqual([])
            }
          }
        }
      }),
      { numRuns: 40 },
    )
    expect(seen).toBeGreaterThan(20)
  })

  test('a word that the policy does not know denies', async () => {
    const unknown = fc.constantFrom<((one: Case) => Case)[]>(
      onOwn((from) => ({ regimes: [...(from.regimes ?? []), 'gpdr'] })),
      onOwn((from) => ({ storage: [...(from.storage ?? []), 'MARS'] })),
      onOwn((from) => ({ ...from, strage: [] }) as Entry),
      onOwn((from) => ({ pin: { ...from.pin, host: ['a.example'] } }) as Entry),
      onOwn(() => ({ retention: 'some' }) as Entry),
      (one) => ({ ...one, call: { ...one.call, classes: ['PHI'] } }),
      (one) => ({ ...one, call: { ...one.call, task: 'Triage' } }),
      (one) => ({ ...one, call: { ...one.call, principal: principal('fun') } }),
      (one) => ({ ...one, tenant: { ...one.tenant, classes: ['secret'] } }),
    )
    await fc.assert(
      fc.asyncProperty(made, unknown, async (one, change) => {
        const [verdict] = await verdicts([change(one)])
        expect(verdict?.effect).toBe('deny')
      }),
      { numRuns: 100 },
    )
  })

  test('the order of what has none makes no difference', async () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed).reverse()
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .map(([name, item]) => [name, reversed(item)] as const)
          .reverse(),
      )
    }
    // Of several switches that would do it is the first that counts, so their order has a meaning.
    const plain = made.filter(
      ({ target: { facts } }) => (facts.residency as { switches: unknown[] }).switches.length < 2,
    )
    await fc.assert(
      fc.asyncProperty(plain, async (one) => {
        const [before, after] = await verdicts([one, reversed(one) as Case])
        const told = (verdict: Verdict | undefined) => [
          verdict?.effect,
          [...new Set(verdict?.reasons.map(({ rule }) => rule))].sort(),
          verdict?.obligations.map(({ type, params }) => [
            type,
            Object.entries(params)
              .map(([name, list]) => [name, [...(list as string[])].sort()])
              .sort(),
          ]),
        ]
        expect(told(after)).toEqual(told(before))
      }),
      { numRuns: 100 },
    )
  })
})
