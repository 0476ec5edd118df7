import type { Delta, Evidence, Fault, Finish, ModelEvent, Part } from '../core/call.ts'
import { CustomhouseError } from '../core/errors.ts'
import type { JsonTree, TreeObject } from '../core/json.ts'
import { parseTree } from '../core/parse.ts'
import type { Decoder } from '../core/port.ts'

/** What every dialect does in the same way with a provider's answer. */

/** Greatest sizes in bytes. An event may carry an image or a second of sound. */
export const EVENT_MAX = 8 * 1024 * 1024
export const WHOLE_MAX = 64 * 1024 * 1024
export const FAULT_MAX = 1024 * 1024
/** Values of a whole answer: token probabilities alone are some 170 a token. */
const WHOLE_VALUES = 1_000_000

/** The media type of an answer, in lower case and without parameters; '' where there is none. */
export function mediaType(headers: Readonly<Record<string, string>>): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function isJsonType(type: string): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json$/.test(type)
}

/** What the provider sent is not what its dialect allows. */
export function malformed(what: string): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_MALFORMED', `the provider sent ${what}`)
}

/** Refuses an answer with its first bytes. */
export function refusing(what: string): Decoder {
  const refuse = (): never => {
    throw malformed(what)
  }
  return { push: refuse, end: refuse }
}

/** Everything is read at the end, as a short stream of one event. */
export function wholeDecoder(limit: number, read: (tree: TreeObject) => ModelEvent): Decoder {
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

/**
 * Reads a stream message by message. Nothing after a failure is read; what stood before it in the same bytes is given out first. Where `read` says nothing of a
 * message, there is no event.
 */
export function eventDecoder<M>(
  messages: (chunk: Uint8Array) => Iterable<M>,
  read: (message: M) => ModelEvent | undefined,
  end: () => void,
): Decoder {
  let failure: unknown
  return {
    push(chunk) {
      if (failure !== undefined) throw failure
      const events: ModelEvent[] = []
      try {
        for (const message of messages(chunk)) {
          const event = read(message)
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
      end()
      return []
    },
  }
}

/** One JSON object of the provider. `what` names it in the error; `values` bounds its size. */
export function parseObject(bytes: Uint8Array, what: string, values = 100_000): TreeObject {
  const tree = parseTree(bytes, { code: 'ERR_PROVIDER_MALFORMED', what, values })
  if (!(tree instanceof Map)) throw malformed('JSON that is no object')
  return tree
}

type Bare = Omit<Delta, 'parts'> | Omit<Finish, 'parts'> | Omit<Fault, 'parts'>

/** An event whose parts are made when somebody asks for them: without an inspector nobody does. */
export function withParts(event: Bare, read: () => readonly Part[]): ModelEvent {
  let parts: readonly Part[] | undefined
  return {
    ...event,
    get parts() {
      parts ??= read()
      return parts
    },
  }
}

/** Parts of which those of the assistant's own words at such pointers are JSON, since the call asked for it. */
export function spokenAsJson(parts: readonly Part[], spoken: RegExp): readonly Part[] {
  const isSpoken = ({ channel, role, pointer }: Part) =>
    channel === 'text' && role === 'assistant' && spoken.test(pointer)
  return parts.map((part) => (isSpoken(part) ? { ...part, json: true } : part))
}

/** Whether a member of a member of a body is an object with a type: what a call asks for by it. Null is no member. */
export function asksFor(body: JsonTree | undefined, path: readonly string[]): boolean {
  let node = body
  for (const name of path) node = node instanceof Map ? node.get(name) : undefined
  return node instanceof Map && typeof node.get('type') === 'string'
}

/** A provider's word that is recorded; anything but a short one is `unknown`. */
export function word(text: string): string {
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(text) ? text : 'unknown'
}

/** What a provider says of where it works, as its own word; what is no short word of its alphabet is `other`. */
export function evidenceOf(source: string, said: JsonTree): readonly Evidence[] {
  const word = typeof said === 'string' && /^[A-Za-z0-9 ._-]{1,64}$/.test(said) ? said : 'other'
  return [{ source, word }]
}

/** The provider ended before the dialect's own end. */
export function truncated(where: string): CustomhouseError {
  return new CustomhouseError('ERR_PROVIDER_TRUNCATED', `the provider ended its stream ${where}`)
}
