import { gzipSync } from 'node:zlib'
import { addressOf, type Door } from './doors.ts'
import { type Bytes, CANARY, chunks, framed, hex, message, type Parts } from './message.ts'

/**
 * A row of the table: what is written, what is answered, and how many calls that reached the upstream. `told` is the statuses of all
 * answers in their order, then whether the connection is `open` (another call on it is answered as it should be) or `closed`.
 */
export type Row = readonly [
  name: string,
  told: string,
  reached: number | 'perhaps',
  bytes: (door: Door, key: string) => Bytes,
]

const with_ =
  (parts: Parts | ((door: Door, key: string) => Parts)) =>
  (door: Door, key: string): Bytes =>
    message(door, key, typeof parts === 'function' ? parts(door, key) : parts)
const lines = (...more: string[]) => with_({ lines: more })
const size = (of: (length: number) => string) => (door: Door, key: string) => framed(door, key, chunks(door.body(), of))
const coding = (value: string) => (door: Door, key: string) =>
  framed(door, key, chunks(door.body()), { headers: { 'transfer-encoding': value } })
const trailer =
  (...more: string[]) =>
  (door: Door, key: string) =>
    framed(door, key, chunks(door.body(), hex, more))
const length = (of: (length: number) => string) =>
  with_((door) => ({ headers: { 'content-length': of(Buffer.byteLength(door.body())) } }))
const swap = (from: string, to: string) => (door: Door, key: string) =>
  Buffer.from(message(door, key).toString('latin1').replace(from, to), 'latin1')

/** Lengths and codings: where one message ends and the next begins. */
export const FRAMING: readonly Row[] = [
  ['a good call', '200 open', 1, with_({})],
  ['in one chunk', '200 open', 1, size(hex)],
  ['a chunk size in capitals', '200 open', 1, size((n) => hex(n).toUpperCase())],
  ['a chunk size with zeros before it', '200 open', 1, size((n) => `0000${hex(n)}`)],
  ['a chunk size with an extension', '200 open', 1, size((n) => `${hex(n)};a=b;c="d"`)],
  ['a chunk size with an extension of a line feed', '400 closed', 0, size((n) => `${hex(n)};a="\n"`)],
  ['a chunk size with an extension of 20 KB', '400 closed', 0, size((n) => `${hex(n)};a=${'b'.repeat(20_000)}`)],
  ['a chunk size with 0x', '400 closed', 0, size((n) => `0x${hex(n)}`)],
  ['a negative chunk size', '400 closed', 0, size((n) => `-${hex(n)}`)],
  ['a chunk size with a plus', '400 closed', 0, size((n) => `+${hex(n)}`)],
  ['a chunk size with a space before it', '400 closed', 0, size((n) => ` ${hex(n)}`)],
  ['a chunk size with a space after it', '400 closed', 0, size((n) => `${hex(n)} `)],
  ['a chunk size in words', '400 closed', 0, size(() => 'ten')],
  ['an empty chunk size', '400 closed', 0, size(() => '')],
  ['a chunk size that overflows 64 bits', '400 closed', 0, size((n) => `1000000000000000${hex(n)}`)],
  [
    'a chunk size that ends with a bare line feed',
    '400 closed',
    0,
    (door, key) => framed(door, key, `${hex(door.body().length)}\n${door.body()}\r\n0\r\n\r\n`),
  ],
  ['a chunk that is longer than its size', '400 closed', 0, size((n) => hex(n - 1))],
  ['a chunk that is shorter than its size', '400 closed', 0, size((n) => hex(n + 1))],
  [
    'a chunk without its end of line',
    '400 closed',
    0,
    (door, key) => framed(door, key, `${hex(door.body().length)}\r\n${door.body()}0\r\n\r\n`),
  ],
  ['two last chunks', '400 closed', 'perhaps', (door, key) => framed(door, key, `${chunks(door.body())}0\r\n\r\n`)],
  [
    'a body without its last chunk',
    '408 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body()).slice(0, -5)),
  ],
  [
    'a length and a coding',
    '400 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body()), { lines: ['content-length: 4'] }),
  ],
  [
    'a coding and a length',
    '400 closed',
    0,
    (door, key) => message(door, key, { lines: ['transfer-encoding: chunked'] }),
  ],
  [
    'a length of zero and a coding',
    '400 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body()), { headers: { 'content-length': '0' } }),
  ],
  [
    'a coding twice',
    '400 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body()), { lines: ['transfer-encoding: chunked'] }),
  ],
  [
    'a second coding of nothing',
    '400 closed',
    0,
    (door, key) => framed(door, key, chunks(door.body()), { lines: ['transfer-encoding: identity'] }),
  ],
  ['chunked, chunked', '400 closed', 0, coding('chunked, chunked')],
  ['chunked, identity', '400 closed', 0, coding('chunked, identity')],
  ['identity, chunked', '501 closed', 0, coding('identity, chunked')],
  ['gzip, chunked', '501 closed', 0, coding('gzip, chunked')],
  [
    'gzip, chunked, and it is',
    '501 closed',
    0,
    (door, key) => {
      const zipped = gzipSync(door.body())
      const wire = Buffer.concat([Buffer.from(`${hex(zipped.length)}\r\n`), zipped, Buffer.from('\r\n0\r\n\r\n')])
      return framed(door, key, wire, { headers: { 'transfer-encoding': 'gzip, chunked' } })
    },
  ],
  ['xchunked', '501 closed', 0, coding('xchunked')],
  ['chunkedx', '501 closed', 0, coding('chunkedx')],
  ['"chunked"', '501 closed', 0, coding('"chunked"')],
  ['chunked;q=1', '501 closed', 0, coding('chunked;q=1')],
  ['Chunked', '200 open', 1, coding('Chunked')],
  ['chunked after a tab', '200 open', 1, coding('\tchunked')],
  ['chunked before a vertical tab', '400 closed', 0, coding('chunked\x0b')],
  ['chunked in the next line', '400 closed', 0, coding('\r\n chunked')],
  [
    'a coding with a space before the colon',
    '400 closed',
    0,
    (door, key) => message(door, key, { lines: ['transfer-encoding : chunked'] }),
  ],
  ['a coding with a NUL in its name', '400 closed', 0, lines('transfer\0-encoding: chunked')],
  ['an underscore in place of the dash', '200 open', 1, lines('transfer_encoding: chunked', 'content_length: 0')],
  [
    'a coding over HTTP/1.0',
    '200 closed',
    1,
    (door, key) => framed(door, key, chunks(door.body()), { version: 'HTTP/1.0' }),
  ],
  [
    'no length and no coding',
    '400 open',
    0,
    (door, key) => message(door, key, { headers: { 'content-length': undefined }, body: '' }),
  ],
  ['the same length twice', '400 closed', 0, with_((door) => ({ lines: [`content-length: ${door.body().length}`] }))],
  ['another length', '400 closed', 0, lines('content-length: 4')],
  ['two lengths in one field', '400 closed', 0, length((n) => `${n}, ${n}`)],
  ['a length with a plus', '400 closed', 0, length((n) => `+${n}`)],
  ['a negative length', '400 closed', 0, length((n) => `-${n}`)],
  ['a length in hexadecimal', '400 closed', 0, length((n) => `0x${hex(n)}`)],
  ['a length with a space in it', '400 closed', 0, length((n) => `${n} ${n}`)],
  ['a length with a fraction', '400 closed', 0, length((n) => `${n}.0`)],
  ['a length with an exponent', '400 closed', 0, length((n) => `${n}e0`)],
  ['an empty length', '400 closed', 0, length(() => '')],
  ['a length that overflows 64 bits', '400 closed', 0, length((n) => `18446744073709551616${n}`)],
  ['a length with zeros before it', '200 open', 1, length((n) => `000${n}`)],
  ['a length beyond the limit', '413 closed', 0, length(() => '999999999')],
  ['a length that is too short', '400 closed', 0, length((n) => String(n - 1))],
  ['a length that is too long', '408 closed', 0, length((n) => String(n + 1))],
  ['a trailer that names a credential', '200 open', 1, trailer(`authorization: Bearer ${CANARY}`)],
  ['a trailer that names another', '200 open', 1, trailer(`x-api-key: ${CANARY}`, `cookie: ${CANARY}`)],
  ['a trailer that names the task', '200 open', 1, trailer(`x-customhouse-task: ${CANARY}`)],
  ['a trailer that names the host', '200 open', 1, trailer(`host: ${CANARY}`)],
  ['a trailer that names a length', '400 closed', 0, trailer('content-length: 4')],
  ['a trailer that names a coding', '400 closed', 0, trailer('transfer-encoding: chunked')],
  [
    'a trailer that was announced',
    '200 open',
    1,
    (door, key) =>
      framed(door, key, chunks(door.body(), hex, [`authorization: ${CANARY}`]), { lines: ['trailer: authorization'] }),
  ],
  ['a trailer of 40 KB', '431 closed', 0, trailer(`x-a: ${'a'.repeat(40_000)}`)],
]

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

/** The first line. */
export const LINES: readonly Row[] = [
  ['HTTP/1.0', '200 closed', 1, with_({ version: 'HTTP/1.0' })],
  ['HTTP/1.2', '400 closed', 0, with_({ version: 'HTTP/1.2' })],
  ['HTTP/2.0', '400 closed', 0, with_({ version: 'HTTP/2.0' })],
  ['HTTP/0.9', '200 closed', 1, with_({ version: 'HTTP/0.9' })],
  ['http/1.1', '400 closed', 0, with_({ version: 'http/1.1' })],
  ['HTTP/1.1 and a space', '400 closed', 0, with_({ version: 'HTTP/1.1 ' })],
  ['no version', '400 closed', 0, with_({ version: '' })],
  ['two spaces', '200 open', 1, swap(' /', '  /')],
  ['a tab', '400 closed', 0, swap(' /', '\t/')],
  ['bare line feeds', '400 closed', 0, (door, key) => message(door, key).toString('latin1').replaceAll('\r\n', '\n')],
  [
    'bare carriage returns',
    '400 closed',
    0,
    (door, key) => `${message(door, key).toString('latin1').replaceAll('\r\n', '\r')}\r\n\r\n`,
  ],
  ['GET', '404 closed', 0, with_({ method: 'GET' })],
  ['HEAD', '404 closed', 0, with_({ method: 'HEAD', headers: { 'content-length': undefined }, body: '' })],
  ['PUT', '404 closed', 0, with_({ method: 'PUT' })],
  ['PATCH', '404 closed', 0, with_({ method: 'PATCH' })],
  ['DELETE', '404 closed', 0, with_({ method: 'DELETE' })],
  ['OPTIONS', '404 closed', 0, with_({ method: 'OPTIONS' })],
  ['TRACE', '404 closed', 0, with_({ method: 'TRACE' })],
  ['PROPFIND', '404 closed', 0, with_({ method: 'PROPFIND' })],
  ['QUERY', '404 closed', 0, with_({ method: 'QUERY' })],
  ['post', '400 closed', 0, with_({ method: 'post' })],
  ['a method that nobody knows', '400 closed', 0, with_({ method: 'JUDGE' })],
  [
    'a method by another header',
    '404 closed',
    0,
    with_({ method: 'GET', lines: ['x-http-method-override: POST', 'x-method-override: POST'] }),
  ],
]

const path = (of: (address: string, door: Door) => string) => with_((door) => ({ path: of(addressOf(door), door) }))

/** Where a call is addressed to. No spelling but the one is a call. */
export const TARGETS: readonly Row[] = [
  ['the absolute form', '404 open', 0, path((address) => `http://127.0.0.1${address}`)],
  ['the absolute form of another host', '404 open', 0, path((address) => `https://${CANARY}.example${address}`)],
  ['a path without its slash', '400 closed', 0, path((address) => address.slice(1))],
  ['the asterisk', '404 open', 0, path(() => '*')],
  ['an authority before the path', '404 open', 0, path((address) => `//${CANARY}.example${address}`)],
  ['an escaped slash before the last step', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '%2f'))],
  ['an escaped slash in capitals', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '%2F'))],
  ['an escaped slash in the mount', '404 open', 0, path((address) => address.replace(/^\/(\w+)\//, '/$1%2f'))],
  [
    'an escaped letter in the mount',
    '404 open',
    0,
    path((address) => address.replace(/^\/(\w)/, (_, c: string) => `/%${hex(c.charCodeAt(0))}`)),
  ],
  [
    'an escaped letter in the last step',
    '404 closed',
    0,
    path((address) => address.replace(/(\w)$/, (c) => `%${hex(c.charCodeAt(0))}`)),
  ],
  [
    'a letter escaped twice',
    '404 closed',
    0,
    path((address) => address.replace(/(\w)$/, (c) => `%25${hex(c.charCodeAt(0))}`)),
  ],
  ['two slashes', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '//'))],
  ['two slashes in front', '404 open', 0, path((address) => `/${address}`)],
  ['a slash behind', '404 closed', 0, path((address) => `${address}/`)],
  ['a dot', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/./'))],
  ['two dots', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/x/../'))],
  ['escaped dots', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/x/%2e%2e/'))],
  ['dots out of the mount', '404 closed', 0, path((address, door) => `${door.mount}/..${address}`)],
  ['dots into the mount', '404 open', 0, path((address) => `/nothing/..${address}`)],
  ['escaped dots into the mount', '404 open', 0, path((address) => `/nothing/%2e%2e${address}`)],
  ['parameters', '404 closed', 0, path((address) => `${address};a=b`)],
  ['parameters in the mount', '404 open', 0, path((address) => address.replace(/^\/(\w+)/, '/$1;a=b'))],
  ['a backslash', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '\\'))],
  ['an overlong slash', '404 closed', 0, path((address) => address.replace(/\/(?=[^/]*$)/, '%c0%af'))],
  ['an escape that is none', '404 closed', 0, path((address) => `${address}%zz`)],
  ['an escaped NUL behind', '404 closed', 0, path((address) => `${address}%00`)],
  ['an escaped line break behind', '404 closed', 0, path((address) => `${address}%0d%0ax-a:%20b`)],
  ['a full-width letter', '404 closed', 0, path((address) => address.replace(/(\w)$/, '%ef%bd%93'))],
  ['another case', '404 open', 0, path((address) => address.toUpperCase())],
  ['a fragment', '404 closed', 0, path((address) => `${address}#a`)],
  ['a byte beyond ASCII', '400 closed', 0, path((address) => `${address}\xe9`)],
  ['a query', '400 open', 0, path((address) => `${address}?a=b`)],
  ['a query with a path', '400 open', 0, path((address) => `${address}?/../x`)],
  ['a query with a key', '401 closed', 0, path((address) => `${address}?key=${CANARY}`)],
  ['an empty query', '200 open', 1, path((address) => `${address}?`)],
  ['no dialect before it', '404 open', 0, path((_, door) => door.path)],
  ['the address of the admin port', '404 open', 0, path(() => '/readyz')],
  ['a line of 40 KB', '431 closed', 0, path((address) => `${address}?${'a'.repeat(40_000)}`)],
]

/** Fields: twice, unreadable, too large, and those that a proxy may not pass on. */
export const FIELDS: readonly Row[] = [
  ['a folded field', '400 closed', 0, lines('x-a: b', ' c')],
  ['a field folded with a tab', '400 closed', 0, lines('x-a: b', '\tc')],
  ['a space before the colon', '400 closed', 0, lines('x-a : b')],
  ['a tab before the colon', '400 closed', 0, lines('x-a\t: b')],
  ['a field without a colon', '400 closed', 0, lines('x-a')],
  ['a field without a name', '400 closed', 0, lines(': b')],
  ['a name with a bracket', '400 closed', 0, lines('x(a: b')],
  ['a name beyond ASCII', '400 closed', 0, lines('x-\xe9: b')],
  ['a name with a NUL', '400 closed', 0, lines('x-\0: b')],
  ['a value with a NUL', '400 closed', 0, lines('x-a: b\0c')],
  ['a value with a bare line feed', '400 closed', 0, lines('x-a: b\nx-api-key: c')],
  ['a value with a bare carriage return', '400 closed', 0, lines('x-a: b\rx-api-key: c')],
  ['a value with a control character', '400 closed', 0, lines('x-a: b\x01c')],
  ['a value with DEL', '400 closed', 0, lines('x-a: b\x7fc')],
  ['a value beyond ASCII', '200 open', 1, lines(`x-a: ${CANARY}\xff\xfe`)],
  ['an empty value', '200 open', 1, lines('x-a:')],
  ['a first line that is a field', '400 closed', 0, swap('host: ', ' host: ')],
  ['a field of 40 KB', '431 closed', 0, lines(`x-a: ${'a'.repeat(40_000)}`)],
  ['a hundred fields', '200 open', 1, with_({ lines: Array.from({ length: 100 }, (_, i) => `x-${i}: ${CANARY}`) })],
  ['3000 fields', '200 open', 1, with_({ lines: Array.from({ length: 3000 }, () => 'a:') })],
  [
    'a second key behind 3000 fields',
    '400 closed',
    0,
    with_({ lines: [...Array.from({ length: 3000 }, () => 'a:'), 'authorization: Bearer chk_other'] }),
  ],
  ['a body of 5 MB', '413 closed', 0, with_({ body: 'x'.repeat(5_000_000) })],
  ['a body of 5 MB in chunks', '413 closed', 0, (door, key) => framed(door, key, chunks('x'.repeat(5_000_000)))],
  ['no host', '400 closed', 0, with_({ headers: { host: undefined } })],
  ['two hosts', '400 closed', 0, lines(`host: ${CANARY}.example`)],
  ['the same host twice', '400 closed', 0, lines('host: 127.0.0.1')],
  ['another host', '200 open', 1, with_({ headers: { host: `${CANARY}.example:1` } })],
  ['a host with a path', '200 open', 1, with_({ headers: { host: `${CANARY}.example/a?b` } })],
  ['two keys', '400 closed', 0, lines('authorization: Bearer chk_other')],
  [
    'the good key second',
    '400 closed',
    0,
    (door, key) =>
      message(door, key, { headers: { authorization: 'Bearer chk_other' }, lines: [`Authorization: Bearer ${key}`] }),
  ],
  [
    'two keys in one field',
    '401 closed',
    0,
    with_((_, key) => ({ headers: { authorization: `Bearer ${key}, Bearer chk_other` } })),
  ],
  ['another key in another field', '401 closed', 0, lines('x-api-key: chk_other')],
  [
    'the same key in every field',
    '200 open',
    1,
    with_((_, key) => ({ lines: [`x-api-key: ${key}`, `api-key: ${key}`, `x-goog-api-key: ${key}`] })),
  ],
  [
    'the key as x-api-key',
    '200 open',
    1,
    with_((_, key) => ({ headers: { authorization: undefined }, lines: [`x-api-key: ${key}`] })),
  ],
  [
    'x-api-key twice',
    '400 closed',
    0,
    with_((_, key) => ({ headers: { authorization: undefined }, lines: [`x-api-key: ${key}`, `x-api-key: ${key}`] })),
  ],
  [
    'the key as api-key',
    '200 open',
    1,
    with_((_, key) => ({ headers: { authorization: undefined }, lines: [`api-key: ${key}`] })),
  ],
  [
    'the key as a cookie',
    '401 closed',
    0,
    with_((_, key) => ({ headers: { authorization: undefined, cookie: `authorization=${key}` } })),
  ],
  [
    'the key as Proxy-Authorization',
    '401 closed',
    0,
    with_((_, key) => ({ headers: { authorization: undefined }, lines: [`proxy-authorization: Bearer ${key}`] })),
  ],
  ['the key and Proxy-Authorization', '200 open', 1, lines(`proxy-authorization: Bearer ${CANARY}`)],
  [
    'the key with an underscore',
    '401 closed',
    0,
    with_((_, key) => ({ headers: { authorization: undefined }, lines: [`x_api_key: ${key}`] })),
  ],
  ['two media types', '400 closed', 0, lines('content-type: text/plain')],
  [
    'two media types in one field',
    '400 open',
    0,
    with_({ headers: { 'content-type': 'application/json, text/plain' } }),
  ],
  ['another media type', '400 open', 0, with_({ headers: { 'content-type': 'text/plain' } })],
  ['another charset', '400 open', 0, with_({ headers: { 'content-type': 'application/json; charset=utf-16' } })],
  ['a content coding', '415 open', 0, with_({ headers: { 'content-encoding': 'gzip' } })],
  ['a content coding of nothing', '200 open', 1, with_({ headers: { 'content-encoding': 'identity' } })],
  [
    'two content codings',
    '400 closed',
    0,
    with_({ headers: { 'content-encoding': 'identity' }, lines: ['content-encoding: gzip'] }),
  ],
  ['a list of content codings', '415 open', 0, with_({ headers: { 'content-encoding': 'identity, gzip' } })],
  ['a task', '200 open', 1, lines(`x-customhouse-task: ${CANARY}`)],
  ['two tasks', '400 open', 0, lines('x-customhouse-task: a', 'x-customhouse-task: b')],
  ['a task of two', '400 open', 0, lines('x-customhouse-task: a, b')],
  ['a call id of the client', '200 open', 1, lines(`x-customhouse-call: ${CANARY}`, `x-request-id: ${CANARY}`)],
  ['a tenant of the client', '200 open', 1, lines(`x-customhouse-tenant: ${CANARY}`, `x-tenant: ${CANARY}`)],
  ['Connection names the credential', '200 open', 1, lines('connection: authorization')],
  ['Connection names the media type', '200 open', 1, lines('connection: content-type, content-length')],
  ['Connection names the host', '200 open', 1, lines('connection: keep-alive, host')],
  [
    'Connection names the task',
    '200 open',
    1,
    lines('connection: x-customhouse-task', `x-customhouse-task: ${CANARY}`),
  ],
  ['Connection: close', '200 closed', 1, lines('connection: close')],
  [
    'fields from hop to hop',
    '200 open',
    1,
    lines('keep-alive: timeout=9', `te: trailers, ${CANARY}`, `proxy-connection: ${CANARY}`, `trailer: ${CANARY}`),
  ],
  ['Upgrade without Connection', '200 open', 1, lines(`upgrade: ${CANARY}`)],
  ['Connection: upgrade without Upgrade', '200 open', 1, lines('connection: upgrade')],
  ['Accept-Encoding', '200 open', 1, lines('accept-encoding: gzip, br, zstd', `accept-language: ${CANARY}`)],
  ['Accept', '200 open', 1, lines(`accept: text/html;a=${CANARY}`)],
  ['Range', '200 open', 1, lines('range: bytes=0-1', `if-none-match: ${CANARY}`)],
  ['Expect: 100-continue', '100 200 open', 1, lines('expect: 100-continue')],
  ['Expect of something else', '417 closed', 0, lines('expect: 200-ok')],
  [
    'Expect, and a length beyond the limit',
    '413 closed',
    0,
    with_({ headers: { 'content-length': '999999999' }, lines: ['expect: 100-continue'] }),
  ],
]
