import { connect, type Socket } from 'node:net'

export type Said = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Buffer }>

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const END_OF_LINE = Buffer.from('\r\n')

/** A connection that is written to as it stands, and read strictly as answers of HTTP/1.1. */
export class Line {
  readonly #socket: Socket
  #chunks: Buffer[] = []
  #bytes: Buffer = Buffer.alloc(0)
  #over = false
  #wake: () => void = () => undefined

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    // How it ended is told by what was answered before.
    this.#socket.on('error', () => undefined)
    this.#socket.on('data', (bytes: Buffer) => {
      this.#chunks.push(bytes)
      this.#wake()
    })
    this.#socket.on('close', () => {
      this.#over = true
      this.#wake()
    })
  }

  get over(): boolean {
    return this.#over
  }

  write(bytes: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes, 'latin1')
  }

  /** The next answer; null where the connection closes without one. Throws for bytes that are none. */
  async answer(options: Readonly<{ bodiless?: boolean }> = {}): Promise<Said | null> {
    for (;;) {
      // What comes after the look wakes the wait that follows it.
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const over = this.#over
      const said = this.#read(options.bodiless === true, over)
      if (said !== null) return said
      if (over) {
        if (this.#bytes.length > 0)
          throw new Error(`an answer that was cut off: ${this.#bytes.toString('latin1', 0, 80)}`)
        return null
      }
      await woken
    }
  }

  #read(bodiless: boolean, over: boolean): Said | null {
    if (this.#chunks.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#chunks])
      this.#chunks = []
    }
    const end = this.#bytes.indexOf(END_OF_HEAD)
    if (end < 0) return null
    const [first = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    if (!(status >= 100)) throw new Error(`no status line: ${first}`)
    const headers = Object.fromEntries(
      lines.map((line) => {
        const [, name, value] = /^([\w-]+): ?(.*)$/.exec(line) ?? []
        if (name === undefined || value === undefined) throw new Error(`no header field: ${line}`)
        return [name.toLowerCase(), value]
      }),
    )
    const start = end + END_OF_HEAD.length
    const framed = bodiless || status < 200 ? { body: Buffer.alloc(0), end: start } : this.#body(start, headers, over)
    if (framed === null) return null
    this.#bytes = this.#bytes.subarray(framed.end)
    return { status, headers, body: framed.body }
  }

  #body(start: number, headers: Readonly<Record<string, string>>, over: boolean): { body: Buffer; end: number } | null {
    const length = headers['content-length']
    if (length !== undefined) {
      const end = start + Number(length)
      return this.#bytes.length < end ? null : { body: this.#bytes.subarray(start, end), end }
    }
    if (headers['transfer-encoding'] !== 'chunked')
      return over ? { body: this.#bytes.subarray(start), end: this.#bytes.length } : null
    const parts: Buffer[] = []
    for (let at = start; ; ) {
      const line = this.#bytes.indexOf(END_OF_LINE, at)
      if (line < 0) return null
      const size = Number.parseInt(this.#bytes.toString('latin1', at, line), 16)
      const next = line + END_OF_LINE.length + size + END_OF_LINE.length
      if (this.#bytes.length < next) return null
      if (size === 0) return { body: Buffer.concat(parts), end: next }
      parts.push(this.#bytes.subarray(line + END_OF_LINE.length, next - END_OF_LINE.length))
      at = next
    }
  }

  /** Bytes that arrived and belong to no answer. */
  get left(): number {
    return this.#bytes.length + this.#chunks.reduce((sum, { length }) => sum + length, 0)
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
