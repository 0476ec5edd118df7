import type { ModelCall } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { EVENT_STREAM, encodeEvent, encodeException } from '../eventstream.ts'
import { isChanged, withTexts } from '../parts.ts'
import { asFrame } from './frame.ts'
import { cutOffBytes } from './refuse.ts'

const NOTHING = new Uint8Array(0)
const JSON_TYPE = 'application/json'

/**
 * Writes an answer for the client, always from the trees and in fresh messages. `contentType` is the stream's or the whole answer's as the call
 * asked for, and changes to JSON when the provider answered a call for a stream with a whole error: read it after the first event.
 */
export function encodeAnswer(call: ModelCall): Encoder {
  let streams = call.stream
  let edited = false

  return {
    get contentType() {
      return streams ? EVENT_STREAM : JSON_TYPE
    },
    event(event, texts) {
      const frame = asFrame(event.frame)
      streams = frame.form !== 'whole'
      const editedNow = texts !== undefined && isChanged(event.parts, texts)
      edited ||= editedNow
      let tree = editedNow ? withTexts(frame.tree, event.parts, texts) : frame.tree
      if (edited) tree = withoutEchoes(tree)
      const bytes = writeTreeBytes(tree)
      if (frame.form === 'whole') return bytes
      return frame.form === 'event' ? encodeEvent(frame.type, bytes) : encodeException(frame.type, bytes)
    },
    end: () => NOTHING,
    cutOff(error) {
      if (!streams) {
        throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a whole answer cannot be cut off: it is released at once')
      }
      return cutOffBytes(error)
    },
  }
}

/**
 * An answer, or an event of one, without what repeats its text in pieces that are inspected alone: what a guardrail found and what it was given
 * (`trace.guardrail`), and fields of the model's own answer (`additionalModelResponseFields`). Both come after the text; once that was edited
 * they stay away.
 */
function withoutEchoes(tree: TreeObject): TreeObject {
  const trace = tree.get('trace')
  const copy: TreeObject = new Map(tree)
  copy.delete('additionalModelResponseFields')
  if (trace instanceof Map && trace.has('guardrail')) {
    const rest = new Map(trace)
    rest.delete('guardrail')
    copy.set('trace', rest)
  }
  return copy
}
