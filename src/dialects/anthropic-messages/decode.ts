import type { ModelCall, ModelEvent } from '../../core/call.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Decoder } from '../../core/port.ts'
import {
  EVENT_MAX,
  eventDecoder,
  FAULT_MAX,
  isJsonType,
  malformed,
  mediaType,
  parseObject,
  refusing,
  truncated,
  WHOLE_MAX,
  wholeDecoder,
  withParts,
  word,
} from '../answer.ts'
import { sseDecoder } from '../sse.ts'
import { asksJson, isFault, messageReader, readFault, readWhole } from './events.ts'
import type { Frame } from './frame.ts'
import { treeParts } from './parts.ts'

type Headers = Readonly<Record<string, string>>

/** Reads an answer by its status and content type. What is neither of the two forms is refused with the first bytes. */
export function decodeAnswer(call: ModelCall, status: number, headers: Headers): Decoder {
  const early = decodeEarly(call, status, headers, (tree) => readWhole(tree, asksJson(call)))
  if (early !== null) return early
  if (call.stream && mediaType(headers) === 'text/event-stream') return streamDecoder(asksJson(call))
  return refusing('an answer that is neither JSON nor the stream that was asked for')
}

/** Reads the answer to a call that only counts tokens. */
export function decodeCount(call: ModelCall, status: number, headers: Headers): Decoder {
  return (
    decodeEarly(call, status, headers, (tree) => {
      if (isFault(tree)) return readFault(tree, 'whole', 0)
      const count = tree.get('input_tokens')
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) throw malformed('no count of tokens')
      const frame: Frame = { form: 'whole', tree }
      // No usage: what was counted has not been used.
      return withParts({ kind: 'finish', reason: 'count_tokens', frame }, () => treeParts(tree, 0))
    }) ?? refusing('an answer that is no JSON')
  )
}

/** What every form of the dialect does alike: errors, whole answers, refusals. Null for what may be the stream that was asked for. */
export function decodeEarly(
  call: ModelCall,
  status: number,
  headers: Headers,
  whole: (tree: TreeObject) => ModelEvent,
): Decoder | null {
  const json = isJsonType(mediaType(headers))
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity') return refusing(`an answer encoded as ${word(encoding)}`)
  if (status >= 400) {
    const fault = (tree: TreeObject) => readFault(tree, 'whole', 0)
    return json ? wholeDecoder(FAULT_MAX, fault) : refusing(`status ${status} without JSON`)
  }
  if (status < 200 || status >= 300) return refusing(`status ${status}`)
  if (!json) return null
  return wholeDecoder(WHOLE_MAX, (tree) => {
    if (call.stream && !isFault(tree)) throw malformed('a whole answer to a call for a stream')
    return whole(tree)
  })
}

function streamDecoder(json: boolean): Decoder {
  const sse = sseDecoder(EVENT_MAX)
  const message = messageReader(json)
  let fault = false

  function read(type: string, data: Uint8Array): ModelEvent | undefined {
    if (fault) return undefined
    const tree = parseObject(data, 'an event of the provider')
    // SDKs go by the name of the event or by the type in its data: they must not be told two things.
    if (type !== '' && type !== tree.get('type') && !(type === 'error' && isFault(tree))) {
      throw malformed('an event whose name is not its type')
    }
    const event = message.read(tree)
    if (event?.kind === 'fault') fault = true
    return event
  }

  return eventDecoder(
    (chunk) => sse.push(chunk),
    ({ type, data }) => read(type, data),
    () => {
      if (sse.end() !== null && !fault) throw truncated('in the middle of an event')
      message.end()
    },
  )
}
