import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { type Answered, ask as askOver, BODY, CHAT } from './ask.ts'

/** HTTP/2 with prior knowledge at the data port of a whole gateway, as clients speak it. */

const STREAMS = 8
let upstream: Recorder
let house: House
let auth: Record<string, string>
const sessions: ClientHttp2Session[] = []

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: {
      limits: {
        body: '64KiB',
        in_flight_bytes: '1MiB',
        headers: '8KiB',
        streams: STREAMS,
        timeouts: { connection: '1s', headers: '1s', request: '3s', keep_alive: '5s', idle: '800ms' },
      },
    },
  })
  auth = { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' }
})
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
  upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

function session(): ClientHttp2Session {
  const one = connect(house.customhouse.data)
  one.on('error', () => undefined)
  sessions.push(one)
  return one
}

const ask = (on: ClientHttp2Session, headers: Readonly<Record<string, string>> = {}, body: string | null = BODY) =>
  askOver(on, { ...auth, ...headers }, body)

const messageOf = ({ body }: Answered): string => JSON.parse(body).error.message

describe('calls', () => {
  test('whole', async () => {
    const answer = await ask(session())
    expect([answer.status, JSON.parse(answer.body).choices[0].message.content]).toEqual([200, 'fine'])
    expect(answer.headers['x-customhouse-call']).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers).not.toHaveProperty('connection')
    expect(answer.headers).not.toHaveProperty('keep-alive')
  })

  test('streamed, many at one time on one connection, none in the way of another', async () => {
    upstream.script(() => stream(openaiStream({ texts: ['one two three'] }), { everyMs: 10 }))
    const on = session()
    await new Promise((resolve) => on.once('remoteSettings', resolve))
    const body = JSON.stringify({ ...JSON.parse(BODY), stream: true })
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(on, {}, body)))
    for (const { status, body: text } of answers) {
      expect(status).toBe(200)
      expect(text).toMatch(/\[DONE\]\s*$/)
    }
  })

  test.each<[string, Record<string, string>, string, number, RegExp]>([
    ['no key', { authorization: '' }, BODY, 401, /no gateway key/],
    ['a wrong key', { authorization: 'Bearer chk_wrong' }, BODY, 401, /./],
    ['not JSON', {}, '{"model":', 400, /./],
    ['too large, declared', { 'content-length': '70000' }, `"${'x'.repeat(69_998)}"`, 413, /limits\.body/],
    ['too large', {}, `"${'x'.repeat(70_000)}"`, 413, /limits\.body/],
    ['compressed', { 'content-encoding': 'gzip' }, BODY, 415, /compressed/],
    ['an unknown path', { ':path': '/openai/v1/responses' }, BODY, 404, /chat completions/],
    ['no dialect', { ':path': '/v1/chat/completions' }, BODY, 404, /base URL/],
    ['the root', { ':path': '/' }, BODY, 404, /base URL/],
    ['a path in disguise', { ':path': '/%6fpenai/v1/chat/completions' }, BODY, 404, /base URL/],
    ['another', { ':path': '//openai/v1/chat/completions' }, BODY, 404, /base URL/],
    ['another', { ':path': '/openai/v1\\chat/completions' }, BODY, 404, /base URL/],
    ['an encoded path', { ':path': '/openai/v1/chat%2fcompletions' }, BODY, 404, /not served/],
    ['a path that goes up', { ':path': '/openai/v1/x/../chat/completions' }, BODY, 404, /not served/],
    ['a key in the query', { ':path': `${CHAT}?key=a` }, BODY, 401, /access logs/],
    ['two hosts', { host: 'other' }, BODY, 400, /:authority/],
  ])('%s: refused in the dialect, and the connection goes on', async (_, headers, body, status, says) => {
    const before = upstream.requests.length
    const on = session()
    const answer = await ask(on, headers, body)
    expect(answer.status).toBe(status)
    expect(messageOf(answer)).toMatch(says)
    expect(answer.headers['content-type']).toMatch(/application\/json/)
    expect(answer.headers).not.toHaveProperty('x-powered-by')
    expect(upstream.requests.length).toBe(before)
    expect((await ask(on)).status).toBe(200)
  })

  test('HEAD and OPTIONS: no body, no harm', async () => {
    const on = session()
    for (const [method, path] of [
      ['HEAD', CHAT],
      ['HEAD', '/'],
      ['OPTIONS', '*'],
      ['OPTIONS', CHAT],
    ] as const) {
      const answer = await ask(on, { ':method': method, ':path': path }, null)
      expect(answer.status).toBe(404)
      if (method === 'HEAD') expect(answer.body).toBe('')
    }
    expect((await ask(on)).status).toBe(200)
  })

  test('the connection tells the client its limits, and pushes nothing', async () => {
    const on = session()
    await ask(on)
    expect(on.remoteSettings).toMatchObject({
      maxConcurrentStreams: STREAMS,
      maxHeaderListSize: 8 * 1024,
      enablePush: false,
    })
  })
})

describe('Expect', () => {
  test.each(['100-continue', '100-Continue'])(
    '%s: the body is asked for once the head is judged',
    async (expectation) => {
      const answer = await ask(session(), { expect: expectation })
      expect([answer.status, answer.continued]).toEqual([200, true])
    },
  )
  test.each<[string, Record<string, string>, number]>([
    ['a wrong key', { authorization: 'Bearer chk_wrong' }, 401],
    ['an unknown path', { ':path': '/openai/v1/x' }, 404],
    ['no dialect', { ':path': '/x' }, 404],
    ['too large', { 'content-length': '70000' }, 413],
    ['another expectation', { expect: 'the-impossible' }, 417],
  ])('%s: refused without a word', async (_, headers, status) => {
    const answer = await ask(session(), { expect: '100-continue', ...headers })
    expect([answer.status, answer.continued]).toEqual([status, false])
  })
})

describe('clients that go', () => {
  const outcomes = async (before: number) =>
    (await house.trail()).slice(before).filter(({ kind }) => kind === 'call.outcome')

  test.each<[string, (on: ClientHttp2Session, cancel: () => void) => void]>([
    ['a stream that is reset', (_, cancel) => cancel()],
    ['a connection that breaks', (on) => on.destroy()],
  ])('%s: the provider is cancelled', async (_, leave) => {
    upstream.script(() => stream(openaiStream({ texts: ['word '.repeat(100)] }), { everyMs: 20 }))
    const before = (await house.trail()).length
    const count = upstream.requests.length
    const on = session()
    const request = on.request({ ':method': 'POST', ':path': CHAT, ...auth })
    request.on('error', () => undefined)
    request.end(JSON.stringify({ ...JSON.parse(BODY), stream: true }))
    await new Promise((resolve) => request.once('data', resolve))
    leave(on, () => request.close(constants.NGHTTP2_CANCEL))
    expect(await (await upstream.waitFor(count + 1))[count]?.answered).toBe('client_gone')
    await expect.poll(() => outcomes(before), { timeout: 3_000 }).toMatchObject([{ body: { ending: 'client_gone' } }])
    if (!on.destroyed) {
      upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
      expect((await ask(on)).status).toBe(200)
    }
  })

  test('a client that does not read its stream is let go, and its neighbour is not', async () => {
    upstream.script(() => stream(openaiStream({ texts: [`${'x'.repeat(65_000)} `.repeat(100)] })))
    const before = (await house.trail()).length
    const on = session()
    const deaf = on.request({ ':method': 'POST', ':path': CHAT, ...auth })
    deaf.on('error', () => undefined)
    deaf.end(JSON.stringify({ ...JSON.parse(BODY), stream: true }))
    await new Promise((resolve) => deaf.once('response', resolve))
    await expect.poll(() => outcomes(before), { timeout: 6_000 }).toMatchObject([{ body: { ending: 'client_gone' } }])
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
    expect((await ask(on)).status).toBe(200)
    // What it has of the answer is no whole one.
    expect(deaf.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  })
})

test('draining: a call under way ends, the connection is told to go, a new one is not taken', async () => {
  const go = Promise.withResolvers<void>()
  upstream.script(() => [{ until: go.promise }, ...whole(openaiAnswer({ texts: ['late'] }))])
  const other = await startHouse({ providers: { one: { url: `${upstream.url}/v1` } } })
  const on = connect(other.customhouse.data)
  on.on('error', () => undefined)
  sessions.push(on)
  const idle = connect(other.customhouse.data)
  idle.on('error', () => undefined)
  sessions.push(idle)
  try {
    const count = upstream.requests.length
    await new Promise((resolve) => idle.once('remoteSettings', resolve))
    const begun = ask(on, { authorization: `Bearer ${other.key}` })
    await upstream.waitFor(count + 1)
    const told = Promise.all([on, idle].map((one) => new Promise((resolve) => one.once('goaway', resolve))))
    const stopped = other.customhouse.stop()
    expect(await told).toEqual([0, 0])
    await expect(ask(on)).rejects.toThrow(/GOAWAY/)
    go.resolve()
    const answer = await begun
    expect([answer.status, JSON.parse(answer.body).choices[0].message.content]).toEqual([200, 'late'])
    await stopped
    await expect.poll(() => on.destroyed && idle.destroyed).toBe(true)
  } finally {
    go.resolve()
    await other.stop()
  }
})

test('the time to drain is over: a stream is cut off in its dialect, and that arrives', async () => {
  upstream.script(() => stream(openaiStream({ texts: ['word '.repeat(400)] }), { everyMs: 20 }))
  const other = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: { drain: { pre_stop_delay: '0ms', timeout: '200ms' } },
  })
  const on = connect(other.customhouse.data)
  on.on('error', () => undefined)
  sessions.push(on)
  try {
    const request = on.request({ ':method': 'POST', ':path': CHAT, ...auth, authorization: `Bearer ${other.key}` })
    let text = ''
    request.setEncoding('utf8')
    request.end(JSON.stringify({ ...JSON.parse(BODY), stream: true }))
    const ended = new Promise<void>((resolve, reject) => {
      request.on('end', resolve)
      request.on('error', reject)
    })
    await new Promise<void>((resolve) =>
      request.on('data', (chunk: string) => {
        text += chunk
        if (text.includes('word')) resolve()
      }),
    )
    const stopped = other.customhouse.stop()
    await ended
    expect(text).toMatch(/"error"/)
    expect(text).not.toContain('[DONE]')
    expect(request.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
    await stopped
  } finally {
    await other.stop()
  }
})
