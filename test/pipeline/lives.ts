import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { openLedger } from '../../src/audit/index.ts'
import type { Dispatch } from '../../src/core/call.ts'
import type { Verdict } from '../../src/core/decision.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import type { Client, Provider } from '../../src/core/port.ts'
import type { AuditDraft, Ledger, Receipt } from '../../src/core/record.ts'
import { LOG, type Place } from '../audit/kit.ts'
import { openaiAnswer, openaiError, openaiStream } from '../kit/index.ts'
import { play, type Scene, TARGET } from './scene.ts'

/**
 * Lives of a gateway over one ledger on disk, each ended by a crash: the real pipeline, the real ledger with its worker, and ports that stop answering
 * for ever. What the provider and the clients saw is kept here.
 */

/** What is to become of a call. */
export const FATES = [
  'complete',
  'denied',
  'fallback',
  'down',
  'provider_error',
  'provider_truncated',
  'client_gone',
  'cut_off',
] as const
export type Shape = Readonly<{ fate: (typeof FATES)[number]; streamed: boolean; words: number; begins: number }>

/**
 * What a call does at its ports, each a place to crash at: before a record is handed to the ledger, after that, after its receipt; before and after the
 * provider is opened; before a piece of its answer is read; before the client's head; before and after each write, and the end.
 */
export const STEPS = [
  'append',
  'appended',
  'receipt',
  'open',
  'opened',
  'read',
  'begin',
  'write',
  'written',
  'end',
  'ended',
] as const
export type Step = (typeof STEPS)[number]

/**
 * A crash at a step of a kind: `part` of 1000 through those that the life has without it, of all calls together. It then takes so many turns of the
 * event loop.
 */
export type Crash = Readonly<{ step: Step; part: number; lag: number }>
export type Life = Readonly<{
  calls: readonly Shape[]
  /** Null: it goes to its end. */
  crash: Crash | null
  /** A progress is due after so many bytes; always where `eager`. */
  progressBytes: number
  eager: boolean
}>

/** What the client of a call saw. */
export type Seen = {
  readonly call: string
  readonly shape: Shape
  readonly progressBytes: number
  status: number | null
  /** Bytes of `write`: they were released before the end. */
  written: string
  /** Bytes of `end`; null if it did not come. */
  last: string | null
}
export type Journal = Readonly<{
  seen: Seen[]
  forwarded: { readonly call: string; readonly dispatch: Dispatch['digest'] }[]
  acknowledged: (Receipt & Readonly<{ kind: AuditDraft['kind'] }>)[]
  /** Steps at which a life crashed, while calls were open. */
  crashed: Step[]
}>
export const newJournal = (): Journal => ({ seen: [], forwarded: [], acknowledged: [], crashed: [] })

/** What stands between the pipeline and its ports of one life: a fault of ours, planted. */
export type Planted = Readonly<{
  ledger?: (real: Ledger) => Ledger
  client?: (real: Client) => Client
  provider?: (real: Provider) => Provider
}>

const never = new Promise<never>(() => undefined)

/** `at`: the number of the step among those of its kind. */
type Aimed = Pick<Crash, 'step' | 'lag'> & Readonly<{ at: number }>

/** The electricity. Every port asks at each of its steps whether there is any left; the step at which it fails does not come back. */
class Power {
  readonly failed: Promise<void>
  readonly taken = new Map<Step, number>()
  readonly #fail: () => void
  readonly #crash: Aimed | null
  off = false

  constructor(crash: Aimed | null) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.failed = promise
    this.#fail = resolve
    this.#crash = crash
  }

  on(step: Step): boolean {
    if (this.off) return false
    const before = this.taken.get(step) ?? 0
    this.taken.set(step, before + 1)
    if (this.#crash?.step === step && before === this.#crash.at) this.#later(this.#crash.lag)
    return !this.off
  }

  #later(turns: number): void {
    if (turns > 0) setImmediate(() => this.#later(turns - 1))
    else this.fail()
  }

  /** True if there was any. */
  fail(): boolean {
    const had = !this.off
    this.off = true
    this.#fail()
    return had
  }
}

/** Counts the steps that a life has which goes to its end; nothing of it is kept. Where there are none of the kind, a record's are taken: every call has one. */
async function aim(life: Life, { step, part, lag }: Crash): Promise<Aimed> {
  const power = new Power(null)
  const journal = newJournal()
  let seq = 0
  const kept: Ledger = {
    append: async () => ({ seq: seq++, tseq: 0, id: '' }),
    failed: never,
    health: () => 'ok',
    close: () => never,
  }
  const ledger = ledgerOf(kept, power, journal)
  await Promise.all(life.calls.map((shape) => play({ ...sceneOf(shape, life, power, journal, {}), ledger })))
  const met = power.taken.has(step) ? step : 'append'
  return { step: met, at: Math.floor(((power.taken.get(met) ?? 0) * part) / 1_000), lag }
}

/** Opens the log (which recovers it), lets the calls run, and crashes: at the step, or when all is done. */
export async function live(place: Place, life: Life, journal: Journal, plant: () => Planted): Promise<void> {
  const crash = life.crash === null ? null : await aim(life, life.crash)
  let writer: Worker | undefined
  const born = (worker: Worker): void => {
    writer = worker
  }
  process.on('worker', born)
  const { ledger } = await openLedger({ state: place.state, keys: place.keys, log: LOG, minFreeBytes: 0 })
  process.off('worker', born)
  if (writer === undefined) throw new Error('the ledger has no worker: it cannot be made to crash')
  const power = new Power(crash)
  const planted = plant()
  const watched = ledgerOf(ledger, power, journal)
  const drained = new AbortController()
  const calls = life.calls.map(async (shape) => {
    for (let turns = shape.begins; turns > 0; turns--) await turn()
    await play({
      ...sceneOf(shape, life, power, journal, planted),
      ledger: planted.ledger?.(watched) ?? watched,
      drained,
    })
  })
  await Promise.race([Promise.all(calls), power.failed])
  if (!power.fail() && crash !== null) journal.crashed.push(crash.step)
  await writer.terminate()
  // It has latched: this writes nothing, and lets go of the lock as the end of a process does.
  await ledger.close()
}

function ledgerOf(real: Ledger, power: Power, { acknowledged }: Journal): Ledger {
  return {
    async append(draft) {
      if (!power.on('append')) return never
      const appending = real.append(draft)
      // By then nobody may be there who waits for it.
      appending.catch(() => undefined)
      if (!power.on('appended')) return never
      let receipt: Receipt
      try {
        receipt = await appending
      } catch (error) {
        if (power.off) return never
        throw error
      }
      if (power.off) return never
      acknowledged.push({ ...receipt, kind: draft.kind })
      return power.on('receipt') ? receipt : never
    },
    failed: never,
    health: () => real.health(),
    close: () => never,
  }
}

let calls = 0

function sceneOf(
  shape: Shape,
  { progressBytes, eager }: Life,
  power: Power,
  { seen, forwarded }: Journal,
  planted: Planted,
): Scene {
  const { fate, streamed, words } = shape
  calls += 1
  const id = `019a0000-0000-7000-8000-${String(calls).padStart(12, '0')}`
  const mine: Seen = { call: id, shape, progressBytes, status: null, written: '', last: null }
  seen.push(mine)
  const chunks = chunksOf(shape)
  const client = (gone: AbortSignal): Client => ({
    gone,
    begin: (status) => {
      if (power.on('begin')) mine.status = status
    },
    write: (bytes) => {
      if (!power.on('write')) return never
      if (gone.aborted) return
      mine.written += Buffer.from(bytes)
      return power.on('written') ? undefined : never
    },
    end: (bytes = new Uint8Array()) => {
      if (!power.on('end') || gone.aborted) return
      mine.last = Buffer.from(bytes).toString()
      power.on('ended')
    },
    destroy: () => undefined,
  })
  const around = (made: Provider): Provider => ({
    ...made,
    async open(dispatch, signal) {
      if (!power.on('open')) return never
      forwarded.push({ call: id, dispatch: dispatch.digest })
      await turn()
      if (!power.on('opened')) return never
      if (fate === 'down' || (fate === 'fallback' && dispatch.target.id === TARGET.id))
        throw new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'Nobody is there.')
      return made.open(dispatch, signal)
    },
  })
  return {
    streamed,
    chunks,
    call: { id },
    status: fate === 'provider_error' ? 400 : 200,
    last: fate === 'provider_truncated' ? 'reset' : 'end',
    targets: [TARGET, { ...TARGET, id: 'one/other', model: 'other' }],
    before: async (index, { gone }) => {
      await turn()
      if (fate === 'client_gone' && index === Math.min(words, chunks.length)) gone.abort()
      if (!power.on('read')) await never
    },
    limits: { progressBytes, ...(eager ? { progressMs: 0 } : {}) },
    plugins: [ENOUGH],
    decider: {
      ...(fate === 'denied'
        ? { request: () => ({ ...JUDGED, phase: 'request', targets: NOBODY, order: [], choose: null }) }
        : {}),
      response: ({ findings }) => ({ ...JUDGED, phase: 'response', verdict: findings.length > 0 ? DENY : ALLOW }),
    },
    client: ({ gone }) => {
      const made = client(gone.signal)
      return planted.client?.(made) ?? made
    },
    around: (made) => {
      const watched = around(made)
      return planted.provider?.(watched) ?? watched
    },
  }
}

const JUDGED = { id: 'decision', revision: 'revision', fuel: 1 } as const
const ALLOW: Verdict = { effect: 'allow', reasons: [], obligations: [] }
const DENY: Verdict = {
  effect: 'deny',
  reasons: [{ control: 'words', rule: 'words/enough', controls: [], message: 'it says enough' }],
  obligations: [],
}
const NOBODY: ReadonlyMap<string, Verdict> = new Map([
  [TARGET.id, DENY],
  ['one/other', DENY],
])

/** Finds the word that the policy refuses. */
const ENOUGH: Plugin = {
  name: 'enough',
  span: 6,
  inspect: async (phase, segments) =>
    segments.flatMap(({ pointer, text }) => {
      const start = phase === 'request' ? -1 : text.indexOf('enough')
      return start === -1 ? [] : [{ type: 'ENOUGH', pointer, start, end: start + 6, score: 1 }]
    }),
}

function chunksOf({ fate, streamed, words }: Shape): readonly string[] {
  if (fate === 'provider_error') return [JSON.stringify(openaiError('no', 'invalid_request_error'))]
  const texts = [`${'word '.repeat(words)}${fate === 'cut_off' ? 'enough ' : ''}end of it`]
  const whole = streamed ? openaiStream({ texts }) : [JSON.stringify(openaiAnswer({ texts }))]
  if (fate !== 'provider_truncated') return whole
  return streamed ? whole.slice(0, words) : whole.map((text) => text.slice(0, 40))
}
