import { isCustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { loadEngine, type PolicyEngine } from '../engine/index.ts'
import type { PolicySource } from '../source.ts'
import type { TestReport, TestResult, Toolchain } from './index.ts'

/** A test that comes out one way in OPA's interpreter and another way in the wasm that the gateway runs. */
export type Difference = Readonly<{
  test: string
  file: string
  row: number
  interpreter: string
  wasm: string
}>

export type CrossCheckedReport = TestReport & Readonly<{ differences: readonly Difference[] }>

export type TestOptions = Readonly<{
  coverage?: boolean
  filter?: string
  /** Milliseconds since the epoch: the clock of both engines, standing still. Default: the present moment. */
  now?: number
}>

/** A test sums up more than one decision does: it may burn ten times the fuel. */
const TEST_FUEL = 100_000_000

/**
 * Runs every test of a policy twice: in OPA's interpreter, which also counts coverage, and compiled into one wasm, through
 * the engine that production uses. The two differ at corners (sprintf, ordering, built-in errors, what the host supplies),
 * and only the second is what decides in the end.
 */
export async function runPolicyTests(
  toolchain: Toolchain,
  source: PolicySource,
  { coverage = false, filter = '', now = Date.now() }: TestOptions = {},
): Promise<CrossCheckedReport> {
  const report = await toolchain.test({ files: source.modules, data: source.data, coverage, filter, now })
  const tests = report.tests.filter(({ outcome }) => outcome !== 'skip')
  if (tests.length === 0) return { ...report, differences: [] }
  const { wasm, data } = await toolchain.build({
    files: source.modules,
    data: source.data,
    entrypoints: tests.map(({ entrypoint }) => entrypoint),
    tests: true,
  })
  const engine = await loadEngine({ wasm, data, fuel: TEST_FUEL })
  try {
    const differences = tests.flatMap((test) => compare(test, outcomeIn(engine, test, now)))
    return { ...report, differences }
  } finally {
    engine.close()
  }
}

function compare(test: TestResult, wasm: string): Difference[] {
  const interpreter = described(test)
  if (interpreter === wasm) return []
  return [{ test: `${test.package}.${test.name}`, file: test.file, row: test.row, interpreter, wasm }]
}

/** `passes`, `fails`, `is an error`, or the cases that fail. */
function described({ outcome, cases }: TestResult): string {
  if (outcome === 'error') return 'is an error'
  if (cases === undefined) return outcome === 'pass' ? 'passes' : 'fails'
  return casesFailed(Object.entries(cases).flatMap(([name, passed]) => (passed ? [] : [name])))
}

function casesFailed(names: readonly string[]): string {
  return names.length === 0 ? 'passes' : `fails for ${names.toSorted().join(', ')}`
}

function outcomeIn(engine: PolicyEngine, test: TestResult, now: number): string {
  try {
    const found = engine.evaluate(test.entrypoint, {}, { now: new Date(now), seed: test.entrypoint })
    const value = found.defined ? found.value : undefined
    if (test.cases === undefined) return value === true ? 'passes' : 'fails'
    // A case that the interpreter saw and the wasm did not hold is absent from the object that the rule builds.
    return casesFailed(Object.keys(test.cases).filter((name) => valueAt(value, name.split('/')) !== true))
  } catch (error) {
    if (!isCustomhouseError(error)) throw error
    return error.code === 'ERR_POLICY_THREW' ? 'is an error' : `ends with ${error.code}`
  }
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
    const object = found as { readonly [key: string]: Json }
    found = Object.hasOwn(object, key) ? object[key] : undefined
  }
  return found
}
