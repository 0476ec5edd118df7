import { getEventListeners } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { openaiAnswer, openaiError, openaiStream } from '../../src/cli/demo/answers.ts'
import type { Dispatch, Target } from '../../src/core/call.ts'
import type { Obligation, Verdict } from '../../src/core/decision.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Discharged, Plugin } from '../../src/core/plugin.ts'
import type { Answer, Client, Provider } from '../../src/core/port.ts'
import type { Ledger } from '../../src/core/record.ts'
import { SILENT } from '../../src/core/telemetry.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { type Clock, createAttempts } from '../../src/pipeline/attempts.ts'
import { Breaker } from '../../src/pipeline/breaker.ts'
import { FAILURES, type FailureKind, failureOf } from '../../src/pipeline/failures.ts'
import type { Gateway } from '../../src/pipeline/gateway.ts'
import { handle } from '../../src/pipeline/handle.ts'
import { stream } from '../../src/pipeline/stream.ts'
import { Guard } from './loop-guard.ts'
import type { Law, Plan, Rule, Say } from './loop-plan.ts'

/** The real loop, gate and breaker, on a clock that stands still while anybody can go on, with every port under the plan. */

/** What stands between the loop and a port: a fault, planted. The guard stands behind it. */
export type Planted = Readonly<{
  generation?: (made: Generation) => Generation
  provider?: (real: Provider) => Provider
  plugin?: (real: Plugin) => Plugin
  ledger?: (real: Ledger) => Ledger
  gateway?: (real: Gateway) => Gateway
  client?: (real: Client) => Client
  clock?: (real: Clock) => Clock
}>

/** Events at their times, those of one time in the order in which they were set. */
class Timeline {
  #timers: { readonly at: number; readonly run: () => void }[] = []
  now = 0

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.now + Math.max(0, ms), run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer)
    }
  }

  get left(): number {
    return this.#timers.length
  }

  /** Until nothing more will happen. */
  async run(): Promise<void> {
    for (;;) {
      await turn()
      const [first, ...others] = this.#timers
      if (first === undefined) return
      const next = others.reduce((soonest, one) => (one.at < soonest.at ? one : soonest), first)
      this.#timers = this.#timers.filter((one) => one !== next)
      this.now = next.at
      next.run()
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve))
  }
}

/** Plays a plan; the guard has seen it. */
export async function playPlan(plan: Plan, planted: Planted = {}): Promise<Guard> {
  const time = new Timeline()
  const guard = new Guard(plan, () => time.now)
  const drained = new AbortController()
  const breaker = new Breaker()
  const clock: Clock = {
    now: () => time.now,
    wall: () => time.now,
    random: () => plan.chance,
    after: (ms, run) => time.after(ms, run),
  }
  const made = plan.laws.map((law, index) => {
    const generation = generationOf(index, law, plan, planted, { time, guard, breaker, clock })
    return planted.generation?.(generation) ?? generation
  })
  const ledger = ledgerOf(plan, time, guard)
  const gateway: Gateway = {
    generation: () => made[guard.active] ?? never(),
    ledger: planted.ledger?.(ledger) ?? ledger,
    authenticator: {
      authenticate: () => never(),
      stands: ({ tenant }) => !guard.revoked.has(tenant),
      revoked: () => false,
    },
    fresh: () => !guard.stale,
    drained: drained.signal,
    refused: () => undefined,
    report: () => undefined,
  }
  const between = planted.gateway?.(gateway) ?? gateway
  for (const [index, at] of plan.reloads.slice(0, plan.laws.length - 1).entries()) {
    time.after(at, () => {
      guard.active = Math.max(guard.active, index + 1)
      guard.judged()
    })
  }
  if (plan.revokedAt !== null) time.after(plan.revokedAt, () => void guard.revoked.add('b'))
  if (plan.staleAt !== null) {
    time.after(plan.staleAt, () => {
      guard.stale = true
    })
  }
  if (plan.drainedAt !== null) {
    time.after(plan.drainedAt, () => {
      guard.drained = true
      drained.abort()
    })
  }
  const signals: AbortSignal[] = []
  const over: Promise<void>[] = []
  for (const [index, call] of plan.calls.entries()) {
    const gone = new AbortController()
    signals.push(gone.signal)
    const id = `01930000-0000-7000-8000-00000000000${index}`
    time.after(call.at, () => {
      guard.began(id)
      over.push(visit(id, call, gone.signal, between, guard, planted))
    })
    if (call.goneAt !== null) {
      time.after(call.at + call.goneAt, () => {
        guard.gone.add(id)
        gone.abort()
      })
    }
  }
  await time.run()
  let ended = 0
  for (const one of over) void one.then(() => ended++)
  await turn()
  const keys = plan.laws.flatMap(({ places }) => places.map((place, index) => keyOf(index, place)))
  const trial = keys.some((key) => breaker.rest(key, time.now + 1e9) !== null)
  const listeners = signals.some((signal) => getEventListeners(signal, 'abort').length > 0)
  guard.over(ended !== plan.calls.length || time.left > 0 || trial || listeners)
  return guard
}

function never(): never {
  throw new Error('this never happens')
}

const addressOf = (index: number, place: string): string => `https://p${index}.${place}.example`
const keyOf = (index: number, place: string): string => JSON.stringify([addressOf(index, place), `t${index}`])

async function visit(
  id: string,
  { tenant, streamed }: Plan['calls'][number],
  gone: AbortSignal,
  gateway: Gateway,
  guard: Guard,
  planted: Planted,
): Promise<void> {
  const told = guard.of(id)
  const client: Client = {
    gone,
    begin: () => {
      told.answered = true
    },
    write: () => undefined,
    end: () => {
      told.ended += 1
    },
    destroy: () => {
      told.ended += 1
    },
  }
  const call = openaiChat.read({
    id,
    method: 'POST',
    path: '/chat/completions',
    query: '',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ model: 'm', stream: streamed, messages: [{ role: 'user', content: 'hello' }] })),
    principal: { subject: 's', tenant, groups: [], purpose: null, proof: 'key', keyId: 'k' },
  })
  const silent = SILENT.arrived({ id, dialect: 'openai.chat', prefix: '', method: 'POST', traceparent: undefined })
  const watch = { ...silent, attempt: () => guard.heard() }
  await handle({ call, codec: openaiChat, client: planted.client?.(client) ?? client, gateway, watch })
}

function ledgerOf({ durableMs }: Plan, time: Timeline, guard: Guard): Ledger {
  let asked = 0
  let line = Promise.resolve()
  return {
    async append(draft) {
      const ms = durableMs[asked++ % durableMs.length] ?? 0
      line = line.then(() => (ms === 0 ? undefined : time.sleep(ms)))
      await line
      const seq = guard.records.length
      guard.records.push({ ...draft, seq })
      return { seq, tseq: seq, id: String(seq) }
    },
    failed: new Promise(() => undefined),
    health: () => 'ok',
    close: async () => undefined,
  }
}

type Room = Readonly<{ time: Timeline; guard: Guard; breaker: Breaker; clock: Clock }>

function generationOf(number: number, law: Law, plan: Plan, planted: Planted, room: Room): Generation {
  const judged = { endpoint: ['DE', 'FR'], processing: ['DE', 'FR'], storage: ['DE', 'FR'] }
  const targets: readonly Target[] = law.places.map((_, index) => ({
    id: `t${index}`,
    provider: `p${index}`,
    model: `m${index}`,
    kind: 'azure',
    dialects: ['openai.chat'],
    tenants: null,
    residency: judged,
    contract: [],
  }))
  const verdicts = new Map<string, Verdict>(law.rules.map((rule, index) => [`t${index}`, verdictOf(rule)]))
  const facts = { id: 'decision', revision: `r${number}`, fuel: 1 }
  const providers = law.places.map((place, index) => {
    const real = providerOf(index, addressOf(index, place), plan, room)
    return [`p${index}`, planted.provider?.(real) ?? real] as const
  })
  const attempts = createAttempts({
    breaker: room.breaker,
    limits: plan.limits,
    addressOf: ({ id }) => addressOf(Number(id.slice(1)), law.places[Number(id.slice(1))] ?? ''),
    isApart: ({ id }) => id === 't0',
    clock: planted.clock?.(room.clock) ?? room.clock,
  })
  const ours = [pins, quotas(room)].map((plugin) => planted.plugin?.(plugin) ?? plugin)
  return {
    number,
    configDigest: `c${number}`,
    environment: 'test',
    decider: {
      revision: facts.revision,
      request: () => ({
        ...facts,
        phase: 'request',
        targets: verdicts,
        order: law.order.map((one) => `t${one}`),
        choose: null,
      }),
      response: () => ({ ...facts, phase: 'response', verdict: { effect: 'allow', reasons: [], obligations: [] } }),
    },
    controls: ['test'],
    plugins: [stream, attempts, ...ours],
    catalogue: {
      resolve: (url) => {
        const place = new URL(url).hostname.split('.')[1]?.toUpperCase() ?? ''
        return { endpoint: [place], processing: [place], storage: [place] }
      },
      evidence: (_, { word }) => {
        if (word === 'fault') throw new Error('No catalogue.')
        return { facet: 'processing', places: ['DE'] }
      },
    },
    providers: new Map(providers),
    models: new Map([['m', targets]]),
    tenants: new Set(['a', 'b']),
    limits: {
      answerBytes: 1e6,
      inspectMs: 600_000,
      firstByteMs: 600_000,
      idleMs: 600_000,
      totalMs: plan.totalMs,
      heldCharacters: 1e4,
      progressMs: 1e9,
      progressBytes: 1e9,
    },
  }
}

const LOOSE_DEADLINE = { call_ms: 3_600_000, total_ms: 3_600_000, first_byte_ms: 3_600_000 }

function verdictOf(rule: Rule | null): Verdict {
  if (rule === null) {
    const reason = { control: 'test', rule: 'test/no', controls: [], message: 'no' }
    return { effect: 'deny', reasons: [reason], obligations: [] }
  }
  const { retry, fallback, callMs, totalMs, firstByteMs, pin, quota, looser } = rule
  const deadline = {
    ...(callMs === null ? {} : { call_ms: callMs }),
    ...(totalMs === null ? {} : { total_ms: totalMs }),
    ...(firstByteMs === null ? {} : { first_byte_ms: firstByteMs }),
  }
  const obligations: Obligation[] = []
  const add = (type: string, params: Obligation['params'], loose: Obligation['params']): void => {
    if (looser === 'first') obligations.push({ type, params: loose })
    obligations.push({ type, params })
    if (looser === 'last') obligations.push({ type, params: loose })
  }
  if (retry !== null) add('attempt.retry', retry, { times: 3, on: [...FAILURES], wait_ms: 60_000 })
  if (fallback !== null) add('attempt.fallback', { on: fallback }, { on: [...FAILURES] })
  if (Object.keys(deadline).length > 0) add('attempt.deadline', deadline, LOOSE_DEADLINE)
  if (pin !== null) obligations.push({ type: 'pin', params: { place: pin } })
  if (quota !== null) obligations.push({ type: 'quota', params: { quota } })
  return { effect: 'allow', reasons: [], obligations }
}

const pins: Plugin = {
  name: 'pins',
  discharge: {
    pin: {
      stage: 'pin',
      request: ({ obligation }): Discharged => {
        const places = [String(obligation.params.place)]
        return { met: true, pin: { endpoint: places, processing: places, storage: places } }
      },
    },
  },
}

function quotas({ time, guard }: Room): Plugin {
  return {
    name: 'quotas',
    discharge: {
      quota: {
        stage: 'reserve',
        request: async ({ call, obligation }): Promise<Discharged> => {
          const { quota } = obligation.params
          if (typeof quota !== 'number') return { met: false, code: 'quota_exhausted', message: 'none' }
          await time.sleep(quota)
          guard.reserved(call.id)
          return { met: true, reservation: 'r', release: () => guard.released(call.id) }
        },
      },
    },
    settle: async ({ id }) => guard.settled(id),
  }
}

function providerOf(index: number, address: string, { says }: Plan, { time, guard }: Room): Provider {
  return {
    name: `p${index}`,
    dialects: ['openai.chat'],
    address: ({ path }) => `${address}${path}`,
    close: async () => undefined,
    open: async (dispatch, signal) => {
      const opening = guard.opened(dispatch)
      const nth = guard.met.get(`opened ${index}`) ?? 0
      guard.count(`opened ${index}`)
      const say: Say = says[index]?.[nth] ?? { does: 'fine', afterMs: 1, retryAfterMs: null, region: null }
      const { does, afterMs, retryAfterMs } = say
      const failed = (kind: FailureKind): void => guard.failed(opening, kind, retryAfterMs, dispatch.tenant)
      await until(signal, does === 'never' ? null : afterMs, time, (own) => {
        if (own) failed('timeout')
        else guard.lapsed(opening)
      })
      if (does === 'connect') {
        failed('connect')
        throw new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'Not there.')
      }
      if (does === 'timeout') {
        failed('timeout')
        throw new CustomhouseError('ERR_PROVIDER_TIMEOUT', 'Too late.')
      }
      if (typeof does === 'number') {
        const kind = failureOf(does)
        if (kind !== null) failed(kind)
      }
      return answer(dispatch, say, signal, time, {
        spoke: () => guard.spoke(opening),
        mute: () => failed('connect'),
      })
    },
  }
}

/** Waits so long, or for ever; throws as an adapter does when it is given up meanwhile. */
async function until(
  signal: AbortSignal,
  ms: number | null,
  time: Timeline,
  late: (own: boolean) => void = () => undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = ms === null ? () => undefined : time.after(ms, resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  cancel()
  if (!signal.aborted) return
  if (signal.reason instanceof CustomhouseError) {
    late(signal.reason.detail.reason === 'TOTAL')
    throw signal.reason
  }
  throw new CustomhouseError('ERR_PROVIDER_TRUNCATED', 'Given up.', { detail: { reason: 'ABORTED' } })
}

type Hears = Readonly<{ spoke: () => void; mute: () => void }>

function answer({ body }: Dispatch, say: Say, signal: AbortSignal, time: Timeline, hears: Hears): Answer {
  const { does, afterMs, retryAfterMs, region } = say
  const streamed = JSON.parse(Buffer.from(body).toString()).stream === true
  const status = typeof does === 'number' ? does : 200
  const pieces =
    streamed && status === 200
      ? openaiStream({ texts: ['one two three'] })
      : [JSON.stringify(openaiAnswer({ texts: ['one'] }))]
  const said = status === 200 ? pieces : [JSON.stringify(openaiError('No.', 'no'))]
  let spoken = false
  const late = (own: boolean): void => {
    if (own && !spoken) hears.mute()
  }
  async function* read(): AsyncGenerator<Uint8Array, undefined> {
    if (does === 'mute') {
      await until(signal, afterMs, time, late)
      hears.mute()
      throw new CustomhouseError('ERR_PROVIDER_TRUNCATED', 'Hung up.')
    }
    for (const [index, piece] of said.entries()) {
      await until(signal, afterMs, time, late)
      if (does === 'broken' && index >= said.length / 2) {
        if (index === 0) hears.mute()
        throw new CustomhouseError('ERR_PROVIDER_TRUNCATED', 'Hung up.')
      }
      hears.spoke()
      spoken = streamed
      yield Buffer.from(piece)
    }
    hears.spoke()
  }
  return {
    status,
    headers: {
      'content-type': streamed && status === 200 ? 'text/event-stream' : 'application/json',
      ...(retryAfterMs === null ? {} : { 'retry-after-ms': String(retryAfterMs) }),
      ...(region === null ? {} : { 'x-ms-region': region }),
    },
    body: {
      whole: async () => {
        const chunks: Uint8Array[] = []
        for await (const chunk of read()) chunks.push(chunk)
        return Buffer.concat(chunks)
      },
      cancel: () => undefined,
      [Symbol.asyncIterator]: read,
    },
  }
}
