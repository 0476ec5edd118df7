import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'

/** A client on a bare socket, for what no HTTP library would send. */
export type Raw = Readonly<{
  socket: Socket
  send(bytes: string | Uint8Array): void
  /** Everything received so far. */
  text(): string
  /** Resolves when `wanted` has arrived; rejects when the connection closes before it, or after `ms`. */
  until(wanted: string | RegExp, ms?: number): Promise<string>
  /** Resolves with all that was received when the server has closed its side, however it did; rejects after `ms`. */
  closed(ms?: number): Promise<string>
  /** The code of the socket's error, if it had one (`ECONNRESET`). */
  error(): string | null
}>

/** How to speak TLS: whom to trust, and what to offer by ALPN (nothing, if absent). */
export type Tls = Readonly<{ ca: string; alpn?: readonly string[]; version?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' }>

/** Half-open: the server's end of the connection alone does not close ours, as an attacker's would not. */
export function raw(url: string, tls?: Tls): Promise<Raw> {
  const { hostname, port } = new URL(url)
  const at = { host: hostname, port: Number(port), allowHalfOpen: true }
  return watch(tls === undefined ? connect(at) : secure(at, tls), tls === undefined ? 'connect' : 'secureConnect')
}

function secure(at: Readonly<{ host: string; port: number }>, { ca, alpn, version }: Tls): TLSSocket {
  return connectTls({
    ...at,
    ca,
    servername: 'localhost',
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    // Old versions are switched off in the client too, unless it is told otherwise.
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
  })
}

async function watch(socket: Socket, opened: 'connect' | 'secureConnect'): Promise<Raw> {
  let text = ''
  let over = false
  let error: string | null = null
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const look of waiting) look()
  }
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  })
  const end = (): void => {
    over = true
    wake()
  }
  socket.on('end', end)
  socket.on('close', end)
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.name
    end()
  })
  await new Promise<void>((resolve) => {
    socket.once(opened, () => resolve())
    socket.once('close', () => resolve())
  })
  const wait = (ready: () => boolean, what: string, ms: number, untilOver: boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`${what} did not come in ${ms} ms; so far: ${JSON.stringify(text)}`))
      }, ms)
      const look = (): void => {
        if (!ready() && !(over && !untilOver)) return
        clearTimeout(timer)
        waiting.delete(look)
        if (ready()) resolve(text)
        else reject(new Error(`closed before ${what}; got ${JSON.stringify(text)}`))
      }
      waiting.add(look)
      look()
    })
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    text: () => text,
    until: (wanted, ms = 3_000) =>
      wait(() => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)), String(wanted), ms, false),
    closed: (ms = 3_000) => wait(() => over, 'the end', ms, true),
    error: () => error,
  }
}

/** A call as bytes. */
export function callBytes(
  headers: Readonly<Record<string, string>>,
  body: string,
  line = 'POST /openai/v1/chat/completions HTTP/1.1',
): string {
  const all: Record<string, string> = {
    host: 'customhouse',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line}\r\n${lines.join('')}\r\n${body}`
}

export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
