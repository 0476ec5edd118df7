import { addressOf, type Door } from './doors.ts'
import { block, type Fields, FLAG, frame, TYPE } from './frames.ts'
import { CANARY, STRAYS } from './message.ts'

/**
 * A row of the table for HTTP/2: frames after the greeting, the call being stream 1. `told` is its statuses, or `reset`, or nothing; then
 * whether the connection is `open` (another call on it is answered) or `closed` (it is not, or GOAWAY came).
 */
export type StreamRow = readonly [
  name: string,
  told: string | ((door: Door) => string),
  reached: number | 'perhaps',
  frames: (door: Door, key: string) => Uint8Array,
]

const PSEUDO = (door: Door): Fields => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':authority', '127.0.0.1'],
  [':path', addressOf(door)],
]

function regular(door: Door, key: string): Fields {
  const strays = STRAYS.map(([name, value]) => [name, value] as const)
  return [
    ['authorization', `Bearer ${key}`],
    ['content-type', 'application/json'],
    ...Object.entries(door.headers),
    ...strays,
  ]
}

/** A good call of a door; `fields` are its header fields as they are to stand. */
export function good(
  door: Door,
  key: string,
  stream = 1,
  fields: Fields = [...PSEUDO(door), ...regular(door, key)],
): Buffer {
  return Buffer.concat([
    frame(TYPE.headers, FLAG.endHeaders, stream, block(fields)),
    frame(TYPE.data, FLAG.endStream, stream, Buffer.from(door.body())),
  ])
}

const more =
  (...fields: (readonly [string, string])[]) =>
  (door: Door, key: string) =>
    good(door, key, 1, [...PSEUDO(door), ...regular(door, key), ...fields])
const pseudo = (of: (fields: Fields, door: Door) => Fields) => (door: Door, key: string) =>
  good(door, key, 1, [...of(PSEUDO(door), door), ...regular(door, key)])
const instead = (name: string, value: string | ((door: Door) => string)) =>
  pseudo((fields, door) =>
    fields.map((field) => (field[0] === name ? [name, typeof value === 'string' ? value : value(door)] : field)),
  )
const without = (name: string) => pseudo((fields) => fields.filter((field) => field[0] !== name))
const replaced = (name: string, value: string) => (door: Door, key: string) =>
  good(door, key, 1, [
    ...PSEUDO(door),
    ...regular(door, key).map((field) => (field[0] === name ? ([name, value] as const) : field)),
  ])
const head = (door: Door, key: string, flags: number, ...fields: (readonly [string, string])[]) =>
  frame(TYPE.headers, flags, 1, block([...PSEUDO(door), ...regular(door, key), ...fields]))
const before = (bytes: () => Uint8Array) => (door: Door, key: string) => Buffer.concat([bytes(), good(door, key)])
const many = (count: number, one: (index: number) => Uint8Array) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => one(index)))
const body = (door: Door, flags: number = FLAG.endStream) => frame(TYPE.data, flags, 1, Buffer.from(door.body()))

export const HEADS: readonly StreamRow[] = [
  ['a good call', '200 open', 1, good],
  [':method twice', 'reset open', 0, pseudo((fields) => [...fields, [':method', 'POST']])],
  [':path twice', 'reset open', 0, pseudo((fields) => [...fields, [':path', '/']])],
  [':authority twice', 'reset open', 0, pseudo((fields) => [...fields, [':authority', CANARY]])],
  [':scheme twice', 'reset open', 0, pseudo((fields) => [...fields, [':scheme', 'https']])],
  [
    'a pseudo-header behind a field',
    'reset open',
    0,
    (door, key) => good(door, key, 1, [...regular(door, key), ...PSEUDO(door)]),
  ],
  ['a pseudo-header that nobody knows', 'reset open', 0, pseudo((fields) => [...fields, [':canary', CANARY]])],
  [':status', 'reset open', 0, pseudo((fields) => [...fields, [':status', '200']])],
  [':protocol', 'reset open', 0, pseudo((fields) => [...fields, [':protocol', 'websocket']])],
  ['no :method', 'reset open', 0, without(':method')],
  ['no :path', 'reset open', 0, without(':path')],
  ['no :scheme', 'reset open', 0, without(':scheme')],
  ['no :authority', '400 open', 0, without(':authority')],
  ['an empty :path', 'reset open', 0, instead(':path', '')],
  [':path without a slash', 'reset open', 0, instead(':path', (door) => addressOf(door).slice(1))],
  [':path in the absolute form', 'reset open', 0, instead(':path', (door) => `http://127.0.0.1${addressOf(door)}`)],
  [':path of an asterisk', 'reset open', 0, instead(':path', '*')],
  [':path with a fragment', '404 open', 0, instead(':path', (door) => `${addressOf(door)}#a`)],
  [':path with a space', 'reset open', 0, instead(':path', (door) => `${addressOf(door)} HTTP/1.1`)],
  [':path with a line break', 'reset open', 0, instead(':path', (door) => `${addressOf(door)} HTTP/1.1\r\nx-a: b`)],
  [':path with two slashes in front', '404 open', 0, instead(':path', (door) => `/${addressOf(door)}`)],
  [
    ':path with an escaped slash',
    '404 open',
    0,
    instead(':path', (door) => addressOf(door).replace(/\/(?=[^/]*$)/, '%2f')),
  ],
  [':path with a query', '400 open', 0, instead(':path', (door) => `${addressOf(door)}?a=b`)],
  [':path with a key', '401 open', 0, instead(':path', (door) => `${addressOf(door)}?key=${CANARY}`)],
  [':authority with a user', '400 open', 0, instead(':authority', `${CANARY}@127.0.0.1`)],
  [':authority with a path', 'reset open', 0, instead(':authority', '127.0.0.1/a')],
  ['an empty :authority', '400 open', 0, instead(':authority', '')],
  ['another :authority', '200 open', 1, instead(':authority', `${CANARY}.example`)],
  ['another :scheme', '400 open', 0, instead(':scheme', 'file')],
  ['https', '200 open', 1, instead(':scheme', 'https')],
  ['GET', '404 open', 0, instead(':method', 'GET')],
  ['post', '404 open', 0, instead(':method', 'post')],
  ['a method with a space', 'reset open', 0, instead(':method', 'POST /x')],
  [
    'CONNECT',
    '405 open',
    0,
    (door, key) => good(door, key, 1, [[':method', 'CONNECT'], [':authority', '127.0.0.1:443'], ...regular(door, key)]),
  ],
]

export const FIELDS_2: readonly StreamRow[] = [
  ['host as :authority', '200 open', 1, more(['host', '127.0.0.1'])],
  ['host unlike :authority', '400 open', 0, more(['host', `${CANARY}.example`])],
  ['host twice', 'reset open', 0, more(['host', '127.0.0.1'], ['host', '127.0.0.1'])],
  ['a name in capitals', 'reset open', 0, more(['X-A', 'b'])],
  ['an empty name', 'reset open', 0, more(['', 'b'])],
  ['a name with a colon', 'reset open', 0, more(['x:a', 'b'])],
  ['a name with a space', 'reset open', 0, more(['x a', 'b'])],
  ['a name with a line break', 'reset open', 0, more(['x-a\r\nx-b', 'b'])],
  ['a value with a line break', 'reset open', 0, more(['x-a', 'b\r\nx-api-key: c'])],
  ['a value with a line feed', 'reset open', 0, more(['x-a', 'b\nc'])],
  ['a value with a carriage return', 'reset open', 0, more(['x-a', 'b\rc'])],
  ['a value with a NUL', 'reset open', 0, more(['x-a', 'b\0c'])],
  ['connection', 'reset open', 0, more(['connection', 'authorization'])],
  ['keep-alive', 'reset open', 0, more(['keep-alive', 'timeout=9'])],
  ['proxy-connection', 'reset open', 0, more(['proxy-connection', 'close'])],
  ['transfer-encoding', 'reset open', 0, more(['transfer-encoding', 'chunked'])],
  ['upgrade', 'reset open', 0, more(['upgrade', 'h2c'])],
  ['te of trailers', '200 open', 1, more(['te', 'trailers'])],
  ['te of something else', 'reset open', 0, more(['te', 'gzip'])],
  ['crumbs of a cookie', '200 open', 1, more(['cookie', `a=${CANARY}`], ['cookie', `b=${CANARY}`])],
  ['two keys', '400 open', 0, more(['authorization', 'Bearer chk_other'])],
  ['another key in another field', '401 open', 0, more(['x-api-key', 'chk_other'])],
  ['two media types', 'reset open', 0, more(['content-type', 'application/json'])],
  ['a content coding', '415 open', 0, more(['content-encoding', 'gzip'])],
  ['two content codings', '400 open', 0, more(['content-encoding', 'identity'], ['content-encoding', 'gzip'])],
  ['another media type', '400 open', 0, replaced('content-type', 'text/plain')],
  ['a wrong key', '401 open', 0, replaced('authorization', 'Bearer chk_wrong')],
  [
    'what proxies say',
    '200 open',
    1,
    more(
      ['x-forwarded-proto', CANARY],
      ['x-request-id', CANARY],
      ['x-customhouse-tenant', CANARY],
      ['accept-encoding', 'gzip, br'],
    ),
  ],
  ['expect: 100-continue', '100 200 open', 1, more(['expect', '100-continue'])],
  ['another expectation', '417 open', 0, more(['expect', '200-ok'])],
  ['a field of 40 KB', '431 open', 0, (door, key) => inParts(door, key, [['x-a', 'a'.repeat(40_000)]])],
]

/** A call whose header block goes in frames of 16 KB. */
function inParts(door: Door, key: string, fields: Fields, size = 16_000): Buffer {
  const whole = block([...PSEUDO(door), ...regular(door, key), ...fields])
  const frames: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const end = at + size >= whole.length ? FLAG.endHeaders : 0
    frames.push(frame(at === 0 ? TYPE.headers : TYPE.continuation, end, 1, whole.subarray(at, at + size)))
  }
  return Buffer.concat([...frames, body(door)])
}

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
    'reset open',
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
    (door) => (door.kind === '' ? '' : '431 open'),
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
  ['GOAWAY', '200 open', 1, (door, key) => Buffer.concat([good(door, key), frame(TYPE.goaway, 0, 0, Buffer.alloc(8))])],
]
