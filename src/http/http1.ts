import { createServer, type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isLeaving } from './client.ts'
import { isContinue } from './exchange.ts'
import { LINGER_MS, type SocketLimits } from './limits.ts'

/**
 * An HTTP/1.1 server for sockets that others accept (`emit('connection')`), with every time-out on: for slow headers, for slow bodies, for
 * idle connections. `Upgrade` (h2c among others) is refused: bytes after it would not be judged.
 */
export function http1(handler: RequestListener, limits: SocketLimits): Server {
  const taken = (request: IncomingMessage, response: ServerResponse): void => {
    // RFC 9112 9.6: what follows an answer that closes is no call. node:http has read it all the same.
    if (isLeaving(request.socket)) return
    // RFC 9112 6.1: of the codings beside `chunked` node:http undoes none.
    const coding = request.headers['transfer-encoding'] ?? 'chunked'
    if (coding.toLowerCase() === 'chunked') handler(request, response)
    else response.writeHead(501, { connection: 'close', 'content-length': 0 }).end()
  }
  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: true,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      // To node:http none would be for ever.
      keepAliveTimeout: Math.max(1, limits.keepAliveMs),
      connectionsCheckingInterval: Math.max(100, Math.min(1_000, Math.floor(limits.headersMs / 4))),
    },
    taken,
  )
  // Beyond a number node:http drops headers in silence; their bytes are bounded already.
  server.maxHeadersCount = 0
  const expecting = (request: IncomingMessage, response: ServerResponse): void => {
    if (isContinue(request.headers.expect)) taken(request, response)
    else response.writeHead(417, { connection: 'close', 'content-length': 0 }).end()
  }
  server.on('checkContinue', expecting)
  server.on('checkExpectation', expecting)
  server.on('upgrade', (_request, socket: Socket) => refuse(socket, '400 Bad Request'))
  server.on('connect', (_request, socket: Socket) => refuse(socket, '405 Method Not Allowed'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuse(socket, STATUS_OF[error.code ?? ''] ?? '400 Bad Request'),
  )
  // One that never listens looks after none of its time-outs until it believes that it does.
  server.emit('listening')
  return server
}

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Says why, and closes. Of a socket that node:http has let go (`upgrade`, `connect`) nobody else hears the errors. */
export function refuse(socket: Socket, status: string): void {
  if (socket.writableEnded) return
  socket.on('error', () => socket.destroy())
  if (!socket.writable || isAnswering(socket)) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

/** Whether an answer has begun on it: a second head within its body would be taken for a part of it. Asked as node:http itself asks. */
function isAnswering(socket: Socket): boolean {
  const message: unknown = Reflect.get(socket, '_httpMessage')
  return message instanceof ServerResponse && message.headersSent
}
