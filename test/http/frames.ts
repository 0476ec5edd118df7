import { type Raw, raw, type Tls } from './raw.ts'

/** HTTP/2 frame by frame (RFC 9113 4.1), for what node's own client would not send. */

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export type Frame = Readonly<{ type: number; flags: number; stream: number; payload: Buffer }>
export type Fields = readonly (readonly [string, string])[]

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Settings by number: 3 is MAX_CONCURRENT_STREAMS, 4 INITIAL_WINDOW_SIZE, 6 MAX_HEADER_LIST_SIZE. */
export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const parts = Object.entries(values).map(([id, value]) => {
    const part = Buffer.alloc(6)
    part.writeUInt16BE(Number(id), 0)
    part.writeUInt32BE(value, 2)
    return part
  })
  return frame(SETTINGS, 0, 0, Buffer.concat(parts))
}

/** Fields as literals that enter no table (RFC 7541 6.2.2). */
export function hpack(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  const size: number[] = []
  let rest = bytes.length
  if (rest < 127) size.push(rest)
  else {
    size.push(127)
    for (rest -= 127; rest >= 128; rest >>>= 7) size.push((rest & 127) | 128)
    size.push(rest)
  }
  return Buffer.concat([Buffer.from(size), bytes])
}

/** The pseudo-headers of a call, with others behind them; one that is null is left out. */
export function call(changes: Readonly<Record<string, string | null>> = {}, more: Fields = []): Fields {
  const pseudo: Record<string, string | null> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'customhouse',
    ':path': '/',
    ...changes,
  }
  return [
    ...Object.entries(pseudo).flatMap(([name, value]): Fields => (value === null ? [] : [[name, value]])),
    ...more,
  ]
}

export type Frames = Raw &
  Readonly<{
    frames(): Frame[]
    /** Resolves with the first frame that `wanted` takes. */
    frame(wanted: (frame: Frame) => boolean, ms?: number): Promise<Frame>
    /** The `:status` of a stream's final answer, or the code that it was reset with, or that the whole connection ended with. */
    answer(stream: number): Promise<Readonly<{ status: number } | { reset: number } | { over: number }>>
  }>

/** A connection whose preface is sent, but no frame yet unless `greet` (SETTINGS, with those values). */
export async function frames(
  url: string,
  tls?: Omit<Tls, 'alpn'>,
  greet: Readonly<Record<number, number>> | null = {},
): Promise<Frames> {
  const client = await raw(url, tls === undefined ? undefined : { ...tls, alpn: ['h2'] })
  client.send(PREFACE)
  if (greet !== null) client.send(settings(greet))
  const read = (): Frame[] => parse(Buffer.from(client.text(), 'latin1'))
  const wait = async (wanted: (frame: Frame) => boolean, ms = 3_000): Promise<Frame> => {
    for (;;) {
      const found = read().find(wanted)
      if (found !== undefined) return found
      const had = client.text().length
      await client.until(new RegExp(`^[\\s\\S]{${had + 1}}`), ms)
    }
  }
  return {
    ...client,
    frames: read,
    frame: wait,
    answer: async (stream) => {
      const last = await wait(
        (one) =>
          (one.type === GOAWAY && one.payload.readUInt32BE(4) !== 0) ||
          (one.stream === stream &&
            (one.type === RST_STREAM || (one.type === HEADERS && statusOf(one.payload) >= 200))),
      )
      if (last.type === HEADERS) return { status: statusOf(last.payload) }
      return last.type === GOAWAY ? { over: last.payload.readUInt32BE(4) } : { reset: last.payload.readUInt32BE(0) }
    },
  }
}

function parse(bytes: Buffer): Frame[] {
  const found: Frame[] = []
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3)
    if (at + 9 + length > bytes.length) break
    found.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + 9, at + 9 + length),
    })
    at += 9 + length
  }
  return found
}

const STATUS: readonly number[] = [200, 204, 206, 304, 400, 404, 500]
const DIGIT: ReadonlyMap<string, string> = new Map([
  ...['00000', '00001', '00010'].map((code, digit): [string, string] => [code, String(digit)]),
  ...['011001', '011010', '011011', '011100', '011101', '011110', '011111'].map((code, digit): [string, string] => [
    code,
    String(digit + 3),
  ]),
])

/** The first field, which is `:status`: from the static table (RFC 7541, appendix A), or as a literal of digits. */
function statusOf(block: Buffer): number {
  let at = 0
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1
  const first = block[at] ?? 0
  if (first >= 0x88 && first <= 0x8e) return STATUS[first - 0x88] ?? 0
  const size = block[at + 1] ?? 0
  const value = block.subarray(at + 2, at + 2 + (size & 127))
  if (size < 128) return Number(value.toString('latin1'))
  let bits = ''
  for (const byte of value) bits += byte.toString(2).padStart(8, '0')
  let digits = ''
  let code = ''
  for (const bit of bits) {
    code += bit
    const digit = DIGIT.get(code)
    if (digit === undefined) continue
    digits += digit
    code = ''
  }
  return Number(digits)
}
