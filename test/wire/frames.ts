import { connect, type Socket } from 'node:net'

/** HTTP/2 by hand (RFC 9113, RFC 7541): what no client library would send. */

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
}
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 }
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export type Fields = readonly (readonly [name: string, value: string])[]

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Literal fields without indexing, without Huffman's code (RFC 7541 6.2.2): any byte can stand anywhere. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), string(name), string(value)]))
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** With a prefix of seven bits (RFC 7541 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

const DIGITS: Readonly<Record<string, string>> = {
  '00000': '0',
  '00001': '1',
  '00010': '2',
  '011001': '3',
  '011010': '4',
  '011011': '5',
  '011100': '6',
  '011101': '7',
  '011110': '8',
  '011111': '9',
}
const KNOWN: Readonly<Record<number, number>> = { 136: 200, 137: 204, 138: 206, 139: 304, 140: 400, 141: 404, 142: 500 }

/** The status of a header block: its first field (RFC 9113 8.3), by an encoder that was told to keep no table. */
function statusOf(fields: Buffer): number {
  let at = 0
  while (((fields[at] ?? 0) & 0xe0) === 0x20) at++
  const known = KNOWN[fields[at] ?? 0]
  if (known !== undefined) return known
  const length = fields[at + 1] ?? 0
  const value = fields.subarray(at + 2, at + 2 + (length & 0x7f))
  if (length < 0x80) return Number(value.toString('latin1'))
  let bits = [...value].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  while (digits.length < 3) {
    const code = Object.keys(DIGITS).find((one) => bits.startsWith(one))
    if (code === undefined) throw new Error(`no status: ${fields.toString('hex')}`)
    digits += DIGITS[code]
    bits = bits.slice(code.length)
  }
  return Number(digits)
}

/** What a stream has come to: statuses in their order, then `reset` if it was. */
export type Told = Readonly<{ statuses: number[]; reset: boolean; ended: boolean; body: string }>

/** A connection whose frames are written by hand; the answers are told by stream. */
export class Frames {
  readonly #socket: Socket
  readonly #streams = new Map<number, { statuses: number[]; reset: boolean; ended: boolean; body: string }>()
  #bytes: Buffer = Buffer.alloc(0)
  #over = false
  #waiting: (() => void)[] = []

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('error', () => undefined)
    this.#socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#read()
      this.#wake()
    })
    this.#socket.on('close', () => {
      this.#over = true
      this.#wake()
    })
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes)
  }

  /** Resolves when the stream has ended or was reset, or the connection is over: then with null, unless the stream had ended. */
  async told(stream: number): Promise<Told | null> {
    for (;;) {
      const told = this.#streams.get(stream)
      if (told !== undefined && (told.ended || told.reset)) return told
      if (this.#over) return null
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #read(): void {
    while (this.#bytes.length >= 9) {
      const end = 9 + this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < end) return
      const type = this.#bytes.readUInt8(3)
      const flags = this.#bytes.readUInt8(4)
      const stream = this.#bytes.readUInt32BE(5) & 0x7fffffff
      const payload = this.#bytes.subarray(9, end)
      this.#bytes = this.#bytes.subarray(end)
      if (type === TYPE.settings && (flags & FLAG.ack) === 0) this.write(frame(TYPE.settings, FLAG.ack, 0))
      // The connection has no further calls, whatever is still under way.
      if (type === TYPE.goaway) this.#over = true
      if (stream === 0) continue
      const told = this.#streams.get(stream) ?? { statuses: [], reset: false, ended: false, body: '' }
      this.#streams.set(stream, told)
      if (type === TYPE.headers) told.statuses.push(statusOf(payload))
      if (type === TYPE.data) told.body += payload.toString('utf8')
      if (type === TYPE.reset) told.reset = true
      if ((type === TYPE.headers || type === TYPE.data) && (flags & FLAG.endStream) !== 0) told.ended = true
    }
  }
}
