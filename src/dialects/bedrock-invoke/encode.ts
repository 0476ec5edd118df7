import type { ModelCall } from '../../core/call.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { uncut } from '../anthropic-messages/encode.ts'
import { cutOffBytes } from '../bedrock-converse/refuse.ts'
import { EVENT_STREAM, encodeEvent, encodeException } from '../eventstream.ts'
import { isChanged, withTexts } from '../parts.ts'
import { asFrame } from './frame.ts'

const NOTHING = new Uint8Array(0)
const JSON_TYPE = 'application/json'

/**
 * Writes an answer for the client, always from the trees, in fresh messages without padding. `contentType` is the stream's or the whole
 * answer's as the call asked for, and changes to JSON when the provider answered a call for a stream with a whole error: read it after the first
 * event.
 */
export function encodeAnswer(call: ModelCall): Encoder {
  let streams = call.stream
  return {
    get contentType() {
      return streams ? EVENT_STREAM : JSON_TYPE
    },
    event(event, texts) {
      const frame = asFrame(event.frame)
      streams = frame.form !== 'whole'
      const edited = texts !== undefined && isChanged(event.parts, texts)
      const bytes = writeTreeBytes(edited ? withTexts(frame.tree, event.parts, texts) : frame.tree)
      if (frame.form === 'whole') return bytes
      return frame.form === 'exception' ? encodeException(frame.type, bytes) : encodeEvent('chunk', chunk(bytes))
    },
    end: () => NOTHING,
    cutOff(error) {
      if (!streams) throw uncut()
      return cutOffBytes(error)
    },
  }
}

function chunk(bytes: Uint8Array): Uint8Array {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  return Buffer.from(`{"bytes":"${base64}"}`)
}
