import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, type ExpectStatic, type TestContext, test } from 'vitest'
import { HttpClient } from '../../src/http/client.ts'
import type { Handler } from '../../src/http/exchange.ts'
import type { SocketLimits } from '../../src/http/limits.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { selfSigned } from '../kit/certificate.ts'
import {
  CONTINUATION,
  call,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  frames,
  GOAWAY,
  HEADERS,
  hpack,
  PREFACE,
} from './frames.ts'
import { callBytes, type Raw, raw, statuses } from './raw.ts'

/** Every time-out on every protocol: a row for each way to be slow, a column for each way to speak. */

const LIMITS: SocketLimits = {
  connectionMs: 300,
  headerBytes: 4_096,
  headersMs: 400,
  requestMs: 800,
  keepAliveMs: 60_000,
}
const STALL_MS = 300
const COLUMNS = ['h1', 'h2c', 'h1 over TLS', 'h2 over TLS'] as const
type Column = (typeof COLUMNS)[number]

const { cert: ca, key } = selfSigned()
let listeners: Readonly<Record<'clear' | 'secure' | 'clearIdle' | 'secureIdle', Listener>>
/** Clients that were given up, by the path of their call. */
const given: string[] = []
/** Clients whose answer nobody has yet, by path. */
const waiting = new Map<string, HttpClient>()

const handler: Handler = (request, response) => {
  const client = new HttpClient(response, { stallMs: STALL_MS })
  client.gone.addEventListener('abort', () => given.push(request.url ?? ''))
  client.begin(200, {})
  request.resume()
  request.on('end', async () => {
    if (request.url === '/') return client.end(Buffer.from('fine'))
    if (request.url?.startsWith('/waits')) return waiting.set(request.url, client)
    while (!client.gone.aborted) await client.write(Buffer.alloc(256 * 1024))
  })
}

beforeAll(async () => {
  const at = { host: '127.0.0.1', port: 0 }
  // The time of idle connections is short where it alone is tested, or it would hide that another one is missing.
  const idle = { ...LIMITS, keepAliveMs: 300 }
  const certificate = { cert: ca, key }
  listeners = {
    clear: await listen(at, handler, LIMITS, { streams: 4 }),
    secure: await listen(at, handler, LIMITS, { streams: 4, certificate }),
    clearIdle: await listen(at, handler, idle, { streams: 4 }),
    secureIdle: await listen(at, handler, idle, { streams: 4, certificate }),
  }
})
afterAll(async () => {
  const stopped = Object.values(listeners).map((listener) => listener.stop())
  for (const listener of Object.values(listeners)) listener.destroy()
  await Promise.all(stopped)
})

const isTls = (column: Column): boolean => column.endsWith('TLS')
const isH2 = (column: Column): boolean => column.startsWith('h2')
const url = (column: Column, idle = false): string =>
  listeners[`${isTls(column) ? 'secure' : 'clear'}${idle ? 'Idle' : ''}`].url
const tlsOf = (column: Column) => (isTls(column) ? { tls: { ca, alpn: [isH2(column) ? 'h2' : 'http/1.1'] } } : {})
const open = (column: Column, idle = false): Promise<Raw> => raw(url(column, idle), tlsOf(column).tls)
const openH2 = (column: Column, idle = false) => frames(url(column, idle), isTls(column) ? { ca } : undefined)

/** Says something again and again until the other side has closed. */
async function drip(client: Raw, bytes: string | Uint8Array): Promise<string> {
  const timer = setInterval(() => client.send(bytes), 50)
  try {
    return await client.closed()
  } finally {
    clearInterval(timer)
  }
}

/** Half-closed is not closed: what the server no longer holds answers with a reset. */
async function isLetGo(socket: Socket, expect: ExpectStatic): Promise<void> {
  socket.on('error', () => undefined)
  await expect
    .poll(
      () => {
        if (!socket.destroyed) socket.write('x')
        return socket.destroyed
      },
      { timeout: 4_000, interval: 100 },
    )
    .toBe(true)
}

// Tests that run at the same time have an `expect` each: the common one would count for whichever test began last.
describe.concurrent.each(COLUMNS)('%s', (column) => {
  test.for<readonly [string, string]>([
    ['nothing', ''],
    ['too little to tell what it is', 'P'],
    ['a little more', 'PR'],
  ])('a connection that says %s', async ([, bytes], { expect }) => {
    const { hostname, port } = new URL(url(column))
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    if (isTls(column) && bytes !== '') socket.write(Buffer.from('16030100a501', 'hex'))
    else if (bytes !== '') socket.write(bytes)
    socket.resume()
    await isLetGo(socket, expect)
  })

  test('a connection that is open, and says nothing more', async ({ expect }) => {
    const client = await open(column)
    if (column === 'h2c') client.send(PREFACE)
    const text = await client.closed()
    if (column === 'h1 over TLS') expect(statuses(text)).toEqual([408])
    await isLetGo(client.socket, expect)
  })

  test('headers that do not end', async ({ expect }) => {
    if (isH2(column)) {
      const client = await openH2(column)
      client.send(frame(HEADERS, END_STREAM, 1, hpack(call())))
      await client.closed()
      expect(client.frames().filter(({ type }) => type === HEADERS)).toEqual([])
      await isLetGo(client.socket, expect)
      return
    }
    const client = await open(column)
    client.send('POST / HTTP/1.1\r\nhost: x\r\n')
    expect(statuses(await client.closed())).toEqual([408])
    await isLetGo(client.socket, expect)
  })

  test('headers that drip', async ({ expect }) => {
    if (isH2(column)) {
      const client = await openH2(column)
      client.send(frame(HEADERS, END_STREAM, 1, hpack(call())))
      await drip(client, frame(CONTINUATION, 0, 1, hpack([['a', 'b']])))
      expect(client.frames().filter(({ type }) => type === HEADERS)).toEqual([])
      return
    }
    const client = await open(column)
    client.send('POST / HTTP/1.1\r\nhost: x\r\n')
    expect(statuses(await drip(client, 'a: b\r\n'))).toEqual([408])
  })

  test.for<readonly [string, boolean]>([
    ['does not come', false],
    ['drips', true],
  ])('a body that %s: 408', async ([, drips], { expect }) => {
    if (isH2(column)) {
      const client = await openH2(column)
      client.send(frame(HEADERS, END_HEADERS, 1, hpack(call({}, [['content-length', '1000']]))))
      const timer = drips ? setInterval(() => client.send(frame(DATA, 0, 1, Buffer.from('x'))), 50) : undefined
      expect(await client.answer(1)).toEqual({ status: 408 })
      clearInterval(timer)
      // The stream is over, and the connection is not.
      const next = frame(HEADERS, END_HEADERS | END_STREAM, 3, hpack(call()))
      client.send(next)
      expect(await client.answer(3)).toEqual({ status: 200 })
      return
    }
    const client = await open(column)
    client.send(callBytes({ 'content-length': '1000' }, '', 'POST / HTTP/1.1'))
    expect(statuses(drips ? await drip(client, 'x') : await client.closed())).toEqual([408])
  })

  test('a connection without a call', async ({ expect }) => {
    if (isH2(column)) {
      const client = await openH2(column, true)
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call())))
      expect(await client.answer(1)).toEqual({ status: 200 })
      await client.closed()
      await isLetGo(client.socket, expect)
      return
    }
    const client = await open(column, true)
    client.send(callBytes({}, '', 'POST / HTTP/1.1'))
    await client.until('fine')
    const answer = client.text()
    expect(await client.closed()).toBe(answer)
    expect(statuses(answer)).toEqual([200])
  })

  test('a client that does not read', async ({ expect }) => {
    const path = `/stalls-${column.replaceAll(' ', '-')}`
    if (isH2(column)) {
      const client = await openH2(column)
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call({ ':path': path }))))
      // Its window is never opened any further.
      const reset = await client.frame(({ type, stream }) => type === 3 && stream === 1)
      expect(reset.payload.readUInt32BE(0)).toBe(2)
      expect(given).toContain(path)
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, hpack(call())))
      expect(await client.answer(3)).toEqual({ status: 200 })
      return
    }
    const client = await open(column)
    client.socket.pause()
    client.send(callBytes({}, '', `POST ${path} HTTP/1.1`))
    await expect.poll(() => given, { timeout: 5_000 }).toContain(path)
    client.socket.destroy()
  })

  /** What HTTP/1.1 does not have. */
  const testH2 = (name: string, work: (context: TestContext) => Promise<void>): void => {
    if (isH2(column)) test(name, work)
  }

  testH2('a client that leaves (GOAWAY) gets the answer that it waits for, however long', async ({ expect }) => {
    const path = `/waits-${column.replaceAll(' ', '-')}`
    const client = await openH2(column)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call({ ':path': path }))))
    await expect.poll(() => waiting.has(path)).toBe(true)
    client.send(frame(GOAWAY, 0, 0, Buffer.alloc(8)))
    // It is asked for a sign of life more than once in the time that one without any would have.
    await expect
      .poll(() => client.frames().filter(({ type }) => type === GOAWAY).length, { timeout: 4_000 })
      .toBeGreaterThan(3)
    expect(given).not.toContain(path)
    waiting.get(path)?.end(Buffer.from('fine'))
    expect(await client.answer(1)).toEqual({ status: 200 })
  })

  testH2('a connection that neither reads nor writes after a fault of its client', async ({ expect }) => {
    const path = `/waits-mute-${column.replaceAll(' ', '-')}`
    const client = await openH2(column)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call({ ':path': path }))))
    await expect.poll(() => waiting.has(path)).toBe(true)
    client.send(Buffer.concat([frame(GOAWAY, 0, 0, Buffer.alloc(8)), frame(DATA, END_STREAM, 1, Buffer.from('x'))]))
    await expect.poll(() => given, { timeout: 4_000 }).toContain(path)
    await isLetGo(client.socket, expect)
  })

  testH2('a client that opens every window and does not read', async ({ expect }) => {
    const path = `/deaf-${column.replaceAll(' ', '-')}`
    const client = await frames(url(column), isTls(column) ? { ca } : undefined, { 4: 0x7fffffff })
    client.socket.pause()
    const most = Buffer.alloc(4)
    most.writeUInt32BE(0x7fffffff - 65_535)
    client.send(frame(8, 0, 0, most))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call({ ':path': path }))))
    await expect.poll(() => given, { timeout: 5_000 }).toContain(path)
    client.socket.destroy()
  })
})
