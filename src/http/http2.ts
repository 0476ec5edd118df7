import {
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { type Handler, isContinue } from './exchange.ts'
import { LINGER_MS, type SocketLimits } from './limits.ts'
import { follow } from './peer.ts'

/**
 * Bytes of a body that a client may send ahead of being read: of one call, and of all on a connection. The protocol's own 64 KB would
 * hold an upload of 30 MB over a way of 50 ms for half a minute. Nothing more is ever buffered here.
 */
const STREAM_WINDOW = 256 * 1024
const CONNECTION_WINDOW = 1024 * 1024

/** Streams that a client may open and reset at once, and each second ("rapid reset", CVE-2023-44487): beyond it the connection ends. */
const RESETS = { streamResetBurst: 200, streamResetRate: 33 } as const

type Connection = {
  readonly session: ServerHttp2Session
  readonly socket: Socket
  /** Calls under way, and since when. */
  readonly calls: Map<ServerHttp2Stream, number>
  /** Since when there is no call, or since it was opened. */
  idleSince: number
  /** Its first SETTINGS have come: the preface is complete. */
  greeted: boolean
  /** Number of the last stream whose headers came whole. */
  lastCall: number
  /** Since when a block of headers has begun that does not end; 0 if none has. */
  headersSince: number
  /** Since when it has been told to go; 0 if it has not. */
  leavingSince: number
  /** Of one that takes no further call: the bytes that it had moved, since when it has moved none (0: not looked at), and whether it was made to say something. */
  moved: number
  quietSince: number
  probed: boolean
}

/**
 * HTTP/2 on sockets that others accept. node:http2 has no time-out of its own: connections and their calls are swept. Nothing is ever pushed.
 */
export class Http2 {
  readonly #server: Http2Server
  readonly #limits: SocketLimits
  readonly #connections = new Map<ServerHttp2Session, Connection>()
  readonly #timer: NodeJS.Timeout
  /** The socket that is being admitted: node:http2 gives away only a proxy of it, and tells of the session at once. */
  #admitted: Socket | null = null
  #stopping = false

  /** @param streams calls at one time on one connection */
  constructor(handler: Handler, limits: SocketLimits, streams: number) {
    this.#limits = limits
    this.#server = createServer({
      ...RESETS,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW,
        maxConcurrentStreams: streams,
        maxHeaderListSize: limits.headerBytes,
      },
    })
    const taken = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
      // Reset, or broken, before it could be told of: of its end nobody would hear any more.
      if (response.stream.destroyed || response.stream.closed) return
      const { expect } = request.headers
      // Clients are told the limit, and node:http2 holds it once they have said that they heard.
      if (sizeOf(request.rawHeaders) > limits.headerBytes) refuse(response.stream, 431)
      else if (expect !== undefined && !isContinue(expect)) refuse(response.stream, 417)
      else handler(request, response)
    }
    this.#server.on('stream', (stream) => this.#begin(stream))
    this.#server.on('request', taken)
    this.#server.on('checkContinue', taken)
    this.#server.on('checkExpectation', taken)
    this.#server.on('connect', (_request: Http2ServerRequest, response: Http2ServerResponse) =>
      refuse(response.stream, 405),
    )
    this.#server.on('session', (session) => this.#open(session))
    const least = Math.min(limits.headersMs, limits.requestMs, Math.max(80, limits.keepAliveMs))
    this.#timer = setInterval(() => this.#sweep(), Math.max(20, Math.min(1_000, least / 4))).unref()
  }

  attend(socket: Socket): void {
    // A half of a connection is of no use here.
    socket.allowHalfOpen = false
    this.#admitted = socket
    this.#server.emit('connection', socket)
    this.#admitted = null
  }

  #open(session: ServerHttp2Session): void {
    const socket = this.#admitted
    if (socket === null) throw new Error('a session without a socket')
    const connection: Connection = {
      session,
      socket,
      calls: new Map(),
      idleSince: performance.now(),
      greeted: false,
      lastCall: 0,
      headersSince: 0,
      leavingSince: 0,
      moved: 0,
      quietSince: 0,
      probed: false,
    }
    this.#connections.set(session, connection)
    follow(session, socket)
    session.setLocalWindowSize(CONNECTION_WINDOW)
    session.once('remoteSettings', () => {
      connection.greeted = true
    })
    // One that the client broke leaves its socket to be swept.
    session.once('close', () => {
      if (socket.destroyed) this.#connections.delete(session)
      else connection.leavingSince ||= performance.now()
    })
    if (this.#stopping) dismiss(connection)
  }

  #begin(stream: ServerHttp2Stream): void {
    const connection =
      stream.session === undefined ? undefined : this.#connections.get(stream.session as ServerHttp2Session)
    if (connection === undefined) {
      stream.destroy()
      return
    }
    connection.lastCall = stream.id ?? connection.lastCall
    connection.calls.set(stream, performance.now())
    stream.once('close', () => {
      connection.calls.delete(stream)
      connection.idleSince = performance.now()
    })
  }

  #sweep(): void {
    const now = performance.now()
    const { headersMs, requestMs, keepAliveMs } = this.#limits
    for (const [session, connection] of this.#connections) {
      const { socket, calls } = connection
      if (socket.destroyed) {
        this.#connections.delete(session)
        continue
      }
      if (session.closed && calls.size > 0 && isMute(connection, now, headersMs)) {
        socket.destroy()
        continue
      }
      for (const [stream, since] of calls) if (now - since >= requestMs && !hasArrived(stream)) tooLate(stream)
      // nghttp2 counts a stream when its headers begin, and shows it when they have ended; a malformed one it never shows.
      const begun = session.destroyed ? 0 : (session.state.lastProcStreamID ?? 0)
      if (begun <= connection.lastCall) connection.headersSince = 0
      else connection.headersSince ||= now
      if (connection.leavingSince > 0) {
        if (calls.size === 0 && now - connection.leavingSince >= LINGER_MS) socket.destroy()
      } else if (!connection.greeted && now - connection.idleSince >= headersMs) socket.destroy()
      else if (connection.headersSince > 0 && now - connection.headersSince >= headersMs) dismiss(connection)
      else if (calls.size === 0 && now - connection.idleSince >= keepAliveMs) dismiss(connection)
    }
  }

  /**
   * No further call on any connection (GOAWAY, with the number of the last one that was taken); those that are under way end. A call that crosses the word on
   * its way is beyond that number: not taken, and its client knows. The notice of RFC 9113 6.8 ahead of it node:http2 cannot send (nghttp2 takes nothing
   * after any GOAWAY but its own shutdown notice, which is not exposed).
   */
  stop(): void {
    this.#stopping = true
    for (const connection of this.#connections.values()) dismiss(connection)
  }

  /** Breaks what is still open, but not what was written already and is on its way. */
  destroy(): void {
    this.stop()
    clearInterval(this.#timer)
    const linger = setTimeout(() => {
      for (const { socket } of this.#connections.values()) socket.destroy()
    }, LINGER_MS)
    if (this.#connections.size === 0) clearTimeout(linger)
  }
}

function dismiss(connection: Connection): void {
  connection.leavingSince ||= performance.now()
  connection.session.close()
}

/**
 * Whether a connection neither reads nor writes any more, though it has calls: after some faults of a client (DATA behind a GOAWAY, on a stream that has ended)
 * nghttp2 does neither, node:http2 does not tell, and that the client has gone nobody would hear. One that waits for a provider is quiet as well, but it can
 * say GOAWAY once more.
 */
function isMute(connection: Connection, now: number, forMs: number): boolean {
  const { session, socket } = connection
  const moved = socket.bytesRead + socket.bytesWritten
  if (connection.quietSince === 0 || moved !== connection.moved) {
    connection.moved = moved
    connection.quietSince = now
    connection.probed = false
    return false
  }
  const quietMs = now - connection.quietSince
  if (connection.probed) return quietMs >= forMs
  if (quietMs >= forMs / 2 && !session.destroyed) {
    connection.probed = true
    session.goaway(constants.NGHTTP2_NO_ERROR)
  }
  return false
}

/** Whether the whole call is here: what arrives is read at once. */
function hasArrived(stream: ServerHttp2Stream): boolean {
  return stream.endAfterHeaders || stream.readableEnded
}

/** As node:http does for a body that does not come: a bare 408. An answer that has begun cannot be taken back. */
function tooLate(stream: ServerHttp2Stream): void {
  if (stream.headersSent) stream.close(constants.NGHTTP2_CANCEL)
  else refuse(stream, 408)
}

/** A bare answer. The client need not send the rest of its call (RFC 9113 8.1). */
function refuse(stream: ServerHttp2Stream, status: number): void {
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': status, 'content-length': 0 }, { endStream: true })
  stream.close(constants.NGHTTP2_NO_ERROR)
}

/** As RFC 9113 6.5.2 counts. */
function sizeOf(rawHeaders: readonly string[]): number {
  let size = 0
  for (const text of rawHeaders) size += text.length + 16
  return size
}
