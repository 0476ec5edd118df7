import { addressOf, type Door } from './doors.ts'

export type Bytes = string | Uint8Array

/** Stands in every field of a message that must stay behind; nothing that reaches an upstream may hold it. */
export const CANARY = 'CANARY-5b1d'

/** What clients and proxies on the way send along, and no provider may get. */
export const STRAYS: readonly (readonly [name: string, value: string])[] = [
  ['user-agent', `${CANARY}-agent`],
  ['cookie', `session=${CANARY}-cookie`],
  ['x-customhouse-meta-case', `${CANARY}-meta`],
  ['x-forwarded-for', `192.0.2.1, ${CANARY}`],
  ['x-forwarded-host', `${CANARY}.example`],
  ['forwarded', `for=${CANARY}`],
  ['via', `1.1 ${CANARY}`],
  ['x-real-ip', `${CANARY}`],
  ['referer', `https://${CANARY}.example/`],
  ['x-unlisted', `${CANARY}-unlisted`],
]

export type Parts = Readonly<{
  method?: string
  path?: string
  version?: string
  /** Replaces or removes (undefined) what a usual call has; lower-case names. */
  headers?: Readonly<Record<string, string | undefined>>
  /** Header lines besides, as they stand. */
  lines?: readonly string[]
  body?: Bytes
}>

/** One HTTP/1.1 message: a good call of a door with the key and the {@link STRAYS}, but for what `parts` replaces. */
export function message(door: Door, key: string, parts: Parts = {}): Buffer {
  const body = Buffer.from(parts.body ?? door.body())
  const headers: Record<string, string | undefined> = {
    host: '127.0.0.1',
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...door.headers,
    ...Object.fromEntries(STRAYS),
    ...parts.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  const head = [
    `${parts.method ?? 'POST'} ${parts.path ?? addressOf(door)} ${parts.version ?? 'HTTP/1.1'}`,
    ...lines,
    ...(parts.lines ?? []),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

/** The message with a body that is framed by hand: `transfer-encoding: chunked` unless `parts` says otherwise. */
export function framed(door: Door, key: string, wire: Bytes, parts: Parts = {}): Buffer {
  return message(door, key, {
    ...parts,
    headers: { 'content-length': undefined, 'transfer-encoding': 'chunked', ...parts.headers },
    body: wire,
  })
}

/** A chunked body of one chunk; `size` stands for its length, `trailers` are lines between the last chunk and the end. */
export function chunks(body: string, size: (length: number) => string = hex, trailers: readonly string[] = []): string {
  return `${size(Buffer.byteLength(body))}\r\n${body}\r\n0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`
}

export const hex = (length: number): string => length.toString(16)
