import type { Assignment, CallFacts, Edit, Finding, ModelCall, Residency, Segment, Target } from '../core/call.ts'
import type { Obligation, Reason, Verdict } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { Generation } from '../core/generation.ts'
import { type Discharge, type Filter, type LaneEdit, type Plugin, STAGES, type Unmet } from '../core/plugin.ts'
import { baseReason } from './base.ts'
import { applyEdits, fits, mergeEdits } from './edits.ts'

/** What the obligations of a permission came to: all carried out, or the first that was not. */
export type Discharging =
  | Readonly<{
      met: true
      edits: readonly Edit[]
      assign: readonly Assignment[]
      pins: readonly Residency[]
      reservation: string | null
      filters: readonly Filter[]
      release: () => Promise<void>
    }>
  | Readonly<{ met: false; reason: Reason; answer: CustomhouseError }>

type Doer = Readonly<{ plugin: Plugin; discharge: Discharge }>
type Task = Readonly<{ obligation: Obligation; doer: Doer }>

const doersOf = new WeakMap<readonly Plugin[], ReadonlyMap<string, Doer>>()

/** Who discharges which obligation type in a generation. */
export function dischargers(generation: Pick<Generation, 'plugins'>): ReadonlyMap<string, Doer> {
  const known = doersOf.get(generation.plugins)
  if (known !== undefined) return known
  const doers = new Map<string, Doer>()
  for (const plugin of generation.plugins) {
    for (const [type, discharge] of Object.entries(plugin.discharge ?? {})) doers.set(type, { plugin, discharge })
  }
  doersOf.set(generation.plugins, doers)
  return doers
}

/** An obligation that nobody discharges is a denial: the policy permitted the call only together with it. */
export function undischarged(type: string): Reason {
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
function unmet(code: Unmet, message: string, retryAfterSeconds?: number): Extract<Discharging, { met: false }> {
  const rule = `unmet/${code.replaceAll('_', '-')}`
  const detail =
    retryAfterSeconds === undefined
      ? { rule }
      : { rule, retry_after_seconds: Math.max(1, Math.ceil(retryAfterSeconds)) }
  return {
    met: false,
    reason: { control: 'unmet', rule, controls: [], message },
    answer: new CustomhouseError(
      code === 'quota_exhausted' ? 'ERR_QUOTA_EXHAUSTED' : 'ERR_POLICY_DENIED',
      `Not carried out (${rule}): ${message}`,
      { detail },
    ),
  }
}

/**
 * Carries out the obligations of one target's permission, stage by stage. Redactions see the text as it came, and their edits are
 * made together; every later stage sees the redacted text. Whoever reserved gets `release` called when a later one fails.
 */
export async function dischargeRequest(
  call: ModelCall,
  target: Target,
  verdict: Verdict,
  findings: readonly Finding[],
  generation: Generation,
  signal: AbortSignal,
): Promise<Discharging> {
  const { tasks, orphan } = planOf(verdict, 'request', generation)
  if (orphan !== null) {
    const { rule, message } = orphan
    const answer = new CustomhouseError('ERR_POLICY_DENIED', `Denied by ${rule}: ${message}`, { detail: { rule } })
    return { met: false, reason: orphan, answer }
  }
  const texts = new Redactions(call.segments)
  const assign: Assignment[] = []
  const pins: Residency[] = []
  const filters: Filter[] = []
  const releases: (() => Promise<void> | void)[] = []
  let reservation: string | null = null
  const release = async (): Promise<void> => {
    for (const undo of releases.splice(0)) await undo()
  }
  try {
    for (const { obligation, doer } of tasks) {
      const { stage, request } = doer.discharge
      if (request === undefined) continue
      const segments = stage === 'redact' ? call.segments : texts.edited()
      const done = await request({ call, target, obligation, segments, findings, signal })
      if (!done.met) {
        await release()
        return unmet(done.code, done.message, done.retryAfterSeconds)
      }
      if (done.release !== undefined) releases.push(done.release)
      if (done.edits !== undefined && done.edits.length > 0) {
        if (stage !== 'redact') throw new Error(`${doer.plugin.name} edits text outside of the redact stage`)
        texts.add(done.edits)
      }
      if (done.assign !== undefined) assign.push(...done.assign)
      if (done.pin !== undefined) pins.push(done.pin)
      if (done.filter !== undefined) filters.push(done.filter)
      reservation = done.reservation ?? reservation
    }
  } catch (error) {
    await release()
    throw error
  }
  return { met: true, edits: texts.edits(), assign, pins, reservation, filters, release }
}

/** The filters that an answer's obligations ask for, or the first that nobody can give. */
export async function dischargeResponse(
  call: CallFacts,
  target: Target,
  verdict: Verdict,
  generation: Generation,
): Promise<Readonly<{ filters: readonly Filter[] }> | Readonly<{ reason: Reason }>> {
  if (verdict.obligations.length === 0) return { filters: [] }
  const { tasks, orphan } = planOf(verdict, 'response', generation)
  if (orphan !== null) return { reason: orphan }
  const filters: Filter[] = []
  for (const { obligation, doer } of tasks) {
    const done = await doer.discharge.response?.({ call, target, obligation })
    if (done === undefined) return { reason: undischarged(obligation.type) }
    if (!done.met) return { reason: unmet(done.code, done.message).reason }
    filters.push(done.filter)
  }
  return { filters }
}

/** Edits of a call's segments as redactions add them. */
class Redactions {
  readonly #segments: readonly Segment[]
  readonly #byPointer = new Map<string, LaneEdit[]>()

  constructor(segments: readonly Segment[]) {
    this.#segments = segments
  }

  add(edits: readonly Edit[]): void {
    for (const { pointer, start, end, text } of edits) {
      const segment = this.#segments.find((candidate) => candidate.pointer === pointer)
      if (segment === undefined || pointer.endsWith('#') || !fits({ start, end, text }, segment.text.length)) {
        throw new Error(`an edit lies outside of the text (${pointer})`)
      }
      const list = this.#byPointer.get(pointer)
      if (list === undefined) this.#byPointer.set(pointer, [{ start, end, text }])
      else list.push({ start, end, text })
    }
  }

  edits(): readonly Edit[] {
    const all: Edit[] = []
    for (const [pointer, edits] of this.#byPointer) {
      for (const edit of mergeEdits(edits)) all.push({ pointer, ...edit })
    }
    return all
  }

  edited(): readonly Segment[] {
    if (this.#byPointer.size === 0) return this.#segments
    return this.#segments.map((segment) => {
      const edits = this.#byPointer.get(segment.pointer)
      return edits === undefined ? segment : { ...segment, text: applyEdits(segment.text, mergeEdits(edits)) }
    })
  }
}
