import { connect, type Socket } from 'node:net'

export type Bytes = string | Uint8Array
export type Answer = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: string }>

/** A connection that is written to as it stands, and read as HTTP/1.1 with lengths. */
export class Wire {
  readonly socket: Socket
  readonly closed: Promise<number>
  #bytes = Buffer.alloc(0)
  #over = false
  #wake: () => void = () => undefined

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.setNoDelay(true)
    this.socket.on('error', () => undefined)
    this.socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#over = true
        this.#wake()
        resolve(performance.now())
      })
    })
  }

  write(bytes: Bytes): this {
    if (!this.socket.destroyed) this.socket.write(bytes)
    return this
  }

  /** The next answer; null where the connection closes without one. */
  async answer(): Promise<Answer | null> {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n\r\n')
      if (end >= 0) {
        const [first = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n')
        const headers = Object.fromEntries(
          lines.map((line) => {
            const colon = line.indexOf(':')
            return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
          }),
        )
        const status = Number(first.split(' ')[1])
        const start = end + 4
        // What has no length ends with the connection; 1xx has no body (RFC 9112 6.3).
        const unbounded = headers['content-length'] === undefined && status >= 200
        if (unbounded && headers.connection !== 'close') throw new Error(`an answer without a length: ${first}`)
        if (unbounded) await this.closed
        const length = unbounded ? this.#bytes.length - start : Number(headers['content-length'] ?? 0)
        if (this.#bytes.length >= start + length) {
          const body = this.#bytes.toString('utf8', start, start + length)
          this.#bytes = this.#bytes.subarray(start + length)
          return { status, headers, body }
        }
      }
      if (this.#over) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** What arrived and belongs to no answer. */
  get left(): number {
    return this.#bytes.length
  }

  destroy(): void {
    this.socket.destroy()
  }
}

export const PATH = '/openai/v1/chat/completions'
export type Parts = Readonly<{
  method?: string
  path?: string
  /** Replaces or removes (undefined) what a usual call has. */
  headers?: Readonly<Record<string, string | undefined>>
  /** Header lines besides, as they stand. */
  lines?: readonly string[]
  body?: Bytes
}>

/** One HTTP/1.1 message: a good call with the key, but for what `parts` replaces. */
export function write(key: string, parts: Parts = {}): Buffer {
  const body = Buffer.from(parts.body ?? call(''))
  const headers: Record<string, string | undefined> = {
    host: '127.0.0.1',
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...parts.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  const head = [`${parts.method ?? 'POST'} ${parts.path ?? PATH} HTTP/1.1`, ...lines, ...(parts.lines ?? [])]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

/** A good call's body; `more` are members besides, as JSON text with a comma before it. */
export function call(more: string): string {
  return `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]${more}}`
}
