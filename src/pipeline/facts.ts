import type { ModelCall, Target } from '../core/call.ts'
import type { Reason, TargetInput } from '../core/decision.ts'
import { freeze, isFrozen } from '../core/frozen.ts'
import type { Generation } from '../core/generation.ts'
import type { Json } from '../core/json.ts'
import type { Plugin } from '../core/plugin.ts'
import { baseReason, Denial } from './base.ts'
import type { Gateway } from './gateway.ts'
import { pluginsThat } from './roster.ts'

/** The candidates about which every plugin told its facts, as policies see them, and why the others are not among them. */
export type Gathered = Readonly<{ inputs: readonly TargetInput[]; reasons: readonly Reason[] }>

/**
 * Asks every plugin about every candidate. One that throws, tells nothing, tells what is no JSON, or is late (`limits.inspectMs` for all together)
 * takes that target out: its policy would judge without the facts.
 *
 * @throws Denial where no candidate is left
 */
export async function gatherFacts(
  call: ModelCall,
  candidates: readonly Target[],
  generation: Generation,
  gateway: Pick<Gateway, 'report'>,
): Promise<Gathered> {
  const asked = pluginsThat('facts', generation.plugins)
  const inputs: TargetInput[] = []
  const reasons: Reason[] = []
  const late = new Late(generation.limits.inspectMs)
  for (const target of candidates) {
    const facts: Json[] = []
    for (const plugin of asked) {
      try {
        const told: unknown = plugin.facts?.(call, target)
        facts.push(settled(isPromise(told) ? await late.race(told) : told))
      } catch (error) {
        gateway.report(`facts of ${plugin.name} failed`, error, call.id)
        reasons.push(
          baseReason('facts-failed', `the plugin ${plugin.name} could not tell its facts about ${target.id}`),
        )
        break
      }
    }
    if (facts.length === asked.length) inputs.push(targetInput(target, asked, facts))
  }
  late.stop()
  if (inputs.length === 0) throw new Denial(reasons, null)
  return { inputs, reasons }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

/** The time that the facts of one call may take. It begins to run with the first that is waited for. */
class Late {
  readonly #ms: number
  #over: PromiseWithResolvers<never> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.#ms = ms
  }

  race(told: PromiseLike<unknown>): Promise<unknown> {
    const over = this.#over ?? Promise.withResolvers<never>()
    this.#over = over
    this.#timer ??= setTimeout(() => over.reject(new Error('time is over')), this.#ms)
    return Promise.race([told, over.promise])
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

const frozen = new WeakSet<object>()

/** The fact itself where it can never change, else a frozen copy: a plugin may go on working on what it told. */
function settled(fact: unknown): Json {
  if (fact === null || typeof fact === 'string' || typeof fact === 'boolean' || Number.isFinite(fact))
    return fact as Json
  if (typeof fact !== 'object' || fact === null) throw new Error('the fact is no JSON')
  if (frozen.has(fact)) return fact as Json
  if (isFrozen(fact)) {
    frozen.add(fact)
    return fact
  }
  return freeze(JSON.parse(JSON.stringify(fact)) as Json)
}

type Told = Readonly<{ asked: readonly Plugin[]; facts: readonly Json[]; input: TargetInput }>
const before = new WeakMap<Target, Told>()

/**
 * A target as policies see it: frozen down to its last member, and the same object as at the last call where the same plugins told the very same
 * facts. Most facts are the target's own.
 */
function targetInput(target: Target, asked: readonly Plugin[], facts: readonly Json[]): TargetInput {
  const last = before.get(target)
  if (last !== undefined && last.asked === asked && facts.every((fact, index) => fact === last.facts[index]))
    return last.input
  const { endpoint, processing, storage } = target.residency
  const input: TargetInput = Object.freeze({
    id: target.id,
    provider: target.provider,
    model: target.model,
    residency: Object.freeze({ endpoint: list(endpoint), processing: list(processing), storage: list(storage) }),
    contract: list(target.contract),
    facts: Object.freeze(Object.fromEntries(asked.map((plugin, index) => [plugin.name, facts[index] ?? null]))),
  })
  before.set(target, { asked, facts, input })
  return input
}

const list = (places: readonly string[] | null): readonly string[] => Object.freeze([...(places ?? [])])
