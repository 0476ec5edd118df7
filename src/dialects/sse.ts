import { CustomhouseError } from '../core/errors.ts'

/** One dispatched event: its type, '' if it named none, and its data as bytes, of which nobody has checked that they are UTF-8. */
export type SseEvent = Readonly<{ type: string; data: Uint8Array }>

export interface SseDecoder {
  /** Events that these bytes complete. Must throw ERR_PROVIDER_MALFORMED when an event grows beyond the limit. */
  push(chunk: Uint8Array): SseEvent[]
  /** The data of an event that the stream ended in (no blank line came after it), null if it ended between events. */
  end(): Uint8Array | null
}

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const BOM = [0xef, 0xbb, 0xbf]
const NOTHING = new Uint8Array(0)

/**
 * Decodes server-sent events as WHATWG HTML 9.2.6 says: lines end in LF, CR or CRLF, one byte order mark at the start is skipped,
 * comments and unknown fields are dropped, several `data` lines are joined by LF, an event without a `data` line is not dispatched. `id` and
 * `retry` are dropped: no dialect of ours resumes a stream. Works on bytes, so a chunk may end anywhere, in a character too.
 *
 * `limit` is the greatest size of one event in bytes, lines that are dropped included.
 */
export function sseDecoder(limit: number): SseDecoder {
  let line: Uint8Array[] = []
  let data: Uint8Array[] = []
  let type = ''
  let size = 0
  let afterCr = false
  let start = 0

  /** Skips the byte order mark, of which each byte may come in a chunk of its own. */
  function skipMark(chunk: Uint8Array): number {
    let at = 0
    while (start < BOM.length && at < chunk.length) {
      if (chunk[at] !== BOM[start]) {
        if (start > 0) line.push(Uint8Array.from(BOM.slice(0, start)))
        start = BOM.length
        return at
      }
      start++
      at++
    }
    return at
  }

  function grow(bytes: number): void {
    size += bytes
    if (size > limit) {
      throw new CustomhouseError('ERR_PROVIDER_MALFORMED', `the provider sent an event of more than ${limit} bytes`)
    }
  }

  function field(bytes: Uint8Array): void {
    const colon = bytes.indexOf(COLON)
    if (colon === 0) return
    const name = ascii(colon === -1 ? bytes : bytes.subarray(0, colon))
    const from = colon === -1 ? bytes.length : colon + (bytes[colon + 1] === SPACE ? 2 : 1)
    if (name === 'data') data.push(bytes.slice(from))
    else if (name === 'event') type = ascii(bytes.subarray(from))
  }

  function endLine(bytes: Uint8Array, events: SseEvent[]): void {
    if (bytes.length > 0) {
      field(bytes)
      return
    }
    if (data.length > 0) events.push({ type, data: join(data, LF) })
    data = []
    type = ''
    size = 0
  }

  return {
    push(chunk) {
      const events: SseEvent[] = []
      let from = start < BOM.length ? skipMark(chunk) : 0
      for (let at = from; at < chunk.length; at++) {
        const byte = chunk[at]
        if (byte === LF && afterCr) {
          afterCr = false
          from = at + 1
        } else if (byte === LF || byte === CR) {
          grow(at - from + 1)
          afterCr = byte === CR
          const rest = chunk.subarray(from, at)
          if (line.length > 0) {
            line.push(rest)
            const whole = join(line, null)
            line = []
            endLine(whole, events)
          } else endLine(rest, events)
          from = at + 1
        } else afterCr = false
      }
      if (from < chunk.length) {
        grow(chunk.length - from)
        line.push(chunk.slice(from))
      }
      return events
    },
    end() {
      if (line.length > 0) field(join(line, null))
      line = []
      return data.length > 0 ? join(data, LF) : null
    },
  }
}

function join(parts: readonly Uint8Array[], between: number | null): Uint8Array {
  const [only] = parts
  if (only === undefined) return NOTHING
  if (parts.length === 1) return only
  const gap = between === null ? 0 : 1
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length + gap, -gap))
  let at = 0
  for (const [index, part] of parts.entries()) {
    if (index > 0 && between !== null) joined[at++] = between
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
