import type { ModelCall, ModelEvent } from '../../core/call.ts'
import type { Decoder } from '../../core/port.ts'
import {
  EVENT_MAX,
  eventDecoder,
  malformed,
  mediaType,
  parseObject,
  refusing,
  truncated,
  withParts,
} from '../answer.ts'
import { decodeEarly } from '../anthropic-messages/decode.ts'
import { asksJson, messageReader, readWhole } from '../anthropic-messages/events.ts'
import { decodeAnswer as decodeService } from '../bedrock-converse/decode.ts'
import { GENERAL, memberOf } from '../bedrock-converse/exceptions.ts'
import { faultParts } from '../bedrock-converse/parts.ts'
import { EVENT_STREAM, type EventMessage, eventStreamDecoder } from '../eventstream.ts'
import type { Frame } from './frame.ts'

/** Reads an answer by its status and content type. Errors are the service's, and read as those of Converse. */
export function decodeAnswer(call: ModelCall, status: number, headers: Readonly<Record<string, string>>): Decoder {
  if (status >= 400) return decodeService(call, status, headers)
  const early = decodeEarly(call, status, headers, (tree) => readWhole(tree, asksJson(call)))
  if (early !== null) return early
  if (call.stream && mediaType(headers) === EVENT_STREAM) return streamDecoder(asksJson(call))
  return refusing('an answer that is not of the form that was asked for')
}

/** Messages of the service, each with one event of Anthropic's in it. */
function streamDecoder(json: boolean): Decoder {
  const messages = eventStreamDecoder(EVENT_MAX)
  const message = messageReader(json)
  /** Counts messages as the reader counts its events. */
  let number = 0
  let fault = false

  function read({ headers, body }: EventMessage): ModelEvent | undefined {
    const at = number++
    const kind = headers.get(':message-type')
    if (kind === 'exception') return exception(at, headers.get(':exception-type') ?? '', body)
    if (kind === 'error') {
      const text = headers.get(':error-message') ?? ''
      return exception(at, headers.get(':error-code') ?? '', Buffer.from(JSON.stringify({ message: text })))
    }
    if (kind !== 'event' || headers.get(':event-type') !== 'chunk') throw malformed('a message that is no chunk')
    const event = message.read(parseObject(chunkBytes(body), 'an event of the provider'))
    if (event?.kind === 'fault') fault = true
    return event
  }

  function exception(at: number, type: string, body: Uint8Array): ModelEvent {
    fault = true
    const tree = parseObject(body, 'an exception of the provider')
    const known = memberOf(type)
    const frame: Frame = { form: 'exception', type: known ?? GENERAL, tree }
    return withParts({ kind: 'fault', code: known ?? 'unknown', frame }, () => faultParts(tree, at))
  }

  return eventDecoder(
    (chunk) => messages.push(chunk),
    (came) => (fault ? undefined : read(came)),
    () => {
      if (fault) return
      if (messages.end()) throw truncated('in the middle of a message')
      message.end()
    },
  )
}

/** The event in a chunk: base64 in `bytes`. Beside it stands nothing but padding (`p`), which hides its length and goes no further. */
function chunkBytes(body: Uint8Array): Uint8Array {
  const payload = parseObject(body, 'a chunk of the provider')
  for (const name of payload.keys()) if (name !== 'bytes' && name !== 'p') throw malformed('a chunk with more in it')
  const bytes = payload.get('bytes')
  const decoded = typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : null
  if (decoded === null || decoded.toString('base64') !== bytes) throw malformed('a chunk that is not base64')
  return decoded
}
