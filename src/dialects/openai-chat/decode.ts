import type { ModelCall, ModelEvent, Usage } from '../../core/call.ts'
import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import type { Decoder } from '../../core/port.ts'
import {
  EVENT_MAX,
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
import type { Frame } from './frame.ts'
import { answerParts, checkIndices, choiceIndex, faultParts } from './parts.ts'
import { readUsage } from './usage.ts'

/** Reads an answer by its status and content type. What is neither of the two forms is refused with the first bytes. */
export function decodeAnswer(call: ModelCall, status: number, headers: Readonly<Record<string, string>>): Decoder {
  const type = mediaType(headers)
  const json = isJsonType(type)
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity') return refusing(`an answer encoded as ${word(encoding)}`)
  if (status >= 400) return json ? wholeDecoder(FAULT_MAX, readFault) : refusing(`status ${status} without JSON`)
  if (status < 200 || status >= 300) return refusing(`status ${status}`)
  // Asked for a stream, some servers answer 200 with a JSON error.
  if (json) return wholeDecoder(WHOLE_MAX, (tree) => readWhole(tree, call.stream))
  if (call.stream && type === 'text/event-stream') return streamDecoder(choicesOf(call))
  return refusing(`an answer that is neither JSON nor the stream that was asked for`)
}

function readWhole(tree: TreeObject, stream: boolean): ModelEvent {
  if (hasError(tree)) return readFault(tree)
  if (stream) throw malformed('a whole answer to a call for a stream')
  const choices = tree.get('choices')
  if (!Array.isArray(choices)) throw malformed('an answer without choices')
  for (const choice of choices) choiceIndex(choice)
  const frame: Frame = { form: 'whole', tree }
  const reason = finishReason(choices) ?? 'unknown'
  return withParts({ kind: 'finish', reason, ...withUsage(tree), frame }, () => answerParts(tree, 0))
}

function readFault(tree: TreeObject): ModelEvent {
  const frame: Frame = { form: 'whole', tree }
  return withParts({ kind: 'fault', code: faultCode(tree), frame }, () => faultParts(tree, 0))
}

function withUsage(tree: TreeObject): { usage?: Usage } {
  const usage = readUsage(tree.get('usage'))
  return usage === undefined ? {} : { usage }
}

/** As the SDKs see it: an `error` member that is truthy. */
function hasError(tree: TreeObject): boolean {
  return Boolean(tree.get('error'))
}

/** `error.code`, else `error.type`; anything but a short word is `unknown`, since codes are recorded. */
function faultCode(tree: TreeObject): string {
  const error = tree.get('error')
  if (!(error instanceof Map)) return 'unknown'
  const code = error.get('code') ?? error.get('type')
  return word(code instanceof NumberLexeme ? code.lexeme : String(code ?? ''))
}

function finishReason(choices: readonly JsonTree[]): string | undefined {
  for (const choice of choices) {
    const reason = choice instanceof Map ? choice.get('finish_reason') : null
    if (typeof reason === 'string' && reason !== '') return reason
  }
  return undefined
}

/** How many choices a call asked for. */
function choicesOf({ body }: ModelCall): number {
  const n = body instanceof Map ? body.get('n') : undefined
  return typeof n === 'number' ? n : 1
}

function streamDecoder(expected: number): Decoder {
  const sse = sseDecoder(EVENT_MAX)
  /** Choices that have begun, and whether each has finished. */
  const choices = new Map<number, boolean>()
  let number = 0
  let done = false
  let fault = false
  let failure: unknown

  function readChunk(data: Uint8Array, type: string): ModelEvent {
    const tree = parseObject(data, 'an event of the provider')
    const frame: Frame = { form: 'chunk', tree }
    const event = number++
    if (hasError(tree) || type === 'error') {
      fault = true
      const error = { kind: 'fault', code: faultCode(tree), ...withUsage(tree), frame } as const
      return withParts(error, () => faultParts(tree, event))
    }
    const usage = withUsage(tree)
    const list = tree.get('choices') ?? (usage.usage === undefined ? undefined : [])
    if (!Array.isArray(list)) throw malformed('an event without choices')
    for (const choice of list) {
      const index = choiceIndex(choice)
      checkIndices(choice)
      choices.set(index, choices.get(index) === true || finishReason([choice]) !== undefined)
    }
    const reason = finishReason(list)
    const parts = () => answerParts(tree, event)
    return reason === undefined
      ? withParts({ kind: 'delta', ...usage, frame }, parts)
      : withParts({ kind: 'finish', reason, ...usage, frame }, parts)
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

  return {
    push(chunk) {
      // Nothing after a failure is read; what stood before it in the same bytes has been given out.
      if (failure !== undefined) throw failure
      const events: ModelEvent[] = []
      try {
        for (const { data, type } of sse.push(chunk)) {
          const event = read(data, type)
          if (event !== undefined) events.push(event)
        }
      } catch (error) {
        failure = error
        if (events.length === 0) throw error
      }
      return events
    },
    end() {
      if (failure !== undefined) throw failure
      const rest = sse.end()
      if (rest !== null && isDone(rest)) done = true
      else if (rest !== null && !fault) throw truncated('in the middle of an event')
      if (fault) return []
      if (choices.size === 0) throw truncated('before any choice')
      const finished = [...choices.values()]
      // Compatible servers leave [DONE] out; then every choice that was asked for must have said that it is finished.
      const complete = done ? finished.some(Boolean) : finished.length >= expected && finished.every(Boolean)
      if (!complete) throw truncated('without a finish_reason')
      return []
    },
  }
}

const DONE = Buffer.from('[DONE]')

function isDone(data: Uint8Array): boolean {
  return DONE.equals(data)
}
