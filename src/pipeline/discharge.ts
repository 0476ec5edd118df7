import type { Assignment, Edit, Finding, Residency, Target } from '../core/call.ts'
import type { Obligation, Reason, Verdict } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { type Discharge, type Discharged, type Filter, type Plugin, STAGES, type Unmet } from '../core/plugin.ts'
import { baseReason } from './base.ts'
import { brief } from './brief.ts'
import { checkPlugins, sound } from './contract.ts'
import { inTime, Late } from './deadline.ts'
import type { Visit } from './gateway.ts'
import { type Notes, withNotes } from './notes.ts'
import { Redactions } from './redactions.ts'
import { Reservations } from './reservations.ts'

/** What the obligations of a permission came to: all carried out, or the first that was not. */
export type Discharging =
  | Readonly<{
      met: true
      edits: readonly Edit[]
      assign: readonly Assignment[]
      pins: readonly Residency[]
      reservation: string | null
      filters: readonly Filter[]
      /** Plugins whose own inspector must read the answer. */
      inspects: ReadonlySet<Plugin>
      /** What the plugins say of it in the record of the intent. */
      notes: Notes
      release: () => Promise<void>
    }>
  | NotMet

type NotMet = Readonly<{ met: false; reason: Reason; answer: CustomhouseError }>
type Doer = Readonly<{ plugin: Plugin; discharge: Discharge }>
type Task = Readonly<{ obligation: Obligation; doer: Doer }>

const doersOf = new WeakMap<readonly Plugin[], ReadonlyMap<string, Doer>>()

/** Who discharges which obligation type in a generation. Asked at load: throws for a plugin that breaks its contract. */
export function dischargers(generation: Pick<Generation, 'plugins'>): ReadonlyMap<string, Doer> {
  const known = doersOf.get(generation.plugins)
  if (known !== undefined) return known
  checkPlugins(generation.plugins)
  const doers = new Map<string, Doer>()
  for (const plugin of generation.plugins) {
    for (const [type, discharge] of Object.entries(plugin.discharge ?? {})) doers.set(type, { plugin, discharge })
  }
  doersOf.set(generation.plugins, doers)
  return doers
}

/** An obligation that nobody discharges is a denial: the policy permitted the call only together with it. */
function undischarged(type: string): Reason {
  return baseReason('undischarged', `no plugin of this gateway carries out the obligation ${type} here`)
}

/** How the obligations of a verdict are carried out in a phase: by whom, in the fixed order of stages; or the first that nobody can. */
type Plan = Readonly<{ tasks: readonly Task[]; orphan: null } | { tasks: readonly []; orphan: Reason }>
type Phase = 'request' | 'response'

const plans = {
  request: new WeakMap<object, WeakMap<object, Plan>>(),
  response: new WeakMap<object, WeakMap<object, Plan>>(),
}

/** Plans are kept by plugins and list of obligations: verdicts are remembered, so the list is often the one of the call before. */
function planOf({ obligations }: Verdict, phase: Phase, { plugins }: Pick<Generation, 'plugins'>): Plan {
  const known = plans[phase].get(plugins) ?? new WeakMap<object, Plan>()
  plans[phase].set(plugins, known)
  const before = known.get(obligations)
  if (before !== undefined) return before
  const plan = makePlan(obligations, phase, plugins)
  known.set(obligations, plan)
  return plan
}

function makePlan(obligations: readonly Obligation[], phase: Phase, plugins: readonly Plugin[]): Plan {
  const doers = dischargers({ plugins })
  const tasks: Task[] = []
  for (const obligation of obligations) {
    const doer = doers.get(obligation.type)
    if (doer?.discharge[phase] === undefined) return { tasks: [], orphan: undischarged(obligation.type) }
    tasks.push({ obligation, doer })
  }
  const stage = ({ doer }: Task): number => STAGES.indexOf(doer.discharge.stage)
  return { tasks: tasks.sort((a, b) => stage(a) - stage(b)), orphan: null }
}

/** The status of an obligation that was not met: a quota is 429, everything else is the organisation's no. */
function unmet(code: Unmet, message: string, retryAfterSeconds?: number): NotMet {
  const rule = `unmet/${code.replaceAll('_', '-')}`
  const detail =
    retryAfterSeconds === undefined || !Number.isFinite(retryAfterSeconds)
      ? { rule }
      : { rule, retry_after_seconds: Math.max(1, Math.ceil(retryAfterSeconds)) }
  return {
    met: false,
    reason: { control: 'unmet', rule, controls: [], message },
    answer: new CustomhouseError(
      code === 'quota_exhausted' ? 'ERR_QUOTA_EXHAUSTED' : 'ERR_POLICY_DENIED',
      `Not carried out (${rule}): ${brief(message)}`,
      { detail },
    ),
  }
}

/** Nobody is there who carries it out: the organisation's no. */
function orphaned(reason: Reason): NotMet {
  const { rule, message } = reason
  const answer = new CustomhouseError('ERR_POLICY_DENIED', `Denied by ${rule}: ${message}`, { detail: { rule } })
  return { met: false, reason, answer }
}

/** A plugin that hangs must not hold a call for ever: the target falls away, and a 500 is the answer where there is no other. */
function tooLate({ plugin }: Doer, obligation: Obligation): NotMet {
  const reason = baseReason('discharge-late', `the plugin ${plugin.name} took too long to carry out ${obligation.type}`)
  const answer = new CustomhouseError('ERR_GATEWAY_INTERNAL', `Not carried out (${reason.rule}): ${reason.message}`, {
    detail: { rule: reason.rule },
  })
  return { met: false, reason, answer }
}

/**
 * Carries out the obligations of one target's permission, stage by stage. Redactions see the text as it came, and their edits are
 * made together; every later stage sees the redacted text. Whoever reserved gets `release` called when a later one fails.
 */
export async function dischargeRequest(
  { call, gateway }: Visit,
  target: Target,
  verdict: Verdict,
  findings: readonly Finding[],
  generation: Generation,
  signal: AbortSignal,
): Promise<Discharging> {
  const { tasks, orphan } = planOf(verdict, 'request', generation)
  if (orphan !== null) return orphaned(orphan)
  const { inspectMs } = generation.limits
  const texts = new Redactions(call.segments)
  const assign: Assignment[] = []
  const pins: Residency[] = []
  const filters: Filter[] = []
  const inspects = new Set<Plugin>()
  const reservations = new Reservations(gateway, call.id, inspectMs)
  let reservation: string | null = null
  let notes: Notes
  try {
    for (const { obligation, doer } of tasks) {
      const { stage, request } = doer.discharge
      if (request === undefined) continue
      const segments = stage === 'redact' ? call.segments : texts.edited()
      let done: Discharged
      try {
        const work = () => request({ call, target, obligation, segments, findings, signal })
        done = await inTime(work, inspectMs, (late) => void reservations.giveBack(late))
      } catch (error) {
        if (!(error instanceof Late)) throw error
        gateway.report(`${doer.plugin.name} could not carry out ${obligation.type}`, error, call.id)
        await reservations.release()
        return tooLate(doer, obligation)
      }
      if (!done.met) {
        await reservations.release()
        return unmet(done.code, done.message, done.retryAfterSeconds)
      }
      reservations.add(done)
      if (done.edits !== undefined && done.edits.length > 0) {
        if (stage !== 'redact') throw new Error(`${doer.plugin.name} edits text outside of the redact stage`)
        texts.add(done.edits)
      }
      if (done.assign !== undefined) assign.push(...done.assign)
      if (done.pin !== undefined) pins.push(done.pin)
      if (done.filter !== undefined) filters.push(sound(done.filter))
      if (done.inspects === true) inspects.add(doer.plugin)
      if (done.notes !== undefined) notes = withNotes(notes, doer.plugin.name, done.notes)
      reservation = done.reservation ?? reservation
    }
  } catch (error) {
    await reservations.release()
    throw error
  }
  const release = (): Promise<void> => reservations.release()
  return { met: true, edits: texts.edits(), assign, pins, reservation, filters, inspects, notes, release }
}

/** The filters that an answer's obligations ask for, or the first that nobody can give. */
export async function dischargeResponse(
  { call, gateway }: Visit,
  target: Target,
  verdict: Verdict,
  generation: Generation,
): Promise<Readonly<{ met: true; filters: readonly Filter[] }> | NotMet> {
  if (verdict.obligations.length === 0) return { met: true, filters: [] }
  const { tasks, orphan } = planOf(verdict, 'response', generation)
  if (orphan !== null) return orphaned(orphan)
  const filters: Filter[] = []
  for (const { obligation, doer } of tasks) {
    const { response } = doer.discharge
    if (response === undefined) return orphaned(undischarged(obligation.type))
    try {
      const done = await inTime(() => response({ call, target, obligation }), generation.limits.inspectMs)
      if (!done.met) return unmet(done.code, done.message)
      filters.push(sound(done.filter))
    } catch (error) {
      if (!(error instanceof Late)) throw error
      gateway.report(`${doer.plugin.name} could not carry out ${obligation.type}`, error, call.id)
      return tooLate(doer, obligation)
    }
  }
  return { met: true, filters }
}
