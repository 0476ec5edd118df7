import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { openaiAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { ask as askOver, BODY, CHAT } from './ask.ts'
import {
  ACK,
  call,
  DATA,
  END_HEADERS,
  END_STREAM,
  type Fields,
  type Frames,
  frame,
  frames,
  GOAWAY,
  HEADERS,
  hpack,
  PING,
  RST_STREAM,
  SETTINGS,
} from './frames.ts'
import { raw } from './raw.ts'

/** HTTP/2 at the data port of a whole gateway, frame by frame: what no client of good will would send. */

const STREAMS = 8
let upstream: Recorder
let house: House
let auth: Record<string, string>
const sessions: ClientHttp2Session[] = []

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  house = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: {
      limits: {
        body: '64KiB',
        in_flight_bytes: '1MiB',
        headers: '8KiB',
        streams: STREAMS,
        timeouts: { connection: '1s', headers: '1s', request: '3s', keep_alive: '5s', idle: '800ms' },
      },
    },
  })
  auth = { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' }
})
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy()
})
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
})

function session(): ClientHttp2Session {
  const one = connect(house.customhouse.data)
  one.on('error', () => undefined)
  sessions.push(one)
  return one
}

const ask = (on: ClientHttp2Session) => askOver(on, auth, BODY)

/** A connection on which one call has its own fields, and its data frames. */
async function sent(fields: Fields, ...data: readonly (string | null)[]): Promise<Frames> {
  const client = await frames(house.customhouse.data)
  client.send(frame(HEADERS, END_HEADERS | (data.length === 0 ? END_STREAM : 0), 1, hpack(fields)))
  data.forEach((text, index) => {
    const last = index === data.length - 1
    if (text !== null) client.send(frame(DATA, last ? END_STREAM : 0, 1, Buffer.from(text)))
  })
  return client
}

const known = (): Fields => Object.entries(auth)
const chat = (changes: Readonly<Record<string, string | null>> = {}, more: Fields = []): Fields =>
  call({ ':path': CHAT, ...changes }, [...known(), ...more])
const PROTOCOL_ERROR = { reset: constants.NGHTTP2_PROTOCOL_ERROR }

describe('smuggling: what no call may look like', () => {
  test('the same frames without an oddity are a call', async () => {
    expect(await (await sent(chat(), BODY)).answer(1)).toEqual({ status: 200 })
    const declared: Fields = [['content-length', String(BODY.length)]]
    expect(await (await sent(chat({}, declared), BODY.slice(0, 9), BODY.slice(9))).answer(1)).toEqual({ status: 200 })
  })

  test.each<[string, () => Fields, readonly string[], object]>([
    [
      'a length that is too short',
      () => chat({}, [['content-length', '10']]),
      [BODY],
      { over: constants.NGHTTP2_INTERNAL_ERROR },
    ],
    ['a length that is too long', () => chat({}, [['content-length', '1000']]), [BODY], PROTOCOL_ERROR],
    ['a length without a body', () => chat({}, [['content-length', '1000']]), [], PROTOCOL_ERROR],
    [
      'two lengths',
      () =>
        chat({}, [
          ['content-length', '74'],
          ['content-length', '75'],
        ]),
      [BODY],
      PROTOCOL_ERROR,
    ],
    ['a length that is none', () => chat({}, [['content-length', '+74']]), [BODY], PROTOCOL_ERROR],
    ['transfer-encoding', () => chat({}, [['transfer-encoding', 'chunked']]), [BODY], PROTOCOL_ERROR],
    ['connection', () => chat({}, [['connection', 'close']]), [BODY], PROTOCOL_ERROR],
    ['keep-alive', () => chat({}, [['keep-alive', 'timeout=5']]), [BODY], PROTOCOL_ERROR],
    ['proxy-connection', () => chat({}, [['proxy-connection', 'close']]), [BODY], PROTOCOL_ERROR],
    ['upgrade', () => chat({}, [['upgrade', 'websocket']]), [BODY], PROTOCOL_ERROR],
    ['te other than trailers', () => chat({}, [['te', 'gzip']]), [BODY], PROTOCOL_ERROR],
    ['a name in capitals', () => chat({}, [['X-Name', 'a']]), [BODY], PROTOCOL_ERROR],
    ['a line break in the path', () => chat({ ':path': `${CHAT} HTTP/1.1\r\nx: y` }), [BODY], PROTOCOL_ERROR],
    ['no path', () => chat({ ':path': null }), [BODY], PROTOCOL_ERROR],
    ['an empty path', () => chat({ ':path': '' }), [BODY], PROTOCOL_ERROR],
    ['a path without a slash', () => chat({ ':path': 'openai/v1/chat/completions' }), [BODY], PROTOCOL_ERROR],
    ['a whole address as path', () => chat({ ':path': `http://customhouse${CHAT}` }), [BODY], PROTOCOL_ERROR],
    ['no method', () => chat({ ':method': null }), [BODY], PROTOCOL_ERROR],
    ['no scheme', () => chat({ ':scheme': null }), [BODY], PROTOCOL_ERROR],
    ['a pseudo-header of an answer', () => chat({ ':status': '200' }), [BODY], PROTOCOL_ERROR],
    ['an unknown pseudo-header', () => chat({ ':x': 'y' }), [BODY], PROTOCOL_ERROR],
    ['a pseudo-header twice', () => [[':path', '/'], ...chat()], [BODY], PROTOCOL_ERROR],
    ['a pseudo-header after others', () => [...chat({ ':path': null }), [':path', CHAT]], [BODY], PROTOCOL_ERROR],
    ['extended CONNECT', () => chat({ ':method': 'CONNECT', ':protocol': 'websocket' }), [BODY], PROTOCOL_ERROR],
    ['another scheme', () => chat({ ':scheme': 'file' }), [BODY], { status: 400 }],
    ['no authority', () => chat({ ':authority': null }), [BODY], PROTOCOL_ERROR],
    [
      'a host in place of the authority',
      () => chat({ ':authority': null }, [['host', 'customhouse']]),
      [BODY],
      { status: 400 },
    ],
    ['a host that differs', () => chat({}, [['host', 'other']]), [BODY], { status: 400 }],
    ['a user in the authority', () => chat({ ':authority': 'a@customhouse' }), [BODY], PROTOCOL_ERROR],
    ['a path in the authority', () => chat({ ':authority': 'customhouse/x' }), [BODY], PROTOCOL_ERROR],
    ['a credential twice', () => chat({}, [['authorization', `Bearer ${house.key}`]]), [BODY], { status: 400 }],
    ['a type twice', () => chat({}, [['content-type', 'text/plain']]), [BODY], { status: 400 }],
    ['CONNECT', () => [[':method', 'CONNECT'], [':authority', 'provider:443'], ...known()], [BODY], { status: 405 }],
    [
      'too many bytes of headers',
      () =>
        chat({}, [
          ['x-a', 'a'.repeat(7_000)],
          ['x-b', 'b'.repeat(3_000)],
        ]),
      [BODY],
      { status: 431 },
    ],
  ])('%s', async (_, fields, data, answer) => {
    const before = upstream.requests.length
    const client = await sent(fields(), ...data)
    expect(await client.answer(1)).toEqual(answer)
    // Some end the whole connection; none takes anything else with it.
    expect((await ask(session())).status).toBe(200)
    expect(upstream.requests.length - before).toBe(1)
    client.socket.destroy()
  })

  test.each<[string, string, string]>([
    ['a name with a space', 'x name', 'CANARY'],
    ['a name with a colon', 'x:name', 'CANARY'],
    ['a line break in a value', 'x-customhouse-task', 'CANARY\r\nauthorization: b'],
    ['a NUL in a value', 'x-customhouse-task', 'CANARY\0'],
  ])('%s: nghttp2 drops the header before anybody reads it', async (_, name, value) => {
    expect(await (await sent(chat({}, [[name, value]]), BODY)).answer(1)).toEqual({ status: 200 })
    expect(String(upstream.requests.at(-1)?.head)).not.toContain('CANARY')
    expect(JSON.stringify(await house.records())).not.toContain('CANARY')
  })

  test('the same host twice is one', async () => {
    expect(await (await sent(chat({}, [['host', 'customhouse']]), BODY)).answer(1)).toEqual({ status: 200 })
  })

  test('trailers are no headers: they prove nothing and change nothing', async () => {
    const client = await frames(house.customhouse.data)
    client.send(frame(HEADERS, END_HEADERS, 1, hpack(call({ ':path': CHAT }, [['content-type', 'application/json']]))))
    client.send(frame(DATA, 0, 1, Buffer.from(BODY)))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack([['authorization', `Bearer ${house.key}`]])))
    expect(await client.answer(1)).toEqual({ status: 401 })
    client.send(frame(HEADERS, END_HEADERS, 3, hpack(chat())))
    client.send(frame(DATA, 0, 3, Buffer.from(BODY)))
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, hpack([['x-customhouse-task', 'CANARY']])))
    expect(await client.answer(3)).toEqual({ status: 200 })
    expect(String(upstream.requests.at(-1)?.head)).not.toContain('CANARY')
    expect(JSON.stringify(await house.records())).not.toContain('CANARY')
  })

  test('a body that is cut off by a reset is no call, though what came of it is one', async () => {
    const before = upstream.requests.length
    for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR]) {
      const client = await frames(house.customhouse.data)
      client.send(frame(HEADERS, END_HEADERS, 1, hpack(chat())))
      client.send(frame(DATA, 0, 1, Buffer.from(BODY)))
      const reset = Buffer.alloc(4)
      reset.writeUInt32BE(code)
      client.send(frame(RST_STREAM, 0, 1, reset))
      client.send(frame(HEADERS, END_HEADERS, 3, hpack(chat())))
      client.send(frame(DATA, END_STREAM, 3, Buffer.from(BODY)))
      expect(await client.answer(3)).toEqual({ status: 200 })
      client.socket.destroy()
    }
    expect(upstream.requests.length - before).toBe(3)
  })
})

describe('floods', () => {
  const over = async (client: Frames): Promise<number | null> => {
    await client.closed(5_000)
    const goaway = client.frames().find(({ type }) => type === GOAWAY)
    return goaway === undefined ? null : goaway.payload.readUInt32BE(4)
  }
  const reset = (stream: number): Buffer => frame(RST_STREAM, 0, stream, Buffer.of(0, 0, 0, 8))

  test('streams that are opened and reset end the connection', async () => {
    const client = await frames(house.customhouse.data)
    const fields = hpack(chat())
    const many = Array.from({ length: 1_000 }, (_, i) => [
      frame(HEADERS, END_HEADERS, 2 * i + 1, fields),
      reset(2 * i + 1),
    ])
    client.send(Buffer.concat(many.flat()))
    expect(await over(client)).not.toBe(0)
    expect((await ask(session())).status).toBe(200)
  })

  test('a few that are reset do not', async () => {
    const client = await frames(house.customhouse.data)
    const fields = hpack(chat())
    for (let i = 0; i < 100; i++)
      client.send(Buffer.concat([frame(HEADERS, END_HEADERS, 2 * i + 1, fields), reset(2 * i + 1)]))
    client.send(frame(HEADERS, END_HEADERS, 301, fields))
    client.send(frame(DATA, END_STREAM, 301, Buffer.from(BODY)))
    expect(await client.answer(301)).toEqual({ status: 200 })
    client.socket.destroy()
  })

  test('more streams at one time than are allowed: refused, or the connection ends if the client knew', async () => {
    const fields = hpack(chat())
    const many = Array.from({ length: STREAMS + 2 }, (_, i) => frame(HEADERS, END_HEADERS, 2 * i + 1, fields))
    const unaware = await frames(house.customhouse.data)
    unaware.send(Buffer.concat(many))
    expect(await unaware.answer(2 * STREAMS + 1)).toEqual({ reset: constants.NGHTTP2_REFUSED_STREAM })
    unaware.send(frame(DATA, END_STREAM, 1, Buffer.from(BODY)))
    expect(await unaware.answer(1)).toEqual({ status: 200 })
    unaware.socket.destroy()
    const aware = await frames(house.customhouse.data)
    await aware.frame(({ type }) => type === SETTINGS)
    aware.send(frame(SETTINGS, ACK, 0))
    aware.send(Buffer.concat(many))
    expect(await aware.answer(2 * STREAMS + 1)).toEqual({ over: constants.NGHTTP2_PROTOCOL_ERROR })
  })

  test.each<[string, Buffer]>([
    ['pings', frame(PING, 0, 0, Buffer.alloc(8))],
    ['settings', frame(SETTINGS, 0, 0)],
  ])('%s that nobody reads the answers of end the connection', async (_, bytes) => {
    const client = await frames(house.customhouse.data)
    client.socket.pause()
    const many = Buffer.concat(Array.from({ length: 20_000 }, () => bytes))
    for (let i = 0; i < 100 && !client.socket.destroyed; i++) {
      await new Promise<void>((resolve) => client.socket.write(many, () => resolve()))
    }
    client.socket.resume()
    await client.closed(5_000)
    expect((await ask(session())).status).toBe(200)
  })

  test.each<[string, string | Buffer]>([
    ['a preface that goes wrong', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'],
    ['a preface that is another method', 'PRINT / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['rubbish behind a preface', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(200)}`],
    [
      'a frame that is too large',
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(SETTINGS, 0, 0),
        frame(DATA, 0, 1, Buffer.alloc(20_000)),
      ]),
    ],
    [
      'data before headers',
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(SETTINGS, 0, 0),
        frame(DATA, 0, 1, Buffer.from('x')),
      ]),
    ],
    [
      'headers that are no HPACK',
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(SETTINGS, 0, 0),
        frame(HEADERS, 5, 1, Buffer.alloc(50, 0xff)),
      ]),
    ],
  ])('%s: closed', async (_, bytes) => {
    const client = await raw(house.customhouse.data)
    client.send(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    await client.closed()
    expect((await ask(session())).status).toBe(200)
  })
})
