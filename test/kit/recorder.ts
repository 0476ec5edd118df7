import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type ReadRequest, RequestReader } from './request-reader.ts'
import { play, type Script } from './script.ts'

/** One request as the bytes of it arrived. */
export type RecordedRequest = ReadRequest &
  Readonly<{
    /** Which connection carried it, counted from 0; connections are kept alive. */
    connection: number
    /** `performance.now()` when its last byte had been read. */
    at: number
    /** Settles when the answer's last byte was handed to the socket, or when the client closed before that. */
    answered: Promise<'answered' | 'client_gone'>
    /** Settles with `performance.now()` when the connection has closed, whoever closed it. */
    closed: Promise<number>
  }>

export type RecorderOptions = Readonly<{
  /** Asked for each request, in order of arrival; `index` counts from 0. */
  answer: (request: ReadRequest, index: number) => Script
  /** `alpn` is what the server offers; it speaks HTTP/1.1 whatever is agreed on. Default `['http/1.1']`. */
  tls?: Readonly<{ key: string; cert: string; alpn?: string[] }>
  port?: number
}>

export type Recorder = Readonly<{
  /** Origin without a slash at the end: `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS. */
  url: string
  port: number
  /** Oldest first. */
  requests: readonly RecordedRequest[]
  /** Resolves with the requests when `count` have arrived in all; rejects after `timeoutMs` (default 5000). */
  waitFor(count: number, timeoutMs?: number): Promise<readonly RecordedRequest[]>
  /** Connections that are open now. */
  open(): number
  /** Connections that were ever accepted. */
  accepted(): number
  /** Other scripts from now on. */
  script(answer: RecorderOptions['answer']): void
  close(): Promise<void>
}>

/**
 * An HTTP/1.1 upstream on a bare socket: it keeps the exact bytes of each request and answers with exactly the bytes of a script.
 * It is strict: what it cannot read as one HTTP/1.1 message closes the connection and is kept as an error in `close()`.
 */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const requests: RecordedRequest[] = []
  const sockets = new Set<Socket>()
  const waiting = new Set<() => void>()
  const faults: Error[] = []
  let answer = options.answer
  let accepted = 0

  /** TCP sockets below TLS, by the client's port. */
  const below = new Map<number | undefined, Socket>()

  const serve = (socket: Socket): void => {
    const raw = below.get(socket.remotePort)
    const connection = accepted++
    sockets.add(socket)
    const closed = new Promise<number>((resolve) => {
      socket.once('close', () => {
        sockets.delete(socket)
        resolve(performance.now())
      })
    })
    // A client that resets is part of many cases; `closed` tells of it.
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    const reader = new RequestReader()
    const fail = (error: unknown): 'client_gone' => {
      faults.push(error instanceof Error ? error : new Error(String(error)))
      socket.destroy()
      return 'client_gone'
    }
    let turn: Promise<unknown> = Promise.resolve()
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const request of reader.push(bytes)) {
          const index = requests.length
          const answered = turn.then(() => play(answer(request, index), socket, closed, raw)).catch(fail)
          turn = answered
          requests.push({ ...request, connection, at: performance.now(), answered, closed })
        }
        for (const wake of waiting) wake()
      } catch (error) {
        fail(error)
      }
    })
  }

  const server: Server =
    options.tls === undefined
      ? createServer({ allowHalfOpen: false }, serve)
      : createTlsServer({ ...options.tls, ALPNProtocols: options.tls.alpn ?? ['http/1.1'] }, serve)
  if (options.tls !== undefined)
    server.on('connection', (raw: Socket) => {
      const { remotePort } = raw
      below.set(remotePort, raw)
      raw.once('close', () => below.delete(remotePort))
    })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the recorder has no port')
  const { port } = address

  return {
    url: options.tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    port,
    requests,
    waitFor: (count, timeoutMs = 5000) =>
      new Promise((resolve, reject) => {
        const done = (): void => {
          if (requests.length < count) return
          clearTimeout(timer)
          waiting.delete(done)
          resolve(requests)
        }
        const timer = setTimeout(() => {
          waiting.delete(done)
          reject(new Error(`${requests.length} of ${count} requests reached the recorder in ${timeoutMs} ms`))
        }, timeoutMs)
        waiting.add(done)
        done()
      }),
    open: () => sockets.size,
    accepted: () => accepted,
    script: (next) => {
      answer = next
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      const fault = faults[0]
      if (fault !== undefined) throw fault
    },
  }
}
