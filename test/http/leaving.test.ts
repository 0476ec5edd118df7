import { request as askHttp1, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { afterEach, describe, expect, test } from 'vitest'
import { BodyBudget } from '../../src/http/budget.ts'
import { HttpClient } from '../../src/http/client.ts'
import { type Listener, listen } from '../../src/http/listener.ts'

/** Answers on their way to a reader that takes its time: counted, waited for, and cut off where there is no room for them. */
const LIMITS = { connectionMs: 2_000, headerBytes: 8_192, headersMs: 2_000, requestMs: 2_000, keepAliveMs: 60_000 }
/** More than any system takes from us for a reader that sleeps. */
const SIZE = 24_000_000
const WAYS = {
  whole: (client: HttpClient) => client.end(Buffer.alloc(SIZE, 'x')),
  'in one write': async (client: HttpClient) => {
    await client.write(Buffer.alloc(SIZE, 'x'))
    client.end()
  },
  'a small one': (client: HttpClient) => client.end(Buffer.from('x')),
} as const

let listener: Listener | undefined
afterEach(async () => {
  const stopped = listener?.stop()
  listener?.destroy()
  await stopped
})

async function serve(way: keyof typeof WAYS, room: number) {
  const budget = new BodyBudget(2 * room)
  const state = { over: false, gone: false, refused: 0 }
  listener = await listen(
    { host: '127.0.0.1', port: 0 },
    (request, response) => {
      const keep = (bytes: number): (() => void) => {
        const hold = budget.hold('a')
        try {
          hold.take(bytes)
        } catch (error) {
          state.refused += 1
          throw error
        }
        return () => hold.release()
      }
      const client = new HttpClient(response, { stallMs: 60_000, keep })
      client.gone.addEventListener('abort', () => {
        state.gone = true
      })
      void client.over.then(() => {
        state.over = true
      })
      client.begin(200, {})
      request.resume()
      request.on('end', () => void WAYS[way](client))
    },
    LIMITS,
    { streams: 8 },
  )
  return { url: listener.url, budget, state }
}

/** A client that has its head and reads nothing; `rest` reads, and resolves with the length of the whole or `broken`. */
type Reader = Readonly<{ rest: () => Promise<number | 'broken'>; leave: () => void }>

function restOf(stream: IncomingMessage | ReturnType<ReturnType<typeof connect>['request']>): Reader['rest'] {
  let broken = false
  stream.on('error', () => {
    broken = true
  })
  return () =>
    new Promise((resolve) => {
      let length = 0
      let ended = false
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      stream.on('end', () => {
        ended = true
      })
      const over = (): void => resolve(ended && !broken ? length : 'broken')
      if (stream.closed) over()
      else stream.on('close', over)
    })
}

const CLIENTS: Readonly<Record<string, (url: string) => Promise<Reader>>> = {
  h1: (url) =>
    new Promise((resolve, reject) => {
      const request: ClientRequest = askHttp1(url, { method: 'POST' }, (answer) =>
        resolve({ rest: restOf(answer), leave: () => request.destroy() }),
      )
      request.on('error', reject)
      request.end()
    }),
  h2: (url) =>
    new Promise((resolve) => {
      const session = connect(url)
      session.on('error', () => undefined)
      const stream = session.request({ ':method': 'POST' })
      const rest = restOf(stream)
      stream.on('response', () =>
        resolve({
          rest: () => rest().finally(() => session.close()),
          leave: () => session.destroy(),
        }),
      )
      stream.on('close', () => resolve({ rest: async () => 'broken', leave: () => session.destroy() }))
      stream.end()
    }),
}

describe.each(Object.entries(CLIENTS))('%s', (_, open) => {
  test.each(['whole', 'in one write'] as const)('%s: it is counted and not over until it was read', async (way) => {
    const { url, budget, state } = await serve(way, 2 * SIZE)
    const reader = await open(url)
    await expect.poll(() => budget.taken).toBeGreaterThan(SIZE / 2)
    expect(state).toEqual({ over: false, gone: false, refused: 0 })
    expect(await reader.rest()).toBe(SIZE)
    await expect.poll(() => state).toMatchObject({ over: true, refused: 0 })
    expect(budget.taken).toBe(0)
  })

  test.each(['whole', 'in one write'] as const)('%s: a reader that leaves gives it back', async (way) => {
    const { url, budget, state } = await serve(way, 2 * SIZE)
    const reader = await open(url)
    await expect.poll(() => budget.taken).toBeGreaterThan(SIZE / 2)
    reader.leave()
    await expect.poll(() => state).toEqual({ over: true, gone: true, refused: 0 })
    expect(budget.taken).toBe(0)
  })

  test.each(['whole', 'in one write'] as const)('%s: where there is no room it is cut off, not kept', async (way) => {
    const { url, budget, state } = await serve(way, 1_000_000)
    const reader = await open(url).catch(() => null)
    expect((await reader?.rest()) ?? 'broken').toBe('broken')
    await expect.poll(() => state).toEqual({ over: true, gone: true, refused: 1 })
    expect(budget.taken).toBe(0)
  })

  test('a small one is counted nowhere, and over', async () => {
    const { url, budget, state } = await serve('a small one', 0)
    expect(await (await open(url)).rest()).toBe(1)
    await expect.poll(() => state).toMatchObject({ over: true, refused: 0 })
    expect(budget.taken).toBe(0)
  })
})
