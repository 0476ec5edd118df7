/** One HTTP/1.1 request. `head` ends with the empty line; `body` has no chunk framing, `wire` is everything as it came. */
export type ReadRequest = Readonly<{
  method: string
  /** The request target, as written. */
  path: string
  head: Buffer
  body: Buffer
  wire: Buffer
  /** Names as written, in order. */
  headers: readonly (readonly [name: string, value: string])[]
  /** Value of a header by lower-case name; several joined by `, `; undefined if there is none. */
  header(name: string): string | undefined
  /** The body as JSON. Throws if it is none. */
  json(): unknown
}>

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const LINE = Buffer.from('\r\n')
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*$/

/** Cuts a connection's bytes into requests. Throws for what RFC 9112 does not allow: a test must see smuggling, not repair it. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): ReadRequest[] {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
    const requests: ReadRequest[] = []
    for (;;) {
      const request = this.#next()
      if (request === null) return requests
      requests.push(request)
    }
  }

  #next(): ReadRequest | null {
    const end = this.#bytes.indexOf(END_OF_HEAD)
    if (end < 0) return null
    const head = this.#bytes.subarray(0, end + END_OF_HEAD.length)
    const [first = '', ...lines] = head.toString('latin1', 0, end).split('\r\n')
    const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(first) ?? []
    if (method === undefined || path === undefined) throw new Error(`not an HTTP/1.1 request line: ${first}`)
    const headers = lines.map((line) => {
      const [, name, value] = FIELD.exec(line) ?? []
      if (name === undefined || value === undefined) throw new Error(`not a header field: ${JSON.stringify(line)}`)
      return [name, value] as const
    })
    const header = (wanted: string): string | undefined => {
      const values = headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
      return values.length === 0 ? undefined : values.join(', ')
    }
    const framed = this.#body(head.length, header('transfer-encoding'), header('content-length'))
    if (framed === null) return null
    const wire = this.#bytes.subarray(0, framed.end)
    this.#bytes = this.#bytes.subarray(framed.end)
    const { body } = framed
    return { method, path, head, body, wire, headers, header, json: () => JSON.parse(body.toString('utf8')) }
  }

  #body(start: number, coding: string | undefined, length: string | undefined): { body: Buffer; end: number } | null {
    if (coding === undefined) {
      if (length !== undefined && !/^\d+$/.test(length)) throw new Error(`not one content-length: ${length}`)
      const end = start + Number(length ?? 0)
      return this.#bytes.length < end ? null : { body: this.#bytes.subarray(start, end), end }
    }
    if (coding !== 'chunked' || length !== undefined) throw new Error(`two lengths, or coding ${coding}`)
    const parts: Buffer[] = []
    for (let at = start; ; ) {
      const line = this.#bytes.indexOf(LINE, at)
      if (line < 0) return null
      const size = Number.parseInt(this.#bytes.toString('latin1', at, line), 16)
      const next = line + LINE.length + size + LINE.length
      if (!Number.isInteger(size) || this.#bytes.length < next) return null
      if (size === 0) return { body: Buffer.concat(parts), end: next }
      parts.push(this.#bytes.subarray(line + LINE.length, line + LINE.length + size))
      at = next
    }
  }
}
