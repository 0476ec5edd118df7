import type { ModelCall, ModelEvent, Usage } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
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
import { callsOfStream, noteTools, type ToolNames, wholeCalls } from './calls.ts'
import { isFailure, readFailure } from './fault.ts'
import type { Frame } from './frame.ts'
import { answerParts, checkChoices, checkIndices, choiceIndex, faultParts } from './parts.ts'
import { repeatsOfStream } from './repeats.ts'
import { readUsage } from './usage.ts'

/** Reads an answer by its status and content type. What is neither of the two forms is refused with the first bytes. */
export function decodeAnswer(call: ModelCall, status: number, headers: Readonly<Record<string, string>>): Decoder {
  const type = mediaType(headers)
  const json = isJsonType(type)
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity') return refusing(`an answer encoded as ${word(encoding)}`)
  if (status >= 400)
    return json ? wholeDecoder(FAULT_MAX, (tree) => readFault(tree, status)) : refusing(`status ${status} without JSON`)
  if (status < 200 || status >= 300) return refusing(`status ${status}`)
  // Asked for a stream, some servers answer 200 with a JSON error.
  if (json) return wholeDecoder(WHOLE_MAX, (tree) => readWhole(tree, call))
  if (call.stream && type === 'text/event-stream') return streamDecoder(choicesOf(call), asksJson(call))
  return refusing(`an answer that is neither JSON nor the stream that was asked for`)
}

function readWhole(body: TreeObject, call: ModelCall): ModelEvent {
  if (isFailure(body)) return readFault(body, 0)
  if (call.stream) throw malformed('a whole answer to a call for a stream')
  const tree = wholeCalls(body)
  const choices = tree.get('choices')
  if (!Array.isArray(choices)) throw malformed('an answer without choices')
  checkChoices(choices, choicesOf(call))
  const frame: Frame = { form: 'whole', tree }
  const reason = finishReason(choices) ?? 'unknown'
  return withParts({ kind: 'finish', reason, ...withUsage(tree), frame }, () => {
    const names: ToolNames = new Map()
    noteTools(names, choices, 'message')
    return answerParts(tree, 0, names, asksJson(call))
  })
}

function readFault(body: TreeObject, status: number): ModelEvent {
  const { code, tree } = readFailure(body, status)
  const frame: Frame = { form: 'whole', tree }
  return withParts({ kind: 'fault', code, frame }, () => faultParts(tree, 0))
}

function withUsage(tree: TreeObject): { usage?: Usage } {
  const usage = readUsage(tree.get('usage'))
  return usage === undefined ? {} : { usage }
}

function finishReason(choices: readonly JsonTree[]): string | undefined {
  for (const choice of choices) {
    const reason = choice instanceof Map ? choice.get('finish_reason') : null
    if (typeof reason === 'string' && reason !== '') return reason
  }
  return undefined
}

function asList(node: JsonTree | undefined): readonly JsonTree[] {
  return Array.isArray(node) ? node : []
}

/** How many choices a call asked for: one, unless it names another count. */
function choicesOf({ body }: ModelCall): number {
  const n = body instanceof Map ? body.get('n') : undefined
  return typeof n === 'number' && Number.isSafeInteger(n) && n > 0 ? n : 1
}

/** Whether a call asked for JSON: what is said is the text of it. */
function asksJson({ body }: ModelCall): boolean {
  const format = body instanceof Map ? body.get('response_format') : undefined
  const type = format instanceof Map ? format.get('type') : undefined
  return type === 'json_object' || type === 'json_schema'
}

function streamDecoder(expected: number, json: boolean): Decoder {
  const sse = sseDecoder(EVENT_MAX)
  /** Choices that have begun, and whether each has finished. */
  const choices = new Map<number, boolean>()
  const calls = callsOfStream()
  const repeats = repeatsOfStream()
  const names: ToolNames = new Map()
  let number = 0
  let done = false
  let fault = false

  function readChunk(data: Uint8Array, type: string): ModelEvent {
    const body = parseObject(data, 'an event of the provider')
    const event = number++
    if (isFailure(body) || type === 'error') {
      fault = true
      const { code, tree } = readFailure(body, 0)
      const frame: Frame = { form: 'chunk', tree }
      return withParts({ kind: 'fault', code, ...withUsage(body), frame }, () => faultParts(tree, event))
    }
    const usage = withUsage(body)
    const list = body.get('choices') ?? (usage.usage === undefined ? undefined : [])
    if (!Array.isArray(list)) throw malformed('an event without choices')
    checkChoices(list, expected)
    for (const choice of list) {
      const index = choiceIndex(choice)
      checkIndices(choice)
      choices.set(index, choices.get(index) === true || finishReason([choice]) !== undefined)
    }
    const tree = calls.complete(body)
    const frame: Frame = { form: 'chunk', tree }
    const completed = asList(tree.get('choices'))
    repeats.check(completed)
    const closes = calls.closes(completed)
    noteTools(names, completed, 'delta')
    const more = { ...usage, ...(closes.length === 0 ? {} : { closes }), frame }
    const reason = finishReason(list)
    const parts = () => answerParts(tree, event, names, json)
    return reason === undefined
      ? withParts({ kind: 'delta', ...more }, parts)
      : withParts({ kind: 'finish', reason, ...more }, parts)
  }

  function read(data: Uint8Array, type: string): ModelEvent | undefined {
    if (isDone(data)) {
      done = true
      return undefined
    }
    if (fault) return undefined
    if (done) throw malformed('an event after [DONE]')
    return readChunk(data, type)
  }

  return eventDecoder(
    (chunk) => sse.push(chunk),
    ({ type, data }) => read(data, type),
    () => {
      const rest = sse.end()
      if (rest !== null && isDone(rest)) done = true
      else if (rest !== null && !fault) throw truncated('in the middle of an event')
      if (fault) return
      if (choices.size === 0) throw truncated('before any choice')
      const finished = [...choices.values()]
      // Compatible servers leave [DONE] out; then every choice that was asked for must have said that it is finished.
      const complete = done ? finished.some(Boolean) : finished.length >= expected && finished.every(Boolean)
      if (!complete) throw truncated('without a finish_reason')
    },
  )
}

const DONE = Buffer.from('[DONE]')

function isDone(data: Uint8Array): boolean {
  return DONE.equals(data)
}
