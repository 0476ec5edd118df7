import { isAscii } from 'node:buffer'
import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { CustomhouseError } from '../core/errors.ts'

/** One message: its headers, all of them strings, and its payload, of which nobody has checked that it is JSON. */
export type EventMessage = Readonly<{ headers: ReadonlyMap<string, string>; body: Uint8Array }>

export interface EventStreamDecoder {
  /**
   * Messages that these bytes complete. Must throw ERR_PROVIDER_MALFORMED for a message that is not sound; those before it in the same
   * bytes are given out first, and the failure with the next call.
   */
  push(chunk: Uint8Array): readonly EventMessage[]
  /** The provider has ended: whether inside a message. Throws a failure that was still to come. */
  end(): boolean
}

/** The media type of a stream of such messages. */
export const EVENT_STREAM = 'application/vnd.amazon.eventstream'

/** Total length, length of the headers, CRC-32 of the two. */
const PRELUDE = 12
/** The prelude and the CRC-32 of the whole message. */
const OVERHEAD = PRELUDE + 4
/** Bedrock sends three headers of some 90 bytes; the specification would allow 128 KiB. */
const HEADERS_MAX = 4096
/** The type of a header whose value is a string. */
const STRING = 7
const HEADER_NAME = /^:?[A-Za-z][A-Za-z0-9._-]{0,63}$/

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : UTF8.decode(bytes)),
  (text) => Buffer.from(text),
)

/**
 * Decodes `application/vnd.amazon.eventstream`: messages of a prelude, headers, a payload and a checksum. The prelude is proved before its
 * lengths are believed, every byte is copied once, and bytes may be cut anywhere. Of the header types only strings are taken: Bedrock sends
 * no other.
 *
 * Reading is our own: the SDKs' codec, which writes here, would follow a header's length into the payload and keep the second of two headers of one
 * name, where another reader keeps the first.
 *
 * `limit` is the greatest size of one message in bytes.
 */
export function eventStreamDecoder(limit: number): EventStreamDecoder {
  const prelude = new Uint8Array(PRELUDE)
  const view = new DataView(prelude.buffer)
  let message: Uint8Array | undefined
  let filled = 0
  let failure: unknown

  /** The length of the message whose prelude has come. */
  function proved(): number {
    if (crc32(prelude.subarray(0, 8)) !== view.getUint32(8)) throw malformed('a prelude with a wrong checksum')
    const total = view.getUint32(0)
    const headers = view.getUint32(4)
    if (total < OVERHEAD || headers > total - OVERHEAD) throw malformed('impossible lengths')
    if (total > limit) throw malformed(`more than ${limit} bytes`)
    if (headers > HEADERS_MAX) throw malformed(`headers of more than ${HEADERS_MAX} bytes`)
    return total
  }

  /** Takes what one message can use of a chunk; returns how far it came. */
  function fill(chunk: Uint8Array, from: number, into: Uint8Array): number {
    const to = Math.min(chunk.length, from + into.length - filled)
    into.set(chunk.subarray(from, to), filled)
    filled += to - from
    return to
  }

  function read(chunk: Uint8Array, messages: EventMessage[]): void {
    let at = 0
    while (at < chunk.length) {
      at = fill(chunk, at, message ?? prelude)
      if (message === undefined && filled === PRELUDE) {
        message = new Uint8Array(proved())
        message.set(prelude)
      } else if (message !== undefined && filled === message.length) {
        messages.push(parse(message, view.getUint32(4)))
        message = undefined
        filled = 0
      }
    }
  }

  return {
    push(chunk) {
      if (failure !== undefined) throw failure
      const messages: EventMessage[] = []
      try {
        read(chunk, messages)
      } catch (error) {
        failure = error
        if (messages.length === 0) throw error
      }
      return messages
    },
    end() {
      if (failure !== undefined) throw failure
      return filled > 0
    },
  }
}

/** A message whose length is right. Its checksum covers the prelude too. */
function parse(message: Uint8Array, headersLength: number): EventMessage {
  const end = message.length - 4
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  if (crc32(message.subarray(0, end)) !== view.getUint32(end)) throw malformed('a wrong checksum')
  const headers = readHeaders(message.subarray(PRELUDE, PRELUDE + headersLength))
  return { headers, body: message.subarray(PRELUDE + headersLength, end) }
}

function readHeaders(bytes: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let at = 0
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw malformed('headers that reach beyond their end')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const name = text(take(take(1)[0] ?? 0))
    if (take(1)[0] !== STRING) throw malformed('a header that is no string')
    const [high = 0, low = 0] = take(2)
    const value = text(take(high * 256 + low))
    if (!HEADER_NAME.test(name) || !isPlain(value)) throw malformed('a header that Bedrock does not send')
    if (found.has(name)) throw malformed('a header twice')
    found.set(name, value)
  }
  return found
}

function text(bytes: Uint8Array): string {
  if (isAscii(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw malformed('a header that is not UTF-8', cause)
  }
}

/** No control characters: C0, DEL, C1. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
  }
  return true
}

function malformed(what: string, cause?: unknown): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_MALFORMED', `the provider sent an event stream message: ${what}`, {
    cause,
  })
}

/** One message. Headers are strings, in the order of the record. */
export function encodeMessage(headers: Readonly<Record<string, string>>, body: Uint8Array): Uint8Array {
  const typed = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, { type: 'string' as const, value }]),
  )
  return codec.encode({ headers: typed, body })
}

const JSON_PAYLOAD = 'application/json'

/** An event of a service: what a client knows by `:event-type`. */
export function encodeEvent(type: string, body: Uint8Array): Uint8Array {
  return encodeMessage({ ':event-type': type, ':content-type': JSON_PAYLOAD, ':message-type': 'event' }, body)
}

/** A modelled exception: the AWS SDKs raise it from the stream, and do not repeat the call. `type` is the member's name (`validationException`). */
export function encodeException(type: string, body: Uint8Array): Uint8Array {
  return encodeMessage({ ':exception-type': type, ':content-type': JSON_PAYLOAD, ':message-type': 'exception' }, body)
}
