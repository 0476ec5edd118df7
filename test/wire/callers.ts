import { type ClientHttp2Session, connect } from 'node:http2'
import { Line } from './line.ts'

/** What came back: `status` null where the connection or the stream ended without a whole answer. */
export type Heard = Readonly<{ status: number | null; call: string | null; body: Buffer; cut: boolean }>

const NOTHING = Buffer.alloc(0)

/** Writes messages over HTTP/1.1, each on the connection of the one before while it lasts. */
export class Caller1 {
  readonly #port: number
  #line: Line | null = null

  constructor(port: number) {
    this.#port = port
  }

  async call(bytes: Buffer, alone: boolean): Promise<Heard> {
    if (this.#line === null || this.#line.over || alone) {
      this.close()
      this.#line = new Line(this.#port)
    }
    const line = this.#line
    line.write(bytes)
    try {
      const answer = await line.answer({ bodiless: bytes.toString('latin1', 0, 5) === 'HEAD ' })
      if (answer === null || answer.headers.connection === 'close' || alone) this.close()
      if (answer === null) return { status: null, call: null, body: NOTHING, cut: false }
      return {
        status: answer.status,
        call: answer.headers['x-customhouse-call'] ?? null,
        body: answer.body,
        cut: false,
      }
    } catch (error) {
      this.close()
      return { status: null, call: null, body: Buffer.from(String(error)), cut: true }
    }
  }

  close(): void {
    this.#line?.destroy()
    this.#line = null
  }
}

/** Calls over one connection of HTTP/2 in clear text, with prior knowledge. */
export class Caller2 {
  readonly #origin: string
  #session: ClientHttp2Session | null = null

  constructor(port: number) {
    this.#origin = `http://127.0.0.1:${port}`
  }

  #open(): ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect(this.#origin)
    // Its streams tell.
    session.on('error', () => undefined)
    this.#session = session
    return session
  }

  call(path: string, headers: Readonly<Record<string, string>>, body: Buffer): Promise<Heard> {
    return new Promise((resolve) => {
      const stream = this.#open().request({ ':method': 'POST', ':path': path, ...headers })
      const chunks: Buffer[] = []
      let status: number | null = null
      let call: string | null = null
      let cut = false
      stream.on('response', (head) => {
        status = head[':status'] ?? null
        const id = head['x-customhouse-call']
        call = typeof id === 'string' ? id : null
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', () => {
        cut = true
      })
      stream.on('close', () => resolve({ status, call, body: Buffer.concat(chunks), cut }))
      stream.end(body)
    })
  }

  close(): void {
    this.#session?.destroy()
    this.#session = null
  }
}
