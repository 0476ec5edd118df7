import type { Door } from './doors.ts'
import { CANARY, hex, message } from './message.ts'
import { path, type Row, sending, swap } from './row.ts'

/** The first line. */
export const LINES: readonly Row[] = [
  ['HTTP/1.0', '200 closed', 1, sending({ version: 'HTTP/1.0' })],
  ['HTTP/1.2', '400 closed', 0, sending({ version: 'HTTP/1.2' })],
  ['HTTP/2.0', '400 closed', 0, sending({ version: 'HTTP/2.0' })],
  ['HTTP/0.9', '200 closed', 1, sending({ version: 'HTTP/0.9' })],
  ['http/1.1', '400 closed', 0, sending({ version: 'http/1.1' })],
  ['HTTP/1.1 and a space', '400 closed', 0, sending({ version: 'HTTP/1.1 ' })],
  ['no version', '400 closed', 0, sending({ version: '' })],
  ['two spaces', '200 open', 1, swap(' /', '  /')],
  ['a tab', '400 closed', 0, swap(' /', '\t/')],
  ['bare line feeds', '400 closed', 0, (door, key) => message(door, key).toString('latin1').replaceAll('\r\n', '\n')],
  [
    'bare carriage returns',
    '400 closed',
    0,
    (door, key) => `${message(door, key).toString('latin1').replaceAll('\r\n', '\r')}\r\n\r\n`,
  ],
  ['GET', '404 closed', 0, sending({ method: 'GET' })],
  ['HEAD', '404 closed', 0, sending({ method: 'HEAD', headers: { 'content-length': undefined }, body: '' })],
  ['PUT', '404 closed', 0, sending({ method: 'PUT' })],
  ['PATCH', '404 closed', 0, sending({ method: 'PATCH' })],
  ['DELETE', '404 closed', 0, sending({ method: 'DELETE' })],
  ['OPTIONS', '404 closed', 0, sending({ method: 'OPTIONS' })],
  ['TRACE', '404 closed', 0, sending({ method: 'TRACE' })],
  ['PROPFIND', '404 closed', 0, sending({ method: 'PROPFIND' })],
  ['QUERY', '404 closed', 0, sending({ method: 'QUERY' })],
  ['post', '400 closed', 0, sending({ method: 'post' })],
  ['a method that nobody knows', '400 closed', 0, sending({ method: 'JUDGE' })],
  [
    'a method by another header',
    '404 closed',
    0,
    sending({ method: 'GET', lines: ['x-http-method-override: POST', 'x-method-override: POST'] }),
  ],
]

/** Below `/bedrock` a path holds the name of a model, which is looked at with the call. */
const unread = ({ kind }: Door): string => (kind === 'bedrock' ? '400 open' : '404 closed')

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
  ['two slashes', unread, 0, path((address) => address.replace(/\/(?=[^/]*$)/, '//'))],
  ['two slashes in front', '404 open', 0, path((address) => `/${address}`)],
  ['a slash behind', '404 closed', 0, path((address) => `${address}/`)],
  ['a dot', unread, 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/./'))],
  ['two dots', unread, 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/x/../'))],
  ['escaped dots', unread, 0, path((address) => address.replace(/\/(?=[^/]*$)/, '/x/%2e%2e/'))],
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
  ['no dialect before it', '404 open', 0, path((_, door) => `/v0${door.path}`)],
  ['the address of the admin port', '404 open', 0, path(() => '/readyz')],
  ['a line of 40 KB', '431 closed', 0, path((address) => `${address}?${'a'.repeat(40_000)}`)],
]

const id = (spelling: string) => path((address) => address.replace('%3A', spelling))

/** The name of a model in a path: percent-decoded once, and then exactly the name that is configured. */
export const MODELS: readonly Row[] = [
  ['a plain colon', '200 open', 1, id(':')],
  ['an escape in small letters', '200 open', 1, id('%3a')],
  [
    'an escaped letter',
    '200 open',
    1,
    path((address) => address.replace('model', 'mode%6c').replace('/mode%6c/', '/model/')),
  ],
  ['a colon escaped twice', '400 open', 0, id('%253A')],
  ['a full-width colon', '404 open', 0, id('%ef%bc%9a')],
  ['an overlong colon', '400 open', 0, id('%c0%ba')],
  ['half a surrogate', '400 open', 0, id('%ed%a0%80')],
  ['an escaped NUL', '400 open', 0, id('%3A%00')],
  ['an escaped line break', '400 open', 0, id('%0d%0a')],
  ['an escape that is none', '400 open', 0, id('%zz')],
  ['a backslash', '400 open', 0, id('%5c')],
  ['escaped dots and slashes', '400 open', 0, id('%2f%2e%2e%2f')],
  ['a slash more', '404 open', 0, id('/x%3A')],
  ['parameters', '404 open', 0, id(';a=b%3A')],
  ['another name', '404 open', 0, id('-')],
  ['another operation behind it', '404 open', 0, path((address) => address.replace(/(\/[a-z]+)$/, '/converse$1'))],
  ['no name', '400 open', 0, path((address) => address.replace(/model\/[^/]+/, 'model/'))],
  ['a name of 3 KB', '400 open', 0, id('x'.repeat(3_000))],
]
