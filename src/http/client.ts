import type { ServerResponse } from 'node:http'
import type { Client } from '../core/port.ts'

/**
 * The client's side of a call over node:http. Headers wait for the first bytes, so that a whole answer leaves in one write with its
 * length. A client that stops reading for longer than `stallMs` is taken for gone: it must not hold an upstream open for ever.
 */
export class HttpClient implements Client {
  readonly #response: ServerResponse
  readonly #gone = new AbortController()
  readonly #stallMs: number
  #status = 500
  #headers: Readonly<Record<string, string>> = {}

  constructor(response: ServerResponse, stallMs: number) {
    this.#response = response
    this.#stallMs = stallMs
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
    if (!response.headersSent)
      response.writeHead(this.#status, { ...this.#headers, 'cache-control': 'no-cache', 'x-accel-buffering': 'no' })
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
    if (!response.headersSent)
      response.writeHead(this.#status, { ...this.#headers, 'content-length': String(bytes.length) })
    response.end(bytes)
  }

  destroy(): void {
    this.#response.destroy()
  }
}
