import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type RecorderOptions, selfSigned, stream, whole } from '../kit/index.ts'
import { EVENTS, provider, TEXT, upstream } from './setup.ts'

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

  it('2,000 calls given up at any moment end as they must, and leave a pool that works', async () => {
    const recorder = await upstream((_, index) => {
      if (index % 4 === 0) return whole(TEXT, { delayMs: 1 })
      return stream(EVENTS, index % 4 === 1 ? { everyMs: 1 } : { ending: index % 4 === 2 ? 'hold' : 'reset' })
    })
    const { open } = provider(recorder.url, { timeouts: { connectMs: 5000, firstByteMs: 5000, idleMs: 30 } })
    const endings = new Map<string, number>()
    let left = 2000
    const call = async (moment: number, abort: AbortController): Promise<string> => {
      try {
        const opening = open(abort.signal)
        if (moment === 0) abort.abort()
        if (moment === 1) setImmediate(() => abort.abort())
        const { body } = await opening
        if (moment === 2) abort.abort()
        if (moment === 3) await body.whole(1e6)
        else for await (const chunk of body) if (moment === 4 && chunk.length > 0) abort.abort()
        return 'fine'
      } catch (error) {
        return error instanceof CustomhouseError ? error.code : String(error)
      }
    }
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const abort = new AbortController()
        const ending = await call(left % 6, abort)
        endings.set(ending, (endings.get(ending) ?? 0) + 1)
        expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
      }
    }
    await Promise.all(Array.from({ length: 32 }, work))
    const expected = ['ERR_PROVIDER_TIMEOUT', 'ERR_PROVIDER_TRUNCATED', 'ERR_PROVIDER_UNREACHABLE', 'fine']
    expect([...endings.keys()].sort()).toEqual(expected)
    recorder.script(() => whole(TEXT))
    await (await open()).body.whole(1e6)
    await expect.poll(recorder.open).toBeLessThanOrEqual(8)
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
    const answer = await provider(url, { tls: { ca: tls.cert } }).open()
    expect(answer.status).toBe(200)
    await answer.body.whole(1e6)
  })
  it('never agrees on HTTP/2, whose streams undici would repeat', async () => {
    const { url } = await upstream(whole(TEXT), { ...tls, alpn: ['h2', 'http/1.1'] })
    const answer = await provider(url, { tls: { ca: tls.cert } }).open()
    expect(await answer.body.whole(1e6)).toHaveLength(JSON.stringify(TEXT).length)
  })
  it.each<[string, () => RecorderOptions['tls'], string | undefined]>([
    ['nobody vouches for it', () => tls, undefined],
    ['another one is trusted', () => tls, selfSigned().cert],
    ['it is for another name', () => other, undefined],
  ])('is UNREACHABLE when %s', async (_, served, ca) => {
    const { url, requests } = await upstream(whole(TEXT), served())
    const { open } = provider(
      url,
      ca === undefined ? (served() === other ? { tls: { ca: other.cert } } : {}) : { tls: { ca } },
    )
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
