import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { RequestReader, type Script, selfSigned } from '../kit/index.ts'
import { play } from '../kit/script.ts'
import { speak } from './answers.ts'

/** Whom a request was for, and its bytes. `path` is the whole request target. */
export type Arrival = Readonly<{ authority: string; path: string; head: string; body: string }>

/**
 * The Internet as a gateway sees it by way of a proxy: a recorder for each authority (`eu.api.openai.com:443`), all of them behind CONNECT. So each host has the
 * name that it has in the world, with TLS and a certificate, and what is connected to is recorded even where nothing is said there.
 */
export type World = Readonly<{
  /** For HTTPS_PROXY and HTTP_PROXY. */
  proxy: string
  /** PEM of the certificate that every host shows. */
  ca: string
  /** Connections that were asked for, by authority; oldest first. */
  connected: readonly string[]
  arrivals: readonly Arrival[]
  /** What a host says from now on; null: as usual. `unreachable` is answered by the proxy alone. */
  script(authority: string, answer: ((arrival: Arrival) => Script) | 'unreachable' | null): void
  close(): Promise<void>
}>

/** `host:443` speaks TLS, and so does any port that ends in 443. */
const isTls = (authority: string): boolean => authority.endsWith('443')

export async function startWorld(names: readonly string[]): Promise<World> {
  const { key, cert } = selfSigned(names)
  const connected: string[] = []
  const arrivals: Arrival[] = []
  const scripts = new Map<string, ((arrival: Arrival) => Script) | 'unreachable'>()
  /** Each with the authority that it leads to. */
  const sockets = new Map<Socket, string>()

  const serve = (authority: string, socket: Socket, raw: Socket): void => {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const reader = new RequestReader()
    let turn: Promise<unknown> = Promise.resolve()
    // A gateway may give an answer up.
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      for (const { path, head, body } of reader.push(bytes)) {
        const arrival = { authority, path, head: head.toString('latin1'), body: body.toString('utf8') }
        arrivals.push(arrival)
        const own = scripts.get(authority)
        const script = typeof own === 'function' ? own(arrival) : speak(arrival)
        turn = turn.then(() => play(script, socket, closed, raw))
      }
    })
  }

  const tunnel = (socket: Socket): void => {
    sockets.set(socket, '')
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    let head = ''
    const read = (bytes: Buffer): void => {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', read)
      const [method = '', authority = ''] = head.split(' ')
      connected.push(method === 'CONNECT' ? authority : `${method} ${authority}`)
      if (method !== 'CONNECT' || scripts.get(authority) === 'unreachable') {
        socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n')
        return
      }
      sockets.set(socket, authority)
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      if (isTls(authority))
        serve(authority, new TLSSocket(socket, { isServer: true, key, cert, ALPNProtocols: ['http/1.1'] }), socket)
      else serve(authority, socket, socket)
    }
    socket.on('data', read)
  }

  const server = createServer({ noDelay: true }, tunnel)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the world has no port')
  return {
    proxy: `http://127.0.0.1:${address.port}`,
    ca: cert,
    connected,
    arrivals,
    script: (authority, answer) => {
      if (answer === null) scripts.delete(authority)
      else scripts.set(authority, answer)
      // What is kept alive would go on reaching it.
      if (answer === 'unreachable') for (const [socket, led] of sockets) if (led === authority) socket.destroy()
    },
    close: async () => {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
