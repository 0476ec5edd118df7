import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Recorder, startRecorder, whole } from '../kit/index.ts'
import { ALL_DOORS, type Door } from './doors.ts'
import { BETAS, FIELDS } from './fields.ts'
import { FRAMING } from './framing.ts'
import { Line } from './line.ts'
import { CANARY, message } from './message.ts'
import { PIPELINES } from './pipelines.ts'
import { digestOf, type Post, readEvidence, startPost } from './post.ts'
import type { Row } from './row.ts'
import { tallied, unlisted } from './tally.ts'
import { LINES, MODELS, TARGETS } from './targets.ts'

/** Bytes that two readers might read in two ways, on real sockets through every door. */

let post: Post
let upstream: Recorder
/** Rows that were run. */
let done = 0
beforeAll(async () => {
  upstream = await startRecorder({
    answer: ({ path }) => whole(ALL_DOORS.find((door) => door.upstream === path)?.answer ?? 'unknown'),
  })
  post = await startPost({
    upstream: upstream.url,
    config: { limits: { timeouts: { headers: '250ms', request: '350ms' } } },
  })
})
afterAll(async () => {
  try {
    await conclude()
  } finally {
    await post?.stop()
    await upstream?.close()
  }
})

/** What was sent is what was judged, whichever rows were run: the ledger has the digest of each message, and of no other. */
async function conclude(): Promise<void> {
  await post.customhouse.stop()
  const { status, dispatched, open } = await readEvidence(post)
  expect(status).toBe('verified')
  expect(open).toEqual([])
  const arrived = tallied(upstream.requests.map((request) => digestOf(request, upstream.url)))
  expect([...arrived.keys()].sort()).toEqual([...dispatched.keys()].sort())
  for (const [digest, count] of arrived) expect(count).toBeLessThanOrEqual(dispatched.get(digest) ?? 0)
  const unsent = [...dispatched.values()].reduce((sum, count) => sum + count, 0) - upstream.requests.length
  const perhaps = TABLES.flatMap(([, rows]) => rows.filter(([, , reached]) => reached === 'perhaps'))
  expect(unsent).toBeLessThanOrEqual(perhaps.length * ALL_DOORS.length)
  // Every row ends with a good call.
  expect(upstream.requests.length).toBeGreaterThanOrEqual(done)
}

const TABLES: readonly (readonly [title: string, rows: readonly Row[], of?: (door: Door) => boolean])[] = [
  ['where a message ends', FRAMING],
  ['requests behind and within requests', PIPELINES],
  ['the first line', LINES],
  ['where it is addressed to', TARGETS],
  ['header fields', FIELDS],
  ['the name of a model in a path', MODELS, ({ kind }) => kind === 'bedrock'],
  ['versions and betas', BETAS, ({ dialect }) => dialect === 'anthropic.messages'],
]

/** The tables of one door. */
const tablesOf = (door: Door) =>
  TABLES.filter(([, , of]) => of?.(door) ?? true).map(
    ([title, rows]) =>
      [
        title,
        rows.map(
          ([name, told, reached, bytes]) =>
            [name, typeof told === 'string' ? told : told(door), reached, bytes] as const,
        ),
      ] as const,
  )

test('the table has its size', () => {
  const names = TABLES.flatMap(([title, rows]) => rows.map(([name]) => `${title}: ${name}`))
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeGreaterThan(200)
})

describe.each(ALL_DOORS.map((door) => [door.title, door] as const))('%s', (_, door) => {
  describe.each(tablesOf(door))('%s', (_, rows) => {
    test.each(rows)('%s: %s, %s sent', async (_, told, reached, bytes) => {
      const before = upstream.requests.length
      const records = post.journal.length
      const said = await speak(door, bytes(door, post.key), told)
      if (!told.endsWith('open')) {
        // What its client left behind, were it taken for a call, would come before this one.
        const later = new Line(post.port)
        later.write(message(door, post.key))
        expect((await later.answer())?.status).toBe(200)
        later.destroy()
      }
      await post.settled()
      done++
      expect(said).toBe(told)
      const sent = upstream.requests.slice(before)
      if (reached === 'perhaps') expect([0, 1]).toContain(sent.length - 1)
      else expect(sent.length - 1).toBe(reached)
      for (const request of sent) {
        expect(request.path).toBe(door.upstream)
        expect(request.body.toString()).toBe(door.sent())
        expect(unlisted(request, door)).toEqual([])
        const wire = request.wire.toString('latin1')
        expect(wire).not.toContain(CANARY)
        expect(wire).not.toContain(post.key)
        expect(wire).toContain(post.credential)
      }
      const intents = post.journal.slice(records).filter(({ kind }) => kind === 'call.intent')
      const judged = intents.map(({ body }) => [body.model, body.bytes])
      // A call whose client leaves may be on record and yet not be sent.
      expect(judged.slice(reached === 'perhaps' ? intents.length - sent.length : 0)).toEqual(
        sent.map(({ body }) => [door.model, body.length]),
      )
    })
  })
})

/** Writes, and tells what came back: as many answers as are expected, then whether a good call is answered on the connection. */
async function speak(door: Door, given: string | Uint8Array, told: string): Promise<string> {
  const bytes = typeof given === 'string' ? Buffer.from(given, 'latin1') : Buffer.from(given)
  const bodiless = bytes.toString('latin1', 0, 5) === 'HEAD '
  const line = new Line(post.port)
  try {
    line.write(bytes)
    const said: number[] = []
    const wanted = told.split(' ').length - 1
    while (said.length < wanted) {
      const answer = await line.answer({ bodiless })
      if (answer === null) return [...said, 'closed'].join(' ')
      said.push(answer.status)
    }
    if (told.endsWith('open')) line.write(message(door, post.key))
    const last = await line.answer()
    if (last === null) return [...said, 'closed'].join(' ')
    return [...said, last.status === 200 && line.left === 0 ? 'open' : `${last.status}, out of step`].join(' ')
  } finally {
    line.destroy()
  }
}
