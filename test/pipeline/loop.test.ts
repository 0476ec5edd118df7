import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FAILURES } from '../../src/pipeline/failures.ts'
import type { Gateway } from '../../src/pipeline/gateway.ts'
import { type Planted, playPlan } from './loop.ts'
import * as guard from './loop-guard.ts'
import { type Law, type Plan, type Rule, type Say, TARGETS } from './loop-plan.ts'

/**
 * Any permutation of targets, verdicts, pins, failures, retries, rests, reloads, revocations and timings: no dispatch is opened outside of the judged set
 * of the generation that is active at that moment, and the rest of the rules in loop-guard.ts.
 */
const RUNS = Number(process.env.CUSTOMHOUSE_LOOP_RUNS ?? 1_500)
const SEED = Number(process.env.CUSTOMHOUSE_SEED ?? 1)

const some = <T>(arbitrary: fc.Arbitrary<T>, nil = 1): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: nil, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
const kinds = fc.subarray([...FAILURES])
const ms = fc.constantFrom(0, 1, 2, 5, 10, 40, 100, 400)

const rule: fc.Arbitrary<Rule> = fc.record({
  retry: some(
    fc.record({
      times: fc.integer({ min: 1, max: 3 }),
      on: fc.subarray([...FAILURES], { minLength: 1 }),
      wait_ms: fc.constantFrom(0, 5, 100, 2_000),
    }),
  ),
  fallback: some(kinds, 2),
  callMs: some(fc.constantFrom(5, 50, 400), 4),
  totalMs: some(fc.constantFrom(5, 50, 400), 4),
  firstByteMs: some(fc.constantFrom(5, 50), 4),
  pin: some(fc.constantFrom('DE' as const, 'FR' as const), 3),
  quota: some(fc.constantFrom(0, 3, 'none' as const), 1),
  looser: some(fc.constantFrom('first' as const, 'last' as const), 2),
})
const law: fc.Arbitrary<Law> = fc.record({
  rules: fc.array(fc.option(rule, { freq: 4 }), { minLength: TARGETS, maxLength: TARGETS, size: 'max' }),
  order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: TARGETS, maxLength: TARGETS }),
  places: fc.array(fc.constantFrom('DE' as const, 'DE' as const, 'FR' as const, 'US' as const), {
    minLength: TARGETS,
    maxLength: TARGETS,
    size: 'max',
  }),
})
const say: fc.Arbitrary<Say> = fc.record({
  does: fc.oneof(
    { weight: 1, arbitrary: fc.constant('fine' as const) },
    { weight: 3, arbitrary: fc.constantFrom('connect', 'timeout', 'never', 'mute', 'broken') },
    { weight: 4, arbitrary: fc.constantFrom(429, 429, 503, 529, 500, 502, 409, 401, 403, 301, 400) },
  ),
  afterMs: ms,
  retryAfterMs: some(fc.constantFrom(0, 3, 30, 300, 5_000)),
  region: some(fc.constantFrom('fine' as const, 'fine' as const, 'fault' as const), 3),
})
const plan: fc.Arbitrary<Plan> = fc.record({
  laws: fc.array(law, { minLength: 1, maxLength: 3, size: 'max' }),
  reloads: fc.tuple(ms, ms).map(([one, two]) => [one, one + two]),
  calls: fc.array(
    fc.record({
      at: ms,
      tenant: fc.constantFrom('a' as const, 'b' as const),
      streamed: fc.boolean(),
      goneAt: some(ms, 6),
    }),
    { minLength: 1, maxLength: 5, size: 'max' },
  ),
  says: fc.array(fc.array(say, { maxLength: 6, size: 'max' }), { minLength: TARGETS, maxLength: TARGETS, size: 'max' }),
  revokedAt: some(ms, 4),
  staleAt: some(ms, 9),
  drainedAt: some(ms, 9),
  durableMs: fc.array(fc.constantFrom(0, 0, 0, 0, 1, 4, 40), { minLength: 1, maxLength: 7 }),
  totalMs: fc.constantFrom(60_000, 60_000, 30),
  chance: fc.constantFrom(0, 0.3, 0.999),
  limits: fc.record({
    failures: fc.constantFrom(1, 2, 3),
    windowMs: fc.constantFrom(50, 1_000),
    restMs: fc.constantFrom(20, 500),
    retryAfterMs: fc.constantFrom(1_000, 300_000),
  }),
})

test('whatever fails, changes and waits: nothing is opened that the active law does not permit', async () => {
  const met = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(plan, async (one) => {
      const seen = await playPlan(one)
      for (const [what, times] of seen.met) met.set(what, (met.get(what) ?? 0) + times)
      for (const { kind, body } of seen.records) {
        const what = `${kind} ${body.ending ?? body.reason ?? ''}`.trim()
        met.set(what, (met.get(what) ?? 0) + 1)
      }
      expect([...seen.broken]).toEqual([])
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  )
  console.log(JSON.stringify(Object.fromEntries([...met].toSorted())))
  // It met what it speaks of.
  for (const what of [...RULES, ...FAILURES, 'lapsed', 'call.denied', 'call.attempt_failed OVERTAKEN', ...ENDINGS])
    expect([what, met.get(what) ?? 0]).toEqual([what, expect.toSatisfy((times: number) => times > 0)])
}, 600_000)

const RULES: readonly string[] = Object.values(guard).filter((one) => typeof one === 'string')
const ENDINGS = ['complete', 'provider_error', 'provider_truncated', 'client_gone', 'drained', 'failed'].map(
  (ending) => `call.outcome ${ending}`,
)

/** A fault: in a port of the loop, or in its own source, of which a copy is then played. */
type Fault = Readonly<
  { name: string; rule: string; plant: Planted } | { name: string; rule: string; alter: Alteration }
>
type Alteration = readonly [file: string, from: string, to: string]

const forgets = (change: Partial<Gateway>): Planted => ({ gateway: (real) => ({ ...real, ...change }) })

const PORTS: readonly Fault[] = [
  {
    name: 'a decider that permits what is denied',
    rule: guard.OUTSIDE,
    plant: {
      generation: (made) => ({
        ...made,
        decider: {
          ...made.decider,
          request: async (input) => {
            const said = await made.decider.request(input)
            const allow = { effect: 'allow', reasons: [], obligations: [] } as const
            return { ...said, targets: new Map(input.targets.map(({ id }) => [id, allow])) }
          },
        },
      }),
    },
  },
  {
    name: 'a catalogue that takes every address for the judged place',
    rule: guard.PINS,
    plant: {
      generation: (made) => {
        const places = ['DE']
        const resolve = () => ({ endpoint: places, processing: places, storage: places })
        return { ...made, catalogue: { ...made.catalogue, resolve } }
      },
    },
  },
  {
    name: 'a plugin that lets a pin go',
    rule: guard.PINS,
    plant: {
      plugin: (real) =>
        real.name === 'pins'
          ? { name: 'pins', discharge: { pin: { stage: 'pin', request: () => ({ met: true }) } } }
          : real,
    },
  },
  {
    name: 'a provider that tries twice by itself',
    rule: guard.INTENT,
    plant: {
      provider: (real) => ({
        ...real,
        open: async (dispatch, signal) => {
          try {
            return await real.open(dispatch, signal)
          } catch {
            return real.open(dispatch, signal)
          }
        },
      }),
    },
  },
  {
    name: 'a provider that sends something else',
    rule: guard.INTENT,
    plant: {
      provider: (real) => ({ ...real, open: (dispatch, signal) => real.open({ ...dispatch, digest: 'x' }, signal) }),
    },
  },
  { name: 'an authenticator that forgets', rule: guard.CALLER, plant: forgets({ authenticator: forgetful() }) },
  { name: 'a gateway that is always fresh', rule: guard.CALLER, plant: forgets({ fresh: () => true }) },
  {
    name: 'a gateway that does not say that it stops',
    rule: guard.OVER,
    plant: forgets({ drained: new AbortController().signal }),
  },
  {
    name: 'a ledger that loses what closes an attempt',
    rule: guard.CLOSED,
    plant: {
      ledger: (real) => ({
        ...real,
        append: async (draft) =>
          draft.kind === 'call.attempt_failed' ? { seq: -1, tseq: -1, id: 'lost' } : real.append(draft),
      }),
    },
  },
  {
    name: 'a plugin that does not settle',
    rule: guard.RESERVED,
    plant: { plugin: ({ settle: _, ...real }) => real },
  },
  {
    name: 'a clock that does not wait',
    rule: guard.RETRY_AFTER,
    plant: { clock: (real) => ({ ...real, now: () => real.now() * 2 }) },
  },
]

const HANDLE = 'handle.ts'
const WAY = 'way.ts'
const SOURCES: readonly Fault[] = [
  {
    name: 'another generation that comes while something waits is not seen',
    rule: guard.OUTSIDE,
    alter: ['prepare.ts', 'visit.gateway.generation() !== generation || ', ''],
  },
  {
    name: 'what changes while the intent is written is not looked at',
    rule: guard.OUTSIDE,
    alter: [HANDLE, '!signal.aborted && (stale(visit, generation) || pass.rests())', 'false'],
  },
  {
    name: 'the metrics hear of what was not sent',
    rule: guard.HEARD,
    alter: [HANDLE, 'overtaken ? UNHEARD : ', ''],
  },
  {
    name: 'a target that came to rest is tried all the same',
    rule: guard.RESTS,
    alter: [HANDLE, '(stale(visit, generation) || pass.rests())\n', 'stale(visit, generation)\n'],
  },
  {
    name: 'what was reserved is not given back',
    rule: guard.RESERVED,
    alter: ['reservations.ts', 'await inTime(undo, this.#ms)', ''],
  },
  {
    name: 'retries are not counted',
    rule: guard.RETRIES,
    alter: [HANDLE, '(way.retries.get(id) ?? 0) + 1', '(way.retries.get(id) ?? 0) + 0.5'],
  },
  {
    name: 'a retry after any failure',
    rule: guard.RETRIES,
    alter: [WAY, 'course.retryOn.includes(kind)', 'true'],
  },
  {
    name: 'a fallback after any failure',
    rule: guard.FALLBACK,
    alter: [WAY, 'course.fallbackOn !== null && (kind === null || !course.fallbackOn.includes(kind))', 'false'],
  },
  {
    name: 'the order of the route',
    rule: guard.ORDER,
    alter: ['judge.ts', 'if (decision.order.length === 0) return candidates', 'return candidates'],
  },
  {
    name: 'a Retry-After that is not kept to',
    rule: guard.RETRY_AFTER,
    alter: ['breaker.ts', 'now + Math.min(ms, limits.retryAfterMs)', 'now'],
  },
  {
    name: 'a breaker that never opens',
    rule: guard.RESTS,
    alter: ['breaker.ts', 'circuit.times.length >= limits.failures', 'false'],
  },
  {
    name: 'a trial that is never over',
    rule: guard.LEAK,
    alter: ['breaker.ts', 'if (trial && circuit !== undefined) circuit.trial = false', ''],
  },
  {
    name: 'the headers of an answer are read where nobody closes the attempt',
    rule: guard.CLOSED,
    alter: [
      'gate.ts',
      'let rest: Uint8Array\n  try {\n    hearHeaders(passage, progress.whereabouts)\n',
      'hearHeaders(passage, progress.whereabouts)\n  let rest: Uint8Array\n  try {\n',
    ],
  },
  {
    name: "the gateway's own slowness counts against a provider",
    rule: guard.RESTING,
    alter: [HANDLE, '!late && ', ''],
  },
  {
    name: 'the last of several deadlines',
    rule: guard.DEADLINE,
    alter: ['course.ts', 'callMs: sooner(course.callMs, callMs)', 'callMs: callMs ?? course.callMs'],
  },
  {
    name: 'the most of several retries',
    rule: guard.RETRIES,
    alter: ['course.ts', 'times: Math.min(course.times, times)', 'times: Math.max(course.times, times)'],
  },
  {
    name: 'a call that goes on when its client has left',
    rule: guard.OVER,
    alter: ['attempt.ts', 'signal.throwIfAborted()', ''],
  },
]

function forgetful(): Gateway['authenticator'] {
  const nobody = (): never => {
    throw new Error('nobody authenticates here')
  }
  return { authenticate: nobody, stands: () => true, revoked: () => false }
}

test.each(PORTS)('the property fails for $name', async (fault) => {
  if (!('plant' in fault)) throw new Error('no fault of a port')
  expect(await caught((one) => playPlan(one, fault.plant))).toContain(fault.rule)
})

test.each(SOURCES)('the property fails where $name', async (fault) => {
  if (!('alter' in fault)) throw new Error('no fault of a source')
  const folder = altered(fault.alter)
  try {
    const { playPlan: play } = await import(pathToFileURL(join(folder, 'test/pipeline/loop.ts')).href)
    expect(await caught(play)).toContain(fault.rule)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** What the guard says over some hundred lives. */
async function caught(play: typeof playPlan): Promise<readonly string[]> {
  const broken = new Set<string>()
  for (const one of fc.sample(plan, { seed: SEED, numRuns: 700 })) {
    for (const rule of (await play(one)).broken) broken.add(rule)
  }
  return [...broken]
}

/** A copy of the sources and of the player, with one place of the pipeline altered. */
function altered([file, from, to]: Alteration): string {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-loop-'))
  const root = join(import.meta.dirname, '../..')
  for (const part of ['src', 'package.json', 'test/pipeline'])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'src/pipeline', file)
  const source = readFileSync(path, 'utf8')
  expect([file, source.split(from).length - 1]).toEqual([file, 1])
  writeFileSync(
    path,
    source.replace(from, () => to),
  )
  return folder
}
