import { block, FLAG, frame, TYPE } from './frames.ts'
import { CANARY } from './message.ts'
import { before, body, good, head, inParts, many, more, PSEUDO, regular, type StreamRow } from './stream-row.ts'

/** What a call carries over HTTP/2, and how it is framed. */
export const BODIES: readonly StreamRow[] = [
  ['content-length', '200 open', 1, (door, key) => more(['content-length', String(door.body().length)])(door, key)],
  [
    'less than content-length',
    'reset open',
    0,
    (door, key) => more(['content-length', String(door.body().length + 1)])(door, key),
  ],
  [
    'more than content-length',
    'closed',
    0,
    (door, key) => more(['content-length', String(door.body().length - 1)])(door, key),
  ],
  [
    'content-length twice',
    'reset open',
    0,
    (door, key) => more(['content-length', String(door.body().length)], ['content-length', '1'])(door, key),
  ],
  ['content-length of words', 'reset open', 0, more(['content-length', 'ten'])],
  ['a negative content-length', 'reset open', 0, more(['content-length', '-1'])],
  [
    'content-length, but no body',
    'reset open',
    0,
    (door, key) => head(door, key, FLAG.endHeaders | FLAG.endStream, ['content-length', '9']),
  ],
  ['no body', '400 open', 0, (door, key) => head(door, key, FLAG.endHeaders | FLAG.endStream)],
  [
    'a body in bytes',
    '200 open',
    1,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        ...[...door.body()].map((byte) => frame(TYPE.data, 0, 1, Buffer.from(byte))),
        frame(TYPE.data, FLAG.endStream, 1),
      ]),
  ],
  [
    'a padded body',
    '200 open',
    1,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        frame(
          TYPE.data,
          FLAG.endStream | FLAG.padded,
          1,
          Buffer.concat([Buffer.of(9), Buffer.from(door.body()), Buffer.from('{padding}')]),
        ),
      ]),
  ],
  [
    'more padding than body',
    'closed',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        frame(TYPE.data, FLAG.endStream | FLAG.padded, 1, Buffer.from([200, 1, 2])),
      ]),
  ],
  ['a call behind the end of a call', 'closed', 'perhaps', (door, key) => Buffer.concat([good(door, key), body(door)])],
  [
    'trailers with credentials',
    '200 open',
    1,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        body(door, 0),
        frame(
          TYPE.headers,
          FLAG.endHeaders | FLAG.endStream,
          1,
          block([
            ['authorization', CANARY],
            ['x-api-key', CANARY],
            ['cookie', CANARY],
          ]),
        ),
      ]),
  ],
  [
    'trailers with a pseudo-header',
    'reset open',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        body(door, 0),
        frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, 1, block([[':path', '/']])),
      ]),
  ],
  [
    'trailers that do not end it',
    'reset open',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        body(door, 0),
        frame(TYPE.headers, FLAG.endHeaders, 1, block([['x-a', 'b']])),
      ]),
  ],
  [
    'a reset in its body',
    'closed',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, FLAG.endHeaders),
        body(door, 0),
        frame(TYPE.reset, 0, 1, Buffer.from([0, 0, 0, 8])),
        frame(TYPE.goaway + 100, 0, 0),
        frame(TYPE.continuation, FLAG.endHeaders, 3),
      ]),
  ],
]

const settings = (id: number, value: number): Buffer => {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(id, 0)
  payload.writeUInt32BE(value, 2)
  return payload
}

/** What is about the connection itself. */
export const CONNECTION: readonly StreamRow[] = [
  ['a head in two frames', '200 open', 1, (door, key) => inParts(door, key, [], 100)],
  [
    'a frame within a head',
    'closed',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, 0),
        frame(TYPE.ping, 0, 0, Buffer.alloc(8)),
        frame(TYPE.continuation, FLAG.endHeaders, 1),
      ]),
  ],
  [
    'a continuation of another stream',
    'closed',
    0,
    (door, key) => Buffer.concat([head(door, key, 0), frame(TYPE.continuation, FLAG.endHeaders, 3)]),
  ],
  ['a continuation of nothing', 'closed', 0, before(() => frame(TYPE.continuation, FLAG.endHeaders, 1))],
  [
    'continuations without an end',
    'closed',
    0,
    (door, key) =>
      Buffer.concat([
        head(door, key, 0),
        many(3_000, (index) => frame(TYPE.continuation, 0, 1, block([['x-a', `b${index}`]]))),
      ]),
  ],
  [
    'empty continuations without an end',
    'closed',
    0,
    (door, key) => Buffer.concat([head(door, key, 0), many(20_000, () => frame(TYPE.continuation, 0, 1))]),
  ],
  [
    'a field of the table that is not there',
    'closed',
    0,
    () => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.of(0xff, 0x7f)),
  ],
  [
    'a table larger than allowed',
    'closed',
    0,
    () => frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.of(0x3f, 0xff, 0xff, 0x7f)),
  ],
  [
    'a bomb of a field in the table',
    'reset open',
    0,
    (door, key) => {
      const bomb = Buffer.concat([
        Buffer.of(0x40),
        Buffer.of(1),
        Buffer.from('a'),
        Buffer.of(127, 0x81, 0x1e),
        Buffer.alloc(4_000, 'b'),
      ])
      const whole = Buffer.concat([block([...PSEUDO(door), ...regular(door, key)]), bomb, Buffer.alloc(4_000, 0xbe)])
      return Buffer.concat([frame(TYPE.headers, FLAG.endHeaders, 1, whole), body(door)])
    },
  ],
  ['a stream of an even number', 'closed', 0, (door, key) => good(door, key, 2)],
  [
    'a stream number for the second time',
    'closed',
    'perhaps',
    (door, key) => Buffer.concat([good(door, key), good(door, key)]),
  ],
  ['a body of no stream', 'closed', 0, before(() => frame(TYPE.data, 0, 9, Buffer.from('x')))],
  ['a promise', 'closed', 0, before(() => frame(TYPE.push, FLAG.endHeaders, 1, Buffer.from([0, 0, 0, 2])))],
  ['a frame of a kind that nobody knows', '200 open', 1, before(() => frame(99, 0xff, 0, Buffer.from(CANARY)))],
  ['a frame larger than allowed', 'closed', 0, before(() => frame(TYPE.ping, 0, 0, Buffer.alloc(20_000)))],
  ['a window of nothing', 'closed', 0, before(() => frame(TYPE.window, 0, 0, Buffer.alloc(4)))],
  [
    'a window that overflows',
    'closed',
    0,
    before(() => frame(TYPE.window, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))),
  ],
  ['settings of another stream', 'closed', 0, before(() => frame(TYPE.settings, 0, 1, settings(3, 1)))],
  ['settings cut short', 'closed', 0, before(() => frame(TYPE.settings, 0, 0, Buffer.alloc(5)))],
  ['a setting out of bounds', 'closed', 0, before(() => frame(TYPE.settings, 0, 0, settings(5, 1)))],
  [
    'a flood of settings',
    'closed',
    'perhaps',
    before(() => many(20_000, () => frame(TYPE.settings, 0, 0, settings(3, 100)))),
  ],
  ['a flood of pings', 'closed', 'perhaps', before(() => many(20_000, () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))))],
  [
    'rapid resets',
    'closed',
    'perhaps',
    (door, key) =>
      many(2_000, (index) =>
        Buffer.concat([
          frame(TYPE.headers, FLAG.endHeaders, 1 + 2 * index, block([...PSEUDO(door), ...regular(door, key)])),
          frame(TYPE.reset, 0, 1 + 2 * index, Buffer.from([0, 0, 0, 8])),
        ]),
      ),
  ],
  [
    'GOAWAY',
    'closed',
    'perhaps',
    (door, key) => Buffer.concat([good(door, key), frame(TYPE.goaway, 0, 0, Buffer.alloc(8))]),
  ],
]
