import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, openaiStream, type Recorder, startRecorder, stream, whole } from '../kit/index.ts'
import { callBytes, type Raw, raw, statuses } from './raw.ts'

/** The data port of a whole gateway, spoken to byte by byte. */

let upstream: Recorder
let house: House
let auth: Readonly<Record<string, string>>
let research: string
const CALL = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] })
const CHAT = '/openai/v1/chat/completions'
const LIMIT = 64 * 1024

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: {
      limits: {
        body: '64KiB',
        in_flight_bytes: '1MiB',
        headers: '8KiB',
        timeouts: { connection: '1s', headers: '1s', request: '2s', keep_alive: '5s', idle: '800ms' },
      },
    },
  })
  auth = { authorization: `Bearer ${house.key}` }
  research = await house.keyOf('research')
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

const open = (): Promise<Raw> => raw(house.customhouse.data)

/** Sends bytes and reads one answer to its end. */
async function exchange(bytes: string): Promise<{ status: number; head: string; body: string; client: Raw }> {
  const client = await open()
  client.send(bytes)
  const [head = '', body = ''] = (await answerOf(client)).split('\r\n\r\n')
  return { status: statuses(head)[0] ?? 0, head: head.toLowerCase(), body, client }
}

async function answerOf(client: Raw, nth = 0): Promise<string> {
  for (;;) {
    let rest = client.text()
    for (let i = 0; ; i++) {
      const end = rest.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
      if (end === -1 || rest.length < end + 4 + length) break
      if (i === nth) return rest.slice(0, end + 4 + length)
      rest = rest.slice(end + 4 + length)
    }
    const had = client.text().length
    await client.until(new RegExp(`^[\\s\\S]{${had + 1}}`))
  }
}

const errorOf = (body: string): { code: string; message: string } => JSON.parse(body).error

describe('who calls', () => {
  const key = (): string => house.key
  test.each<[string, () => Record<string, string>, number, RegExp]>([
    ['a bearer', () => ({ authorization: `Bearer ${key()}` }), 200, /fine/],
    ['another case', () => ({ Authorization: `bEARER  ${key()}` }), 200, /fine/],
    ['x-api-key', () => ({ 'x-api-key': key() }), 200, /fine/],
    ['both, the same', () => ({ authorization: `Bearer ${key()}`, 'api-key': key() }), 200, /fine/],
    ['both, different', () => ({ authorization: `Bearer ${key()}`, 'x-api-key': 'chk_other' }), 401, /two different/],
    ['none', () => ({}), 401, /no gateway key/],
    ['another scheme', () => ({ authorization: 'Basic YTpi' }), 401, /another scheme/],
    ['a wrong key', () => ({ authorization: 'Bearer chk_wrong' }), 401, /./],
    [
      'one twice',
      () => ({ authorization: `Bearer ${key()}`, Authorization: `Bearer ${key()}` }),
      400,
      /more than once/,
    ],
    ['content-type twice', () => ({ ...auth, 'Content-Type': 'text/plain' }), 400, /more than once/],
    ['a compressed body', () => ({ ...auth, 'content-encoding': 'gzip' }), 415, /compressed/],
    ['another type', () => ({ ...auth, 'content-type': 'text/plain' }), 400, /./],
  ])('%s', async (_, headers, status, text) => {
    const before = upstream.requests.length
    const answer = await exchange(callBytes(headers(), CALL))
    expect(answer.status).toBe(status)
    expect(answer.body).toMatch(text)
    expect(upstream.requests.length - before).toBe(status === 200 ? 1 : 0)
    expect(answer.head).toMatch(/x-customhouse-call: [0-9a-f-]{36}/)
    expect(answer.body).not.toContain(key())
  })

  test('a key in the query is refused', async () => {
    const answer = await exchange(callBytes(auth, CALL, `POST ${CHAT}?key=abc HTTP/1.1`))
    expect([answer.status, errorOf(answer.body).message]).toEqual([401, expect.stringContaining('access logs')])
  })
})

describe('where to', () => {
  test.each<[string, number, 'dialect' | 'edge']>([
    [`GET ${CHAT}`, 404, 'dialect'],
    [`HEAD ${CHAT}`, 404, 'dialect'],
    [`OPTIONS ${CHAT}`, 404, 'dialect'],
    [`DELETE ${CHAT}`, 404, 'dialect'],
    ['POST /openai/v1/embeddings', 404, 'dialect'],
    ['POST /openai/v1/', 404, 'dialect'],
    ['POST /openai/v1/chat%2Fcompletions', 404, 'dialect'],
    ['POST /openai/v1/chat/completions/', 404, 'dialect'],
    ['POST /openai/v1//chat/completions', 404, 'dialect'],
    ['POST /openai/v1/x/../chat/completions', 404, 'dialect'],
    ['POST /openai/v1/%2e%2e/chat/completions', 404, 'dialect'],
    ['POST /openai/v1/%', 404, 'dialect'],
    ['POST /openai/v1/chat/completions;a=b', 404, 'dialect'],
    ['POST /openai/v1', 404, 'edge'],
    ['POST /openai/v1x/chat/completions', 404, 'edge'],
    ['POST //openai/v1/chat/completions', 404, 'edge'],
    ['POST /%6fpenai/v1/chat/completions', 404, 'edge'],
    ['POST /OpenAI/v1/chat/completions', 404, 'edge'],
    ['POST /./openai/v1/chat/completions', 404, 'edge'],
    ['POST http://customhouse/openai/v1/chat/completions', 404, 'edge'],
    ['POST http://[bad/openai/v1/chat/completions', 404, 'edge'],
    ['GET /', 404, 'edge'],
    ['GET /readyz', 404, 'edge'],
    ['GET /%E0%A4%A', 404, 'edge'],
    ['GET /?a[b]=c&__proto__[x]=y', 404, 'edge'],
    ['OPTIONS *', 404, 'edge'],
  ])('%s: %i from the %s', async (line, status, from) => {
    const before = upstream.requests.length
    const client = await open()
    client.send(callBytes(auth, CALL, `${line} HTTP/1.1`))
    const text = line.startsWith('HEAD') ? await client.until('\r\n\r\n') : await answerOf(client)
    expect(statuses(text)).toEqual([status])
    expect(upstream.requests.length).toBe(before)
    expect(/x-customhouse-call/i.test(text)).toBe(from === 'dialect')
    expect(text).toMatch(/content-type: application\/json/i)
    expect(text).not.toMatch(/ at .*\.(js|ts)|node_modules|x-powered-by|etag/i)
    if (!line.startsWith('HEAD')) expect(errorOf(text.split('\r\n\r\n')[1] ?? '').code).toBe('unknown_url')
    // The connection is none the worse.
    if (/connection: close/i.test(text)) return
    client.send(callBytes(auth, CALL))
    await client.until('fine')
  })
})

test.each([
  ['/responses', /speaks chat completions .*openai\.chat\(model\)/],
  ['/completions', /speaks chat completions .*openai\.chat\(model\)/],
  ['/embeddings', /speaks chat completions/],
])('POST %s says what to use instead', async (path, says) => {
  const answer = await exchange(callBytes(auth, CALL, `POST /openai/v1${path} HTTP/1.1`))
  expect([answer.status, errorOf(answer.body).code]).toEqual([404, 'unknown_url'])
  expect(errorOf(answer.body).message).toMatch(says)
})

describe('bodies', () => {
  const big = (size: number): string => JSON.stringify({ model: 'gpt-4o', pad: 'x'.repeat(size) })
  const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const noLength = { 'transfer-encoding': 'chunked' }
  const head = (headers: Record<string, string>): string => {
    const lines = Object.entries({ host: 'x', 'content-type': 'application/json', ...auth, ...headers })
    return `POST ${CHAT} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  }

  test('chunked', async () => {
    const answer = await exchange(`${head(noLength)}${chunked(CALL)}`)
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('fine')])
  })

  test.each([
    ['declared', () => callBytes(auth, big(LIMIT)), 413, 'call_too_large'],
    ['chunked', () => `${head(noLength)}${chunked(big(LIMIT))}`, 413, 'call_too_large'],
    ['none', () => callBytes(auth, ''), 400, 'call_malformed'],
    ['not JSON', () => callBytes(auth, '{"model":'), 400, 'call_malformed'],
    ['a member twice', () => callBytes(auth, '{"model":"a","model":"b","messages":[]}'), 400, 'call_malformed'],
  ])('%s: refused in the dialect', async (_, bytes, status, code) => {
    const answer = await exchange(bytes())
    expect([answer.status, errorOf(answer.body).code]).toEqual([status, code])
  })

  test.each([
    ['a wrong key', { authorization: 'Bearer chk_wrong' }, 401],
    ['a body that is too large', {}, 413],
  ])('%s: the client reads the answer though it is still sending', async (_, headers, status) => {
    const client = await open()
    const size = 24 * 1024 * 1024
    client.send(head({ 'content-length': String(size), ...headers }))
    const piece = Buffer.alloc(256 * 1024, 'x')
    for (let sent = 0; sent < size && !client.socket.destroyed; sent += piece.length) {
      if (!client.socket.write(piece)) {
        await Promise.race([new Promise<void>((resolve) => client.socket.once('drain', resolve)), client.closed(5_000)])
      }
    }
    const text = await client.until(`HTTP/1.1 ${status}`)
    expect(text).toMatch(/connection: close/i)
    expect(client.error()).toBe(null)
    expect(statuses(await client.closed())).toEqual([status])
  })

  test('a refused client that sends for ever is let go', async () => {
    const client = await open()
    client.send(head({ 'content-length': '100000000', authorization: 'Bearer chk_wrong' }))
    await client.until('HTTP/1.1 401')
    const drip = setInterval(() => client.send('x'), 50)
    await expect.poll(() => client.socket.destroyed, { timeout: 8_000, interval: 100 }).toBe(true)
    clearInterval(drip)
  })

  test('nothing that follows a refused body is taken for a call', async () => {
    const before = upstream.requests.length
    const client = await open()
    const smuggled = callBytes(auth, CALL)
    client.send(`${head({ 'content-length': String(100_000) })}${smuggled}`)
    expect(statuses(await client.closed(8_000))).toEqual([413])
    expect(upstream.requests.length).toBe(before)
  })

  test('the budget: 503 with Retry-After for a tenant that fills its half, not for others; free again after errors, aborts and answers', async () => {
    const padded = JSON.stringify({ ...JSON.parse(CALL), messages: [{ role: 'user', content: 'x'.repeat(50_000) }] })
    const waiting: Raw[] = []
    const send = async (bytes: number): Promise<void> => {
      const client = await open()
      client.send(`${head({ 'content-length': '60000' })}${'x'.repeat(bytes)}`)
      waiting.push(client)
    }
    // Promises alone take nothing, however many.
    for (let i = 0; i < 40; i++) await send(0)
    await sleep(100)
    expect((await exchange(callBytes(auth, padded))).status).toBe(200)
    for (const client of waiting.splice(0)) client.socket.destroy()
    // Half of 1 MiB: 9 times 55,000, and no 50,000 more.
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 9; i++) await send(55_000)
      await sleep(100)
      for (const bytes of [callBytes(auth, padded), `${head(noLength)}${chunked(padded)}`]) {
        const refused = await exchange(bytes)
        expect([refused.status, errorOf(refused.body).code]).toEqual([503, 'gateway_overloaded'])
        expect(refused.head).toMatch(/retry-after: 1/)
      }
      // Small ones still fit, and so do those of another tenant.
      expect((await exchange(callBytes(auth, CALL))).status).toBe(200)
      const other = { authorization: `Bearer ${research}` }
      expect((await exchange(callBytes(other, padded))).status).toBe(200)
      const [first, second, ...rest] = waiting.splice(0)
      first?.socket.resetAndDestroy()
      second?.socket.end()
      for (const client of rest.slice(0, 3)) client.send('x'.repeat(5_000))
      for (const client of rest.slice(0, 3)) expect(statuses(await answerOf(client))).toEqual([400])
      for (const client of rest) client.socket.destroy()
      await sleep(100)
    }
    expect((await exchange(callBytes(auth, padded))).status).toBe(200)
  })

  test('a client that goes in the middle of its body is counted, and nothing else', async () => {
    const records = (await house.records()).length
    const client = await open()
    client.send(`${head({ 'content-length': '500' })}{"model"`)
    await sleep(30)
    client.socket.resetAndDestroy()
    await sleep(50)
    expect((await house.records()).length).toBe(records)
    expect(house.logged.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })
})

describe('connections', () => {
  test('pipelined calls are answered in their order', async () => {
    const before = upstream.requests.length
    const client = await open()
    const calls = ['a', 'b', 'c'].map((name) =>
      callBytes(auth, JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: name }] })),
    )
    client.send(`${calls.join('')}${callBytes({}, CALL)}`)
    const answers = await Promise.all([0, 1, 2, 3].map((nth) => answerOf(client, nth)))
    expect(answers.map((text) => statuses(text)[0])).toEqual([200, 200, 200, 401])
    expect(upstream.requests.length - before).toBe(3)
  })

  test('Expect: 100-continue', async () => {
    const client = await open()
    client.send(head100())
    await client.until('HTTP/1.1 100 Continue')
    client.send(CALL)
    await client.until('fine')
  })
  test.each<[string, Record<string, string>, string, number]>([
    ['a wrong key', { authorization: 'Bearer chk_wrong' }, CHAT, 401],
    ['an unknown path', {}, '/openai/v1/x', 404],
    ['no dialect', {}, '/x', 404],
    ['too large', { 'content-length': '70000' }, CHAT, 413],
    ['another expectation', { expect: 'the-impossible' }, CHAT, 417],
  ])('Expect: 100-continue with %s: refused without a word, and closed', async (_, headers, path, status) => {
    const client = await open()
    client.send(
      callBytes({ ...auth, expect: '100-continue', 'content-length': '70', ...headers }, '', `POST ${path} HTTP/1.1`),
    )
    const text = await client.closed()
    expect(statuses(text)).toEqual([status])
    expect(text).toMatch(/connection: close/i)
    client.socket.destroy()
  })

  test('Expect: 100-continue with no room for the body: 503 without a word', async () => {
    const waiting: Raw[] = []
    // Half of 1 MiB is the tenant's: 9 times 55,000 leave no room for 50,000.
    for (let i = 0; i < 9; i++) {
      const client = await open()
      client.send(`${callBytes({ ...auth, 'content-length': '60000' }, '')}${'x'.repeat(55_000)}`)
      waiting.push(client)
    }
    await expect
      .poll(async () => {
        const client = await open()
        client.send(callBytes({ ...auth, expect: '100-continue', 'content-length': '50000' }, ''))
        const text = await client.until(/HTTP/)
        client.socket.destroy()
        return statuses(text)
      })
      .toEqual([503])
    for (const client of waiting) client.socket.destroy()
  })

  const head100 = (): string =>
    callBytes({ ...auth, expect: '100-continue', 'content-length': String(CALL.length) }, '')

  test('a client that hangs up has its upstream cancelled', async () => {
    upstream.script(() => stream(openaiStream({ texts: ['word '.repeat(50)] }), { everyMs: 20 }))
    const count = upstream.requests.length
    const client = await open()
    client.send(callBytes(auth, JSON.stringify({ ...JSON.parse(CALL), stream: true })))
    await client.until('word')
    client.socket.destroy()
    const sent = (await upstream.waitFor(count + 1))[count]
    expect(await sent?.answered).toBe('client_gone')
    await expect
      .poll(async () => (await house.trail()).at(-1), { timeout: 3_000, interval: 50 })
      .toMatchObject({ kind: 'call.outcome', body: { ending: 'client_gone' } })
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  })

  /** The outcomes of calls that are not among `before`. */
  const outcomesSince = async (before: number): Promise<readonly unknown[]> =>
    (await house.trail()).slice(before).filter(({ kind }) => kind === 'call.outcome')

  test('a client that does not read holds its provider up, and is let go', async () => {
    const chunks = openaiStream({ texts: [`${'x'.repeat(65_000)} `.repeat(300)] })
    let written = 0
    upstream.script(() =>
      stream(chunks).map((step) => {
        const bytes = typeof step === 'object' && 'write' in step ? step.write.length : 0
        return typeof step === 'object' && 'write' in step
          ? Object.defineProperty({ write: step.write }, 'write', {
              get: () => {
                written += bytes
                return step.write
              },
            })
          : step
      }),
    )
    const before = (await house.trail()).length
    const client = await open()
    client.socket.pause()
    client.send(callBytes(auth, JSON.stringify({ ...JSON.parse(CALL), stream: true })))
    await expect
      .poll(() => outcomesSince(before), { timeout: 6_000, interval: 100 })
      .toMatchObject([{ body: { ending: 'client_gone' } }])
    // Twenty megabytes were to be said: what was read stays within the buffers of four sockets.
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(15_000_000)
    client.socket.destroy()
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  })

  test('a client that does not read a whole answer is let go after the idle time, and its bytes with it', async () => {
    const size = 24_000_000
    upstream.script(() => whole(openaiAnswer({ texts: ['x'.repeat(size)] })))
    const client = await open()
    client.socket.pause()
    const before = (await house.trail()).length
    client.send(callBytes(auth, CALL))
    await expect.poll(() => outcomesSince(before), { timeout: 6_000, interval: 50 }).toHaveLength(1)
    // Nothing is read until the gateway must have given up: then comes what the system had buffered, and the end. Had the gateway kept
    // its bytes, all of them would come.
    await sleep(1_600)
    client.socket.resume()
    const text = await client.closed(4_000)
    expect(statuses(text)).toEqual([200])
    expect(text.length).toBeLessThan(size)
    client.socket.destroy()
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  }, 15_000)

  test('a connection that breaks after one of two choices has finished is no complete answer', async () => {
    const say = (index: number, delta: unknown, finish_reason: string | null) =>
      `data: ${JSON.stringify({ choices: [{ index, delta, finish_reason }] })}\n\n`
    const first = [say(0, { content: 'one' }, null), say(0, {}, 'stop')]
    for (const [chunks, ending, text] of [
      [first, 'cut', /"error"/],
      [[...first, say(1, { content: 'two' }, 'stop')], 'complete', /two[\s\S]*\[DONE\]/],
    ] as const) {
      upstream.script(() => stream(chunks, { ending: 'reset', everyMs: 20 }))
      const before = (await house.trail()).length
      const client = await open()
      client.send(callBytes(auth, JSON.stringify({ ...JSON.parse(CALL), stream: true, n: 2 })))
      await client.until(text)
      expect(await outcomesSince(before)).toMatchObject([
        { body: { ending: ending === 'cut' ? 'provider_truncated' : 'complete' } },
      ])
      if (ending === 'cut') expect(client.text()).not.toContain('[DONE]')
      client.socket.destroy()
    }
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  })

  test('headers: the provider gets no credential of ours, the client only what is allowed', async () => {
    const fields = {
      'x-request-id': 'theirs',
      'set-cookie': 'a=b',
      server: 'theirs',
      'x-ratelimit-remaining-tokens': '5',
      'openai-processing-ms': '7',
      'x-secret': 'theirs',
      connection: 'keep-alive',
    }
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] }), { fields }))
    const answer = await exchange(
      callBytes({ ...auth, cookie: 'c=d', 'x-forwarded-for': '10.0.0.1', 'proxy-authorization': 'Basic x' }, CALL),
    )
    const sent = upstream.requests.at(-1)?.head.toString() ?? ''
    expect(sent).not.toMatch(new RegExp(`${house.key}|cookie|x-forwarded|proxy-authorization|10\\.0\\.0\\.1`, 'i'))
    const names = answer.head
      .split('\r\n')
      .slice(1)
      .map((line) => line.slice(0, line.indexOf(':')))
    expect(names.sort()).toEqual(
      [
        'content-length',
        'content-type',
        'connection',
        'date',
        'keep-alive',
        'openai-processing-ms',
        'x-customhouse-call',
        'x-customhouse-decision',
        'x-customhouse-policy',
        'x-customhouse-target',
        'x-ratelimit-remaining-tokens',
        'x-request-id',
      ].sort(),
    )
    expect(answer.head).not.toContain('theirs')
    upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
  })

  test('while it drains, a gateway asks each connection to close, from the end of the delay on', async () => {
    const go = Promise.withResolvers<void>()
    upstream.script(() => [{ until: go.promise }, ...whole(openaiAnswer({ texts: ['late'] }))])
    const other = await startHouse({
      providers: { one: { url: `${upstream.url}/v1` } },
      config: { drain: { pre_stop_delay: '400ms', timeout: '3s' } },
    })
    try {
      const key = { authorization: `Bearer ${other.key}` }
      const begun = await raw(other.customhouse.data)
      begun.send(callBytes(key, CALL))
      await upstream.waitFor(upstream.requests.length === 0 ? 1 : upstream.requests.length)
      await sleep(50)
      const stopped = other.customhouse.stop()
      const fresh = await raw(other.customhouse.data)
      fresh.send(callBytes({}, CALL))
      expect(await answerOf(fresh)).toContain('401')
      // Nobody is let in any more.
      await expect.poll(() => fetch(other.customhouse.data).catch(() => 'refused'), { timeout: 5_000 }).toBe('refused')
      go.resolve()
      expect(await answerOf(begun)).toMatch(/200[\s\S]*connection: close[\s\S]*late/i)
      await stopped
    } finally {
      await other.stop()
      upstream.script(() => whole(openaiAnswer({ texts: ['fine'] })))
    }
  })
})
