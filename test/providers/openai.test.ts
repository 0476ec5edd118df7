import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { Dispatch } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Answer } from '../../src/core/port.ts'
import { createOpenAI, type OpenAIOptions } from '../../src/providers/openai.ts'
import {
  drip,
  failure,
  hangUp,
  head,
  openaiAnswer,
  openaiStream,
  type Recorder,
  type RecorderOptions,
  redirect,
  reset,
  type Script,
  shortBody,
  silence,
  startRecorder,
  stream,
  tooMany,
  whole,
} from '../kit/index.ts'

const SECRET = 'sk-very-secret-1234'
const BODY = Buffer.from('{"model":"gpt-5-mini","messages":[{"role":"user","content":"Grüezi"}]}')
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function upstream(answer: Script | RecorderOptions['answer'], tls?: RecorderOptions['tls']): Promise<Recorder> {
  const recorder = await startRecorder({
    answer: typeof answer === 'function' ? answer : () => answer,
    ...(tls === undefined ? {} : { tls }),
  })
  closers.push(() => recorder.close())
  return recorder
}

function provider(url: string, options: Partial<OpenAIOptions> = {}) {
  const made = createOpenAI({
    name: 'openai-eu',
    baseUrl: `${url}/v1`,
    credential: () => SECRET,
    timeouts: { connectMs: 500, firstByteMs: 2000, idleMs: 2000 },
    maxSockets: 8,
    ...options,
  })
  const open = (changes: Partial<Dispatch> = {}, signal = new AbortController().signal): Promise<Answer> =>
    made.open(dispatch(url, changes), signal)
  closers.push(() => made.close())
  return { made, open }
}

function dispatch(url: string, changes: Partial<Dispatch> = {}): Dispatch {
  const residency = { endpoint: ['CH'], processing: ['CH'], storage: [] }
  return {
    call: '0190-call',
    target: { id: 'openai-eu/m', provider: 'openai-eu', model: 'm', dialect: 'openai.chat', residency, contract: [] },
    method: 'POST',
    url: `${url}/v1/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: BODY,
    residency,
    reservation: null,
    digest: '',
    ...changes,
  }
}

const QUICK = { timeouts: { connectMs: 200, firstByteMs: 150, idleMs: 150 } }
const TEXT = openaiAnswer({ texts: ['Guten Tag'] })
const EVENTS = openaiStream({ texts: ['a b c d e f g h'] }, { includeUsage: true })

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** How an exchange ended: `fine`, or the code of the error and where it was raised. */
async function ending(open: () => Promise<Answer>, read: 'whole' | 'iterator'): Promise<string> {
  let where = 'open'
  try {
    const answer = await open()
    where = 'body'
    await (read === 'whole' ? answer.body.whole(1 << 20) : collect(answer.body))
    return 'fine'
  } catch (error) {
    if (!(error instanceof CustomhouseError)) throw error
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET)
    expect(error.cause).toBeUndefined()
    return `${where} ${error.code}`
  }
}

describe('what arrives at the provider', () => {
  it('is the dispatch, the credential and the transport`s own fields, byte for byte', async () => {
    const { url, port, requests } = await upstream(whole(TEXT))
    const { open, made } = provider(url)
    await (await open({ headers: { 'content-type': 'application/json', 'openai-project': 'p1' } })).body.whole(1e6)
    const lines = [
      'POST /v1/chat/completions HTTP/1.1',
      `host: 127.0.0.1:${port}`,
      'connection: keep-alive',
      'content-type: application/json',
      'openai-project: p1',
      'accept-encoding: identity',
      `authorization: Bearer ${SECRET}`,
      `content-length: ${BODY.length}`,
      '',
      '',
    ]
    expect(requests[0]?.wire.toString('utf8')).toBe(lines.join('\r\n') + BODY.toString('utf8'))
    expect(made.address({ path: '/chat/completions', headers: {}, body: BODY })).toBe(`${url}/v1/chat/completions`)
  })

  it('has no authorization where there is no credential, and the new one after a change', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    let key: string | undefined
    const { open } = provider(url, { credential: () => key })
    for (key of [undefined, 'one', 'two', undefined]) await (await open()).body.whole(1e6)
    expect(requests.map((request) => request.header('authorization'))).toEqual([
      undefined,
      'Bearer one',
      'Bearer two',
      undefined,
    ])
  })

  it.each<[string, Partial<Dispatch>]>([
    ['a credential', { headers: { Authorization: 'Bearer x' } }],
    ['a cookie', { headers: { cookie: 'a=b' } }],
    ['a host', { headers: { host: 'evil.example' } }],
    ['a length', { headers: { 'content-length': '1' } }],
    ['a transfer coding', { headers: { 'Transfer-Encoding': 'chunked' } }],
    ['a connection field', { headers: { connection: 'close' } }],
    ['another coding of the answer', { headers: { 'accept-encoding': 'gzip' } }],
    ['a line break in a value', { headers: { a: 'b\r\nx: y' } }],
    ['a bare line feed in a value', { headers: { a: 'b\nx: y' } }],
    ['a NUL in a value', { headers: { a: 'b\0' } }],
    ['what is beyond latin1 in a value', { headers: { a: '\u010a' } }],
    ['a line break in a name', { headers: { 'a\r\nx': 'y' } }],
    ['a colon in a name', { headers: { 'a:b': 'y' } }],
    ['another host', { url: 'http://127.0.0.1:1/v1/chat/completions' }],
    ['another scheme', { url: 'https://127.0.0.1/v1/chat/completions' }],
  ])('is nothing when a dispatch brings %s', async (_, changes) => {
    const { url, accepted, requests } = await upstream(whole(TEXT))
    const { open } = provider(url)
    await expect(open(changes)).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    await (await open()).body.whole(1e6)
    expect(requests).toHaveLength(1)
    expect(accepted()).toBe(1)
  })

  it.each([
    '/v1x',
    '/v1@evil',
    '',
    '/',
    '/v1/',
    '/v1/../admin',
    '/v1/%2e%2e/admin',
    '/v1//x',
    '/v1/x y',
    '/v1/x\r\ny',
    '/v1/x#y',
    '/v1\\x',
  ])('is nothing when the address ends in %j', async (path) => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = provider(url)
    await expect(open({ url: url + path })).rejects.toMatchObject({ code: 'ERR_GATEWAY_INTERNAL' })
    expect(requests).toHaveLength(0)
  })

  it('is nothing when the credential is no word, and the error does not tell it', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = provider(url, { credential: () => `${SECRET}\r\nx: y` })
    expect(await ending(open, 'whole')).toBe('open ERR_GATEWAY_INTERNAL')
    expect(requests).toHaveLength(0)
  })

  it('tells no credential when the provider itself is looked at', () => {
    const { made } = provider('http://127.0.0.1:1')
    expect(inspect(made, { depth: 9, showHidden: true })).not.toContain(SECRET)
    expect(JSON.stringify(made)).not.toContain(SECRET)
  })
})

describe('an answer', () => {
  it('comes whole, and reuses connections', async () => {
    const { url, accepted } = await upstream(whole(TEXT))
    const { open } = provider(url)
    for (let i = 0; i < 9; i++) {
      const answer = await open()
      expect(answer.status).toBe(200)
      expect(JSON.parse(Buffer.from(await answer.body.whole(1e6)).toString())).toEqual(TEXT)
    }
    // undici frees a connection one turn of the loop after the answer's end, so back-to-back calls take turns on two.
    expect(accepted()).toBeLessThanOrEqual(2)
  })

  it.each([
    ['chunked', stream(EVENTS)],
    ['chunked, slowly', stream(EVENTS, { everyMs: 2 })],
    ['until the connection ends', [{ write: head(200, {}) + EVENTS.join('') }, 'fin' as const]],
    ['after an interim answer', [{ write: head(103, { link: 'x' }) }, ...stream(EVENTS)]],
    ['in small pieces', drip(EVENTS.join(''), 0, 50)],
  ] satisfies [string, Script][])('comes by iteration and whole alike: %s', async (_, script) => {
    const { url } = await upstream(script)
    const { open } = provider(url)
    expect((await collect((await open()).body)).toString()).toBe(EVENTS.join(''))
    expect(Buffer.from(await (await open()).body.whole(1e6)).toString()).toBe(EVENTS.join(''))
  })

  it.each<[string, Script, number]>([
    ['500', failure(500), 500],
    ['429', tooMany(7), 429],
    ['401', failure(401), 401],
  ])('%s is an answer like any other', async (_, script, status) => {
    const { url } = await upstream(script)
    const answer = await provider(url).open()
    expect(answer.status).toBe(status)
    expect(answer.headers['retry-after']).toBe(status === 429 ? '7' : undefined)
    expect(JSON.parse(Buffer.from(await answer.body.whole(1e6)).toString())).toHaveProperty('error.message')
  })

  it('shows the fields of the allow-list and no others', async () => {
    const fields = {
      'Content-Type': 'application/json',
      'X-Request-ID': 'req_1',
      'Retry-After': '1',
      'OpenAI-Processing-MS': '12',
      'OpenAI-Version': '2020-10-01',
      'X-RateLimit-Remaining-Tokens': '99',
      'x-ratelimit-reset-requests': 'a\tb',
      'x-ratelimit-limit-tokens': 'caf\u00e9',
      'x-ratelimit-limit-requests': 'x'.repeat(2000),
      'Set-Cookie': 'session=1',
      'OpenAI-Organization': 'the-bank',
      'strict-transport-security': 'max-age=1',
      Server: 'cloudflare',
      'cf-ray': 'x',
      'access-control-allow-origin': '*',
      location: '/x',
      __proto__x: 'y',
    }
    const { url } = await upstream(whole(TEXT, { fields }))
    const answer = await provider(url).open()
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'req_1',
      'retry-after': '1',
      'openai-processing-ms': '12',
      'openai-version': '2020-10-01',
      'x-ratelimit-remaining-tokens': '99',
    })
    answer.body.cancel()
  })

  it('is read once', async () => {
    const { url } = await upstream(whole(TEXT))
    const { body } = await provider(url).open()
    await body.whole(1e6)
    expect(() => body[Symbol.asyncIterator]()).toThrow(/read twice/)
  })

  it('is refused when it is larger than allowed, whether it had come already or comes later', async () => {
    const { url, open: sockets } = await upstream((_, index) =>
      index === 0
        ? whole('x'.repeat(2000))
        : stream(
            Array.from({ length: 50 }, () => 'x'.repeat(1000)),
            { everyMs: 1 },
          ),
    )
    const { open } = provider(url)
    const first = await open()
    await new Promise((resolve) => setTimeout(resolve, 30))
    await expect(first.body.whole(1999)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    await expect((await open()).body.whole(5000)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    await expect.poll(sockets).toBeLessThanOrEqual(1)
  })
})

describe('what goes wrong', () => {
  const gone = 'http://127.0.0.1:1'
  it.each<[string, string, Partial<OpenAIOptions>]>([
    ['a refused connection', gone, {}],
    ['a name that does not resolve', 'http://provider.invalid', {}],
  ])('%s is UNREACHABLE', async (_, url, options) => {
    expect(await ending(provider(url, options).open, 'whole')).toBe('open ERR_PROVIDER_UNREACHABLE')
  })

  it.each<[string, Script, string]>([
    ['a hang-up before the answer', hangUp, 'open ERR_PROVIDER_UNREACHABLE'],
    ['a reset before the answer', reset, 'open ERR_PROVIDER_UNREACHABLE'],
    ['a hang-up in the head', [{ write: 'HTTP/1.1 200 OK\r\ncontent-' }, 'fin'], 'open ERR_PROVIDER_UNREACHABLE'],
    ['silence', silence, 'open ERR_PROVIDER_TIMEOUT'],
    ['a head that never ends', [{ write: 'HTTP/1.1 200 OK\r\n' }, 'hold'], 'open ERR_PROVIDER_TIMEOUT'],
    ['interim answers only', [{ write: head(103, {}) }, 'hold'], 'open ERR_PROVIDER_TIMEOUT'],
    ['what is no HTTP', [{ write: 'SSH-2.0-OpenSSH_9.9\r\n' }, 'hold'], 'open ERR_PROVIDER_MALFORMED'],
    ['a head of 20 KB', [{ write: head(200, { a: 'x'.repeat(20_000) }) }, 'hold'], 'open ERR_PROVIDER_MALFORMED'],
    [
      'a control character in the head',
      whole(TEXT, { fields: { 'x-request-id': 'a\x01b' } }),
      'open ERR_PROVIDER_MALFORMED',
    ],
    ['two lengths', whole(TEXT, { fields: { 'transfer-encoding': 'chunked' } }), 'open ERR_PROVIDER_MALFORMED'],
    [
      'a transfer coding that is not undone',
      [{ write: `${head(200, { 'transfer-encoding': 'gzip' })}x` }, 'fin'],
      'open ERR_PROVIDER_MALFORMED',
    ],
    [
      'an upgrade nobody asked for',
      [{ write: head(101, { upgrade: 'x', connection: 'upgrade' }) }, 'hold'],
      'open ERR_PROVIDER_UNREACHABLE',
    ],
    ['a redirect', redirect('http://127.0.0.1:1/'), 'open ERR_PROVIDER_MALFORMED'],
    ['a permanent redirect', redirect('/v1/other', 308), 'open ERR_PROVIDER_MALFORMED'],
    ['"see other"', redirect('/v1/other', 303), 'open ERR_PROVIDER_MALFORMED'],
    ['"not modified"', [{ write: head(304, {}) }], 'open ERR_PROVIDER_MALFORMED'],
    ['a status beyond 599', whole(TEXT, { status: 700 }), 'open ERR_PROVIDER_MALFORMED'],
    ['a short body', shortBody(TEXT), 'body ERR_PROVIDER_TRUNCATED'],
    ['a short body and a reset', shortBody(TEXT, 9, 'reset'), 'body ERR_PROVIDER_TRUNCATED'],
    ['an end in mid-stream', stream(EVENTS.slice(0, 3), { ending: 'fin' }), 'body ERR_PROVIDER_TRUNCATED'],
    [
      'an end in mid-chunk',
      [...stream(EVENTS.slice(0, 3), { ending: 'hold' }).slice(0, -1), { write: 'ff\r\nda' }, 'fin'],
      'body ERR_PROVIDER_TRUNCATED',
    ],
    [
      'an end in mid-stream, announced',
      stream(EVENTS.slice(0, 3), { ending: 'fin', fields: { connection: 'close' } }),
      'body ERR_PROVIDER_TRUNCATED',
    ],
    [
      'a reset in mid-stream',
      stream(EVENTS.slice(0, 3), { ending: 'reset', everyMs: 5 }),
      'body ERR_PROVIDER_TRUNCATED',
    ],
    ['silence in mid-stream', stream(EVENTS.slice(0, 3), { ending: 'hold' }), 'body ERR_PROVIDER_TIMEOUT'],
    ['a slow drip within the idle time', drip('0123456789', 50), 'fine'],
    [
      'a chunk that is none',
      [...stream(['x'], { ending: 'hold' }).slice(0, -1), { write: 'zz\r\n' }, 'hold'],
      'body ERR_PROVIDER_MALFORMED',
    ],
  ])('%s', async (_, script, expected) => {
    const { url, requests } = await upstream(script)
    const { open } = provider(url, QUICK)
    expect(await ending(open, 'whole')).toBe(expected)
    expect(await ending(open, 'iterator')).toBe(expected)
    // Each call was written once: nothing was repeated, nothing was followed.
    expect(requests).toHaveLength(2)
  })

  it('gives the bytes that came before a break, then raises', async () => {
    const { url } = await upstream(stream(EVENTS.slice(0, 3), { ending: 'fin' }))
    const { body } = await provider(url).open()
    await new Promise((resolve) => setTimeout(resolve, 50))
    let text = ''
    await expect(
      (async () => {
        for await (const chunk of body) text += Buffer.from(chunk).toString()
      })(),
    ).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
    expect(text).toBe(EVENTS.slice(0, 3).join(''))
  })

  it('an idle connection that the provider closes costs no call', async () => {
    const { url, requests } = await upstream((_, index) => (index % 2 === 0 ? [...whole(TEXT), 'fin'] : whole(TEXT)))
    const { open } = provider(url)
    for (let i = 0; i < 6; i++) {
      expect(await ending(open, 'whole')).toBe('fine')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(requests).toHaveLength(6)
  })
})

describe('content codings that were not asked for', () => {
  it.each(['gzip', 'deflate', 'br'] as const)('%s is undone', async (encoding) => {
    const { url } = await upstream(whole(TEXT, { encoding }))
    const { open } = provider(url)
    expect(JSON.parse(Buffer.from(await (await open()).body.whole(1e6)).toString())).toEqual(TEXT)
    expect(JSON.parse((await collect((await open()).body)).toString())).toEqual(TEXT)
    expect((await open()).headers).not.toHaveProperty('content-encoding')
  })
  it('the limit holds for what comes out', async () => {
    const { url } = await upstream(whole('x'.repeat(5000), { encoding: 'gzip' }))
    const { open } = provider(url)
    await expect((await open()).body.whole(4999)).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    expect(await (await open()).body.whole(5000)).toHaveLength(5000)
  })
  it('a bomb is refused, whole and by iteration', async () => {
    const { url } = await upstream(whole('x'.repeat(8 << 20), { encoding: 'gzip' }))
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe('body ERR_PROVIDER_MALFORMED')
    expect(await ending(open, 'iterator')).toBe('body ERR_PROVIDER_MALFORMED')
  })
  it.each<[string, Script, string]>([
    ['an unknown coding', whole(TEXT, { fields: { 'content-encoding': 'zstd' } }), 'open ERR_PROVIDER_MALFORMED'],
    [
      'two codings',
      whole(TEXT, { encoding: 'gzip', fields: { 'content-encoding': 'gzip, gzip' } }),
      'open ERR_PROVIDER_MALFORMED',
    ],
    [
      'what is not in the coding',
      whole(TEXT, { fields: { 'content-encoding': 'gzip' } }),
      'body ERR_PROVIDER_MALFORMED',
    ],
    ['identity', whole(TEXT, { fields: { 'content-encoding': 'Identity' } }), 'fine'],
  ])('%s', async (_, script, expected) => {
    const { url } = await upstream(script)
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe(expected)
    expect(await ending(open, 'iterator')).toBe(expected)
  })
  it('a coding that ends too early is TRUNCATED', async () => {
    const { gzipSync } = await import('node:zlib')
    const { url } = await upstream(
      whole(gzipSync(JSON.stringify(TEXT)).subarray(0, -12), { fields: { 'content-encoding': 'gzip' } }),
    )
    const { open } = provider(url)
    expect(await ending(open, 'whole')).toBe('body ERR_PROVIDER_TRUNCATED')
    expect(await ending(open, 'iterator')).toBe('body ERR_PROVIDER_TRUNCATED')
  })
})
