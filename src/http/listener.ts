import type { Server as HttpServer, RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { CustomhouseError } from '../core/errors.ts'
import type { Handler } from './exchange.ts'
import { http1, refuse } from './http1.ts'
import { Http2 } from './http2.ts'
import type { SocketLimits } from './limits.ts'
import { type Certificate, Secure } from './secure.ts'
import { type Speech, Threshold } from './threshold.ts'

export type Listener = Readonly<{
  /** `http://host:port` or `https://host:port`, with the port that was taken. */
  url: string
  /** Shows another certificate from the next handshake on. Must throw, and keep the last one, where it is none or has another key. */
  renew(certificate: Certificate): void
  /** Connections that are open. */
  connections(): Promise<number>
  /** No new connection; open ones are asked to close after their calls (`connection: close`, GOAWAY). */
  stop(): Promise<void>
  /** Breaks what is still open. */
  destroy(): void
}>

export type ListenOptions = Readonly<{
  /** Calls at one time on one HTTP/2 connection. */
  streams: number
  /** Absent: clear text. */
  certificate?: Certificate
  /** Connections at one time; further ones are closed at once. Absent: as many as the system has. */
  connections?: number
}>

/** How often connections are looked at that have nothing more to say. */
const IDLE_SWEEP_MS = 200

type Address = Readonly<{ host: string; port: number }>

/**
 * A port that speaks HTTP/1.1 and HTTP/2: in clear text by the first bytes of a connection, over TLS by ALPN. Every time-out holds on
 * each of them.
 */
export function listen(
  address: Address,
  handler: Handler,
  limits: SocketLimits,
  { streams, ...options }: ListenOptions,
): Promise<Listener> {
  return open(address, http1(handler, limits), new Http2(handler, limits, streams), limits, options)
}

/** Connections to such a port at one time, whether they have said anything or not. */
const CROWD = 256

/**
 * A port that speaks HTTP/1.1 in clear text alone, for what knows nothing else (Express): probes and scrapes. One connection too many breaks the oldest, and not
 * itself: it may be a probe.
 */
export function listenHttp1(address: Address, handler: RequestListener, limits: SocketLimits): Promise<Listener> {
  return open(address, http1(handler, limits), null, limits, { crowd: CROWD })
}

async function open(
  address: Address,
  h1: HttpServer,
  h2: Http2 | null,
  limits: SocketLimits,
  { certificate, connections, crowd }: Omit<ListenOptions, 'streams'> & Readonly<{ crowd?: number }>,
): Promise<Listener> {
  const converse = (socket: Socket, speech: Speech): void => {
    // What an HTTP/1.1 parser cannot read it refuses.
    if (speech === 'h2' && h2 !== null) h2.attend(socket)
    else h1.emit('connection', socket)
  }
  const secure = certificate === undefined ? null : new Secure(certificate, limits.headersMs, h2 !== null, converse)
  const threshold = new Threshold({
    firstByteMs: limits.connectionMs,
    decideMs: limits.headersMs,
    admit: (socket, speech) => {
      if (secure === null) converse(socket, speech)
      else if (speech === 'tls') secure.attend(socket)
      else refuse(socket, '400 Bad Request')
    },
    late: (socket) => refuse(socket, '408 Request Timeout'),
  })
  const door = createServer({ allowHalfOpen: true, noDelay: true })
  if (connections !== undefined) door.maxConnections = connections
  if (crowd !== undefined) thin(door, crowd)
  door.on('connection', (socket) => threshold.attend(socket))
  try {
    await bind(door, address)
  } catch (error) {
    threshold.destroy()
    h2?.destroy()
    h1.close()
    throw error
  }
  const { port, family } = door.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address.host}]` : address.host
  return {
    url: `${secure === null ? 'http' : 'https'}://${host}:${port}`,
    renew: (renewed) => secure?.renew(renewed),
    connections: () =>
      new Promise((resolve, reject) =>
        door.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    stop: () =>
      new Promise((resolve, reject) => {
        // One whose last answer began before the stop was not told to close, and is idle only later.
        const sweep = setInterval(() => h1.closeIdleConnections(), IDLE_SWEEP_MS).unref()
        door.close((error) => {
          clearInterval(sweep)
          // Its time-outs are looked after until the last connection is gone.
          h1.close()
          threshold.destroy()
          if (error === undefined) resolve()
          else reject(error)
        })
        threshold.stop()
        h1.closeIdleConnections()
        h2?.stop()
      }),
    destroy: () => {
      threshold.destroy()
      secure?.destroy()
      h1.closeAllConnections()
      h2?.destroy()
    },
  }
}

/** Breaks the oldest connection wherever there would be more than `most`. */
function thin(door: Server, most: number): void {
  const open = new Set<Socket>()
  door.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    if (open.size <= most) return
    const [oldest] = open
    if (oldest !== undefined) open.delete(oldest)
    oldest?.destroy()
  })
}

function bind(server: Server, { host, port }: Readonly<{ host: string; port: number }>): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(unavailable(host, port, error))
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has it (perhaps another gateway); stop that one, or choose another port',
  EACCES: 'this process may not have it; choose one above 1023',
  EADDRNOTAVAIL: 'this machine has no such address',
}

function unavailable(host: string, port: number, cause: NodeJS.ErrnoException): CustomhouseError {
  const code = cause.code ?? 'unknown'
  return new CustomhouseError(
    'ERR_GATEWAY_LISTEN',
    `The gateway cannot listen on ${host}:${port} (${code}): ${WHY[code] ?? 'the system refuses it'}.`,
    { cause },
  )
}
