import { createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import type { Dispatcher } from 'undici'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { redacted } from '../../src/pipeline/redacted.ts'
import { exchange } from '../../src/providers/exchange.ts'
import { baseOf, type Connections, openPool } from '../../src/providers/pool.ts'
import { proxiesOf } from '../../src/providers/proxy.ts'
import { Slots, type Waiting } from '../../src/providers/slots.ts'
import { hangUp, reset, type Script, selfSigned, stream, whole } from '../kit/index.ts'
import { startProxy } from './connect-proxy.ts'
import { closing, collect, EVENTS, provider, TEXT, upstream } from './setup.ts'

const HOLD = stream(EVENTS.slice(0, 1), { ending: 'hold' })

describe('slots', () => {
  type Step = readonly ['enter' | 'leave' | 'free' | 'turn' | 'close', number]

  it('never more than there are, the oldest first, and none is lost', async () => {
    const word = fc.constantFrom<Step[0]>('enter', 'enter', 'enter', 'leave', 'free', 'free', 'turn', 'close')
    const steps = fc.array(fc.tuple(word, fc.nat(20)), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (max, walk) => {
        const slots = new Slots(max)
        const [holding, queue]: [Waiting[], Waiting[]] = [[], []]
        let closed = false
        const call = (): Waiting => {
          const me: Waiting = {
            granted: () => {
              if (queue.includes(me)) expect(queue.shift()).toBe(me)
              holding.push(me)
            },
            refused: () => {
              expect(closed).toBe(true)
              if (queue.includes(me)) queue.splice(queue.indexOf(me), 1)
            },
          }
          return me
        }
        for (const [step, at] of walk) {
          const one = holding[at % holding.length]
          const waiting = queue[at % queue.length]
          if (step === 'enter') {
            const me = call()
            const full = slots.used === max
            const others = queue.length > 0
            if (full && !closed) queue.push(me)
            slots.enter(me)
            expect(holding.includes(me)).toBe(!full && !others)
          } else if (step === 'leave' && waiting !== undefined) {
            queue.splice(queue.indexOf(waiting), 1)
            slots.leave(waiting)
          } else if (step === 'free' && one !== undefined) {
            holding.splice(holding.indexOf(one), 1)
            const before = [...holding]
            slots.free()
            expect(holding).toEqual(before)
          } else if (step === 'turn') {
            await turn()
            expect(slots.used).toBe(holding.length)
          } else if (step === 'close') {
            closed = true
            slots.close()
          }
          expect(holding.length).toBeLessThanOrEqual(slots.used)
          expect(slots.used).toBeLessThanOrEqual(max)
          expect(slots.waiting).toBe(queue.length)
        }
        await turn()
        expect(queue.length === 0 || holding.length === max).toBe(true)
        while (holding.pop() !== undefined) {
          slots.free()
          await turn()
        }
        expect([slots.used, slots.waiting]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })
})

/** Counts what undici holds: from a dispatch until the last word about it. */
function counted(pool: Connections): Readonly<{ pool: Connections; live: () => number; most: () => number }> {
  let [live, most] = [0, 0]
  const count = (handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler => {
    most = Math.max(most, ++live)
    return {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onResponseStart: (...told) => handler.onResponseStart?.(...told),
      onResponseData: (...told) => handler.onResponseData?.(...told),
      onResponseEnd: (...told) => {
        live -= 1
        handler.onResponseEnd?.(...told)
      },
      onResponseError: (...told) => {
        live -= 1
        handler.onResponseError?.(...told)
      },
    }
  }
  const dispatcher = pool.dispatcher.compose((dispatch) => (options, handler) => dispatch(options, count(handler)))
  return { pool: { ...pool, dispatcher }, live: () => live, most: () => most }
}

describe('the slots of a pool', () => {
  const SCRIPTS: readonly Script[] = [
    whole(TEXT),
    whole(TEXT, { delayMs: 2 }),
    [...whole(TEXT), 'fin'],
    stream(EVENTS, { everyMs: 1 }),
    HOLD,
    stream(EVENTS.slice(0, 2), { ending: 'reset' }),
    hangUp,
    reset,
    [{ write: 'SSH-2.0-OpenSSH_9.9\r\n' }, 'fin'],
  ]
  const one = fc.record({
    script: fc.nat(SCRIPTS.length - 1),
    large: fc.boolean(),
    reading: fc.constantFrom('whole', 'iterator', 'leave', 'cancel'),
    /** Turns of the loop until it begins, and from then until it is given up. */
    after: fc.nat(3),
    abort: fc.option(fc.nat(12)),
  })
  const endings = fc.array(one, { minLength: 1, maxLength: 24 })
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await turn()
  }

  it.each(['direct', 'by way of a proxy', 'nobody listens'] as const)(
    '%s: any calls, given up at any moment, keep to them and leave none taken',
    async (way) => {
      const recorder = await upstream(HOLD)
      const proxy = await startProxy()
      closing(() => proxy.close())
      const url = way === 'nobody listens' ? 'http://127.0.0.1:1' : recorder.url
      const proxies =
        way === 'by way of a proxy' ? proxiesOf('p', { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }) : null
      const bodies = [Buffer.alloc(100, 'x'), Buffer.alloc(300_000, 'x')]
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 3 }), endings, async (maxSockets, calls) => {
          const timeouts = { connectMs: 2000, firstByteMs: 2000, idleMs: 20 }
          const base = baseOf('p', url)
          const { pool, live, most } = counted(
            openPool('p', base, { maxSockets, timeouts, ...(proxies === null ? {} : { proxies }) }),
          )
          recorder.script((request) => SCRIPTS[Number(request.path.slice(1))] ?? HOLD)
          const call = async ({ script, large, reading, abort }: (typeof calls)[number]): Promise<unknown> => {
            const controller = new AbortController()
            if (abort !== null) void turns(abort).then(() => controller.abort())
            try {
              const { body } = await exchange({
                provider: 'p',
                pool,
                origin: base.origin,
                timeouts,
                path: `/${script}`,
                fields: [],
                body: bodies[large ? 1 : 0] ?? Buffer.of(),
                signal: controller.signal,
              })
              if (reading === 'whole') return await body.whole(1e6)
              if (reading === 'iterator') return await collect(body)
              if (reading === 'leave') for await (const _ of body) return null
              return body.cancel()
            } catch (error) {
              return error
            }
          }
          const running: Promise<unknown>[] = []
          for (const options of calls) {
            await turns(options.after)
            running.push(call(options))
            expect(pool.slots.used).toBeLessThanOrEqual(maxSockets)
            expect(live()).toBeLessThanOrEqual(pool.slots.used)
          }
          for (const end of await Promise.all(running)) {
            if (end instanceof Error) expect(end).toBeInstanceOf(CustomhouseError)
          }
          await expect.poll(() => [live(), pool.slots.used, pool.slots.waiting], { interval: 1 }).toEqual([0, 0, 0])
          expect(most()).toBeLessThanOrEqual(maxSockets)
          await pool.close()
        }),
        { numRuns: 60 },
      )
    },
  )

  it.each(['abort', 'expiry'] as const)('a call that waits leaves the queue at once: %s', async (way) => {
    const { url, requests } = await upstream(HOLD)
    const base = baseOf('p', url)
    const pool = openPool('p', base, { maxSockets: 1, timeouts: { connectMs: 1000, firstByteMs: 5000, idleMs: 5000 } })
    closing(() => pool.close())
    const call = (signal: AbortSignal, firstByteMs: number) => {
      const timeouts = { firstByteMs, idleMs: 5000 }
      const body = Buffer.from('{}')
      return exchange({ provider: 'p', pool, origin: base.origin, timeouts, path: '/', fields: [], body, signal })
    }
    const abort = new AbortController()
    const first = await call(new AbortController().signal, 5000)
    const waiting = Array.from({ length: 3 }, () => call(abort.signal, way === 'abort' ? 5000 : 20))
    expect(pool.slots.waiting).toBe(3)
    if (way === 'abort') {
      abort.abort()
      expect(pool.slots.waiting).toBe(0)
    }
    for (const end of await Promise.allSettled(waiting)) expect(end.status).toBe('rejected')
    expect([pool.slots.used, pool.slots.waiting]).toEqual([1, 0])
    first.body.cancel()
    await expect.poll(() => pool.slots.used).toBe(0)
    expect(requests).toHaveLength(1)
  })

  it('calls are sent in the order in which they came, but for those that were given up', async () => {
    const { url, requests } = await upstream(whole(TEXT))
    const { open } = provider(url, { maxSockets: 1 })
    const sent = Array.from({ length: 12 }, async (_, index) => {
      const abort = new AbortController()
      const opening = open(abort.signal, { url: `${url}/v1/chat/completions`, body: redacted(Buffer.from(`${index}`)) })
      if (index % 3 === 1) abort.abort()
      return (await opening).body.whole(1e6)
    })
    const ends = await Promise.allSettled(sent)
    expect(ends.map(({ status }) => status === 'fulfilled')).toEqual(ends.map((_, index) => index % 3 !== 1))
    expect(requests.map(({ body }) => Number(body.toString()))).toEqual([0, 2, 3, 5, 6, 8, 9, 11])
  })

  it('close refuses those that wait at once, and waits for the others', async () => {
    const { url } = await upstream(HOLD)
    const { made, open } = provider(url, { maxSockets: 1 })
    const { body } = await open()
    const waiting = open()
    const late = Promise.all([expect(waiting).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })])
    const closed = made.close()
    await late
    await expect(open()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    body.cancel()
    await closed
  })
})

describe('a body', () => {
  const MIB = 1 << 20
  const held = (): number => {
    setFlagsFromString('--expose-gc')
    const gc: unknown = runInNewContext('gc')
    if (typeof gc !== 'function') throw new Error('no gc')
    gc()
    return process.memoryUsage().arrayBuffers
  }
  /** 30 calls of 8 MiB each, given up while they wait: what of them is still in memory. */
  const kept = async (open: ReturnType<typeof provider>['open']): Promise<void> => {
    const before = held()
    for (let i = 0; i < 30; i++) {
      const abort = new AbortController()
      const opening = open(abort.signal, { body: redacted(Buffer.alloc(8 * MIB, 'x')) })
      await turn()
      abort.abort()
      await expect(opening).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNREACHABLE' })
    }
    await expect.poll(() => held() - before).toBeLessThan(16 * MIB)
  }

  it('is not kept when its call was given up while all connections were busy', async () => {
    const { url } = await upstream(HOLD)
    const { open } = provider(url, { maxSockets: 2 })
    const busy = [await open(), await open()]
    await kept(open).finally(() => {
      for (const { body } of busy) body.cancel()
    })
  })

  it('is not kept when its call was given up while its connection was being made', async () => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    // Somebody listens, but never says hello.
    const url = `https://localhost:${address.port}`
    const timeouts = { connectMs: 20_000, firstByteMs: 20_000, idleMs: 1000 }
    const { open } = provider(url, { maxSockets: 64, timeouts })
    await kept(open).finally(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    expect(sockets.size).toBeGreaterThan(0)
  })

  const tls = selfSigned(['localhost'])
  it.each([0, 1, 65_536, 65_537, 3 * MIB])('of %d bytes goes out as it is, directly and in a tunnel', async (size) => {
    const proxy = await startProxy()
    closing(() => proxy.close())
    const { url, requests } = await upstream(whole(TEXT), tls)
    const body = Buffer.alloc(size)
    for (let i = 0; i < size; i++) body[i] = i * 7919
    for (const env of [{}, { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }]) {
      const { open } = provider(url, { tls: { ca: tls.cert }, proxies: proxiesOf('p', env) })
      for (let i = 0; i < 3; i++) await (await open(undefined, { body: redacted(body) })).body.whole(1e6)
    }
    expect(requests).toHaveLength(6)
    for (const request of requests) {
      expect(request.header('content-length')).toBe(String(size))
      expect(request.header('transfer-encoding')).toBeUndefined()
      expect(request.body.equals(body)).toBe(true)
    }
  })
})
