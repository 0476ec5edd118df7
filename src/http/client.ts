import { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Client } from '../core/port.ts'
import type { Outbound } from './exchange.ts'

/** For a client to stop sending what nobody reads. */
const UNREAD_MS = 2_000

/** So much is given to the system at once. */
const SLICE = 256 * 1024

/** So many bytes of an answer, at most, are not counted while they wait for their reader. */
const UNCOUNTED = 64 * 1024

const nothing = (): void => undefined

/** HTTP/1.1 connections whose last answer is decided on. */
const LEAVING = new WeakSet<Socket>()

/** Whether the connection closes after an answer that was begun, so that what follows on it is not to be read as a call. */
export function isLeaving(socket: Socket): boolean {
  return LEAVING.has(socket)
}

export type Sending = Readonly<{
  /** For a client to take something. One that takes nothing for longer is taken for gone: it must not hold an upstream open for ever. */
  stallMs: number
  /** Whether the connection is to close after this answer, asked when its head is written. */
  closing?: () => boolean
  /** Counts bytes that wait for the client, until the function that it gives is called. Where it throws, the answer is cut off. */
  keep?: (bytes: number) => () => void
}>

/**
 * The client's side of a call, over HTTP/1.1 a response and over HTTP/2 a stream. Headers wait for the first bytes, so that a whole answer leaves in one write with its
 * length.
 */
export class HttpClient implements Client {
  readonly #response: ServerResponse | ServerHttp2Stream
  /** The same. */
  readonly #out: Writable
  readonly #gone = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  readonly #sending: Sending
  #status: number | null = null
  #headers: Readonly<Record<string, string>> = {}

  constructor(response: Outbound, sending: Sending) {
    this.#response = response instanceof ServerResponse ? response : response.stream
    this.#out = this.#response
    this.#sending = sending
    const out = this.#out
    out.on('finish', () => this.#over.resolve())
    out.on('close', () => {
      if (!out.writableFinished) this.#gone.abort()
      this.#over.resolve()
    })
    const gone = (): void => this.#gone.abort()
    out.on('error', gone)
    // A stream that is reset is ended as well, by node:http2 itself.
    if (!(this.#response instanceof ServerResponse)) out.on('aborted', gone)
  }

  /** What the client was, or would have been, answered with; 499 where it left before that was known. */
  get status(): number {
    return this.#status ?? (this.#gone.signal.aborted ? 499 : 500)
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Resolves when the answer was given to the system to its last byte, or was broken. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  begin(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status
    this.#headers = headers
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#isOver()) return
    if (!this.#response.headersSent) this.#head({ 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
    if (!this.#out.write(bytes)) return this.#written()
  }

  async #written(): Promise<void> {
    const release = this.#keep(this.#out.writableLength)
    await this.#drained()
    release()
  }

  /** Resolves when more may be written, or nothing more can be. */
  #drained(): Promise<void> {
    const out = this.#out
    return new Promise((resolve) => {
      if (this.#isOver()) return resolve()
      const timer = setTimeout(() => this.destroy(), this.#sending.stallMs)
      const done = (): void => {
        clearTimeout(timer)
        out.off('drain', done)
        this.gone.removeEventListener('abort', done)
        resolve()
      }
      out.on('drain', done)
      this.gone.addEventListener('abort', done)
    })
  }

  /** Counts what has not left at once. What node keeps of any stream is not worth counting. */
  #keep(bytes: number): () => void {
    const { keep } = this.#sending
    if (keep === undefined || bytes <= UNCOUNTED || this.#out.writableLength === 0) return nothing
    try {
      return keep(bytes)
    } catch {
      // Whoever counts has reported it.
      this.destroy()
      return nothing
    }
  }

  end(bytes: Uint8Array = new Uint8Array()): void {
    if (this.#isOver()) {
      this.#over.resolve()
      return
    }
    if (!this.#response.headersSent) this.#head({ 'content-length': String(bytes.length) })
    if (bytes.length > SLICE) void this.#pour(bytes)
    else void this.#last(bytes)
  }

  /** A large answer leaves slice by slice, so that a client that does not read it can be told from one that reads slowly. */
  async #pour(bytes: Uint8Array): Promise<void> {
    let release: (() => void) | null = null
    let at = 0
    for (; at + SLICE < bytes.length; at += SLICE) {
      if (this.#isOver()) break
      if (this.#out.write(bytes.subarray(at, at + SLICE))) continue
      if (release === null && this.#out.writableLength > 0) release = this.#keep(bytes.length)
      await this.#drained()
    }
    if (!this.#isOver()) await this.#last(bytes.subarray(at), release === null ? bytes.length : 0)
    release?.()
  }

  /**
   * A client that does not take the end is let go: its answer must not stay in memory for as long as it likes.
   *
   * @param waiting bytes to count until then
   */
  async #last(bytes: Uint8Array, waiting: number = bytes.length): Promise<void> {
    const out = this.#out
    // An answer to HEAD has ended with its head.
    if (!out.writableEnded) out.end(bytes)
    if (out.writableLength === 0) return
    const release = this.#keep(waiting)
    const timer = setTimeout(() => this.destroy(), this.#sending.stallMs)
    await this.over
    clearTimeout(timer)
    release()
  }

  /**
   * A whole answer to a call whose body was not read. An HTTP/1.1 connection closes after it, but not while the client still sends: bytes
   * that nobody reads make the system reset the connection, and the client never sees why it was refused. Over HTTP/2 the stream alone
   * ends, and the client need not send the rest (RFC 9113 8.1).
   */
  endUnread(request: Readable, bytes: Uint8Array): void {
    const response = this.#response
    if (this.#isOver()) {
      this.#over.resolve()
      return
    }
    if (!(response instanceof ServerResponse)) {
      this.end(bytes)
      if (!response.closed) response.close(constants.NGHTTP2_NO_ERROR)
      return
    }
    this.#head({ 'content-length': String(bytes.length), connection: 'close' })
    response.write(bytes)
    request.resume()
    const timer = setTimeout(() => over(), UNREAD_MS)
    const over = (): void => {
      clearTimeout(timer)
      request.off('end', over)
      response.off('close', over)
      if (!this.#isOver()) void this.#last(new Uint8Array())
    }
    request.on('end', over)
    response.on('close', over)
  }

  /** The listener may have answered a stream already, when its time was over. */
  #isOver(): boolean {
    const response = this.#response
    return this.#gone.signal.aborted || response.destroyed || (!(response instanceof ServerResponse) && response.closed)
  }

  #head(more: Readonly<Record<string, string>>): void {
    const response = this.#response
    const closing = this.#sending.closing?.() ?? false
    if (response instanceof ServerResponse) {
      const headers = { ...this.#headers, ...(closing ? { connection: 'close' } : {}), ...more }
      if ('connection' in headers) LEAVING.add(response.req.socket)
      response.writeHead(this.status, headers)
      return
    }
    response.respond({ ':status': this.status, ...this.#headers, ...more })
    // No further call on this connection (GOAWAY); those that it has go on.
    if (closing) response.session?.close()
  }

  destroy(): void {
    destroyResponse(this.#response)
    // A response that waits behind another one on its connection never closes.
    this.#gone.abort()
    this.#over.resolve()
  }
}

/** Breaks an answer so that nobody takes what there is of it for the whole: HTTP/1.1 the connection, HTTP/2 the stream alone. */
function destroyResponse(response: Outbound | ServerHttp2Stream): void {
  if (response instanceof ServerResponse) response.destroy()
  else ('stream' in response ? response.stream : response).destroy(new Error('cut off'))
}
