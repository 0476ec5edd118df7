import type { Socket } from 'node:net'
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls'
import { LINGER_MS } from './limits.ts'
import type { Speech } from './threshold.ts'

/** PEM texts: a certificate with its chain, and its private key. */
export type Certificate = Readonly<{ cert: string; key: string }>

/** TLS on sockets that others accept: 1.2 or newer, the protocol by ALPN, HTTP/1.1 where a client names none. */
export class Secure {
  readonly #server: Server
  readonly #open = new Set<Socket>()

  constructor(
    certificate: Certificate,
    handshakeMs: number,
    http2: boolean,
    admit: (socket: TLSSocket, speech: Speech) => void,
  ) {
    this.#server = createServer({
      ...contextOf(certificate),
      ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: handshakeMs,
    })
    this.#server.on('secureConnection', (socket) => admit(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'))
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  attend(socket: Socket): void {
    // Until the handshake is over nobody else holds it.
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.allowHalfOpen = false
    this.#server.emit('connection', socket)
  }

  /** For handshakes from now on. Must throw where the certificate is none; the last one then stays. */
  renew(certificate: Certificate): void {
    const context = contextOf(certificate)
    createSecureContext(context)
    this.#server.setSecureContext(context)
  }

  /** Breaks what nobody else has broken: last bytes may be on their way. */
  destroy(): void {
    if (this.#open.size === 0) return
    setTimeout(() => {
      for (const socket of this.#open) socket.destroy()
    }, LINGER_MS)
  }
}

const contextOf = ({ cert, key }: Certificate) => ({ cert, key, minVersion: 'TLSv1.2' as const })
