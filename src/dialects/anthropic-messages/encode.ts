import type { ModelCall, ModelEvent } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { isChanged, withTexts } from '../parts.ts'
import { asFrame, type Frame } from './frame.ts'
import { errorTree } from './refuse.ts'

const NOTHING = new Uint8Array(0)
const DATA = Buffer.from('\ndata: ')
const END = Buffer.from('\n\n')
const SSE = 'text/event-stream; charset=utf-8'
const JSON_TYPE = 'application/json'

/**
 * Writes an answer for the client, always from the trees, so that the padding behind each event is gone. `contentType` is the stream's or the
 * whole answer's as the call asked for, and changes to JSON when the provider answered a call for a stream with a whole error: read it after the
 * first event. Nothing repeats a text in a form that no edit reaches.
 */
export function encodeAnswer(call: ModelCall): Encoder {
  let form: Frame['form'] = call.stream ? 'event' : 'whole'
  return {
    get contentType() {
      return form === 'event' ? SSE : JSON_TYPE
    },
    event(event, texts) {
      const frame = releasedFrame(event, texts)
      form = frame.form
      return form === 'whole' ? writeTreeBytes(frame.tree) : sseBytes(frame.tree)
    },
    // The stream's own end is message_stop, or the error.
    end: () => NOTHING,
    cutOff(error) {
      if (form === 'whole') throw uncut()
      return sseBytes(errorTree(call.id, error))
    },
  }
}

/** The frame of an event with the texts as they may be released. */
export function releasedFrame(event: ModelEvent, texts: readonly string[] | undefined): Frame {
  const frame = asFrame(event.frame)
  if (texts === undefined || !isChanged(event.parts, texts)) return frame
  return { form: frame.form, tree: withTexts(frame.tree, event.parts, texts) }
}

export function uncut(): CustomhouseError {
  return new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a whole answer cannot be cut off: it is released at once')
}

/** An error may come without a type of its own; SDKs raise by the event's name. */
function sseBytes(tree: TreeObject): Uint8Array {
  const type = tree.get('type')
  const name = typeof type === 'string' && /^[a-z_]{1,40}$/.test(type) && !tree.get('error') ? type : 'error'
  return Buffer.concat([Buffer.from(`event: ${name}`), DATA, writeTreeBytes(tree), END])
}
