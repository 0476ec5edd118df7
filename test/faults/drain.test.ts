import { connect as connectHttp2, constants } from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { type AuditRecord, CLOSING_KINDS } from '../../src/core/record.ts'
import { overH2c, type Transport } from '../e2e/transport.ts'
import type { Ground } from '../house.ts'
import { ask as askHttp2 } from '../http/ask.ts'
import { callBytes, raw } from '../http/raw.ts'
import type { ReadRequest, Script } from '../kit/index.ts'
import { type Served, serve } from '../serve.ts'
import { type Asking, ask } from './matrix/ask.ts'
import { layBorder, type Upstreams, verdictOn } from './matrix/border.ts'
import { COLUMNS, type Column } from './matrix/columns.ts'
import { expectCutOff, expectWhole } from './matrix/native.ts'

/** SIGTERM to the shipped process, with streams of every dialect open on HTTP/1.1 and HTTP/2. */

const SPOKEN = 'It was a long way from here to there, and nobody knew who would still be at the gate when it closed.'
const STREAMS = COLUMNS.filter(({ streamed }) => streamed)
const DRAINING = { status: 503, code: 'gateway_draining', says: 'stopping' }
/** Streams on each protocol. */
const OPEN = 50

let ground: Ground | undefined
let upstreams: Upstreams | undefined
let served: Served | undefined
let h2c: Transport | undefined

afterEach(async () => {
  served?.child.kill('SIGKILL')
  await served?.exited
  await h2c?.close()
  await upstreams?.close()
  ground?.remove()
})

/** A gateway that runs; what `one` streams goes on when `go` settles, what `two` streams never does. */
async function run(drain: Json, go: Promise<unknown>) {
  const laid = await layBorder({ drain })
  ground = laid.ground
  upstreams = laid.upstreams
  upstreams.one.script((request) => halting(request, go))
  upstreams.two.script((request) => halting(request, new Promise(() => undefined)))
  served = await serve(ground)
  const origin = served.baseURL.replace('/openai/v1', '')
  h2c = overH2c(origin)
  return { ground, upstreams, served, origin, h2c }
}

/** Half of the answer, and the other half in its time. */
function halting({ path }: ReadRequest, until: Promise<unknown>): Script {
  const column = STREAMS.find(({ door }) => path === streamPath(door.upstream))
  if (column === undefined) throw new Error(`nobody speaks at ${path}`)
  const script = column.voice.speak({ texts: [SPOKEN] }, true)
  const half = Math.floor(script.length / 2)
  return [...script.slice(0, half), { until }, ...script.slice(half)]
}

const streamPath = (path: string): string =>
  path.replace(/\/converse$/, '/converse-stream').replace(/\/invoke$/, '/invoke-with-response-stream')

type Open = Readonly<{ column: Column; asking: Asking; ends: boolean }>

/** `count` streams, the dialects in turn, each second one with an end in sight. */
function openStreams(count: number, origin: string, key: string, send: typeof fetch | undefined): Open[] {
  return Array.from({ length: count }, (_, i) => {
    const column = STREAMS[i % STREAMS.length]
    if (column === undefined) throw new Error('there are no dialects')
    // The dialects are an even number: in the second round the other ones end.
    const ends = (i + Math.floor(i / STREAMS.length)) % 2 === 0
    const route = ends ? 'alone' : 'second'
    return { column, ends, asking: ask(column, { origin, key, route, ...(send === undefined ? {} : { send }) }) }
  })
}

const ready = async (): Promise<number> => (await fetch(`${served?.admin}/readyz`)).status

function endings(records: readonly AuditRecord[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, body } of records) {
    if (kind === 'call.outcome') counts[String(body.ending)] = (counts[String(body.ending)] ?? 0) + 1
  }
  return counts
}

/** Every intent has exactly one closing record, and the ledger was closed in good order. */
async function expectWholeLedger(): Promise<readonly AuditRecord[]> {
  if (ground === undefined) throw new Error('nothing was laid out')
  const records = await ground.records()
  const intents = records.filter(({ kind }) => kind === 'call.intent').map(({ seq }) => seq)
  const closed = records.filter(({ kind }) => CLOSING_KINDS.includes(kind)).map(({ of }) => of)
  expect(closed.toSorted()).toEqual(intents.toSorted())
  expect(records.at(-1)?.kind).toBe('ledger.closed')
  expect(await verdictOn(ground)).toBe('verified')
  return records
}

describe('SIGTERM with 50 streams open on HTTP/1.1 and 50 on HTTP/2, of every dialect', () => {
  test('those that end within the time end whole, the others are cut off in their dialect, and all are on record', async () => {
    const go = Promise.withResolvers<void>()
    const { ground, served, origin, h2c } = await run({ pre_stop_delay: '0ms', timeout: '4s' }, go.promise)
    const streams = [
      ...openStreams(OPEN, origin, ground.key, undefined),
      ...openStreams(OPEN, origin, ground.key, h2c.send),
    ]
    await Promise.all(streams.map(({ asking }) => asking.began))
    served.child.kill('SIGTERM')
    await expect.poll(ready).toBe(503)
    expect((await fetch(`${served.admin}/livez`)).status).toBe(200)
    go.resolve()
    const heard = await Promise.all(streams.map(async (one) => ({ ...one, heard: await one.asking.heard })))
    expect(await served.exited).toBe(0)

    for (const { column, ends, heard: answer } of heard) {
      if (ends) expectWhole(column, answer, SPOKEN)
      else expectCutOff(column, answer, DRAINING, SPOKEN)
    }
    expect(endings(await expectWholeLedger())).toEqual({ complete: OPEN, drained: OPEN })
    // Within the time: what comes after it is bounded, too.
    const at = (msg: string): number => Date.parse(String(served.log.find((line) => line.msg === msg)?.time))
    expect(at('stopped') - at('draining')).toBeLessThan(4_000 + 5_000)
  }, 60_000)

  test('a second SIGTERM does not wait: all are cut off in their dialect, and on record', async () => {
    const { ground, served, origin, h2c } = await run(
      { pre_stop_delay: '10m', timeout: '10m' },
      new Promise(() => undefined),
    )
    const streams = [
      ...openStreams(OPEN, origin, ground.key, undefined),
      ...openStreams(OPEN, origin, ground.key, h2c.send),
    ]
    await Promise.all(streams.map(({ asking }) => asking.began))
    served.child.kill('SIGTERM')
    await expect.poll(ready).toBe(503)
    served.child.kill('SIGTERM')
    for (const { column, asking } of streams) expectCutOff(column, await asking.heard, DRAINING, SPOKEN)
    expect(await served.exited).toBe(0)
    expect(endings(await expectWholeLedger())).toEqual({ drained: 2 * OPEN })
  }, 60_000)
})

describe('the delay before the stop', () => {
  test('not ready at once, calls are answered as before; then GOAWAY and connection: close, streams go on, nobody new is let in', async () => {
    const go = Promise.withResolvers<void>()
    /** The first call on HTTP/2 ends last. */
    const goOn = Promise.withResolvers<void>()
    const { ground, upstreams, served, origin } = await run({ pre_stop_delay: '3s', timeout: '30s' }, goOn.promise)
    const [column] = STREAMS
    if (column === undefined) throw new Error('there are no dialects')
    const session = connectHttp2(origin)
    const goaway = new Promise<readonly [number, number]>((resolve) =>
      session.once('goaway', (code, last) => resolve([code, last])),
    )
    const auth = { authorization: `Bearer ${ground.key}`, 'content-type': 'application/json' }
    const body = JSON.stringify({
      model: 'alone-chat-model',
      stream: true,
      messages: [{ role: 'user', content: 'hi' }],
    })
    const open2 = askHttp2(session, auth, body)
    await upstreams.one.waitFor(1)
    upstreams.one.script((request) => halting(request, go.promise))
    const open1 = await raw(origin)
    open1.send(callBytes(auth, body))
    await upstreams.one.waitFor(2)
    await open1.until('200 OK')

    served.child.kill('SIGTERM')
    await expect.poll(ready).toBe(503)
    // As before: on a new connection that stays open, and on the one of HTTP/2.
    const late1 = await raw(origin)
    late1.send(callBytes(auth, body))
    const late2 = askHttp2(session, auth, body)
    await upstreams.one.waitFor(4)
    expect(await late1.until('\r\n\r\n')).not.toMatch(/connection: close/i)

    // Two more that have not begun to answer when the delay is over.
    const answers = Promise.withResolvers<void>()
    upstreams.one.script((request) => [{ until: answers.promise }, ...halting(request, go.promise)])
    const last1 = await raw(origin)
    last1.send(callBytes(auth, body))
    const last2 = askHttp2(session, auth, body)
    await upstreams.one.waitFor(6)
    const [code, last] = await goaway
    expect(code).toBe(constants.NGHTTP2_NO_ERROR)
    expect(last).toBe(5)
    await expect.poll(async () => (await raw(origin)).error(), { interval: 50 }).toBe('ECONNREFUSED')
    answers.resolve()
    expect(await last1.until('\r\n\r\n')).toMatch(/connection: close/i)
    go.resolve()
    for (const client of [open1, late1, last1]) {
      await client.until('[DONE]')
      // Each connection is closed once its answer has left, though the drain goes on: of the first two nobody was told that it closes.
      await client.closed()
      client.socket.destroy()
    }
    expect((await fetch(`${served.admin}/livez`)).status).toBe(200)
    goOn.resolve()
    for (const { status, body: text } of await Promise.all([open2, late2, last2])) {
      expect(status).toBe(200)
      expect(text).toContain('[DONE]')
    }
    expect(await served.exited).toBe(0)
    expect(endings(await expectWholeLedger())).toEqual({ complete: 6 })
  }, 60_000)
})
