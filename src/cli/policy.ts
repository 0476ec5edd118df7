import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Command, InvalidArgumentError, Option } from 'commander'
import { redactionData } from '../compose/redaction.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { type Diagnostic, formatDiagnostics, PolicyCompileError } from '../policy/diagnostics.ts'
import { pinned } from '../policy/pinned.ts'
import { type PolicySource, readPolicySource } from '../policy/source.ts'
import { type CrossCheckedReport, runPolicyTests } from '../policy/toolchain/crosscheck.ts'
import { type Coverage, openToolchain, type Toolchain } from '../policy/toolchain/index.ts'

const FINDINGS = 2
const FOLDER = './policies'
const DECISION = 'customhouse/decision'

type Common = Readonly<{ json?: boolean }>
type Explain = 'notes' | 'fails' | 'full' | 'debug'

/** `customhouse policy check|fmt|test|build|eval`: the compiler inside, on a folder of policies. */
export function policyCommand(): Command {
  const policy = new Command('policy').description('check, format, test, build and evaluate policies')
  const verb = (name: string, description: string): Command =>
    policy.command(name).description(description).option('--json', 'print the result as JSON')

  verb('check', 'compile strictly, with the schemas in <folder>/schema; exit 2 if anything is wrong')
    .argument('[folder]', 'the policies', FOLDER)
    .action((folder: string, options: Common) => act(folder, options, (work) => check(work, options)))
  verb('fmt', 'name the files that are not formatted; exit 2 if there are any')
    .argument('[folder]', 'the policies', FOLDER)
    .addOption(new Option('-w, --write', 'format them instead').conflicts('list'))
    .option('-l, --list', 'name them and say nothing else')
    .action((folder: string, options: Common & { write?: boolean; list?: boolean }) =>
      act(folder, options, (work) => fmt(work, options)),
    )
  verb('test', 'run the tests in the interpreter and in the compiled wasm; exit 2 if one fails or the two differ')
    .argument('[folder]', 'the policies', FOLDER)
    .option('--coverage', 'say which lines no test reaches')
    .option('--threshold <percent>', 'demand this much coverage (exit 2 below it)', percent)
    .option('--filter <regex>', 'run only the tests whose full name matches')
    .action((folder: string, options: Common & { coverage?: boolean; threshold?: number; filter?: string }) =>
      act(folder, options, (work) => test(work, options)),
    )
  verb('build', 'compile to wasm and write the bundle that `opa build -t wasm` would write')
    .argument('[folder]', 'the policies', FOLDER)
    .requiredOption('-o, --output <file>', 'where to write the bundle; - is standard output')
    .option('-e, --entrypoint <path>', 'an entrypoint besides those marked in METADATA', collect, [])
    .option('--revision <text>', "the bundle's revision (default: the digest of the sources)")
    .action((folder: string, options: Common & { output: string; entrypoint: string[]; revision?: string }) =>
      act(folder, options, (work) => build(work, options)),
    )
  verb('eval', 'evaluate a query or an entrypoint in the interpreter; exit 2 if it is undefined')
    .argument('[query]', `a query (default: the entrypoint ${DECISION})`)
    .option('-f, --folder <folder>', 'the policies', FOLDER)
    .option('-e, --entrypoint <path>', 'evaluate this entrypoint')
    .option('-i, --input <file>', 'a JSON file as input; - is standard input')
    .addOption(
      new Option('--explain [mode]', 'print how the result came about, to standard error')
        .choices(['notes', 'fails', 'full', 'debug'])
        .preset('full'),
    )
    .action(
      (
        query: string | undefined,
        options: Common & { folder: string; entrypoint?: string; input?: string; explain?: Explain },
      ) => act(options.folder, options, (work) => evaluate(work, query, options)),
    )
  return policy
}

type Work = Readonly<{ folder: string; source: PolicySource; toolchain: Toolchain }>

/** Opens what every verb needs, closes it, and shows a policy that cannot be compiled in its author's terms. */
async function act(folder: string, { json = false }: Common, verb: (work: Work) => Promise<void>): Promise<void> {
  const toolchain = openToolchain()
  try {
    const source = await readPolicySource(folder)
    if (Object.keys(source.modules).length === 0) {
      throw new CustomhouseError(
        'ERR_CLI_USAGE',
        `There is no .rego file in ${folder}: name the folder of the policies.`,
      )
    }
    await verb({ folder, source, toolchain })
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error
    if (json) print({ ok: false, diagnostics: error.diagnostics as unknown as Json })
    else process.stderr.write(formatDiagnostics(error.diagnostics, error.sources))
    process.exitCode = FINDINGS
  } finally {
    await toolchain.close()
  }
}

async function check({ source, toolchain }: Work, { json = false }: Common): Promise<void> {
  const { diagnostics, packages } = await toolchain.check({
    files: source.modules,
    schemas: source.schemas,
    data: source.data,
  })
  if (json) print({ ok: diagnostics.length === 0, packages, diagnostics: diagnostics as unknown as Json })
  else process.stdout.write(formatDiagnostics(diagnostics, source.modules))
  if (diagnostics.length > 0) process.exitCode = FINDINGS
  else redactionData(source.data)
  say(
    json,
    diagnostics.length > 0
      ? count(diagnostics.length, 'fault')
      : `${count(Object.keys(source.modules).length, 'file')}, ${count(packages.length, 'package')}: no fault`,
  )
}

async function fmt(
  { folder, source, toolchain }: Work,
  { json = false, write: rewrite = false, list = false }: Common & { write?: boolean; list?: boolean },
): Promise<void> {
  const formatted = await toolchain.fmt(source.modules)
  const changed = Object.keys(formatted).filter((path) => formatted[path] !== source.modules[path])
  changed.sort()
  if (rewrite) {
    for (const path of changed) await write(join(folder, path), formatted[path] ?? '')
  } else if (changed.length > 0) process.exitCode = FINDINGS
  if (json) print({ changed, written: rewrite })
  else for (const path of changed) process.stdout.write(`${path}\n`)
  if (list) return
  const what = rewrite ? 'formatted' : 'not formatted: run customhouse policy fmt --write'
  say(json, changed.length === 0 ? 'every file is formatted' : `${count(changed.length, 'file')} ${what}`)
}

async function test(
  { source, toolchain }: Work,
  {
    json = false,
    coverage = false,
    threshold,
    filter = '',
  }: Common & { coverage?: boolean; threshold?: number; filter?: string },
): Promise<void> {
  const report = await runPolicyTests(toolchain, source, {
    coverage: coverage || threshold !== undefined,
    filter,
  })
  const low = threshold !== undefined && (report.coverage?.percent ?? 0) < threshold
  if (json) print(report as unknown as Json)
  else process.stdout.write(described(report, source))
  const failed = report.tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error')
  if (failed.length > 0 || report.differences.length > 0 || low || report.tests.length === 0)
    process.exitCode = FINDINGS
  if (low) say(json, `coverage is ${shown(report.coverage)} %, but ${threshold} % is demanded`)
  if (report.tests.length === 0) say(json, 'no test was found')
  if (pinned(failed) !== '') say(json, pinned(failed).trim())
}

function described(report: CrossCheckedReport, source: PolicySource): string {
  const parts: string[] = []
  for (const one of report.tests) {
    if (one.outcome === 'skip') parts.push(`skip  ${one.package}.${one.name}\n`)
    if (one.outcome !== 'fail' && one.outcome !== 'error') continue
    const failing = Object.entries(one.cases ?? {}).flatMap(([name, passed]) => (passed ? [] : [name]))
    const cases = failing.length > 0 ? ` for ${failing.join(', ')}` : ''
    const at = one.failedAt ?? { ...one, width: one.name.length }
    const finding: Diagnostic = {
      file: at.file,
      line: at.row,
      column: at.col,
      width: at.width,
      code: 'test_failed',
      message: `${one.package}.${one.name} ${one.outcome === 'fail' ? `fails${cases}` : `is an error: ${one.message}`}`,
      cause: '',
      related: [],
    }
    parts.push(formatDiagnostics([finding], source.modules))
    if (one.values !== undefined) parts.push(valuesOf(one.values, at.row))
    if (one.printed !== undefined)
      parts.push(one.printed.replaceAll(/^/gm, '  printed: ').replace(/ {2}printed: $/, ''))
  }
  for (const { test: name, file, row, interpreter, wasm } of report.differences) {
    parts.push(`${file}:${row}: ${name} ${interpreter} in the interpreter, but ${wasm} in the compiled wasm\n`)
  }
  const passed = report.tests.filter(({ outcome }) => outcome === 'pass').length
  const agree = report.differences.length === 0 ? 'interpreter and wasm agree' : 'interpreter and wasm differ'
  if (report.coverage !== undefined) {
    for (const [file, { not_covered: missed = [] }] of Object.entries(report.coverage.files).toSorted()) {
      const rows = [...new Set(missed.map(({ start }) => start.row))].sort((a, b) => a - b)
      if (rows.length > 0) parts.push(`${file}: no test reaches line ${rows.join(', ')}\n`)
    }
    parts.push(`coverage ${shown(report.coverage)} %\n`)
  }
  parts.push(`${passed} of ${count(report.tests.length, 'test')} passed; ${agree}\n`)
  return parts.join('')
}

/** The values that the failed assertion names, as the compiler drew them below it, in the gutter of the line that is shown already. */
function valuesOf(drawn: string, row: number): string {
  const gutter = `  ${' '.repeat(String(row).length)} | `
  const rows = drawn.trimEnd().split('\n').slice(1)
  return rows.map((text) => `${gutter}${text.replaceAll('\t', '    ')}\n`).join('')
}

async function build(
  { source, toolchain }: Work,
  {
    json = false,
    output,
    entrypoint,
    revision = source.digest,
  }: Common & {
    output: string
    entrypoint: string[]
    revision?: string
  },
): Promise<void> {
  const { modules: files, data, schemas } = source
  const { diagnostics } = await toolchain.check({ files, schemas, data })
  if (diagnostics.length > 0) throw new PolicyCompileError(diagnostics, files)
  const built = await toolchain.build({ files, data, entrypoints: entrypoint, revision })
  if (output === '-') process.stdout.write(built.bundle)
  else await write(output, built.bundle)
  const entrypoints = built.manifest.wasm.map((one) => one.entrypoint)
  if (json && output !== '-') print({ output, revision, entrypoints, bytes: built.bundle.length })
  else say(json, `${output}: ${built.bundle.length} bytes, revision ${revision}, ${entrypoints.join(', ')}`)
}

async function evaluate(
  { source, toolchain }: Work,
  query: string | undefined,
  { json = false, entrypoint, input, explain }: Common & { entrypoint?: string; input?: string; explain?: Explain },
): Promise<void> {
  if (query !== undefined && entrypoint !== undefined) {
    throw new CustomhouseError('ERR_CLI_USAGE', 'Name a query or an entrypoint, not both.')
  }
  const given = input === undefined ? undefined : await readInput(input)
  const found = await toolchain.eval({
    files: source.modules,
    data: source.data,
    ...(query === undefined ? { entrypoint: entrypoint ?? DECISION } : { query }),
    ...(given === undefined ? {} : { input: given }),
    ...(explain === undefined ? {} : { explain }),
  })
  process.stderr.write(found.printed)
  if (found.explanation !== undefined) process.stderr.write(found.explanation)
  if (!found.defined) process.exitCode = FINDINGS
  if (json) print({ defined: found.defined, results: found.results as unknown as Json })
  else if (found.defined) print(found.value ?? null)
  else say(json, 'undefined')
}

async function readInput(path: string): Promise<Json> {
  const from = path === '-' ? 'standard input' : path
  try {
    return JSON.parse(path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')) as Json
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw new CustomhouseError('ERR_CLI_USAGE', `The input ${from} ${why}.`, { cause })
  }
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, content)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const mend = code === 'ENOENT' ? 'its folder does not exist: make it first' : `the system says ${code}`
    throw new CustomhouseError('ERR_CLI_USAGE', `The file ${path} cannot be written: ${mend}.`, { cause })
  }
}

function print(value: Json): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** Talk goes to standard error; not a word of it where a program listens. */
function say(json: boolean, words: string): void {
  if (!json) process.stderr.write(`${words}\n`)
}

function count(n: number, noun: string): string {
  return n === 1 ? `1 ${noun}` : `${n} ${noun}s`
}

function shown(coverage: Coverage | undefined): string {
  return (Math.floor((coverage?.percent ?? 0) * 100) / 100).toString()
}

function collect(value: string, sofar: string[]): string[] {
  return [...sofar, value]
}

function percent(value: string): number {
  const number = Number(value)
  if (value.trim() !== '' && number >= 0 && number <= 100) return number
  throw new InvalidArgumentError('It must be a number from 0 to 100.')
}
