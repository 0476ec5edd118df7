import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isCustomhouseError } from '../../src/core/errors.ts'
import { loadEngine } from '../../src/policy/index.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { type DataDocument, type Files, type Mutant, openToolchain } from '../../src/policy/toolchain/index.ts'

/**
 * Mutants that no test can kill since they mean the same, by `file:kind:description`, each with the reason. Keep it empty: a condition
 * that may be dropped is one condition too many.
 */
const EQUIVALENT: ReadonlyMap<string, string> = new Map()

const toolchain = openToolchain()
afterAll(() => toolchain.close())

const nameOf = ({ file, kind, description }: Mutant) => `${file}:${kind}:${description}`

/** The tests that do not pass in OPA's interpreter. */
async function failingInOpa(files: Files, data: DataDocument): Promise<readonly string[]> {
  const { tests } = await toolchain.test({ files, data })
  return tests.filter(({ outcome }) => outcome !== 'pass').map(({ entrypoint }) => entrypoint)
}

/** The tests that are not true in the compiled WebAssembly; an evaluation that throws is not true. */
async function failingInWasm(files: Files, data: DataDocument, names: readonly string[]): Promise<readonly string[]> {
  const built = await toolchain.build({ files, data, entrypoints: names, tests: true })
  const engine = await loadEngine({ wasm: built.wasm, data: built.data })
  const holds = (name: string): boolean => {
    try {
      const answer = engine.evaluate(name, {}, { now: 0n })
      return answer.defined && answer.value === true
    } catch (error) {
      if (isCustomhouseError(error) && error.code === 'ERR_POLICY_THREW') return false
      throw error
    }
  }
  const failing = names.filter((name) => !holds(name))
  engine.close()
  return failing
}

/** Each compiles the whole policy once more: without this one in so many is also asked in WebAssembly, in turn. */
const EVERY = process.env.CUSTOMHOUSE_MUTANTS === 'all' ? 1 : 4

test('every mutant of a rule is killed, by the same tests in OPA and in WebAssembly', {
  timeout: 900_000,
}, async () => {
  const { modules: files, data } = await readPolicySource(join(import.meta.dirname, '../../policies'))
  const names = (await toolchain.test({ files, data })).tests.map(({ entrypoint }) => entrypoint)
  const mutants = await toolchain.mutants({ files, data })
  expect(new Set(mutants.map(({ kind }) => kind))).toEqual(
    new Set(['operator', 'membership', 'condition', 'constant', 'negation']),
  )

  const survivors: string[] = []
  const differing: string[] = []
  for (const [index, mutant] of mutants.entries()) {
    const mutated = { ...files, [mutant.file]: mutant.source }
    const opa = await failingInOpa(mutated, data)
    const where = `${nameOf(mutant)} (line ${mutant.line})`
    if (opa.length === 0 && !EQUIVALENT.has(nameOf(mutant))) survivors.push(where)
    if (index % EVERY !== 0) continue
    const wasm = await failingInWasm(mutated, data, names)
    if ([...opa].sort().join() !== [...wasm].sort().join())
      differing.push(`${where}: ${opa.length} tests fail in OPA, ${wasm.length} in WebAssembly`)
  }
  expect({ survivors, differing }).toEqual({ survivors: [], differing: [] })
  expect([...EQUIVALENT.keys()].filter((name) => !mutants.some((mutant) => nameOf(mutant) === name))).toEqual([])
})
