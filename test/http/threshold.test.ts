import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Handler } from '../../src/http/exchange.ts'
import { type Listener, listen } from '../../src/http/listener.ts'
import { speechOf } from '../../src/http/threshold.ts'
import { call, END_HEADERS, END_STREAM, frame, HEADERS, hpack, PREFACE, settings } from './frames.ts'
import { callBytes, raw } from './raw.ts'

/** One port in clear text: which protocol it is, however the bytes come; and what is none. */

const LIMITS = { connectionMs: 2_000, headerBytes: 8_192, headersMs: 2_000, requestMs: 2_000, keepAliveMs: 2_000 }
const handler: Handler = (request, response) => {
  request.resume()
  request.on('end', () => response.end(`fine over ${request.httpVersion}`))
}
let listener: Listener
beforeAll(async () => {
  listener = await listen({ host: '127.0.0.1', port: 0 }, handler, LIMITS, { streams: 4, connections: 50 })
})
afterAll(async () => {
  const stopped = listener?.stop()
  listener?.destroy()
  await stopped
})

test.each<[string, string | null]>([
  ['', null],
  ['P', null],
  ['PR', null],
  ['PRI', 'h2'],
  ['PRI * HTTP/2.0', 'h2'],
  ['PO', 'http/1.1'],
  ['PRO', 'http/1.1'],
  ['G', 'http/1.1'],
  ['p', 'http/1.1'],
  ['\r\n', 'http/1.1'],
  ['\x16', 'tls'],
  ['\x16PRI', 'tls'],
  ['\0', 'http/1.1'],
])('%j is %s', (bytes, speech) => {
  expect(speechOf(Buffer.from(bytes, 'latin1'))).toBe(speech)
})

test('however they are cut, the bytes of a call are the same call', async () => {
  const h1 = Buffer.from(callBytes({ connection: 'close' }, 'body', 'POST / HTTP/1.1'))
  const h2 = Buffer.concat([
    Buffer.from(PREFACE),
    settings(),
    frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack(call())),
  ])
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(fc.nat(40), { maxLength: 6 }), async (isH2, cuts) => {
      const bytes = isH2 ? h2 : h1
      const client = await raw(listener.url)
      client.socket.setNoDelay(true)
      let at = 0
      for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
        client.send(bytes.subarray(at, cut))
        at = Math.max(at, cut)
        await new Promise((resolve) => setImmediate(resolve))
      }
      client.send(bytes.subarray(at))
      await client.until(isH2 ? 'fine over 2.0' : 'fine over 1.1')
      client.socket.destroy()
    }),
    { numRuns: 60 },
  )
})

test('whatever is said, the port goes on', async () => {
  const faults: unknown[] = []
  const keep = (error: unknown): void => void faults.push(error)
  process.on('uncaughtException', keep)
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('', 'P', 'PR', 'PRI', PREFACE, `${PREFACE}${settings().toString('latin1')}`, '\x16\x03\x01'),
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom('end', 'reset', 'destroy'),
        async (beginning, rubbish, ending) => {
          const { hostname, port } = new URL(listener.url)
          const socket = connect({ host: hostname, port: Number(port) })
          socket.on('error', () => undefined)
          socket.resume()
          await new Promise((resolve) => socket.once('connect', resolve))
          socket.write(Buffer.concat([Buffer.from(beginning, 'latin1'), rubbish]))
          await new Promise((resolve) => setImmediate(resolve))
          const closed = new Promise((resolve) => socket.once('close', resolve))
          if (ending === 'end') socket.end()
          else if (ending === 'reset') socket.resetAndDestroy()
          else socket.destroy()
          await closed
        },
      ),
      { numRuns: 200 },
    )
    const client = await raw(listener.url)
    client.send(callBytes({}, '', 'POST / HTTP/1.1'))
    await client.until('fine over 1.1')
    client.socket.destroy()
    expect(faults).toEqual([])
  } finally {
    process.off('uncaughtException', keep)
  }
})

test('more connections than are allowed are closed at once, and there is room again when others go', async () => {
  const open = await Promise.all(Array.from({ length: 50 }, () => raw(listener.url)))
  const more = await raw(listener.url)
  expect(await more.closed()).toBe('')
  for (const client of open) client.socket.destroy()
  await expect
    .poll(async () => {
      const client = await raw(listener.url)
      client.send(callBytes({ connection: 'close' }, '', 'POST / HTTP/1.1'))
      return client.closed()
    })
    .toContain('fine over 1.1')
})
