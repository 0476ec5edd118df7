import { EventStreamCodec } from '@smithy/eventstream-codec'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type EventMessage,
  type EventStreamDecoder,
  encodeEvent,
  encodeException,
  encodeMessage,
  eventStreamDecoder,
} from '../../src/dialects/eventstream.ts'
import { recordings, split } from '../kit/index.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })
const LIMIT = 1 << 20

const plain = ({ headers, body }: EventMessage) => ({ headers: [...headers], body: Buffer.from(body).toString('hex') })

function decoded(chunks: readonly Uint8Array[], limit = LIMIT) {
  const decoder = eventStreamDecoder(limit)
  const messages = chunks.flatMap((chunk) => decoder.push(chunk).map(plain))
  return { messages, inside: decoder.end() }
}

const small = encodeEvent('messageStop', Buffer.from('{"stopReason":"end_turn"}'))

describe('messages', () => {
  it('have string headers and a payload', () => {
    const [message] = eventStreamDecoder(LIMIT).push(small)
    expect([...(message?.headers ?? [])]).toEqual([
      [':event-type', 'messageStop'],
      [':content-type', 'application/json'],
      [':message-type', 'event'],
    ])
    expect(Buffer.from(message?.body ?? []).toString()).toBe('{"stopReason":"end_turn"}')
    const [exception] = eventStreamDecoder(LIMIT).push(encodeException('validationException', Buffer.from('{}')))
    expect(exception?.headers.get(':message-type')).toBe('exception')
    expect(exception?.headers.get(':exception-type')).toBe('validationException')
  })

  it('are what the codec wrote, wherever they are cut', () => {
    const headers = fc.dictionary(
      fc.stringMatching(/^:?[A-Za-z][A-Za-z0-9._-]{0,20}$/),
      fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text)),
      { maxKeys: 5 },
    )
    const message = fc.record({ headers, body: fc.uint8Array({ maxLength: 300 }) })
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (list, sizes) => {
          const bytes = Buffer.concat(list.map((one) => encodeMessage(one.headers, one.body)))
          const expected = list.map((one) => ({
            headers: Object.entries(one.headers),
            body: Buffer.from(one.body).toString('hex'),
          }))
          const chunks: Buffer[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1
            chunks.push(bytes.subarray(at, at + size))
            at += size
          }
          expect(decoded(chunks)).toEqual({ messages: expected, inside: false })
        },
      ),
    )
  })

  it('are what the SDKs read, byte for byte', () => {
    const sdk = new EventStreamCodec(
      (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()),
      (text) => Buffer.from(text),
    )
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{0,20}$/),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array(),
        (name, value, body) => {
          const headers = { [`h${name}`]: { type: 'string' as const, value: value.replaceAll(/\p{Cc}/gu, '') } }
          const bytes = sdk.encode({ headers, body })
          const [message] = eventStreamDecoder(LIMIT).push(bytes)
          const again = sdk.decode(encodeMessage(Object.fromEntries(message?.headers ?? []), message?.body ?? body))
          expect(again).toEqual({ headers, body })
        },
      ),
    )
  })

  it('are not the bytes that were pushed: those may be used again', () => {
    const bytes = Buffer.from(small)
    const [message] = eventStreamDecoder(LIMIT).push(bytes)
    bytes.fill(0)
    expect(Buffer.from(message?.body ?? []).toString()).toBe('{"stopReason":"end_turn"}')
  })

  const streams = recordings('bedrock/bedrock-converse')
    ?.concat(recordings('bedrock/bedrock-invoke') ?? [])
    .filter(({ response }) => response.framing === 'aws-eventstream')
  it.skipIf(streams === undefined)(
    'of every recording are written again byte for byte (skipped without fixtures)',
    () => {
      let seen = 0
      for (const { file, response } of streams ?? []) {
        for (const size of [1, 7, 4096]) {
          const decoder = eventStreamDecoder(LIMIT)
          const messages = split(response.bytes, size).flatMap((chunk) => decoder.push(chunk))
          const again = messages.map(({ headers, body }) => encodeMessage(Object.fromEntries(headers), body))
          expect(Buffer.concat(again).equals(response.bytes), file).toBe(true)
          expect(decoder.end()).toBe(false)
          seen += messages.length
        }
      }
      expect(seen).toBeGreaterThan(2000)
    },
  )

  it.skipIf(streams === undefined)(
    'of every recording up to 4 KB are the same in every two pieces (skipped without fixtures)',
    () => {
      let cuts = 0
      for (const { file, response } of streams ?? []) {
        const { bytes } = response
        if (bytes.length > 4_096) continue
        const whole = eventStreamDecoder(LIMIT).push(bytes)
        for (let at = 0; at <= bytes.length; at++) {
          expectSame(eventStreamDecoder(LIMIT), [bytes.subarray(0, at), bytes.subarray(at)], whole, `${file} at ${at}`)
          cuts++
        }
      }
      expect(cuts).toBeGreaterThan(34_000)
    },
  )

  // In two pieces each, all of them would be decoded 200,000 times. That the cut finds a decoder that has read the whole recording so far is
  // the point: what came before the neighbours can show in nothing but its state.
  it.skipIf(streams === undefined)(
    'of every recording up to 16 KB are the same wherever one is cut, between its neighbours (skipped without fixtures)',
    () => {
      let cuts = 0
      for (const { file, response } of streams ?? []) {
        const { bytes } = response
        if (bytes.length > 16_384) continue
        const whole = eventStreamDecoder(LIMIT).push(bytes)
        const decoder = eventStreamDecoder(LIMIT)
        const edges = edgesOf(bytes)
        for (let index = 0; index < whole.length; index++) {
          const [from, to] = [Math.max(0, index - 1), Math.min(whole.length, index + 2)]
          const expected = whole.slice(from, to)
          const end = edges[index + 1] ?? 0
          for (let at = (edges[index] ?? 0) + 1; at <= end; at++) {
            const pieces = [bytes.subarray(edges[from], at), bytes.subarray(at, edges[to])]
            expectSame(decoder, pieces, expected, `${file} at ${at}`)
            cuts++
          }
        }
        // And whole, cut between any two.
        for (const at of edges)
          expectSame(decoder, [bytes.subarray(0, at), bytes.subarray(at)], whole, `${file} at its edge ${at}`)
      }
      expect(cuts).toBeGreaterThan(200_000)
    },
  )

  it('cost one copy, however they are cut', () => {
    const body = new Uint8Array(1 << 19)
    const bytes = encodeMessage({ ':message-type': 'event' }, body)
    const decoder = eventStreamDecoder(LIMIT)
    // A copy of all that has come with every chunk would be some 10^11 bytes here, and the test would not end.
    let found = 0
    for (let at = 0; at < bytes.length; at++) found += decoder.push(bytes.subarray(at, at + 1)).length
    expect(found).toBe(1)
  })
})

describe('what is refused', () => {
  it('every message of which one bit was turned', () => {
    for (let bit = 0; bit < small.length * 8; bit++) {
      const bytes = Buffer.from(small)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => decoded([bytes]), `bit ${bit}`).toThrow(MALFORMED)
    }
  })

  it('what is cut off is inside a message', () => {
    for (let length = 1; length < small.length; length++) {
      expect(decoded([small.subarray(0, length)]), `${length} bytes`).toEqual({ messages: [], inside: true })
      expect(decoded([small, small.subarray(0, length)]).inside).toBe(true)
    }
    expect(decoded([])).toEqual({ messages: [], inside: false })
  })

  it('what stood before it is given out first, and nothing after it', () => {
    const bad = Buffer.from(small).fill(0, 0, 4)
    for (const chunks of [[Buffer.concat([small, bad, small])], [small, bad, small]]) {
      const decoder = eventStreamDecoder(LIMIT)
      const [first, ...more] = chunks
      expect(decoder.push(first ?? small)).toHaveLength(1)
      for (const chunk of more.length > 0 ? more : [small]) expect(() => decoder.push(chunk)).toThrow(MALFORMED)
      expect(() => decoder.end()).toThrow(MALFORMED)
    }
  })

  it.each<[string, Uint8Array, number?]>([
    ['a message beyond the limit', encodeEvent('x', new Uint8Array(200)), 200],
    ['more headers than the limit', encodeMessage({ a: 'x'.repeat(5000) }, new Uint8Array(0))],
    ['a total below the overhead', framed(15, 0)],
    ['a total of nothing', framed(0, 0)],
    ['a total of four gigabytes', framed(0xffffffff, 0)],
    ['headers that are longer than the message', framed(64, 49)],
    ['headers of four gigabytes', framed(64, 0xffffffff)],
    ['a header twice', headersOnly([...header('a', 'x'), ...header('a', 'y')])],
    ['a header whose value reaches into the payload', headersOnly([1, 0x61, 7, 0, 60])],
    ['a header whose name reaches into the payload', headersOnly([60, 0x61])],
    ['a header of an unknown type', headersOnly([1, 0x61, 12, 0])],
    ['a boolean header', headersOnly([1, 0x61, 0])],
    ['an integer header', headersOnly([1, 0x61, 4, 0, 0, 0, 1])],
    ['a binary header', headersOnly([1, 0x61, 6, 0, 1, 0x61])],
    ['a timestamp header', headersOnly([1, 0x61, 8, 0, 0, 0, 0, 0, 0, 0, 1])],
    ['a uuid header', headersOnly([1, 0x61, 9, ...Array.from({ length: 16 }, () => 1)])],
    ['a header without a name', headersOnly(header('', 'x'))],
    ['a header name with a space', headersOnly(header('a b', 'x'))],
    ['a header named __proto__', headersOnly(header('__proto__', 'x'))],
    ['a header value with a line end', headersOnly(header('a', 'x\r\ny'))],
    ['a header value that is not UTF-8', headersOnly([1, 0x61, 7, 0, 1, 0xff])],
  ])('%s', (_, bytes, limit) => {
    expect(() => decoded([bytes], limit)).toThrow(MALFORMED)
    expect(() => decoded(split(bytes, 1), limit)).toThrow(MALFORMED)
  })

  it('a length that lies is found out before anything of it is believed', () => {
    const decoder = eventStreamDecoder(LIMIT)
    expect(() => decoder.push(framed(LIMIT + 1, 0).subarray(0, 12))).toThrow(MALFORMED)
  })
})

/** Where messages begin, by the lengths that they say; then the end. */
function edgesOf(bytes: Buffer): readonly number[] {
  const edges = [0]
  for (let at = 0; at < bytes.length; edges.push(at)) at += bytes.readUInt32BE(at)
  return edges
}

function expectSame(
  decoder: EventStreamDecoder,
  pieces: readonly Uint8Array[],
  whole: readonly EventMessage[],
  what: string,
): void {
  const found = pieces.flatMap((piece) => decoder.push(piece))
  const same = found.length === whole.length && found.every((message, index) => isSame(message, whole[index]))
  // The assertions tell what is wrong, but are slow.
  if (!same) expect(found.map(plain), what).toEqual(whole.map(plain))
  if (decoder.end()) expect.unreachable(`${what}: inside a message at its end`)
}

function isSame(one: EventMessage, other: EventMessage | undefined): boolean {
  if (other === undefined || one.headers.size !== other.headers.size) return false
  for (const [name, value] of one.headers) if (other.headers.get(name) !== value) return false
  return Buffer.compare(one.body, other.body) === 0
}

function header(name: string, value: string): number[] {
  const text = Buffer.from(value)
  return [name.length, ...Buffer.from(name), 7, text.length >> 8, text.length & 0xff, ...text]
}

/** A message with these header bytes and a payload of 80 bytes, its checksums right. */
function headersOnly(bytes: readonly number[]): Uint8Array {
  return sealed(16 + bytes.length + 80, bytes.length, Uint8Array.from([...bytes, ...new Uint8Array(80)]))
}

/** A prelude that says these lengths, rightly summed, and 64 bytes after it. */
function framed(total: number, headers: number): Uint8Array {
  return sealed(total, headers, new Uint8Array(48))
}

function sealed(total: number, headers: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + rest.length + 4)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, total)
  view.setUint32(4, headers)
  view.setUint32(8, sum(bytes.subarray(0, 8)))
  bytes.set(rest, 12)
  view.setUint32(12 + rest.length, sum(bytes.subarray(0, 12 + rest.length)))
  return bytes
}

/** CRC-32 (IEEE 802.3), bit by bit: a yardstick that shares nothing with the product. */
function sum(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
