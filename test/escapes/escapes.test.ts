import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { messageOf } from './ask.ts'
import { OPENAI } from './doors.ts'
import { denied, idOf, type Row } from './row.ts'
import { ROWS } from './rows/index.ts'
import { judge, openScene, type Scene } from './scene.ts'

/**
 * Every way round the border that we know: mechanism x provider and door x whole and streamed, at the socket of a whole gateway, before
 * recorders of the whole world. After each row nothing has reached a place that its tenant may not use, and a good call at the same door was served.
 */

const sums = { rows: 0, forbidden: 0, allowed: 0, counted: 0 }
const distinct = (texts: readonly string[]): number => new Set(texts).size
const sent = (row: Row): string => {
  const { mechanism, door, streamed, tenant, sending, plays, act, way } = row
  return JSON.stringify([mechanism, door.title, streamed, tenant, messageOf(row), sending.h2, plays?.name, act && way])
}

let scene: Scene | null = null
const opened = (): Scene => {
  if (scene === null) throw new Error('there is no gateway')
  return scene
}
beforeAll(async () => {
  scene = await openScene()
})
afterAll(async () => {
  await scene?.stop()
})

describe('the table of escapes', () => {
  it('has at least 200 rows, each of them a way of its own', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(200)
    expect(distinct(ROWS.map(idOf))).toBe(ROWS.length)
    expect(distinct(ROWS.map(sent))).toBe(ROWS.length)
  })

  it.each([false, true])('sees an escape where there is one, streamed: %s', async (streamed) => {
    // What a tenant who may go anywhere sends to America arrives there: judged as a call of another tenant it is an escape.
    const row: Row = {
      mechanism: 'none',
      way: 'plain',
      door: OPENAI,
      streamed,
      tenant: 'eea',
      model: OPENAI.bad,
      sending: {},
      act: (at, one) => at.ask({ ...one, tenant: 'lab' }),
      expected: denied('residency/'),
    }
    const seen: unknown = await judge(opened(), row).catch((error: unknown) => error)
    const call = 'us.api.openai.com:443 /v1/chat/completions gpt-4o -'
    expect(seen).toMatchObject({ actual: { forbidden: expect.arrayContaining([call]) } })
  })

  it.each(ROWS.map((row) => [idOf(row), row] as const))('%s', async (_, row) => {
    const { allowed, forbidden, counted } = await judge(opened(), row)
    sums.rows += 1
    sums.allowed += allowed
    sums.forbidden += forbidden.length
    sums.counted += counted ? 1 : 0
    expect(forbidden).toEqual([])
    expect(allowed).toBeGreaterThan(0)
  })

  it('what never became a call is counted on record', async () => {
    const { records } = opened()
    await opened().stop()
    scene = null
    const counts = records
      .filter(({ kind }) => kind === 'access.refused')
      .map(({ body }) => Object.values(Object(body.counts)))
    expect(counts.flat().reduce<number>((sum, count) => sum + Number(count), 0)).toBe(sums.counted)
    const [mechanisms, doors] = [
      distinct(ROWS.map(({ mechanism }) => mechanism)),
      distinct(ROWS.map(({ door }) => door.title)),
    ]
    console.log(
      `escapes: ${sums.rows} rows, ${mechanisms} mechanisms, ${doors} doors, ${sums.forbidden} forbidden calls, ${sums.allowed} allowed calls`,
    )
  })
})
