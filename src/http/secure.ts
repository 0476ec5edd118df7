import { constants, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls'
import { LINGER_MS } from './limits.ts'
import { meet, meetAgain } from './peer.ts'
import type { Speech } from './threshold.ts'

/** PEM texts: a certificate with its chain, and its private key; and the CAs whose certificates clients may show, where they are asked for any. */
export type Certificate = Readonly<{ cert: string; key: string; clientCa?: string }>

/**
 * TLS on sockets that others accept: 1.2 or newer, the protocol by ALPN, HTTP/1.1 where a client names none. Who shows no certificate, or a bad one, is let in all the same: his
 * calls are told so in their dialect and are on record, where a handshake that fails after the client thinks it over (TLS 1.3) is a reset without a word.
 */
export class Secure {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  /** Those that have shown a certificate. */
  readonly #met = new Set<Socket>()
  #clientCa: string | undefined

  constructor(
    certificate: Certificate,
    handshakeMs: number,
    http2: boolean,
    admit: (socket: TLSSocket, speech: Speech) => void,
  ) {
    this.#clientCa = certificate.clientCa
    const asks = certificate.clientCa !== undefined
    if (certificate.clientCa !== undefined) authoritiesOf(certificate.clientCa)
    this.#server = createServer({
      ...contextOf(certificate),
      requestCert: asks,
      rejectUnauthorized: false,
      ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: handshakeMs,
    })
    this.#server.on('secureConnection', (socket) => {
      if (asks && meet(socket)) {
        this.#met.add(socket)
        socket.once('close', () => this.#met.delete(socket))
      }
      admit(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1')
    })
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

  /**
   * For handshakes from now on; sessions from before are not resumed. Where the CAs of clients are others now, connections that have shown a certificate are looked at again. Must
   * throw where the certificate is none; the last one then stays.
   */
  renew(certificate: Certificate): void {
    const { clientCa } = certificate
    if ((clientCa === undefined) !== (this.#clientCa === undefined)) {
      throw new Error('whether clients are asked for a certificate is settled at the start')
    }
    const context = contextOf(certificate)
    createSecureContext(context)
    const authorities = clientCa === undefined || clientCa === this.#clientCa ? null : authoritiesOf(clientCa)
    this.#server.setSecureContext(context)
    this.#clientCa = clientCa
    if (authorities !== null) for (const socket of this.#met) meetAgain(socket, authorities)
  }

  /** Breaks what nobody else has broken: last bytes may be on their way. */
  destroy(): void {
    if (this.#open.size === 0) return
    setTimeout(() => {
      for (const socket of this.#open) socket.destroy()
    }, LINGER_MS)
  }
}

const contextOf = ({ cert, key, clientCa }: Certificate) => ({
  cert,
  key,
  ...(clientCa === undefined ? {} : { ca: clientCa }),
  minVersion: 'TLSv1.2' as const,
  // A client could show another certificate in the middle of a connection (TLS 1.2).
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
})

/** @throws Error where one of them is none, or there is none: node:tls would then take those of the whole world */
function authoritiesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error('there is no certificate of a CA')
  return blocks.map((block) => new X509Certificate(block))
}
