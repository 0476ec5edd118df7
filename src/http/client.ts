import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from '../core/port.ts'

/** For a client to stop sending what nobody reads. */
const UNREAD_MS = 2_000

/** So much is given to the system at once. */
const SLICE = 256 * 1024

/**
 * The client's side of a call over node:http. Headers wait for the first bytes, so that a whole answer leaves in one write with its
 * length. A client that stops reading for longer than `stallMs` is taken for gone: it must not hold an upstream open for ever.
 */
export class HttpClient implements Client {
  readonly #response: ServerResponse
  readonly #gone = new AbortController()
  readonly #stallMs: number
  readonly #closing: () => boolean
  #status = 500
  #headers: Readonly<Record<string, string>> = {}

  /** @param closing whether the connection is to close after this answer, asked when its head is written */
  constructor(response: ServerResponse, stallMs: number, closing: () => boolean = () => false) {
    this.#response = response
    this.#stallMs = stallMs
    this.#closing = closing
    response.on('close', () => {
      if (!response.writableFinished) this.#gone.abort()
    })
    response.on('error', () => this.#gone.abort())
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  begin(status: number, headers: Readonly<Record<string, string>>): void {
    this.#status = status
    this.#headers = headers
  }

  write(bytes: Uint8Array): Promise<void> | void {
    const response = this.#response
    if (this.#gone.signal.aborted) return
    if (!response.headersSent) this.#head({ 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
    if (!response.write(bytes)) return this.#drained()
  }

  #drained(): Promise<void> {
    const response = this.#response
    return new Promise((resolve) => {
      const timer = setTimeout(() => response.destroy(), this.#stallMs)
      const done = (): void => {
        clearTimeout(timer)
        response.off('drain', done)
        response.off('close', done)
        resolve()
      }
      response.on('drain', done)
      response.on('close', done)
    })
  }

  end(bytes: Uint8Array = new Uint8Array()): void {
    const response = this.#response
    if (this.#gone.signal.aborted) return
    if (!response.headersSent) this.#head({ 'content-length': String(bytes.length) })
    if (bytes.length > SLICE) void this.#pour(bytes)
    else this.#last(bytes)
  }

  /** A large answer leaves slice by slice, so that a client that does not read it can be told from one that reads slowly. */
  async #pour(bytes: Uint8Array): Promise<void> {
    const response = this.#response
    let at = 0
    for (; at + SLICE < bytes.length; at += SLICE) {
      if (response.destroyed) return
      if (!response.write(bytes.subarray(at, at + SLICE))) await this.#drained()
    }
    if (!response.destroyed) this.#last(bytes.subarray(at))
  }

  /** A client that does not take the end is let go: its answer must not stay in memory for as long as it likes. */
  #last(bytes: Uint8Array): void {
    const response = this.#response
    response.end(bytes)
    if (response.writableLength === 0) return
    const timer = setTimeout(() => response.destroy(), this.#stallMs)
    response.once('close', () => clearTimeout(timer))
    response.once('finish', () => clearTimeout(timer))
  }

  /**
   * A whole answer to a call whose body was not read. The connection closes after it, but not while the client still sends: bytes that
   * nobody reads make the system reset the connection, and the client never sees why it was refused.
   */
  async endUnread(request: IncomingMessage, bytes: Uint8Array): Promise<void> {
    const response = this.#response
    if (this.#gone.signal.aborted) return
    this.#head({ 'content-length': String(bytes.length), connection: 'close' })
    response.write(bytes)
    request.resume()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, UNREAD_MS)
      const over = (): void => {
        clearTimeout(timer)
        resolve()
      }
      request.once('end', over)
      response.once('close', over)
    })
    response.end()
  }

  #head(more: Readonly<Record<string, string>>): void {
    const closing = this.#closing() ? { connection: 'close' } : {}
    this.#response.writeHead(this.#status, { ...this.#headers, ...closing, ...more })
  }

  destroy(): void {
    this.#response.destroy()
  }
}
