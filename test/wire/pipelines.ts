import { chunks, framed, hex, message } from './message.ts'
import type { Row } from './row.ts'

/** Requests behind and within requests. */
export const PIPELINES: readonly Row[] = [
  ['two calls', '200 200 open', 2, (door, key) => Buffer.concat([message(door, key), message(door, key)])],
  [
    'a call behind a call, without a key',
    '200 401 closed',
    1,
    (door, key) => Buffer.concat([message(door, key), message(door, key, { headers: { authorization: undefined } })]),
  ],
  [
    'a call behind one without a key',
    '401 closed',
    0,
    (door, key) => Buffer.concat([message(door, key, { headers: { authorization: undefined } }), message(door, key)]),
  ],
  [
    'a call in the body of a call',
    '400 open',
    0,
    (door, key) => message(door, key, { body: Buffer.concat([Buffer.from(door.body()), message(door, key)]) }),
  ],
  [
    'a call in a chunk of a call',
    '400 open',
    0,
    (door, key) => framed(door, key, chunks(door.body() + message(door, key).toString('latin1'))),
  ],
  [
    'a call in a chunk extension',
    '400 closed',
    0,
    (door, key) =>
      framed(
        door,
        key,
        chunks(door.body(), (n) => `${hex(n)};${message(door, key).toString('latin1')}`),
      ),
  ],
  [
    'a call in the trailers',
    '400 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body(), hex, [message(door, key).toString('latin1')])),
  ],
  [
    'a call behind the last chunk that a length hides',
    '400 closed',
    0,
    (door, key) => {
      const body = `0\r\n\r\n${message(door, key).toString('latin1')}`
      return message(door, key, { lines: ['transfer-encoding: chunked'], body })
    },
  ],
  [
    'a call in the body of a GET',
    '404 closed',
    0,
    (door, key) => message(door, key, { method: 'GET', body: message(door, key) }),
  ],
  [
    'a call in the body of a call with a wrong key',
    '401 closed',
    0,
    (door, key) =>
      message(door, key, {
        headers: { authorization: 'Bearer chk_wrong', 'content-length': '100000' },
        body: message(door, key),
      }),
  ],
  [
    'rubbish behind a call',
    '400 closed',
    'perhaps',
    (door, key) => Buffer.concat([message(door, key), Buffer.from('rubbish\r\n\r\n')]),
  ],
  [
    'empty lines before a call',
    '200 open',
    1,
    (door, key) => Buffer.concat([Buffer.from('\r\n\r\n'), message(door, key)]),
  ],
  ['a space before a call', '400 closed', 0, (door, key) => Buffer.concat([Buffer.from(' '), message(door, key)])],
  ['a TLS greeting', '400 closed', 0, () => Buffer.from('16030100c5010000c10303', 'hex')],
  [
    'a call behind an Upgrade',
    '400 closed',
    0,
    (door, key) =>
      Buffer.concat([
        message(door, key, {
          method: 'GET',
          headers: { 'content-length': undefined },
          lines: ['connection: upgrade', 'upgrade: websocket'],
          body: '',
        }),
        message(door, key),
      ]),
  ],
  [
    'a call behind an Upgrade to h2c',
    '400 closed',
    0,
    (door, key) =>
      Buffer.concat([
        message(door, key, {
          lines: ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'],
        }),
        message(door, key),
      ]),
  ],
  [
    'a call behind CONNECT',
    '405 closed',
    0,
    (door, key) =>
      Buffer.concat([
        Buffer.from(`CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: 127.0.0.1:443\r\nauthorization: Bearer ${key}\r\n\r\n`),
        message(door, key),
      ]),
  ],
]
