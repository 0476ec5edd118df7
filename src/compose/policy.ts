import { readFile } from 'node:fs/promises'
import type { Config } from '../config.ts'
import type { Decider } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { readBundle } from '../policy/bundle.ts'
import { createDecider, DECISION_ENTRYPOINT } from '../policy/decide.ts'
import { formatDiagnostics } from '../policy/diagnostics.ts'
import { loadEngine } from '../policy/engine/index.ts'
import { readPolicySource } from '../policy/source.ts'
import type { Files, Reads, Toolchain } from '../policy/toolchain/index.ts'

/** A policy that may be activated: compiled, tested, loaded, and right about the gateway's own canaries. */
export type LoadedPolicy = Readonly<{
  decider: Decider
  revision: string
  /** What the bundle's METADATA declares: the controls that must answer, and the obligations that it may attach. */
  controls: readonly string[]
  obligations: readonly string[]
  close(): void
}>

/**
 * Loads the configured policy. A folder of sources is checked strictly, compiled by OPA's own compiler and must pass its own tests; a bundle
 * was built and tested elsewhere.
 *
 * @throws CustomhouseError of the ERR_POLICY_ family, with everything that an author needs in its message
 */
export async function loadPolicy(policy: Config['policy'], toolchain: Toolchain): Promise<LoadedPolicy> {
  const built =
    policy.kind === 'source' ? await fromSource(policy.path, toolchain) : await fromBundle(policy.path, toolchain)
  const engine = await loadEngine({ wasm: built.wasm, data: built.data })
  try {
    const decider = createDecider({ engine, revision: built.revision, reads: built.reads })
    const { controls, obligations } = built
    return { decider, revision: built.revision, controls, obligations, close: () => engine.close() }
  } catch (error) {
    engine.close()
    throw error
  }
}

/** The instant at which a policy's tests run here: whether a policy may be activated does not depend on the day. */
const TESTED_AT = Date.UTC(2026, 0, 1)

type Built = Readonly<{ wasm: Uint8Array; data: Json | Uint8Array; revision: string; reads: Reads | null }> & Declared
type Declared = Readonly<{ controls: readonly string[]; obligations: readonly string[] }>

async function fromSource(path: string, toolchain: Toolchain): Promise<Built> {
  const source = await readPolicySource(path)
  const { modules: files, data, schemas } = source
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
      `${failed.length} of the policy's own ${tests.length} tests fail in ${path}: ${failed
        .slice(0, 5)
        .map(({ name }) => name)
        .join(', ')}`,
    )
  }
  const revision = source.digest
  const { wasm, data: baseData } = await toolchain.build({ files, data, entrypoints: [DECISION_ENTRYPOINT], revision })
  const reads = await toolchain.reads({ files, data })
  return { wasm, data: baseData as Json, revision, reads, ...(await declaredBy(files, toolchain)) }
}

async function fromBundle(path: string, toolchain: Toolchain): Promise<Built> {
  const bundle = readBundle(await readFile(path))
  const files: Record<string, string> = {}
  for (const [name, bytes] of bundle.files)
    if (name.endsWith('.rego')) files[name] = Buffer.from(bytes).toString('utf8')
  if (bundle.revision === '')
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `The bundle ${path} has no revision; build it with one (opa build --revision), since decisions are recorded under it.`,
    )
  return {
    wasm: bundle.wasm,
    data: bundle.data,
    revision: bundle.revision,
    reads: null,
    ...(await declaredBy(files, toolchain)),
  }
}

/** `custom.controls` and `custom.obligations` of the METADATA of package `customhouse`. */
async function declaredBy(files: Files, toolchain: Toolchain): Promise<Declared> {
  const { annotations } = await toolchain.inspect(files)
  const lists = { controls: new Set<string>(), obligations: new Set<string>() }
  for (const { path, annotations: given } of annotations) {
    if (path !== 'data.customhouse' && path !== `data.${DECISION_ENTRYPOINT.replace('/', '.')}`) continue
    const custom = given.custom
    if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) continue
    for (const [kind, list] of Object.entries(lists)) {
      const named = (custom as Readonly<Record<string, Json>>)[kind]
      if (Array.isArray(named)) for (const name of named) if (typeof name === 'string') list.add(name)
    }
  }
  return { controls: [...lists.controls].sort(), obligations: [...lists.obligations].sort() }
}
