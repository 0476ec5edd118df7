import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Filter, Plugin } from '../../src/core/plugin.ts'
import { checkPlugins } from '../../src/pipeline/contract.ts'
import { Reservations } from '../../src/pipeline/reservations.ts'
import { openaiAnswer, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** Plugins that hang, throw at once, or say what their types forbid. Each call ends, and no process does. */

const SAID = 'one two three four five six'
const whole = { streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: [SAID] }))] } satisfies Scene
const streamed = { chunks: openaiStream({ texts: [SAID] }) } satisfies Scene
const soon = { inspectMs: 30 }
const forever = (): Promise<never> => new Promise(() => undefined)
/** A value that no type would let pass, as a plugin in plain JavaScript gives it. */
const untyped = <T>(value: unknown): T => value as T
const kinds = ({ records }: Played): readonly string[] => records.map(({ kind }) => kind)
const reasons = ({ records }: Played): unknown => records.at(-1)?.body.reasons

/** Whatever nobody caught while `work` went on, and for some time after. */
async function uncaught(work: () => Promise<void>, afterMs: number): Promise<readonly unknown[]> {
  const seen: unknown[] = []
  const note = (reason: unknown): void => void seen.push(reason)
  process.on('unhandledRejection', note)
  try {
    await work()
    await sleep(afterMs)
  } finally {
    process.off('unhandledRejection', note)
  }
  return seen
}

describe('inspect', () => {
  type Row = readonly [string, Plugin['inspect']]
  const rows: readonly Row[] = [
    [
      'throws at once',
      () => {
        throw new Error('at once')
      },
    ],
    ['rejects', () => Promise.reject(new Error('later'))],
    ['hangs', forever],
    ['reports nothing at all', async () => untyped(undefined)],
    ['reports null', async () => untyped(null)],
    ['reports no list', async () => untyped({ length: 0 })],
    ['reports what is no finding', async () => untyped([null])],
    ...[Number.NaN, -0.1, 1.1, Number.POSITIVE_INFINITY].map(
      (score): Row => [
        `reports the score ${score}`,
        async (_, [segment]) => [{ type: 'X', pointer: segment?.pointer ?? '', start: 0, end: 1, score }],
      ],
    ),
  ]
  test.each(rows)('%s: denied, reported once, and nothing is left uncaught', async (_, inspect) => {
    const seen = await uncaught(async () => {
      const played = await play({ ...whole, limits: soon, plugins: [{ name: 'rogue', ...(inspect && { inspect }) }] })
      expect(played.status).toBe(403)
      expect(kinds(played)).toEqual(['call.denied'])
      expect(reasons(played)).toMatchObject([{ rule: 'base/inspector-failed' }])
      expect(played.journal.filter((line) => line.startsWith('report '))).toEqual(['report inspector rogue failed'])
    }, soon.inspectMs * 2)
    expect(seen).toEqual([])
  })

  test('two that fail, one of them at once: those that still read are told to stop', async () => {
    let told = false
    const slow: Plugin = {
      name: 'slow',
      inspect: (_, __, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            told = true
            reject(new Error('stopped'))
          }),
        ),
    }
    const rogue: Plugin = { name: 'rogue', inspect: untyped(() => undefined) }
    const seen = await uncaught(async () => {
      const played = await play({ ...whole, plugins: [slow, rogue] })
      expect(kinds(played)).toEqual(['call.denied'])
    }, 10)
    expect([told, seen]).toEqual([true, []])
  })
})

describe('what is no length', () => {
  const bad = [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, '128', null, 2 ** 53]
  const masking = (phase: 'request' | 'response', hold: unknown): Plugin => {
    const filter = untyped<Filter>({ name: 'mask', hold })
    return {
      name: 'masker',
      discharge: { mask: { stage: 'redact', [phase]: () => ({ met: true, filter }) } },
    }
  }
  const mask = [{ type: 'mask', params: {} }]
  const demands: Scene['decider'] = {
    response: () => ({
      id: 'decision',
      revision: 'revision',
      fuel: 1,
      phase: 'response',
      verdict: { effect: 'allow', reasons: [], obligations: mask },
    }),
  }

  test.each([...bad, undefined])('hold %s, of the request: nothing is sent', async (hold) => {
    const played = await play({ ...streamed, obligations: mask, plugins: [masking('request', hold)] })
    expect(played.records.map(({ kind, body }) => [kind, body.code])).toEqual([['call.denied', 'ERR_GATEWAY_INTERNAL']])
  })

  test.each([...bad, undefined])('hold %s, of the answer: nothing of it is released', async (hold) => {
    const played = await play({ ...streamed, decider: demands, plugins: [masking('response', hold)] })
    expect(played.outcomes.map(({ body }) => body.ending)).toEqual(['failed'])
    expect(played.text).not.toContain('one')
  })

  test('a hold that changes on the way: nothing more is released', async () => {
    let asked = 0
    const filter: Filter = {
      name: 'mask',
      get hold() {
        asked += 1
        return asked < 4 ? 2 : Number.NaN
      },
    }
    const plugin: Plugin = {
      name: 'masker',
      discharge: { mask: { stage: 'redact', request: () => ({ met: true, filter }) } },
    }
    const played = await play({ ...streamed, obligations: mask, plugins: [plugin] })
    expect(played.outcomes.map(({ body }) => body.ending)).toEqual(['failed'])
    expect(played.text).not.toContain('six')
  })

  test.each([0, 20, 'whole'])('hold %s is one', async (hold) => {
    const played = await play({ ...streamed, decider: demands, plugins: [masking('response', hold)] })
    expect(played.outcomes.map(({ body }) => body.ending)).toEqual(['complete'])
  })

  test.each([0, ...bad])('span %s: refused at load', (span) => {
    const plugin = untyped<Plugin>({ name: 'rogue', span, inspect: async () => [] })
    expect(() => checkPlugins([plugin])).toThrow('the span of the plugin rogue is no length')
    expect(() => checkPlugins([{ name: 'good', span: 1, inspect: async () => [] }])).not.toThrow()
  })

  test('a stage that does not exist: refused at load', () => {
    const plugin = untyped<Plugin>({ name: 'rogue', discharge: { mask: { stage: 'before' } } })
    expect(() => checkPlugins([plugin])).toThrow('rogue discharges mask in a stage that does not exist')
  })
})

describe('too late', () => {
  const obligations = [{ type: 'slow', params: {} }]
  const rule = 'base/discharge-late'

  test('a discharge: the target falls away with a reason, and what it reserves later is given back', async () => {
    const given: string[] = []
    const late = Promise.withResolvers<void>()
    const plugin: Plugin = {
      name: 'sloth',
      discharge: {
        slow: {
          stage: 'reserve',
          request: async () => {
            await late.promise
            return { met: true, reservation: 'r', release: () => void given.push('back') }
          },
        },
      },
    }
    const played = await play({ ...whole, limits: soon, obligations, plugins: [plugin] })
    expect(played.status).toBe(500)
    expect(kinds(played)).toEqual(['call.denied'])
    expect(reasons(played)).toMatchObject([{ rule, message: 'the plugin sloth took too long to carry out slow' }])
    expect(given).toEqual([])
    late.resolve()
    await sleep(5)
    expect(given).toEqual(['back'])
  })

  test('at one target: the next one answers', async () => {
    const plugin: Plugin = {
      name: 'sloth',
      discharge: {
        slow: {
          stage: 'clamp',
          request: ({ target }) => (target.id === TARGET.id ? forever() : { met: true }),
        },
      },
    }
    const targets = [TARGET, { ...TARGET, id: 'one/second' }]
    const played = await play({ ...whole, targets, limits: soon, obligations, plugins: [plugin] })
    expect(played.status).toBe(200)
    expect(played.headers['x-customhouse-target']).toBe('one/second')
    expect(kinds(played)).toEqual(['call.intent', 'call.outcome'])
  })

  test('a discharge that fails when nobody waits any more is nobody else’s trouble', async () => {
    const plugin: Plugin = {
      name: 'sloth',
      discharge: {
        slow: { stage: 'clamp', request: async () => sleep(60).then(() => Promise.reject(new Error('x'))) },
      },
    }
    const seen = await uncaught(async () => {
      const played = await play({ ...whole, limits: soon, obligations, plugins: [plugin] })
      expect(played.status).toBe(500)
    }, 80)
    expect(seen).toEqual([])
  })

  test('a discharge of the answer', async () => {
    const plugin: Plugin = { name: 'sloth', discharge: { slow: { stage: 'redact', response: forever } } }
    const verdict = { effect: 'allow', reasons: [], obligations } as const
    const decider: Scene['decider'] = {
      response: () => ({ id: 'decision', revision: 'revision', fuel: 1, phase: 'response', verdict }),
    }
    const played = await play({ ...streamed, limits: soon, decider, plugins: [plugin] })
    expect(played.status).toBe(500)
    expect(played.outcomes[0]?.body).toMatchObject({ ending: 'denied', status: 500, reasons: [{ rule }] })
  })

  test('a settling: reported, and the outcome is recorded all the same', async () => {
    const played = await play({ ...whole, limits: soon, plugins: [{ name: 'sloth', settle: forever }] })
    expect(played.status).toBe(200)
    expect(played.outcomes[0]?.body.ending).toBe('complete')
    expect(played.journal).toContain('report sloth could not settle')
  })

  test.each([
    ['hangs', forever],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
  ])('a release that %s: reported, the others run, the client hears', async (_, release) => {
    const given: string[] = []
    const plugin: Plugin = {
      name: 'reserver',
      discharge: {
        first: { stage: 'reserve', request: () => ({ met: true, release }) },
        second: { stage: 'reserve', request: () => ({ met: true, release: () => void given.push('back') }) },
        third: { stage: 'reserve', request: () => ({ met: false, code: 'quota_exhausted', message: 'none left' }) },
      },
    }
    const played = await play({
      ...whole,
      limits: soon,
      obligations: ['first', 'second', 'third'].map((type) => ({ type, params: {} })),
      plugins: [plugin],
    })
    expect([played.status, given]).toEqual([429, ['back']])
    expect(played.journal).toContain('report a reservation could not be given back')
  })
})

test('what was given back is not given back again', async () => {
  const given: string[] = []
  const gateway = {
    report: (what: string) => void given.push(what),
  }
  const reservations = new Reservations(gateway, 'call', 30)
  reservations.add({ met: true, release: () => void given.push('back') })
  await Promise.all([reservations.release(), reservations.release()])
  await reservations.release()
  expect(given).toEqual(['back'])
})
