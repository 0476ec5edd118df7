import { describe, expect, test } from 'vitest'
import type { Plugin } from '../../src/core/plugin.ts'
import { openaiAnswer, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** Whoever withdraws a permission must be able to rely on it within a time: what may be out of date permits nothing. */

const RULE = 'base/policy-stale'
const WAITS = [{ type: 'wait', params: {} }]

type Sending = Readonly<{ played: Played; sent: number }>

describe.each([
  { how: 'whole', streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: ['good day'] }))] },
  { how: 'streamed', streamed: true, chunks: openaiStream({ texts: ['good day'] }) },
])('$how', ({ streamed, chunks }) => {
  /** Counts the answers that the provider began. */
  async function sending(scene: Scene): Promise<Sending> {
    let sent = 0
    const before = (index: number): void => {
      if (index === 0) sent += 1
    }
    return { played: await play({ streamed, chunks, before, ...scene }), sent }
  }

  function expectDenied({ played, sent }: Sending): void {
    expect([played.status, sent]).toEqual([403, 0])
    expect(played.text).toContain(RULE)
    expect(played.records.map(({ kind, body }) => [kind, body.status])).toEqual([['call.denied', 403]])
    expect(played.records[0]?.body.reasons).toEqual([expect.objectContaining({ control: 'base', rule: RULE })])
    // Durable before the client hears of it.
    expect(played.journal.indexOf('record call.denied')).toBeLessThan(played.journal.indexOf('begin 403'))
  }

  test('fresh: it is sent', async () => {
    const { played, sent } = await sending({ fresh: () => true })
    expect([played.status, sent, played.outcomes[0]?.body.ending]).toEqual([200, 1, 'complete'])
  })

  test('stale: it is denied on record, and neither inspected nor judged nor sent', async () => {
    const never = (): never => {
      throw new Error('it was asked')
    }
    const inspector: Plugin = { name: 'inspector', inspect: never }
    expectDenied(await sending({ fresh: () => false, plugins: [inspector], decider: { request: never } }))
  })

  test.each(['inspection', 'discharge'] as const)(
    'stale after a wait (%s): it is not sent, and what was reserved is given back',
    async (where) => {
      let fresh = true
      const given: string[] = []
      const wait = async (at: typeof where): Promise<void> => {
        await new Promise((resolve) => setImmediate(resolve))
        if (at === where) fresh = false
      }
      const waiting: Plugin = {
        name: 'waiting',
        inspect: async (phase) => {
          if (phase === 'request') await wait('inspection')
          return []
        },
        discharge: {
          wait: {
            stage: 'reserve',
            request: async () => {
              await wait('discharge')
              return { met: true, reservation: 'one', release: () => void given.push('back') }
            },
          },
        },
      }
      expectDenied(await sending({ fresh: () => fresh, plugins: [waiting], obligations: WAITS }))
      expect(given).toEqual(where === 'discharge' ? ['back'] : [])
    },
  )

  test('stale when the first target has failed: the second is not tried, and both are on record', async () => {
    let fresh = true
    const tried: string[] = []
    const played = await play({
      streamed,
      targets: [TARGET, { ...TARGET, id: 'one/other', model: 'other' }],
      fresh: () => fresh,
      open: async ({ target }) => {
        tried.push(target.id)
        fresh = false
        throw new Error('no connection')
      },
    })
    expect([played.status, tried]).toEqual([403, [TARGET.id]])
    expect(played.text).toContain(RULE)
    expect(played.records.map(({ kind }) => kind)).toEqual(['call.intent', 'call.attempt_failed', 'call.denied'])
  })
})
