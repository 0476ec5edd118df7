import type { ModelCall, ModelEvent } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Decoder } from '../../core/port.ts'
import {
  asksFor,
  FAULT_MAX,
  isJsonType,
  malformed,
  mediaType,
  refusing,
  spokenAsJson,
  WHOLE_MAX,
  wholeDecoder,
  withParts,
  word,
} from '../answer.ts'
import { EVENT_STREAM } from '../eventstream.ts'
import { bareName, exceptionOf } from './exceptions.ts'
import type { Frame } from './frame.ts'
import { answerParts, faultParts } from './parts.ts'
import { reasonOf, streamDecoder } from './stream.ts'
import { readUsage } from './usage.ts'

type Headers = Readonly<Record<string, string>>

/** Reads an answer by its status and content type. What is neither of the two forms is refused with the first bytes. */
export function decodeAnswer(call: ModelCall, status: number, headers: Headers): Decoder {
  const refused = refusedHead(status, headers)
  if (refused !== null) return refused
  if (status >= 400) return faultDecoder(headers)
  const type = mediaType(headers)
  if (call.stream && type === EVENT_STREAM) return streamDecoder(asksJson(call))
  if (!call.stream && isJsonType(type)) return wholeDecoder(WHOLE_MAX, (tree) => readWhole(tree, asksJson(call)))
  return refusing(`an answer that is not of the form that was asked for`)
}

/** The answer to a count: one event, whose reason is ours, since the operation has none. Nothing was used: there is no usage. */
export function decodeCount(_: ModelCall, status: number, headers: Headers): Decoder {
  const refused = refusedHead(status, headers)
  if (refused !== null) return refused
  if (status >= 400) return faultDecoder(headers)
  if (!isJsonType(mediaType(headers))) return refusing('an answer that is not JSON')
  return wholeDecoder(FAULT_MAX, (tree) => {
    const count = tree.get('inputTokens')
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) throw malformed('a count that is none')
    return withParts({ kind: 'finish', reason: 'count_tokens', frame: whole(tree) }, () => answerParts(tree))
  })
}

function refusedHead(status: number, headers: Headers): Decoder | null {
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity') return refusing(`an answer encoded as ${word(encoding)}`)
  if (status < 200 || (status >= 300 && status < 400)) return refusing(`status ${status}`)
  return null
}

/** An error of the service. The SDKs take its class from the header, else from the body: the class is put there, since it must survive without the header. */
function faultDecoder(headers: Headers): Decoder {
  const type = mediaType(headers)
  if (!isJsonType(type) && !/^application\/x-amz-json-1\.[01]$/.test(type)) return refusing('an error that is not JSON')
  return wholeDecoder(FAULT_MAX, (answer) => {
    // The header goes on uninspected, so it counts only where it is a name that is known.
    const named = exceptionOf(headers['x-amzn-errortype'] ?? '')
    const own = classOf(answer.get('__type')) ?? classOf(answer.get('code'))
    const tree = named === null || own !== null ? answer : new Map(answer).set('__type', named)
    return withParts({ kind: 'fault', code: named ?? own ?? 'unknown', frame: whole(tree) }, () => faultParts(tree, 0))
  })
}

/** What the body says of its own class: a text like all others in it, and recorded. */
function classOf(node: JsonTree | undefined): string | null {
  if (typeof node !== 'string' || node === '') return null
  return word(bareName(node))
}

/** Whether a call asked for JSON: by the operation's own member, or by that of Anthropic's models. */
function asksJson({ body }: ModelCall): boolean {
  return (
    asksFor(body, ['outputConfig', 'textFormat']) ||
    asksFor(body, ['additionalModelRequestFields', 'output_config', 'format'])
  )
}

/** Where the words of the assistant stand in a whole answer. */
const SPOKEN = /^\/output\/message\/content\/[0-9]+\/(?:text|citationsContent\/content\/[0-9]+\/text)$/

function readWhole(tree: TreeObject, json: boolean): ModelEvent {
  const output = tree.get('output')
  const message = output instanceof Map ? output.get('message') : undefined
  const content = message instanceof Map ? message.get('content') : undefined
  if (!Array.isArray(content)) throw malformed('an answer without a message')
  if (!content.every(isSpoken)) throw malformed('an answer whose text is none')
  const usage = readUsage(tree.get('usage'))
  return withParts({ kind: 'finish', reason: reasonOf(tree), ...usage, frame: whole(tree) }, () =>
    json ? spokenAsJson(answerParts(tree), SPOKEN) : answerParts(tree),
  )
}

function isSpoken(block: JsonTree): boolean {
  const text = block instanceof Map ? (block.get('text') ?? null) : null
  return text === null || typeof text === 'string'
}

function whole(tree: TreeObject): Frame {
  return { form: 'whole', tree }
}
