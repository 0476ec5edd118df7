import { CustomhouseError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { type Diagnostic, explainFaults, PolicyCompileError } from '../diagnostics.ts'
import { artefactFolder, readProvenance } from './artefact.ts'
import { AnswerCache, digest } from './cache.ts'
import type { Answer, Request } from './protocol.ts'
import { ToolchainThread } from './thread.ts'

/** Path -> text of the Rego files. Paths are relative and are what diagnostics name. */
export type Files = Readonly<Record<string, string>>
/** One data document, as `data` holds it. */
export type DataDocument = Readonly<Record<string, Json>>
/** Name -> JSON Schema. The schema named `input` types `input` everywhere. */
export type Schemas = Readonly<Record<string, Json>>

export type ToolchainOptions = Readonly<{
  /** Where builds are also kept on disk, by content hash. The folder must be as trusted as the policies. */
  cacheDir?: string
  /** A call that takes longer is ended. Default 60 000 ms. */
  callMs?: number
  /** Default 60 000 ms. */
  startMs?: number
  /** The folder of rego.wasm.br and provenance.json. Default: the one of this package. */
  folder?: string
  /** An idle thread is ended after so long, since it holds some 150 MB. Default 10,000. */
  idleMs?: number
}>

export type CheckReport = Readonly<{ diagnostics: readonly Diagnostic[]; packages: readonly string[] }>

export type TestResult = Readonly<{
  /** The path of the test rule, as an entrypoint: `customhouse_test/test_denies`. */
  entrypoint: string
  package: string
  name: string
  file: string
  row: number
  col: number
  outcome: 'pass' | 'fail' | 'error' | 'skip'
  message?: string
  /** Named cases of one test rule, each passed or not. */
  cases?: Readonly<Record<string, boolean>>
  printed?: string
  /** The assertion that failed. `message` is its text. */
  failedAt?: Readonly<{ message: string; file: string; row: number; col: number; width: number }>
  /** The failed assertion with the values of what it names drawn below it, as `opa test --var-values` prints them. */
  values?: string
  trace?: string
}>

type Place = Readonly<{ row: number; col: number }>
type Range = Readonly<{ start: Place; end: Place }>

export type Coverage = Readonly<{
  percent: number
  coveredLines: number
  notCoveredLines: number
  files: Readonly<Record<string, Readonly<{ covered?: readonly Range[]; not_covered?: readonly Range[] }>>>
}>

export type TestReport = Readonly<{ tests: readonly TestResult[]; coverage?: Coverage }>

export type ManifestEntrypoint = Readonly<{
  entrypoint: string
  module: string
  annotations?: readonly Readonly<Record<string, Json>>[]
}>

export type Build = Readonly<{
  wasm: Uint8Array
  data: DataDocument
  manifest: Readonly<{
    revision: string
    roots: readonly string[]
    wasm: readonly ManifestEntrypoint[]
    metadata?: Json
  }>
  /** The tar.gz that `opa build -t wasm` would write. */
  bundle: Uint8Array
}>

export type Evaluation = Readonly<{
  defined: boolean
  /** The value of the first expression of the first solution; absent when undefined. */
  value?: Json
  results: readonly Readonly<{
    expressions: readonly Readonly<{ value: Json; text: string }>[]
    bindings?: Readonly<Record<string, Json>>
  }>[]
  printed: string
  explanation?: string
}>

export type Inspection = Readonly<{
  packages: readonly Readonly<{
    package: string
    files: readonly string[]
    rules: readonly Readonly<{
      path: string
      kind: 'complete' | 'set' | 'object' | 'function'
      file: string
      row: number
      test?: boolean
    }>[]
  }>[]
  /** Every METADATA block with the path that it speaks of; `custom` is as written. */
  annotations: readonly Readonly<{
    path: string
    file: string
    row: number
    annotations: Readonly<Record<string, Json>>
  }>[]
}>

/**
 * What a policy's rules read of their input, as OPA's compiler resolves it: the longest constant prefix of every reference. Two inputs
 * that agree below all of them get the same decision, unless `whole` (input is read as one, or replaced by `with`) or `volatile` (a
 * built-in that answers differently for the same arguments: the clock, a random id).
 */
export type Reads = Readonly<{ paths: readonly (readonly string[])[]; whole: boolean; volatile: boolean }>

/** One file with one small fault put in. */
export type Mutant = Readonly<{
  file: string
  line: number
  column: number
  kind: 'operator' | 'membership' | 'condition' | 'constant' | 'negation'
  description: string
  source: string
}>

/**
 * OPA's own compiler. Every method rejects with a {@link PolicyCompileError} when the policy does not compile (`check`
 * answers instead) and with ERR_POLICY_TOOLCHAIN when the toolchain itself fails, is refused or takes too long.
 */
export interface Toolchain {
  version(): Promise<Readonly<{ opa: string; go: string; platform: string }>>
  fmt(files: Files): Promise<Files>
  check(source: Readonly<{ files: Files; schemas?: Schemas; data?: DataDocument }>): Promise<CheckReport>
  test(
    source: Readonly<{ files: Files; data?: DataDocument; coverage?: boolean; filter?: string; now?: number }>,
  ): Promise<TestReport>
  build(
    source: Readonly<{
      files: Files
      data?: DataDocument
      entrypoints?: readonly string[]
      revision?: string
      metadata?: DataDocument
      /** Compile the `_test.rego` files in as well. */
      tests?: boolean
    }>,
  ): Promise<Build>
  eval(
    source: Readonly<{
      files: Files
      data?: DataDocument
      query?: string
      entrypoint?: string
      input?: Json
      explain?: 'notes' | 'fails' | 'full' | 'debug'
      /** Milliseconds since the epoch at which the clock stands still. */
      now?: number
    }>,
  ): Promise<Evaluation>
  inspect(files: Files): Promise<Inspection>
  /** What the rules read of their input; see {@link Reads}. Tests do not count. */
  reads(source: Readonly<{ files: Files; data?: DataDocument }>): Promise<Reads>
  mutants(source: Readonly<{ files: Files; data?: DataDocument }>): Promise<readonly Mutant[]>
  close(): Promise<void>
}

/** What a start with the same policies asks again: with a folder for answers it then needs no toolchain at all. */
const OUTLIVING: ReadonlySet<string> = new Set(['build', 'check', 'test', 'inspect', 'reads'])

/** Opens the toolchain. Nothing starts before the first call; an idle toolchain does not keep the process alive. */
export function openToolchain(options: ToolchainOptions = {}): Toolchain {
  const folder = options.folder ?? artefactFolder()
  const thread = new ToolchainThread({
    folder,
    startMs: options.startMs ?? 60_000,
    callMs: options.callMs ?? 60_000,
    idleMs: options.idleMs ?? 10_000,
  })
  const cache = new AnswerCache(options.cacheDir)
  const asked = new Map<string, Promise<string>>()
  let artefact: string | undefined

  /** What depends on the running clock is asked anew every time; all else is a function of the request. */
  const text = (request: Request, now?: number): Promise<string> => {
    const words = JSON.stringify(request)
    if ((request.op === 'eval' || request.op === 'test') && now === undefined) return thread.call(words)
    artefact ??= readProvenance(folder).wasm.sha256
    const key = digest(`${artefact} ${now ?? ''} ${words}`)
    const onDisk = OUTLIVING.has(request.op)
    const held = cache.find(key, onDisk)
    if (held !== undefined) return Promise.resolve(held)
    const running = asked.get(key)
    if (running !== undefined) return running
    const answer = thread
      .call(words, now)
      .then((found) => {
        cache.keep(key, found, onDisk)
        return found
      })
      .finally(() => asked.delete(key))
    asked.set(key, answer)
    return answer
  }

  const ask = async (request: Request, now?: number): Promise<Answer> => {
    const answer = JSON.parse(await text(request, now)) as Answer
    const broken = answer.errors?.find(
      (fault) => fault.code.startsWith('toolchain_') && fault.code !== 'toolchain_error',
    )
    if (broken === undefined) return answer
    throw new CustomhouseError('ERR_POLICY_TOOLCHAIN', `The policy toolchain failed: ${broken.message}.`)
  }

  const demand = async <T>(request: Request, now?: number): Promise<T> => {
    const answer = await ask(request, now)
    if (answer.ok) return answer.result as T
    const files = (request.files ?? {}) as Files
    throw new PolicyCompileError(explainFaults(answer.errors ?? [], files), files)
  }

  return {
    version: () => demand({ op: 'version' }),
    fmt: async (files) => (await demand<{ files: Files }>({ op: 'fmt', files })).files,
    check: async ({ files, schemas = {}, data = {} }) => {
      const answer = await ask({ op: 'check', files, schemas, data })
      if (answer.ok) return { diagnostics: [], packages: (answer.result as { packages: string[] }).packages }
      return { diagnostics: explainFaults(answer.errors ?? [], files), packages: [] }
    },
    test: ({ files, data = {}, coverage = false, filter = '', now }) =>
      demand<TestReport>({ op: 'test', files, data, coverage, filter }, now),
    build: async ({ files, data = {}, entrypoints = [], revision = '', metadata = {}, tests = false }) => {
      const request: Request = { op: 'build', files, data, entrypoints, revision, metadata, tests }
      const { wasm, bundle, ...rest } = await demand<Omit<Build, 'wasm' | 'bundle'> & { wasm: string; bundle: string }>(
        request,
      )
      return { ...rest, wasm: Buffer.from(wasm, 'base64'), bundle: Buffer.from(bundle, 'base64') }
    },
    eval: ({ files, data = {}, query = '', entrypoint, input, explain = '', now }) =>
      demand<Evaluation>(
        {
          op: 'eval',
          files,
          data,
          query,
          entrypoints: entrypoint === undefined ? [] : [entrypoint],
          explain,
          ...(input === undefined ? {} : { input }),
        },
        now,
      ),
    inspect: (files) => demand<Inspection>({ op: 'inspect', files }),
    reads: ({ files, data = {} }) => demand<Reads>({ op: 'reads', files, data }),
    mutants: async ({ files, data = {} }) =>
      (await demand<{ mutants: readonly Mutant[] }>({ op: 'mutants', files, data })).mutants,
    close: () => thread.close(),
  }
}
