import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Dispatch } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { createOpenAI, type OpenAIOptions } from '../../src/providers/openai.ts'
import {
  openaiAnswer,
  openaiStream,
  type Recorder,
  type RecorderOptions,
  type Script,
  selfSigned,
  silence,
  startRecorder,
  stream,
  whole,
} from '../kit/index.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const EVENTS = openaiStream({ texts: ['a b c d e f g h'] })
const TEXT = openaiAnswer({ texts: ['Guten Tag'] })
const ENDLESS: Script = stream(
  Array.from({ length: 2000 }, () => EVENTS[1] ?? ''),
  { everyMs: 5 },
)

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
    name: 'p',
    baseUrl: `${url}/v1/`,
    credential: () => 'sk-test',
    timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 },
    maxSockets: 8,
    ...options,
  })
  const residency = { endpoint: ['CH'], processing: ['CH'], storage: [] }
  const dispatch: Dispatch = {
    call: 'c',
    target: { id: 'p/m', provider: 'p', model: 'm', dialect: 'openai.chat', residency, contract: [] },
    method: 'POST',
    url: `${url}/v1/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{}'),
    residency,
    reservation: null,
    digest: '',
  }
  closers.push(() => made.close())
  return { made, open: (signal = new AbortController().signal) => made.open(dispatch, signal) }
}

describe('giving up', () => {
  it.each(['cancel', 'abort', 'break'] as const)('%s in mid-stream frees the provider at once', async (way) => {
    const { url, waitFor, open: sockets } = await upstream(ENDLESS)
    const { open } = provider(url)
    const abort = new AbortController()
    const answer = await open(abort.signal)
    const iterator = answer.body[Symbol.asyncIterator]()
    for (let i = 0; i < 3; i++) expect((await iterator.next()).done).toBe(false)
    const [request] = await waitFor(1)
    const before = performance.now()
    if (way === 'cancel') answer.body.cancel()
    else if (way === 'abort') abort.abort()
    else await iterator.return?.()
    expect(((await request?.closed) ?? Number.NaN) - before).toBeLessThan(100)
    expect(await request?.answered).toBe('client_gone')
    expect(sockets()).toBe(0)
    // Nobody who reads on may take it for a complete answer.
    await expect(iterator.next()).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
    answer.body.cancel()
  })

  it('cancel wakes whoever waits', async () => {
    const { url } = await upstream(stream(EVENTS.slice(0, 1), { ending: 'hold' }))
    const { open } = provider(url)
    const whole = await open()
    const reading = whole.body.whole(1e6)
    whole.body.cancel()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })

    const streamed = await open()
    const iterator = streamed.body[Symbol.asyncIterator]()
    await iterator.next()
    const waiting = iterator.next()
    streamed.body.cancel()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
  })

  it('an answer that had all come, cancelled unread, is no clean end either', async () => {
    const { url } = await upstream(whole(TEXT))
    const { body } = await provider(url).open()
    await sleep(30)
    body.cancel()
    await expect(body.whole(1e6)).rejects.toMatchObject({ code: 'ERR_PROVIDER_TRUNCATED' })
  })

  it('an abort before the answer frees the provider, and an error of ours passes through', async () => {
    const { url, waitFor } = await upstream(silence)
    const { open } = provider(url)
    for (const [reason, code] of [
      [undefined, 'ERR_PROVIDER_UNREACHABLE'],
      [new CustomhouseError('ERR_GATEWAY_DRAINING', 'stopping'), 'ERR_GATEWAY_DRAINING'],
    ] as const) {
      const abort = new AbortController()
      const opening = open(abort.signal)
      const seen = await waitFor(reason === undefined ? 1 : 2)
      const before = performance.now()
      abort.abort(reason)
      await expect(opening).rejects.toMatchObject({ code })
      expect(((await seen.at(-1)?.closed) ?? Number.NaN) - before).toBeLessThan(100)
    }
  })

  it('a redirect frees the connection, whatever its body would do', async () => {
    const { url, open: sockets } = await upstream(stream([], { status: 302, ending: 'hold' }))
    await expect(provider(url).open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_MALFORMED' })
    await expect.poll(sockets).toBe(0)
  })

  it('an aborted call is never sent', async () => {
    const { url, requests, accepted } = await upstream(whole(TEXT))
    await expect(provider(url).open(AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    expect(requests).toHaveLength(0)
    expect(accepted()).toBe(0)
  })
})

describe('backpressure', () => {
  it('pauses the provider while nobody reads, and loses nothing', async () => {
    const chunk = Buffer.alloc(64 << 10, 'x')
    const count = 400
    const { url, requests, waitFor } = await upstream(stream(Array.from({ length: count }, () => chunk)))
    const answer = await provider(url).open()
    await waitFor(1)
    let answered = false
    void requests[0]?.answered.then(() => {
      answered = true
    })
    const before = process.memoryUsage().arrayBuffers
    await sleep(200)
    // 25 MB are on offer; no more than the sockets' own buffers have left the provider.
    expect(answered).toBe(false)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(12 << 20)
    let bytes = 0
    for await (const piece of answer.body) bytes += piece.length
    expect(bytes).toBe(chunk.length * count)
  })

  it('goes on when a paused answer is asked for as a whole', async () => {
    const chunk = Buffer.alloc(64 << 10, 'x')
    const { url } = await upstream(stream(Array.from({ length: 40 }, () => chunk)))
    const answer = await provider(url, { timeouts: { connectMs: 500, firstByteMs: 500, idleMs: 500 } }).open()
    await sleep(50)
    expect(await answer.body.whole(1 << 23)).toHaveLength(chunk.length * 40)
  })

  it('a slow reader is not taken for a silent provider', async () => {
    const { url } = await upstream(stream(Array.from({ length: 5 }, () => Buffer.alloc(60_000, 'x'))))
    const { open } = provider(url, { timeouts: { connectMs: 500, firstByteMs: 500, idleMs: 50 } })
    let bytes = 0
    for await (const piece of (await open()).body) {
      bytes += piece.length
      await sleep(40)
    }
    expect(bytes).toBe(300_000)
  })
})

describe('the pool', () => {
  it('keeps to its sockets; a call that waits too long for one is a TIMEOUT, and is never sent', async () => {
    const {
      url,
      requests,
      waitFor,
      open: sockets,
      script,
    } = await upstream(stream(EVENTS.slice(0, 1), { ending: 'hold' }))
    const { open } = provider(url, { maxSockets: 2, timeouts: { connectMs: 500, firstByteMs: 150, idleMs: 5000 } })
    const [first, second] = await Promise.all([open(), open()])
    await waitFor(2)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_TIMEOUT' })
    expect(sockets()).toBe(2)
    script(() => whole(TEXT))
    first?.body.cancel()
    second?.body.cancel()
    await (await open()).body.whole(1e6)
    await sleep(20)
    expect(requests).toHaveLength(3)
  })

  it('a call that waits for a socket can be given up, and spares the socket', async () => {
    const { url, requests, accepted } = await upstream(whole(TEXT, { delayMs: 80 }))
    const { open } = provider(url, { maxSockets: 1 })
    const abort = new AbortController()
    const first = open()
    const waiting = open(abort.signal)
    const third = open()
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    for (const answer of [await first, await third]) await answer.body.whole(1e6)
    expect(requests).toHaveLength(2)
    expect(accepted()).toBe(1)
  })

  it('10,000 calls leave no sockets, no listeners and no timers behind', async () => {
    const recorder = await upstream((_, index) => (index % 3 === 0 ? stream(EVENTS) : whole(TEXT)))
    const { made, open } = provider(recorder.url)
    const { signal } = new AbortController()
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    let left = 10_000
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const answer = await open(signal)
        if (left % 2 === 0) await answer.body.whole(1e6)
        else for await (const chunk of answer.body) expect(chunk.length).toBeGreaterThan(0)
      }
    }
    await Promise.all(Array.from({ length: 8 }, work))
    expect(recorder.requests).toHaveLength(10_000)
    expect(recorder.accepted()).toBeLessThanOrEqual(8)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await made.close()
    await expect.poll(recorder.open).toBe(0)
    expect(timers()).toBeLessThanOrEqual(before)
  })

  it('close waits for calls in flight and takes no new ones', async () => {
    const { url } = await upstream(whole(TEXT, { delayMs: 50 }))
    const { made, open } = provider(url)
    const opening = open()
    let closed = false
    const closing = made.close().then(() => {
      closed = true
    })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    const answer = await opening
    await answer.body.whole(1e6)
    await closing
    expect(closed).toBe(true)
  })
})

describe('TLS', () => {
  const tls = selfSigned(['localhost'])
  it('is verified: the certificate that the configuration names is trusted', async () => {
    const { url } = await upstream(whole(TEXT), tls)
    const answer = await provider(url, { ca: tls.cert }).open()
    expect(answer.status).toBe(200)
    await answer.body.whole(1e6)
  })
  it('never agrees on HTTP/2, whose streams undici would repeat', async () => {
    const { url } = await upstream(whole(TEXT), { ...tls, alpn: ['h2', 'http/1.1'] })
    const answer = await provider(url, { ca: tls.cert }).open()
    expect(await answer.body.whole(1e6)).toHaveLength(JSON.stringify(TEXT).length)
  })
  it.each<[string, () => RecorderOptions['tls'], string | undefined]>([
    ['nobody vouches for it', () => tls, undefined],
    ['another one is trusted', () => tls, selfSigned().cert],
    ['it is for another name', () => other, undefined],
  ])('is UNREACHABLE when %s', async (_, served, ca) => {
    const { url, requests } = await upstream(whole(TEXT), served())
    const { open } = provider(url, ca === undefined ? (served() === other ? { ca: other.cert } : {}) : { ca })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    expect(requests).toHaveLength(0)
  })
  const other = selfSigned(['other.example'])

  it('is UNREACHABLE where the server speaks clear text', async () => {
    const { port } = await upstream(whole(TEXT))
    await expect(provider(`https://localhost:${port}`).open()).rejects.toMatchObject({
      code: 'ERR_PROVIDER_UNREACHABLE',
    })
  })
})

describe('the base URL', () => {
  const made = (baseUrl: string) => () =>
    createOpenAI({
      name: 'p',
      baseUrl,
      credential: () => undefined,
      timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 },
      maxSockets: 1,
    })
  it.each(['', 'x', 'ftp://a/v1', 'https://u:secret@a/v1', 'https://a/v1?key=secret', 'https://a/v1#x', '//a/v1'])(
    '%j is refused, untold',
    (baseUrl) => {
      expect(made(baseUrl)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
      expect(made(baseUrl)).not.toThrow(/secret/)
    },
  )
  it.each([
    ['https://EU.api.openai.com:443/v1/', 'https://eu.api.openai.com/v1/chat/completions'],
    ['https://a.example', 'https://a.example/chat/completions'],
    ['http://[::1]:8000/v1', 'http://[::1]:8000/v1/chat/completions'],
  ])('%s', (baseUrl, address) => {
    expect(made(baseUrl)().address({ path: '/chat/completions', headers: {}, body: Buffer.of() })).toBe(address)
  })
})
