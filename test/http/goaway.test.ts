import { afterEach, expect, test } from 'vitest'
import { type Listener, listen } from '../../src/http/listener.ts'
import { ACK, call, END_HEADERS, END_STREAM, frame, frames, GOAWAY, HEADERS, hpack, PING } from './frames.ts'

/** The end of an HTTP/2 connection (RFC 9113 6.8), frame by frame. */

const LIMITS = { connectionMs: 2_000, headerBytes: 8_192, headersMs: 2_000, requestMs: 2_000, keepAliveMs: 60_000 }

let listener: Listener | undefined
afterEach(() => listener?.destroy())

const asking = (stream: number): Buffer => frame(HEADERS, END_STREAM | END_HEADERS, stream, hpack(call()))

test('GOAWAY names the last call that was taken; that one is answered, and one that crosses the word is not taken', async () => {
  const go = Promise.withResolvers<void>()
  let taken = 0
  listener = await listen(
    { host: '127.0.0.1', port: 0 },
    async (_, response) => {
      taken += 1
      await go.promise
      response.end('x')
    },
    LIMITS,
    { streams: 8 },
  )
  const client = await frames(listener.url)
  client.send(asking(1))
  client.send(asking(3))
  await expect.poll(() => taken).toBe(2)
  const stopped = listener.stop()
  const goaway = await client.frame(({ type }) => type === GOAWAY)
  expect([goaway.payload.readUInt32BE(4), goaway.payload.readUInt32BE(0)]).toEqual([0, 3])
  // As if it had been sent before that was read. The answer to the ping comes after it was looked at.
  client.send(asking(5))
  client.send(frame(PING, 0, 0, Buffer.alloc(8)))
  await client.frame(({ type, flags }) => type === PING && (flags & ACK) === ACK)
  go.resolve()
  expect(await client.answer(1)).toEqual({ status: 200 })
  expect(await client.answer(3)).toEqual({ status: 200 })
  await client.closed()
  expect(taken).toBe(2)
  for (const { type, payload } of client.frames()) {
    if (type === GOAWAY) expect([payload.readUInt32BE(4), payload.readUInt32BE(0)]).toEqual([0, 3])
  }
  client.socket.destroy()
  await stopped
})
