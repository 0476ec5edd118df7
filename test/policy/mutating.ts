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

/** Each compiles the policy once more: without this one in so many is also asked in WebAssembly, in turn. */
const EVERY = process.env.CUSTOMHOUSE_MUTANTS === 'all' ? 1 : 4

/** Folders of controls whose mutants have a test file of their own, so that several workers share them. */
const APART = ['controls/redaction/', 'controls/residency/'] as const
/** What a control's own tests read beside its folder. */
const SHARED: readonly string[] = ['main.rego', 'fixture_test.rego']

const nameOf = ({ file, kind, description }: Mutant) => `${file}:${kind}:${description}`

/**
 * Mutants of the rules in one folder, asked of its own tests first and of all tests where those pass; or of all rules in no such folder, asked of all.
 * `kinds`: those that there must be some of, in order.
 */
export function killsMutants(folder: (typeof APART)[number] | 'the rest', kinds: readonly string[]): void {
  // Every mutant is compiled in one call, beside whatever else this machine does.
  const toolchain = openToolchain({ callMs: 600_000 })
  afterAll(() => toolchain.close())

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

  test(`every mutant of a rule in ${folder} is killed, by the same tests in OPA and in WebAssembly`, {
    timeout: 900_000,
  }, async () => {
    const { modules, data } = await readPolicySource(join(import.meta.dirname, '../../policies'))
    const isApart = (file: string): boolean => APART.some((one) => file.startsWith(one))
    const isOurs = (file: string): boolean => (folder === 'the rest' ? !isApart(file) : file.startsWith(folder))
    const near = Object.fromEntries(Object.entries(modules).filter(([file]) => isOurs(file) || SHARED.includes(file)))
    const files = folder === 'the rest' ? modules : near
    const { tests } = await toolchain.test({ files, data })
    expect(tests.filter(({ outcome }) => outcome !== 'pass')).toEqual([])
    const names = tests.map(({ entrypoint }) => entrypoint)
    const mutants = (await toolchain.mutants({ files: near, data })).filter(({ file }) => isOurs(file))
    expect([...new Set(mutants.map(({ kind }) => kind))].sort()).toEqual(kinds)

    const survivors: string[] = []
    const differing: string[] = []
    for (const [index, mutant] of mutants.entries()) {
      const changed = { [mutant.file]: mutant.source }
      const opa = await failingInOpa({ ...files, ...changed }, data)
      const where = `${nameOf(mutant)} (line ${mutant.line})`
      const lives = opa.length === 0 && (await failingInOpa({ ...modules, ...changed }, data)).length === 0
      if (lives && !EQUIVALENT.has(nameOf(mutant))) survivors.push(where)
      if (index % EVERY !== 0) continue
      const wasm = await failingInWasm({ ...files, ...changed }, data, names)
      if ([...opa].sort().join() !== [...wasm].sort().join())
        differing.push(`${where}: ${opa.length} tests fail in OPA, ${wasm.length} in WebAssembly`)
    }
    expect({ survivors, differing }).toEqual({ survivors: [], differing: [] })
    const stale = [...EQUIVALENT.keys()].filter(
      (name) => isOurs(name) && !mutants.some((mutant) => nameOf(mutant) === name),
    )
    expect(stale).toEqual([])
  })
}
