import { callOf } from '../../compose/canaries.ts'
import { makeGeneration } from '../../compose/generation.ts'
import { loadPolicy } from '../../compose/policy.ts'
import { Providers } from '../../compose/providers.ts'
import type { CanaryConfig, LoadedConfig } from '../../config.ts'
import type { Dialect, Target } from '../../core/call.ts'
import type { Reason } from '../../core/decision.ts'
import { isCustomhouseError } from '../../core/errors.ts'
import type { Generation } from '../../core/generation.ts'
import { SILENT } from '../../core/telemetry.ts'
import { base, Denial } from '../../pipeline/base.ts'
import { judge } from '../../pipeline/judge.ts'
import { openToolchain } from '../../policy/toolchain/index.ts'
import { bare } from '../check.ts'
import type { Shown } from './placing.ts'

/** What the policy says of a target. `asked` names the way of asking where not all come out the same. */
export type Verdict = Readonly<{
  /** The name that was asked for. */
  model: string
  effect: 'allow' | 'deny'
  /** `control/rule: message`; null with `allow`. */
  reason: string | null
  obligations: readonly string[]
  asked: string | null
}>

type Said = Omit<Verdict, 'model' | 'asked'>

/** Who would call. */
export type Asker = Pick<CanaryConfig, 'tenant' | 'groups' | 'task' | 'purpose' | 'classes'>

/**
 * What the policy of a configuration says of `targets`, by id, each under all models that it is shown for. Compiles the policy and has it judge the canaries, as a start
 * does; nothing is sent. Rejects with what would end the start.
 */
export async function judged(
  loaded: LoadedConfig,
  asker: Asker,
  targets: readonly Shown[],
): Promise<ReadonlyMap<string, readonly Verdict[]>> {
  const toolchain = openToolchain()
  const providers = new Providers((name, error) =>
    process.stderr.write(`warning: ${name}  could not be closed: ${String(error)}\n`),
  )
  try {
    const policy = await loadPolicy(loaded.config.policy, toolchain, loaded.config.limits.policy)
    const generation = await makeGeneration(1, bare(loaded), policy, [], providers)
    const verdicts = new Map<string, readonly Verdict[]>()
    for (const model of new Set(targets.flatMap(({ models }) => models))) {
      const said = await verdictsOn({ ...asker, model, dialect: null, findings: [] }, generation)
      for (const { target, models } of targets)
        if (models.includes(model))
          verdicts.set(target.id, [...(verdicts.get(target.id) ?? []), ...(said.get(target.id) ?? [])])
    }
    return verdicts
  } finally {
    await providers.close()
    await toolchain.close()
  }
}

/**
 * Judges a call for `canary.model` as calls are judged: base, facts of plugins and the policy of this generation, in each dialect that a target speaks,
 * whole and streamed. By the target's id. That an obligation is met is only known when a call is written.
 */
async function verdictsOn(
  canary: CanaryConfig,
  generation: Generation,
): Promise<ReadonlyMap<string, readonly Verdict[]>> {
  const targets = generation.models.get(canary.model) ?? []
  const dialects = [...new Set(targets.flatMap(({ dialects }) => dialects))]
  const ways = new Map<string, Readonly<{ said: Said; how: string }>[]>()
  for (const dialect of dialects) {
    for (const stream of [false, true]) {
      for (const [id, said] of await saidOf(canary, dialect, stream, targets, generation)) {
        const how = `${dialect} ${stream ? 'streamed' : 'whole'}`
        ways.set(id, [...(ways.get(id) ?? []), { said, how }])
      }
    }
  }
  return new Map([...ways].map(([id, all]) => [id, grouped(canary.model, all)]))
}

function grouped(model: string, ways: readonly Readonly<{ said: Said; how: string }>[]): readonly Verdict[] {
  const groups = Map.groupBy(ways, ({ said }) => JSON.stringify(said))
  return [...groups.values()].flatMap((group) => {
    const said = group[0]?.said
    const asked = groups.size === 1 ? null : group.map(({ how }) => how).join(', ')
    return said === undefined ? [] : [{ model, ...said, asked }]
  })
}

async function saidOf(
  canary: CanaryConfig,
  dialect: Dialect,
  stream: boolean,
  targets: readonly Target[],
  generation: Generation,
): Promise<ReadonlyMap<string, Said>> {
  const call = callOf(canary, { dialect, operation: 'chat', stream })
  const said = new Map<string, Said>()
  const watch = {
    ...SILENT.arrived({ id: call.id, dialect, prefix: '', method: '', traceparent: undefined }),
    barred: ({ id }: Target, reasons: readonly Reason[]): void => void said.set(id, denied(reasons)),
  }
  let others: Said | null = null
  try {
    const asked = { call, watch, gateway: { report: () => undefined } }
    const { permitted } = await judge(asked, base(call, generation), [], generation)
    for (const { target, verdict } of permitted)
      said.set(target.id, {
        effect: 'allow',
        reason: null,
        obligations: [...new Set(verdict.obligations.map(({ type }) => type))],
      })
  } catch (error) {
    if (error instanceof Denial) others = denied(error.reasons)
    else if (isCustomhouseError(error)) others = { effect: 'deny', reason: error.message, obligations: [] }
    else throw error
  }
  for (const target of targets) {
    if (!target.dialects.includes(dialect) || said.has(target.id)) continue
    said.set(target.id, droppedBefore(target, canary.tenant) ?? others ?? denied([]))
  }
  return said
}

/** A target that falls away before the policy is asked, whatever it says of others. */
function droppedBefore({ tenants, residency }: Target, tenant: string): Said | null {
  if (tenants !== null && !tenants.includes(tenant))
    return refusedAs('base/no-credential', `the gateway holds no credential of the tenant ${tenant} for it`)
  const unknown = Object.values(residency).includes(null)
  return unknown ? refusedAs('base/unknown-residency', 'it is not known where it processes and stores text') : null
}

function refusedAs(rule: string, message: string): Said {
  return { effect: 'deny', reason: `${rule}: ${message}`, obligations: [] }
}

function denied([first]: readonly Reason[]): Said {
  if (first === undefined) return refusedAs('base/facts-failed', 'its facts could not be gathered')
  return refusedAs(first.rule, first.message)
}
