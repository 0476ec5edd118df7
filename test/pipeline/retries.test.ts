import { describe, expect, test } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Answer } from '../../src/core/port.ts'
import { attemptsOf, createAttempts } from '../../src/pipeline/attempts.ts'
import { Breaker } from '../../src/pipeline/breaker.ts'
import { openaiAnswer, openaiError } from '../kit/index.ts'
import { type Played, play, TARGET } from './scene.ts'

const SECOND = { ...TARGET, id: 'one/second', model: 'second' }

/** Time that only passes when somebody waits for less than a minute. */
function attempts(waits: number[], failures = 5) {
  let now = 0
  return createAttempts({
    breaker: new Breaker(),
    limits: { failures, windowMs: 1_000, restMs: 500, retryAfterMs: 300_000 },
    addressOf: () => 'https://one.example',
    isApart: () => false,
    clock: {
      now: () => now,
      wall: () => now,
      random: () => 0,
      after: (ms, run) => {
        if (ms < 60_000) {
          waits.push(ms)
          setImmediate(() => {
            now += ms
            run()
          })
        }
        return () => undefined
      },
    },
  })
}

function answer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  const said = status < 400 ? openaiAnswer({ texts: ['fine'] }) : openaiError('THEIR WORDS', 'theirs')
  const bytes = Buffer.from(JSON.stringify(said))
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: {
      whole: async () => bytes,
      cancel: () => undefined,
      async *[Symbol.asyncIterator]() {
        yield bytes
      },
    },
  }
}

const kinds = ({ records }: Played): readonly string[] => records.map(({ kind }) => kind)

describe('attempt.retry', () => {
  const retry = (on: readonly string[], wait_ms: number) => [
    { type: 'attempt.retry', params: { times: 1, on, wait_ms } },
  ]
  type Row = readonly [
    string,
    readonly string[],
    number,
    Readonly<Record<string, string>>,
    number,
    readonly string[],
    readonly number[],
  ]
  test.each<Row>([
    ['after Retry-After', ['throttled'], 5_000, { 'retry-after': '1' }, 200, [TARGET.id, TARGET.id], [1_000]],
    ['after milliseconds', ['throttled'], 5_000, { 'retry-after-ms': '70' }, 200, [TARGET.id, TARGET.id], [70]],
    ['but not beyond wait_ms', ['throttled'], 999, { 'retry-after': '1' }, 200, [TARGET.id, SECOND.id], []],
    ['but not after another failure', ['connect'], 5_000, {}, 200, [TARGET.id, SECOND.id], []],
  ])('%s', async (_, on, waitMs, headers, status, expected, waited) => {
    const sent: string[] = []
    const waits: number[] = []
    const played = await play({
      streamed: false,
      targets: [TARGET, SECOND],
      obligations: retry(on, waitMs),
      plugins: [attempts(waits)],
      open: async ({ target }) => {
        sent.push(target.id)
        return sent.length === 1 ? answer(429, headers) : answer(200)
      },
    })
    expect([sent, played.status, waits]).toEqual([expected, status, waited])
    expect(kinds(played)).toEqual(['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'])
  })
})

test.each([
  ['attempt.retry', { times: 4, on: ['connect'] }],
  ['attempt.retry', { times: 1, on: ['connect', 'connect'] }],
  ['attempt.fallback', { on: ['whatever'] }],
  ['attempt.fallback', { on: [], more: 1 }],
  ['attempt.deadline', {}],
  ['attempt.deadline', { call_ms: 1.5 }],
])('%s with parameters that it has not is unmet: %j', async (type, params) => {
  const played = await play({ streamed: false, obligations: [{ type, params }], plugins: [attempts([])] })
  expect([played.status, kinds(played)]).toEqual([403, ['call.denied']])
})

test.each([
  [[], 500, [TARGET.id]],
  [['server_error'], 200, [TARGET.id, SECOND.id]],
])('attempt.fallback on %j', async (on, status, expected) => {
  const sent: string[] = []
  const played = await play({
    streamed: false,
    targets: [TARGET, SECOND],
    obligations: [{ type: 'attempt.fallback', params: { on } }],
    plugins: [attempts([])],
    open: async ({ target }) => {
      sent.push(target.id)
      return answer(sent.length === 1 ? 500 : 200)
    },
  })
  expect([played.status, sent]).toEqual([status, expected])
})

test('a target that has failed in a row is left alone: 503 with retry-after, on record', async () => {
  const plugin = attempts([], 1)
  const scene = { streamed: false, plugins: [plugin], open: async () => answer(500) } as const
  expect((await play(scene)).status).toBe(500)
  const played = await play(scene)
  expect([played.status, played.headers['retry-after'], kinds(played)]).toEqual([503, '1', ['call.denied']])
  expect(played.records[0]?.body.reasons).toMatchObject([{ rule: 'base/target-resting' }])
})

test('to pass over a target that rests is a fallback: where none is permitted, nothing is sent', async () => {
  const sent: string[] = []
  const scene = {
    streamed: false,
    targets: [TARGET, SECOND],
    obligations: [{ type: 'attempt.fallback', params: { on: [] } }],
    plugins: [attempts([], 1)],
    open: async ({ target }: Readonly<{ target: Readonly<{ id: string }> }>) => {
      sent.push(target.id)
      return answer(500)
    },
  } as const
  expect([(await play(scene)).status, (await play(scene)).status, sent]).toEqual([500, 503, [TARGET.id]])
})

test('a retry is not waited for beyond a rest, nor shorter than Retry-After', async () => {
  const obligations = [{ type: 'attempt.retry', params: { times: 1, on: ['server_error', 'throttled'], wait_ms: 300 } }]
  for (const [status, failures, headers] of [
    [500, 1, {}],
    [429, 5, { 'retry-after-ms': '301' }],
  ] as const) {
    const waits: number[] = []
    const open = async () => answer(status, headers)
    const played = await play({ streamed: false, obligations, plugins: [attempts(waits, failures)], open })
    expect([played.status, kinds(played), waits]).toEqual([status, ['call.intent', 'call.outcome'], []])
  }
})

describe('what a target has said, and who gave it up', () => {
  const limits = { failures: 2, windowMs: 60_000, restMs: 1_000, retryAfterMs: 300_000 }
  const error = new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'busy')
  const failed = { error, kind: 'server_error', retryAfterMs: null } as const
  const asked = { error, kind: 'throttled', retryAfterMs: 120_000 } as const
  const loopAt = (clock: { now: number }) => {
    const time = { now: () => clock.now, wall: () => clock.now, random: () => 0, after: () => () => undefined }
    const isApart = (): boolean => false
    const plugin = createAttempts({ breaker: new Breaker(), limits, addressOf: () => 'a', isApart, clock: time })
    return attemptsOf({ plugins: [plugin] })
  }

  test('an answer between two failures: they are no row', () => {
    const loop = loopAt({ now: 0 })
    loop.enter(TARGET, 't').failed(failed)
    const well = loop.enter(TARGET, 't')
    well.began()
    well.ended({ ending: 'complete', status: 200, finish: null, usage: {}, bytes: 1, firstEventMs: 1, totalMs: 1 })
    loop.enter(TARGET, 't').failed(failed)
    expect(loop.rest(TARGET, 't')).toBeNull()
    loop.enter(TARGET, 't').failed(failed)
    expect(loop.rest(TARGET, 't')?.kind).toBe('server_error')
  })

  test('of two rests the longer is told', () => {
    const loop = loopAt({ now: 0 })
    for (const how of [asked, failed, failed]) loop.enter(TARGET, 't').failed(how)
    expect(loop.rest(TARGET, 't')).toEqual({ ms: 120_000, kind: 'throttled' })
  })

  test('a trial is not sent where the target was told to rest meanwhile', () => {
    const clock = { now: 0 }
    const loop = loopAt(clock)
    const earlier = loop.enter(TARGET, 't')
    for (const how of [failed, failed]) loop.enter(TARGET, 't').failed(how)
    clock.now = 1_000
    const trial = loop.enter(TARGET, 't')
    expect(trial.rests()).toBe(false)
    earlier.failed(asked)
    expect(trial.rests()).toBe(true)
  })

  test('a client that leaves, again and again, before anything was said: nothing rests', async () => {
    const plugin = attempts([], 1)
    const statuses: (number | null)[] = []
    for (let call = 0; call < 2; call++) {
      const before = (_: number, { gone }: { readonly gone: AbortController }): void => gone.abort()
      statuses.push((await play({ plugins: [plugin], before, chunks: ['data: '], last: 'hang' })).status)
    }
    const chunks = [JSON.stringify(openaiAnswer({ texts: ['fine'] }))]
    statuses.push((await play({ streamed: false, plugins: [plugin], chunks })).status)
    expect(statuses).toEqual([null, null, 200])
  })
})

describe('Retry-After is kept to', () => {
  test.each([
    ['seconds', { 'retry-after': '7' }, '7'],
    ['milliseconds', { 'retry-after-ms': '6001' }, '7'],
    ["AWS's milliseconds", { 'x-amz-retry-after': '6500' }, '7'],
    ['a date', { 'retry-after': 'Thu, 01 Jan 1970 00:00:07 GMT' }, '7'],
    ['no longer than limits.breaker.retry_after', { 'retry-after': '900' }, '300'],
  ])('%s: the next call has our own 429, on record, and nothing is sent', async (_, headers, seconds) => {
    const sent: string[] = []
    const scene = {
      streamed: false,
      plugins: [attempts([])],
      open: async ({ target }: Readonly<{ target: Readonly<{ id: string }> }>) => {
        sent.push(target.id)
        return answer(429, headers)
      },
    } as const
    const first = await play(scene)
    expect([first.status, first.text.includes('THEIR WORDS')]).toEqual([429, true])
    const second = await play(scene)
    expect([second.status, second.headers['retry-after'], kinds(second)]).toEqual([429, seconds, ['call.denied']])
    expect(second.records[0]?.body.reasons).toMatchObject([{ rule: 'base/target-resting' }])
    expect(sent).toEqual([TARGET.id])
  })

  test('by the whole gateway; where a tenant has a credential of its own, by that tenant alone', () => {
    const breaker = new Breaker()
    const plugin = (apart: boolean) =>
      attemptsOf({
        plugins: [
          createAttempts({
            breaker,
            limits: { failures: 5, windowMs: 1_000, restMs: 500, retryAfterMs: 300_000 },
            addressOf: () => (apart ? 'https://apart.example' : 'https://one.example'),
            isApart: () => apart,
          }),
        ],
      })
    const error = new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'busy')
    for (const apart of [true, false]) {
      const loop = plugin(apart)
      loop.enter(TARGET, 'a').failed({ error, kind: 'throttled', retryAfterMs: 60_000 })
      expect([loop.rest(TARGET, 'a')?.kind, loop.rest(TARGET, 'b')?.kind]).toEqual([
        'throttled',
        apart ? undefined : 'throttled',
      ])
    }
  })
})
