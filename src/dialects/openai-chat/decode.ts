import type { Delta, Fault, Finish, ModelCall, ModelEvent, Part, Usage } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import { type JsonTree, NumberLexeme, type TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { Decoder } from '../../core/port.ts'
import { sseDecoder } from '../sse.ts'
import type { Frame } from './frame.ts'
import { answerParts, checkIndices, choiceIndex, faultParts } from './parts.ts'
import { readUsage } from './usage.ts'

/** Greatest sizes in bytes. An event may carry an image or a second of sound. */
const EVENT_MAX = 8 * 1024 * 1024
const WHOLE_MAX = 64 * 1024 * 1024
const FAULT_MAX = 1024 * 1024
/** Values of a whole answer: token probabilities alone are some 170 a token. */
const WHOLE_VALUES = 1_000_000

/** Reads an answer by its status and content type. What is neither of the two forms is refused with the first bytes. */
export function decodeAnswer(call: ModelCall, status: number, headers: Readonly<Record<string, string>>): Decoder {
  const type = (headers['content-type'] ?? '').toLowerCase()
  const json = /^application\/(?:[a-z0-9.+-]+\+)?json[ \t]*(?:;|$)/.test(type)
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity') return refusing(`an answer encoded as ${word(encoding)}`)
  if (status >= 400) return json ? wholeDecoder(FAULT_MAX, readFault) : refusing(`status ${status} without JSON`)
  if (status < 200 || status >= 300) return refusing(`status ${status}`)
  // Asked for a stream, some servers answer 200 with a JSON error.
  if (json) return wholeDecoder(WHOLE_MAX, (tree) => readWhole(tree, call.stream))
  if (call.stream && /^text\/event-stream[ \t]*(?:;|$)/.test(type)) return streamDecoder(choicesOf(call))
  return refusing(`an answer that is neither JSON nor the stream that was asked for`)
}

function malformed(what: string): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_MALFORMED', `the provider sent ${what}`)
}

function refusing(what: string): Decoder {
  const refuse = (): never => {
    throw malformed(what)
  }
  return { push: refuse, end: refuse }
}

/** Everything is read at the end, as a short stream of one event. */
function wholeDecoder(limit: number, read: (tree: TreeObject) => ModelEvent): Decoder {
  const chunks: Uint8Array[] = []
  let size = 0
  return {
    push(chunk) {
      size += chunk.length
      if (size > limit) throw malformed(`an answer of more than ${limit} bytes`)
      chunks.push(chunk)
      return []
    },
    end() {
      if (size === 0) throw new CustomhouseError('ERR_PROVIDER_TRUNCATED', 'the provider sent an answer without a body')
      const [first] = chunks
      const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
      return [read(parseObject(body, 'the answer of the provider', WHOLE_VALUES))]
    },
  }
}

function parseObject(bytes: Uint8Array, what: string, values = 100_000): TreeObject {
  const tree = parseTree(bytes, { code: 'ERR_PROVIDER_MALFORMED', what, values })
  if (!(tree instanceof Map)) throw malformed('JSON that is no object')
  return tree
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

type Bare = Omit<Delta, 'parts'> | Omit<Finish, 'parts'> | Omit<Fault, 'parts'>

/** An event whose parts are made when somebody asks for them: without an inspector nobody does. */
function withParts(event: Bare, read: () => readonly Part[]): ModelEvent {
  let parts: readonly Part[] | undefined
  return {
    ...event,
    get parts() {
      parts ??= read()
      return parts
    },
  }
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

function word(text: string): string {
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(text) ? text : 'unknown'
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

function truncated(where: string): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_TRUNCATED', `the provider ended its stream ${where}`)
}

const DONE = Buffer.from('[DONE]')

function isDone(data: Uint8Array): boolean {
  return DONE.equals(data)
}
