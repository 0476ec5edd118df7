import { connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/** What a proxy does with a CONNECT: opens the tunnel, or writes this and ends, or says nothing, or opens it and breaks it after so many bytes. */
export type Conduct = 'tunnel' | 'silence' | Readonly<{ write: string }> | Readonly<{ breakAfter: number }>

export type ConnectProxy = Readonly<{
  port: number
  /** Heads of what was asked, as they came. */
  heads: readonly string[]
  conduct(next: Conduct): void
  /** Ends all connections and takes no more. */
  close(): Promise<void>
}>

/** An HTTP proxy on a bare socket: it knows CONNECT (RFC 9110 9.3.6) and nothing else. */
export async function startProxy(tls?: Readonly<{ key: string; cert: string }>): Promise<ConnectProxy> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  let conduct: Conduct = 'tunnel'
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const serve = (client: Socket): void => {
    keep(client)
    let head = ''
    const read = (bytes: Buffer): void => {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      client.off('data', read)
      heads.push(head)
      if (conduct === 'silence') return
      if (typeof conduct === 'object' && 'write' in conduct) {
        client.end(conduct.write)
        return
      }
      const [, host = '', port = ''] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? []
      const far = connect(Number(port), host.replace(/^\[|\]$/g, ''))
      keep(far)
      far.once('connect', () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'))
      let left = conduct === 'tunnel' ? Number.POSITIVE_INFINITY : conduct.breakAfter
      client.on('data', (chunk: Buffer) => far.write(chunk))
      far.on('data', (chunk: Buffer) => {
        client.write(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) client.destroySoon()
      })
      client.once('close', () => far.destroy())
      far.once('close', () => client.destroySoon())
    }
    client.on('data', read)
  }
  const server: Server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    heads,
    conduct: (next) => {
      conduct = next
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
