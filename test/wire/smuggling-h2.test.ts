import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Recorder, startRecorder, whole } from '../kit/index.ts'
import { ALL_DOORS, type Door } from './doors.ts'
import { Frames, frame, PREFACE, TYPE } from './frames.ts'
import { Line } from './line.ts'
import { CANARY, message } from './message.ts'
import { digestOf, type Post, readEvidence, startPost } from './post.ts'
import { BODIES, CONNECTION } from './stream-bodies.ts'
import { FIELDS_2, HEADS } from './stream-heads.ts'
import { good, type StreamRow } from './stream-row.ts'
import { tallied, unlisted } from './tally.ts'

/** Frames that two readers might read in two ways, on real sockets through every door. */

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
  // Every row ends with a good call.
  expect(upstream.requests.length).toBeGreaterThanOrEqual(done)
}

const TABLES: readonly (readonly [title: string, rows: readonly StreamRow[]])[] = [
  ['heads', HEADS],
  ['fields', FIELDS_2],
  ['bodies', BODIES],
  ['the connection', CONNECTION],
]

describe.each(ALL_DOORS.map((door) => [door.title, door] as const))('%s', (_, door) => {
  describe.each(TABLES)('%s', (_, rows) => {
    test.each(rows)('%s: %s, %s sent', async (_, told, reached, frames) => {
      const before = upstream.requests.length
      const records = post.journal.length
      const said = await speak(door, frames(door, post.key))
      // What was left behind, were it taken for a call, would come before this one.
      const later = new Line(post.port)
      later.write(message(door, post.key))
      expect((await later.answer())?.status).toBe(200)
      later.destroy()
      await post.settled()
      done++
      expect(said).toBe(told)
      const sent = upstream.requests.slice(before)
      const after = told.endsWith('open') ? 2 : 1
      if (reached === 'perhaps') expect(sent.length - after).toBeLessThanOrEqual(2)
      else expect(sent.length - after).toBe(reached)
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
      if (reached === 'perhaps') expect(intents.length).toBeGreaterThanOrEqual(sent.length)
      else
        expect(intents.map(({ body }) => [body.model, body.bytes])).toEqual(
          sent.map(({ body }) => [door.model, body.length]),
        )
    })
  })
})

/** Tells what became of stream 1, then whether a good call is answered on the connection. */
async function speak(door: Door, frames: Uint8Array): Promise<string> {
  const connection = new Frames(post.port)
  try {
    // No table for the answers' fields.
    connection.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0, Buffer.from([0, 1, 0, 0, 0, 0]))]))
    connection.write(frames)
    const first = await connection.told(1)
    if (first === null) return 'closed'
    const said = first.statuses.length > 0 ? first.statuses.join(' ') : 'reset'
    connection.write(good(door, post.key, 10_001))
    const last = await connection.told(10_001)
    return `${said} ${last?.statuses.at(-1) === 200 ? 'open' : 'closed'}`
  } finally {
    connection.destroy()
  }
}

test.each<readonly [string, Uint8Array]>([
  ['a greeting that is none', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
  ['a greeting without settings', Buffer.concat([PREFACE, frame(TYPE.ping, 0, 0, Buffer.alloc(8))])],
  ['half a greeting', PREFACE.subarray(0, 10)],
])('%s: closed', async (_, bytes) => {
  const connection = new Frames(post.port)
  connection.write(bytes)
  expect(await connection.told(1)).toBe(null)
  connection.destroy()
})
