import { createServer, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { SocketLimits } from '../../src/http/limits.ts'
import { type Listener, listenHttp1 } from '../../src/http/listener.ts'
import { callBytes, raw, statuses } from './raw.ts'

/** An HTTP/1.1 listener alone: bounds in time and size, and what is no call. */

const LIMITS: SocketLimits = { connectionMs: 300, headerBytes: 4_096, headersMs: 400, requestMs: 800, keepAliveMs: 300 }
const open: Listener[] = []

async function start(
  handler: Parameters<typeof listenHttp1>[1] = (request, response) => {
    request.resume()
    request.on('end', () => response.end('fine'))
  },
  limits = LIMITS,
): Promise<Listener> {
  const listener = await listenHttp1({ host: '127.0.0.1', port: 0 }, handler, limits)
  open.push(listener)
  return listener
}
afterEach(async () => {
  for (const listener of open.splice(0)) {
    const stopped = listener.stop()
    listener.destroy()
    await stopped
  }
})

describe('time', () => {
  test('a socket that says nothing is closed', async () => {
    const client = await raw((await start()).url)
    const began = performance.now()
    expect(await client.closed()).toBe('')
    expect(performance.now() - began).toBeLessThan(1_500)
  })

  test('slow headers: 408, and closed', async () => {
    const client = await raw((await start()).url)
    client.send('POST / HTTP/1.1\r\nhost: x\r\n')
    expect(statuses(await client.closed())).toEqual([408])
  })

  test('a header a while for ever: 408 all the same', async () => {
    const client = await raw((await start()).url)
    client.send('POST / HTTP/1.1\r\nhost: x\r\n')
    const drip = setInterval(() => client.send('a: b\r\n'), 50)
    const text = await client.closed()
    clearInterval(drip)
    expect(statuses(text)).toEqual([408])
  })

  test('a slow body: 408, and closed', async () => {
    const client = await raw((await start()).url)
    client.send(callBytes({ 'content-length': '1000' }, ''))
    const drip = setInterval(() => client.send('x'), 50)
    const text = await client.closed()
    clearInterval(drip)
    expect(statuses(text)).toEqual([408])
  })

  test('an idle connection is closed without a word', async () => {
    const client = await raw((await start()).url)
    client.send(callBytes({}, ''))
    await client.until('fine')
    const answer = client.text()
    expect(await client.closed()).toBe(answer)
    expect(statuses(answer)).toEqual([200])
  })

  test.each([
    ['silent', ''],
    ['slow', 'POST / HTTP/1.1\r\nhost: x\r\n'],
    ['malformed', 'NO SUCH THING\r\n\r\n'],
    ['upgrade', 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'],
    ['connect', 'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n'],
  ])('a %s client that never closes its side does not keep the socket', async (_, bytes) => {
    const listener = await start()
    const client = await raw(listener.url)
    if (bytes !== '') client.send(bytes)
    await client.closed()
    // Half-closed is not closed: what the server no longer holds answers with a reset.
    await expect
      .poll(
        () => {
          client.send('x')
          return client.socket.destroyed
        },
        { timeout: 4_000, interval: 100 },
      )
      .toBe(true)
  })
})

describe('what is no call', () => {
  test.each([
    [
      'Upgrade: websocket',
      'GET /openai/v1/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      400,
    ],
    [
      'Upgrade: h2c',
      'POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\ncontent-length: 0\r\n\r\n',
      400,
    ],
    ['HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['CONNECT', 'CONNECT provider:443 HTTP/1.1\r\nhost: provider:443\r\n\r\n', 405],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
    [
      'length and chunks',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'a coding that is not chunked last',
      'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['obs-fold', 'GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n', 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nhost: x\r\na : b\r\n\r\n', 400],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nhost: x\r\na: b\rc: d\r\n\r\n', 400],
    ['a NUL', 'GET / HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n', 400],
    ['a length with a sign', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\na', 400],
    [
      'a chunk size that is none',
      'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n',
      400,
    ],
    ['too many bytes of headers', `GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(5_000)}\r\n\r\n`, 431],
    ['TLS on a clear port', Buffer.from('16030100a5010000a10303', 'hex').toString('latin1'), 400],
  ])('%s is refused, and the connection closed', async (_, bytes, status) => {
    let calls = 0
    const listener = await start((request, response) => {
      request.on('error', () => undefined)
      request.on('end', () => {
        calls += 1
        response.end('fine')
      })
      request.resume()
    })
    const client = await raw(listener.url)
    client.send(Buffer.from(bytes, 'latin1'))
    const text = await client.closed()
    expect(statuses(text)).toEqual([status])
    expect(text).toMatch(/connection: close/i)
    expect(calls).toBe(0)
  })

  test('Expect: 100-continue is left to the handler, another expectation is refused', async () => {
    const listener = await start((request, response) => {
      response.writeContinue()
      request.resume()
      request.on('end', () => response.end('fine'))
    })
    for (const word of ['100-continue', '100-Continue ']) {
      const client = await raw(listener.url)
      client.send(callBytes({ expect: word, 'content-length': '4' }, ''))
      await client.until('HTTP/1.1 100 Continue')
      client.send('body')
      await client.until('fine')
      expect(statuses(client.text())).toEqual([100, 200])
    }
    for (const word of ['the-impossible', '100-continue, the-impossible', 'x 100-continue']) {
      const other = await raw(listener.url)
      other.send(callBytes({ expect: word }, ''))
      expect(statuses(await other.closed())).toEqual([417])
    }
  })

  test('no header is dropped for being one of too many', async () => {
    const listener = await start((request, response) => response.end(`${request.rawHeaders.length};`))
    const client = await raw(listener.url)
    client.send(`GET / HTTP/1.1\r\nhost: x\r\n${'a:\r\n'.repeat(990)}b: c\r\n\r\n`)
    await client.until(`${2 * 992};`)
  })

  test('clients that reset in the middle of anything do not end the process', async () => {
    const faults: unknown[] = []
    const keep = (error: unknown): void => void faults.push(error)
    process.on('uncaughtException', keep)
    process.on('unhandledRejection', keep)
    try {
      const listener = await start()
      const beginnings = [
        'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
        'CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n',
        'NO SUCH THING\r\n\r\n',
        callBytes({ 'content-length': '100' }, ''),
        'POST / HTTP/1.1\r\nhost: x\r\n',
      ]
      for (let turn = 0; turn < 60; turn++) {
        const client = await raw(listener.url)
        client.send(`${beginnings[turn % beginnings.length]}${'x'.repeat(turn % 7)}`)
        if (turn % 3 === 0) await sleep(1)
        client.socket.resetAndDestroy()
      }
      await sleep(200)
      expect(faults).toEqual([])
      const client = await raw(listener.url)
      client.send(callBytes({}, ''))
      await client.until('fine')
    } finally {
      process.off('uncaughtException', keep)
      process.off('unhandledRejection', keep)
    }
  })

  test('rubbish behind a call does not write into its answer', async () => {
    const go = Promise.withResolvers<void>()
    const listener = await start(async (_, response) => {
      response.write('begun;')
      await go.promise
      response.end('ended')
    })
    const client = await raw(listener.url)
    client.send(callBytes({}, ''))
    await client.until('begun;')
    client.send('RUBBISH\r\n\r\n')
    await sleep(50)
    go.resolve()
    const text = await client.closed()
    // Cut off, since nothing after the rubbish can be trusted, but never a second head within a body.
    expect(statuses(text)).toEqual([200])
  })
})

test('a port that is taken: the error says so', async () => {
  const other: Server = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(listenHttp1({ host: '127.0.0.1', port }, () => undefined, LIMITS)).rejects.toThrow(/EADDRINUSE|in use/)
  await new Promise((resolve) => other.close(resolve))
})

afterAll(() => expect(open).toEqual([]))
