import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { publishedVerifierKey, verifyLedger } from '../../src/audit/index.ts'
import { type Ground, layGround } from '../house.ts'
import { callBytes, type Raw, raw, statuses } from '../http/raw.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { canTrace, type Served, serve } from '../serve.ts'

/** The shipped process: draining, a disk that fails, probes. */

let upstream: Recorder
let ground: Ground
let served: Served | undefined

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => [] })
})
afterEach(async () => {
  served?.child.kill('SIGKILL')
  await served?.exited
  ground?.remove()
})
afterAll(() => upstream?.close())

const words = Array.from({ length: 40 }, (_, i) => `word${i} `)
const slowStream = (everyMs: number) =>
  stream(openaiStream({ texts: [words.join('')] }, { includeUsage: true }), { everyMs })

function ask(streamed: boolean): Promise<Response> {
  return fetch(`${served?.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ground.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', stream: streamed, messages: [{ role: 'user', content: 'hello' }] }),
  })
}

async function lay(drainMs: number): Promise<void> {
  ground = await layGround({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: { drain: { pre_stop_delay: '0ms', timeout: `${drainMs}ms` } },
  })
}

const outcomes = async (): Promise<unknown[]> =>
  (await ground.records()).filter(({ kind }) => kind === 'call.outcome').map(({ body }) => body.ending)

describe('SIGTERM', () => {
  test('streams that end within the time end whole; not ready at once, alive to the end', async () => {
    upstream.script(() => slowStream(20))
    await lay(20_000)
    served = await serve(ground)
    expect((await fetch(`${served.admin}/readyz`)).status).toBe(200)
    expect((await fetch(`${served.admin}/startupz`)).status).toBe(200)
    const streams = await Promise.all(Array.from({ length: 8 }, () => ask(true)))
    const texts = streams.map((answer) => answer.text())
    process.kill(served.pid, 'SIGTERM')
    await sleep(100)
    expect((await fetch(`${served.admin}/readyz`)).status).toBe(503)
    expect((await fetch(`${served.admin}/livez`)).status).toBe(200)
    for (const text of await Promise.all(texts)) {
      expect(text).toContain('word39')
      expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true)
    }
    expect(await served.exited).toBe(0)
    expect(await outcomes()).toEqual(Array.from({ length: 8 }, () => 'complete'))
  })

  test('streams that do not are cut off in their dialect, and recorded; a second SIGTERM does not wait', async () => {
    upstream.script(() => slowStream(1_000))
    await lay(60_000)
    served = await serve(ground)
    const streams = await Promise.all(Array.from({ length: 4 }, () => ask(true)))
    const texts = streams.map((answer) => answer.text())
    process.kill(served.pid, 'SIGTERM')
    await sleep(200)
    process.kill(served.pid, 'SIGTERM')
    for (const text of await Promise.all(texts)) {
      const last = JSON.parse(text.trimEnd().split('\n\n').at(-1)?.slice('data: '.length) ?? '{}')
      expect(last.error.message).toContain('stopping')
      expect(text).not.toContain('[DONE]')
    }
    expect(await served.exited).toBe(0)
    expect(await outcomes()).toEqual(Array.from({ length: 4 }, () => 'drained'))
  })
})

/** What a bare client hears of a call of which `sent` bytes arrive. */
async function rawCall(sent: number): Promise<Raw> {
  const client = await raw(new URL(served?.baseURL ?? '').origin)
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })
  const bytes = callBytes({ authorization: `Bearer ${ground.key}` }, body)
  client.send(bytes.slice(0, bytes.length - body.length + sent))
  return client
}

describe('SIGTERM, and what is on its way', () => {
  test('a whole answer that is being sent arrives whole', async () => {
    const size = 12_000_000
    upstream.script(() => whole(openaiAnswer({ texts: ['x'.repeat(size)] })))
    await lay(20_000)
    served = await serve(ground)
    const client = await rawCall(1_000)
    client.socket.once('data', () => client.socket.pause())
    await expect.poll(outcomes, { timeout: 15_000 }).toEqual(['complete'])
    process.kill(served.pid, 'SIGTERM')
    await expect.poll(async () => (await fetch(`${served?.admin}/readyz`)).status, { timeout: 10_000 }).toBe(503)
    client.socket.resume()
    const text = await client.closed(10_000)
    expect(text.length).toBeGreaterThan(size)
    expect(text.endsWith('}')).toBe(true)
    expect(await served.exited).toBe(0)
  }, 60_000)

  test('one whose reader sleeps is broken when the time is over; so is a body that is still arriving, which is told', async () => {
    upstream.script(() => whole(openaiAnswer({ texts: ['x'.repeat(12_000_000)] })))
    await lay(60_000)
    served = await serve(ground)
    const sleeper = await rawCall(1_000)
    sleeper.socket.once('data', () => sleeper.socket.pause())
    await expect.poll(outcomes, { timeout: 15_000 }).toEqual(['complete'])
    const sender = await rawCall(10)
    process.kill(served.pid, 'SIGTERM')
    await expect.poll(async () => (await fetch(`${served?.admin}/readyz`)).status, { timeout: 10_000 }).toBe(503)
    process.kill(served.pid, 'SIGTERM')
    const told = await sender.closed(10_000)
    expect(statuses(told)).toEqual([503])
    expect(told).toMatch(/connection: close/i)
    expect(told).toContain('had not arrived whole')
    expect(await served.exited).toBe(0)
    sleeper.socket.destroy()
  }, 60_000)
})

/** Every file that the process writes from now on is too long already: its writes fail. */
function allowNoByte(pid: number): void {
  execFileSync('prlimit', [`--pid=${pid}`, '--fsize=1:1'])
}

describe('a ledger that latches while the gateway drains', () => {
  test('is exit 5, not 0: the outcomes of what was open are not on record', async () => {
    upstream.script(() => slowStream(50))
    await lay(20_000)
    served = await serve(ground)
    const open = await ask(true)
    expect(open.status).toBe(200)
    const text = open.text()
    process.kill(served.pid, 'SIGTERM')
    await sleep(100)
    allowNoByte(served.pid)
    expect(await text).not.toContain('[DONE]')
    expect(await served.exited).toBe(5)
    expect(await outcomes()).toEqual([])
  })
})

describe.skipIf(!canTrace())('a disk that fails', () => {
  test('503 for new calls, a cut-off for a stream that is open, exit 5; the next start closes what was left open', async () => {
    await lay(2_000)
    let count = 0
    upstream.script(() => (count++ === 0 ? slowStream(50) : whole(openaiAnswer({ texts: ['fine'] }))))
    // The fifth sync of the log after the start fails; which one that is does not matter, as long as a stream is open then.
    served = await serve(ground, {
      tracer: [
        'strace',
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        'trace=fdatasync',
        '-e',
        'inject=fdatasync:error=EIO:when=6+',
      ],
    })
    const open = await ask(true)
    expect(open.status).toBe(200)
    const text = open.text()
    const statuses: number[] = []
    for (let i = 0; i < 20; i++) {
      const answer = await ask(false).catch((error: unknown) => error)
      if (!(answer instanceof Response)) break
      statuses.push(answer.status)
      if (answer.status === 503) expect(await answer.text()).toContain('cannot be recorded')
    }
    expect(statuses).toContain(503)
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    expect(statuses.indexOf(200, statuses.indexOf(503))).toBe(-1)
    const said = await text
    expect(said).toContain('"error"')
    expect(said).not.toContain('[DONE]')
    expect(await served.exited).toBe(5)

    served = await serve(ground)
    const records = await ground.records()
    expect(records.filter(({ kind }) => kind === 'call.abandoned').length).toBeGreaterThan(0)
    const intents = records.filter(({ kind }) => kind === 'call.intent').length
    const closed = records.filter(
      ({ kind }) => kind === 'call.outcome' || kind === 'call.abandoned' || kind === 'call.attempt_failed',
    ).length
    expect(closed).toBe(intents)
    const publicKey = publishedVerifierKey(join(ground.folder, 'keys'))
    expect(
      (await verifyLedger(join(ground.state, 'ledger'), publicKey === null ? {} : { publicKey })).damage,
    ).toBeNull()
    // Every 200 that a client saw has its outcome.
    const complete = records.filter(({ body }) => body.ending === 'complete').length
    expect(complete).toBe(statuses.filter((status) => status === 200).length)
  })
})
