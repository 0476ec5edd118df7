import { readFile } from 'node:fs/promises'
import { nearest } from '../config/nearest.ts'
import type { Config } from '../config.ts'
import type { Decider } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { readBundle } from '../policy/bundle.ts'
import { createDecider, DECISION_ENTRYPOINT } from '../policy/decide.ts'
import { type Controls, controlsIn, type Declared, declaredBy } from '../policy/declared.ts'
import { formatDiagnostics } from '../policy/diagnostics.ts'
import { loadEngine } from '../policy/engine/index.ts'
import type { EvaluationLimits } from '../policy/evaluate.ts'
import { pinned } from '../policy/pinned.ts'
import { readPolicySource } from '../policy/source.ts'
import type { Reads, TestResult, Toolchain } from '../policy/toolchain/index.ts'

/** A policy that may be activated: compiled, tested, loaded, and right about the gateway's own canaries. */
export type LoadedPolicy = Readonly<{
  decider: Decider
  revision: string
  /** It is not active any more: calls under way are still judged by it, but it keeps no worker for others. */
  retire(): void
  /** What the policy's METADATA declares: the controls that must answer, and the obligations that it may attach. */
  controls: readonly string[]
  obligations: readonly string[]
  /** Its whole data: what plugins read of it, they read here. */
  data: Json
  /** The controls that it has, each with the documents that it defines; null for a bundle that came without their sources. */
  defined: Controls | null
}>

/** The defaults of `limits.policy`. */
const USUAL: EvaluationLimits = { inputBytes: 65_536, timeMs: 250, share: 20 }

/**
 * Loads the configured policy. A folder of sources is checked strictly, compiled by OPA's own compiler and must pass its own tests; a bundle
 * was built and tested elsewhere.
 *
 * @throws CustomhouseError of the ERR_POLICY_ family, with everything that an author needs in its message
 */
export async function loadPolicy(
  policy: Config['policy'],
  toolchain: Toolchain,
  limits: EvaluationLimits = USUAL,
): Promise<LoadedPolicy> {
  const built =
    policy.kind === 'source' ? await fromSource(policy.path, toolchain) : await fromBundle(policy.path, toolchain)
  const { revision, controls, obligations, whole, defined } = built
  // An engine holds memory and nothing else: what no generation refers to is collected, and calls under way keep theirs.
  const engine = await loadEngine({ wasm: built.wasm, data: built.data })
  const decider = createDecider({ engine, revision, reads: built.reads, limits })
  return {
    decider,
    retire: () => decider.retire(),
    revision,
    controls,
    obligations,
    data: whole,
    defined,
  }
}

/**
 * Refuses controls that must answer and cannot: every call would be denied.
 *
 * @throws ERR_POLICY_BUNDLE with the name, the one that was probably meant, and what is missing
 */
export function requireControls({ defined }: Pick<LoadedPolicy, 'defined'>, controls: readonly string[]): void {
  if (defined === null) return
  for (const control of controls) {
    const documents = defined.get(control)
    if (documents === undefined) {
      const near = nearest(control, defined.keys())
      const meant = near === null ? `It has ${[...defined.keys()].sort().join(', ') || 'none'}.` : `Is ${near} meant?`
      throw new CustomhouseError(
        'ERR_POLICY_BUNDLE',
        `The control ${control} must answer, but the policy has no package data.controls.${control}, so every call would be denied. ${meant}`,
      )
    }
    for (const [document, mend] of Object.entries(MUST_DEFINE)) {
      if (documents.has(document)) continue
      throw new CustomhouseError(
        'ERR_POLICY_BUNDLE',
        `The control ${control} defines no ${document}, so every call would be denied: ${mend}.`,
      )
    }
  }
}

const MUST_DEFINE = {
  satisfied: 'write satisfied[target.id] := true if { some target in targets; <its conditions> }',
  obligations: 'write obligations[target.id] := [] if some target in targets',
}

/** The instant at which a policy's tests run here: whether a policy may be activated does not depend on the day. */
const TESTED_AT = Date.UTC(2026, 0, 1)

/** `data` is what the rules judge by, `whole` all of it. */
type Built = Readonly<{
  wasm: Uint8Array
  data: Json | Uint8Array
  whole: Json
  revision: string
  reads: Reads | null
}> &
  Declared &
  Pick<LoadedPolicy, 'defined'>

type Members = Readonly<Record<string, Json>>

const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Data without the dictionaries of `org.redaction`: a million lines, of which no rule reads one, would be in the memory of every evaluation. */
function judgedBy(data: Members): Members {
  const { org } = data
  if (!isObject(org) || !isObject(org.redaction) || org.redaction.dictionaries === undefined) return data
  const { dictionaries: _, ...redaction } = org.redaction
  return { ...data, org: { ...org, redaction } }
}

async function fromSource(path: string, toolchain: Toolchain): Promise<Built> {
  const source = await readPolicySource(path)
  const { modules: files, schemas } = source
  const data = judgedBy(source.data)
  const { diagnostics } = await toolchain.check({ files, schemas, data })
  if (diagnostics.length > 0)
    throw new CustomhouseError(
      'ERR_POLICY_COMPILE',
      `The policy in ${path} does not compile:\n${formatDiagnostics(diagnostics, files)}`,
    )
  const { tests } = await toolchain.test({ files, data, now: TESTED_AT })
  const failed = tests.filter((test) => test.outcome === 'fail' || test.outcome === 'error')
  if (failed.length > 0) {
    throw new CustomhouseError(
      'ERR_POLICY_COMPILE',
      `${failed.length} of the policy's own ${tests.length} tests fail in ${path}:\n${failed.slice(0, 5).map(whereFailed).join('\n')}${pinned(failed)}`,
    )
  }
  const inspection = await toolchain.inspect(files)
  const declared = declaredBy(inspection, [], path)
  const revision = source.digest
  const { wasm, data: baseData } = await toolchain.build({ files, data, entrypoints: [DECISION_ENTRYPOINT], revision })
  const reads = await toolchain.reads({ files, data })
  const defined = controlsIn(inspection)
  return { wasm, data: baseData as Json, whole: source.data, revision, reads, ...declared, defined }
}

function whereFailed({ package: name, name: test, file, row, failedAt, message }: TestResult): string {
  const at = failedAt ?? { file, row }
  const what = failedAt?.message ?? message
  return `${at.file}:${at.row}: ${name}.${test}${what === undefined ? '' : `: ${what.split('\n')[0]}`}`
}

async function fromBundle(path: string, toolchain: Toolchain): Promise<Built> {
  const bundle = readBundle(await readArchive(path))
  const files: Record<string, string> = {}
  for (const [name, bytes] of bundle.files)
    if (name.endsWith('.rego')) files[name] = Buffer.from(bytes).toString('utf8')
  if (bundle.revision === '')
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `The bundle ${path} has no revision; build it with one (opa build --revision), since decisions are recorded under it.`,
    )
  const inspection = await toolchain.inspect(files)
  const defined = controlsIn(inspection)
  const whole = JSON.parse(new TextDecoder().decode(bundle.data)) as Members
  const judged = judgedBy(whole)
  return {
    wasm: bundle.wasm,
    // Its own bytes where nothing is taken out: numbers then keep their lexemes.
    data: judged === whole ? bundle.data : judged,
    whole,
    revision: bundle.revision,
    reads: null,
    ...declaredBy(inspection, bundle.entrypoints, path),
    defined: defined.size === 0 ? null : defined,
  }
}

async function readArchive(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `The bundle ${path} cannot be read${codeOf(cause)}: build it with customhouse policy build -o, and name it in policy.bundle.`,
      { cause },
    )
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
}
