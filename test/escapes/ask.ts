import { once } from 'node:events'
import { connect as connectH2 } from 'node:http2'
import { connect } from 'node:net'
import type { Row } from './row.ts'

/** What differs from a good call of the door. */
export type Sending = Readonly<{
  path?: (usual: string) => string
  /** Members besides in the body, as JSON text with a comma before it. */
  more?: string
  body?: (usual: string) => string
  headers?: Readonly<Record<string, string | undefined>>
  /** Over HTTP/2 in clear text, with these pseudo-headers. */
  h2?: Readonly<Record<string, string>>
}>

export type Heard = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: string; call: string }>

export type Message = Readonly<{ path: string; headers: Readonly<Record<string, string>>; body: string }>

/** The message of a row, but for the credential. */
export function messageOf({ door, streamed, model, sending }: Row): Message {
  const usual = door.body(model, streamed, sending.more)
  const body = sending.body?.(usual) ?? usual
  const path = door.path(model, streamed)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries({
    'content-type': 'application/json',
    ...door.headers,
    ...sending.headers,
  }))
    if (value !== undefined) headers[name] = value
  return { path: sending.path?.(path) ?? path, headers, body }
}

export function ask(origin: string, key: string, row: Row): Promise<Heard> {
  const { path, headers, body } = messageOf(row)
  const all = { authorization: `Bearer ${key}`, ...headers }
  return row.sending.h2 === undefined
    ? overLine(origin, path, all, body)
    : overH2(origin, { ':path': path, ...row.sending.h2 }, all, body)
}

/** Written as it stands: no client of HTTP puts the path in order. */
async function overLine(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Heard> {
  const bytes = Buffer.from(body, 'utf8')
  const fields = { host: '127.0.0.1', 'content-length': String(bytes.length), connection: 'close', ...headers }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1', noDelay: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  socket.write(Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes]))
  await once(socket, 'close')
  const answer = Buffer.concat(chunks)
  const end = answer.indexOf('\r\n\r\n')
  const [first = '', ...told] = answer.toString('latin1', 0, Math.max(end, 0)).split('\r\n')
  const heard = Object.fromEntries(
    told.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const text = answer.subarray(end + 4)
  return {
    status: Number(first.split(' ')[1] ?? 0),
    headers: heard,
    body: heard['transfer-encoding'] === 'chunked' ? dechunked(text) : text.toString('utf8'),
    call: heard['x-customhouse-call'] ?? '',
  }
}

function dechunked(bytes: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (line < 0 || !(size > 0)) break
    parts.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
  return Buffer.concat(parts).toString('latin1')
}

async function overH2(
  origin: string,
  pseudo: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Heard> {
  const session = connectH2(origin)
  try {
    const stream = session.request({ ':method': 'POST', ...pseudo, ...headers })
    const chunks: Buffer[] = []
    let told: Record<string, string> = {}
    let status = 0
    stream.on('response', (fields) => {
      status = Number(fields[':status'])
      told = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]))
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => undefined)
    stream.end(body)
    await once(stream, 'close')
    return {
      status,
      headers: told,
      body: Buffer.concat(chunks).toString('latin1'),
      call: told['x-customhouse-call'] ?? '',
    }
  } finally {
    session.destroy()
  }
}
