import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { type Script, silence, stream, whole } from '../kit/index.ts'
import { EVENTS, provider, TEXT, upstream } from './setup.ts'

const ENDLESS: Script = stream(
  Array.from({ length: 2000 }, () => EVENTS[1] ?? ''),
  { everyMs: 5 },
)

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
    expect(((await request?.closed) ?? Number.NaN) - before).toBeLessThan(200)
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
      expect(((await seen.at(-1)?.closed) ?? Number.NaN) - before).toBeLessThan(200)
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
    const { open } = provider(url, { timeouts: { connectMs: 500, firstByteMs: 500, idleMs: 120 } })
    let bytes = 0
    for await (const piece of (await open()).body) {
      bytes += piece.length
      await sleep(150)
    }
    expect(bytes).toBe(300_000)
  })
})
