import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Entry, openContentKeys, openLedger, readDisclosure, sealContext, unseal } from '../../src/audit/index.ts'
import type { Dispatch } from '../../src/core/call.ts'
import type { Json } from '../../src/core/json.ts'
import { type AuditDraft, type AuditRecord, CLOSING_KINDS, type Ledger, type Receipt } from '../../src/core/record.ts'
import { allEntries, LOG, makePlace, type Place, verifyAt } from '../audit/kit.ts'
import { FATES, type Journal, type Life, live, newJournal, type Planted, type Seen, STEPS } from '../pipeline/lives.ts'

/**
 * The state machine of a call's records, with a crash between any two steps: before and after each record is handed to the ledger, before and after its
 * receipt, before and after the provider is opened and each write to the client. Several lives over one log; each opening recovers what
 * the crash before it left. Then three journals are compared: the provider's, the clients', and the ledger on disk.
 */
const RUNS = Number(process.env.CUSTOMHOUSE_MACHINE_RUNS ?? 6)
/** The same lives each time, but for how the disk and the threads fall together; `npm run torture` draws others. */
const SEED = Number(process.env.CUSTOMHOUSE_SEED ?? 1)
const LIVES = 6
/** So many of the crashes must come while calls are open: with a lag, the last one may have ended. */
const CRASHED = 0.8

type Fates = readonly (typeof FATES)[number][]

/** Lives over one log, whose calls come to such ends. */
function livesOf(fates: Fates, lives: number): fc.Arbitrary<readonly Life[]> {
  const shape = fc.record({
    fate: fc.constantFrom(...fates),
    streamed: fc.boolean(),
    words: fc.integer({ min: 3, max: 12 }),
    begins: fc.nat({ max: 6 }),
  })
  const crash = fc.record({
    step: fc.constantFrom(...STEPS),
    part: fc.nat({ max: 999 }),
    lag: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
  })
  const life = fc.record({
    calls: fc.array(shape, { minLength: 1, maxLength: 5 }),
    crash: fc.option(crash, { freq: 12 }),
    progressBytes: fc.integer({ min: 200, max: 2_500 }),
    eager: fc.boolean(),
  })
  return fc.array(life, { minLength: lives, maxLength: lives, size: 'max' })
}

const BOTH = [false, true] as const
const shapesOf = (fate: Fates[number]) => BOTH.map((streamed) => ({ fate, streamed, words: 5, begins: 0 }))

/** One life for each end that a call can come to, whole and streamed, without a crash. */
const ENDINGS: readonly Life[] = FATES.map((fate) => ({
  calls: shapesOf(fate),
  crash: null,
  progressBytes: 2_000,
  eager: true,
}))
/** One for each step, in the middle of calls that take all of them. */
const CRASHES: readonly Life[] = STEPS.map((step) => ({
  calls: [...shapesOf('complete'), ...shapesOf('complete')],
  crash: { step, part: 500, lag: 0 },
  progressBytes: 500,
  eager: false,
}))

type Kept = Readonly<{ record: AuditRecord; personal: ReadonlyMap<string, Json> }>

test('whatever crashes where: nothing was sent or said that is not on record, and each intent ends once', async () => {
  const met = new Map<string, number>()
  const count = (what: string, times = 1): void => void met.set(what, (met.get(what) ?? 0) + times)
  console.log(`seed ${SEED}`)
  await fc.assert(
    fc.asyncProperty(livesOf(FATES, LIVES), async (all) => {
      const { journal, kept, broken } = await run(makePlace(), all, () => ({}))
      expect(broken).toEqual([])
      for (const { record } of kept) count(`${record.kind} ${record.body.ending ?? ''}`.trim())
      for (const seen of journal.seen) if (finished(seen)) count('finished')
      for (const step of journal.crashed) count(`crashed at ${step}`)
      count('crashes', journal.crashed.length)
      count('crashes meant', all.filter(({ crash }) => crash !== null).length)
    }),
    { seed: SEED, numRuns: RUNS + 2, examples: [[ENDINGS], [CRASHES]], endOnFailure: true },
  )
  console.log(JSON.stringify(Object.fromEntries(met)))
  // It met what it speaks of.
  for (const what of [
    'finished',
    'call.denied',
    'call.attempt_failed',
    'call.progress',
    'call.abandoned',
    'call.outcome complete',
    'call.outcome denied',
    'call.outcome cut_off',
    'call.outcome client_gone',
    'call.outcome provider_error',
    'call.outcome provider_truncated',
    ...STEPS.map((step) => `crashed at ${step}`),
  ])
    expect([what, met.get(what) ?? 0]).toEqual([what, expect.toSatisfy((times: number) => times > 0)])
  expect(met.get('crashes'), 'coverage: crashes that met open calls').toBeGreaterThan(
    (met.get('crashes meant') ?? 0) * CRASHED,
  )
}, 900_000)

/** Lives, one recovery more, and what then does not hold. */
async function run(place: Place, all: readonly Life[], plant: () => Planted) {
  const journal = newJournal()
  for (const life of all) await live(place, life, journal, plant)
  const { ledger } = await openLedger({ state: place.state, keys: place.keys, log: LOG, minFreeBytes: 0 })
  await ledger.close()
  const keys = openContentKeys(place.keys, { make: false })
  const kept = (await allEntries(place)).map((entry) => ({ record: entry.leaf, personal: disclosed(entry, keys) }))
  const { status } = await verifyAt(place)
  return { journal, kept, broken: [...(status === 'verified' ? [] : [status]), ...violations(journal, kept)] }
}

function disclosed({ leaf, sealed }: Entry, keys: ReturnType<typeof openContentKeys>): ReadonlyMap<string, Json> {
  const key = sealed === null ? null : keys.opening(sealed.k)
  const opened = sealed === null || key === null ? [] : unseal(key, sealContext(leaf.log, leaf.seq, leaf.id), sealed.x)
  const told = (opened ?? []).map(readDisclosure).filter((one) => one !== null)
  return new Map(told.map(({ name, value }) => [name, value]))
}

/** Whether the client takes the answer for complete. */
function finished({ status, written, last, shape }: Seen): boolean {
  if (status !== 200) return false
  const all = written + (last ?? '')
  return shape.streamed ? /"finish_reason":"stop"|data: \[DONE\]/.test(all) : last !== null
}

const FORWARDED = 'forwarded: an intent with its digest'
const FINISHED = 'finished: an outcome complete'
const DENIED = 'denied: on record'
const ENDED = 'told of an end: no attempt of the call is left open'
const RELEASED = 'released: no more than is on record and the limit'
const DIGEST = 'progress: the digest of what was released'

/** The rules that do not hold, by name. */
function violations({ seen, forwarded, acknowledged }: Journal, kept: readonly Kept[]): string[] {
  const broken: string[] = []
  const hold = (rule: string, holds: boolean): void => void (holds || broken.push(rule))
  const of = (call: string, kind: AuditDraft['kind']): readonly Kept[] =>
    kept.filter(({ record }) => record.call === call && record.kind === kind)

  for (const { call, dispatch } of forwarded)
    hold(
      FORWARDED,
      of(call, 'call.intent').some(({ personal }) => personal.get('dispatch') === dispatch),
    )
  for (const { seq, id, kind } of acknowledged)
    hold('acknowledged: on disk', kept[seq]?.record.id === id && kept[seq]?.record.kind === kind)

  for (const one of seen) {
    const { call, status, written, last, progressBytes } = one
    const outcomes = of(call, 'call.outcome')
    const progress = of(call, 'call.progress')
    const [latest] = progress.slice(-1)
    const onRecord = Number(latest?.record.body.bytes ?? 0)
    if (finished(one))
      hold(
        FINISHED,
        outcomes.some(({ record }) => record.body.ending === 'complete'),
      )
    if (status === 200 && written !== '') hold('answered: an intent', of(call, 'call.intent').length > 0)
    hold(RELEASED, Buffer.byteLength(written) <= onRecord + progressBytes)
    for (const { record, personal } of progress) {
      const bytes = Buffer.from(written).subarray(0, Number(record.body.bytes))
      if (bytes.length === Number(record.body.bytes)) hold(DIGEST, personal.get('released') === sha256(bytes))
    }
    if (last !== null && status === 403)
      hold(
        DENIED,
        of(call, 'call.denied').length + outcomes.filter(({ record }) => record.body.ending === 'denied').length > 0,
      )
    if (last !== null) hold(ENDED, of(call, 'call.abandoned').length === 0)
  }

  for (const { record } of kept) {
    if (record.kind !== 'call.intent') continue
    const after = kept.filter((other) => other.record.of === record.seq).map((other) => other.record)
    hold('an intent: closed exactly once', after.filter(({ kind }) => CLOSING_KINDS.includes(kind)).length === 1)
    const last = after.at(-1)
    hold('an intent: nothing after its end', last !== undefined && CLOSING_KINDS.includes(last.kind))
    hold(
      'an intent: only what is of its call',
      after.every(({ call }) => call === record.call),
    )
  }
  return [...new Set(broken)]
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A ledger that gives receipts of a kind away before they are due: `hand` is called with what would hand the record over. */
function unreliable(
  kind: AuditDraft['kind'],
  hand: (over: () => Promise<Receipt>) => Promise<Receipt>,
): (real: Ledger) => Ledger {
  const real = new Map<number, Promise<Receipt>>()
  let given = 0
  return (ledger) => ({
    ...ledger,
    async append(draft) {
      const intent = draft.of === undefined ? undefined : real.get(draft.of)
      const over = async (): Promise<Receipt> =>
        ledger.append(intent === undefined ? draft : { ...draft, of: (await intent).seq })
      if (draft.kind !== kind) return over()
      const going = hand(over)
      going.catch(() => undefined)
      given += 1
      real.set(-given, going)
      return { seq: -given, tseq: 0, id: 'not yet' }
    },
  })
}

const early = (kind: AuditDraft['kind']) => (): Planted => ({ ledger: unreliable(kind, (over) => over()) })
const lost = (kind: AuditDraft['kind']) => (): Planted => ({
  ledger: unreliable(kind, async () => ({ seq: -1, tseq: 0, id: 'lost' })),
})

const told = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.from('data: [DONE]\n\n')])
const twice = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, bytes])
const writes = (alter: (bytes: Uint8Array) => Uint8Array) => (): Planted => ({
  client: (real) => ({ ...real, write: (bytes) => real.write(alter(bytes)) }),
})
const sends = (altered: Partial<Dispatch>) => (): Planted => ({
  provider: (real) => ({ ...real, open: (dispatch, signal) => real.open({ ...dispatch, ...altered }, signal) }),
})

/** The dispatch is sent, and only then its intent is handed over. */
function sentFirst(): Planted {
  const waiting: (() => void)[] = []
  return {
    ledger: unreliable('call.intent', async (over) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return over()
    }),
    provider: (real) => ({
      ...real,
      async open(dispatch, signal) {
        try {
          return await real.open(dispatch, signal)
        } finally {
          waiting.shift()?.()
        }
      },
    }),
  }
}

type Mutant = Readonly<{ name: string; plant: () => Planted; rule: string; fates?: readonly (typeof FATES)[number][] }>

test.each<Mutant>([
  { name: 'an intent that is acknowledged before it is durable', plant: early('call.intent'), rule: FORWARDED },
  { name: 'an intent that is handed over after its dispatch was sent', plant: sentFirst, rule: FORWARDED },
  { name: 'a dispatch that is altered after its intent', plant: sends({ digest: 'another' }), rule: FORWARDED },
  { name: 'an outcome that is acknowledged before it is durable', plant: early('call.outcome'), rule: FINISHED },
  { name: 'an outcome that is not written', plant: lost('call.outcome'), rule: FINISHED },
  { name: 'a client that is told the end before the outcome', plant: writes(told), rule: FINISHED },
  { name: 'a denial that is told before it is durable', plant: early('call.denied'), rule: DENIED, fates: ['denied'] },
  {
    name: 'a failure that is told before it is durable',
    plant: early('call.attempt_failed'),
    rule: ENDED,
    fates: ['down'],
  },
  { name: 'a progress that nobody waits for', plant: early('call.progress'), rule: RELEASED },
  { name: 'a progress that is not written', plant: lost('call.progress'), rule: RELEASED },
  { name: 'a piece that is released twice', plant: writes(twice), rule: DIGEST },
])(
  'the property fails for $name',
  async ({ plant, rule, fates = FATES }) => {
    const { failed, errorInstance } = await fc.check(
      fc.asyncProperty(livesOf(fates, 2), async (all) => {
        const { broken } = await run(makePlace(), all, plant)
        if (broken.includes(rule)) throw new Error(rule)
      }),
      { seed: SEED, numRuns: 60, endOnFailure: true },
    )
    expect([failed, errorInstance]).toEqual([true, new Error(rule)])
  },
  300_000,
)
