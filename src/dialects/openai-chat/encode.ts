import type { ModelCall, ModelEvent } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { isChanged, withTexts } from '../parts.ts'
import { asFrame, type Frame } from './frame.ts'
import { wantsUsage } from './read.ts'
import { errorTree } from './refuse.ts'

const NOTHING = new Uint8Array(0)
const SSE = 'text/event-stream; charset=utf-8'
const DATA = Buffer.from('data: ')
const END = Buffer.from('\n\n')
const JSON_TYPE = 'application/json'

/**
 * Writes an answer for the client, always from the trees. `contentType` is the stream's or the whole answer's as the call asked
 * for, and changes to JSON when the provider answered a call for a stream with a whole error: read it after the first event.
 */
export function encodeAnswer(call: ModelCall): Encoder {
  const showUsage = !call.stream || wantsUsage(call.body)
  let form: 'chunk' | 'whole' = call.stream ? 'chunk' : 'whole'
  const editing = editor()
  let over = false

  return {
    get contentType() {
      return form === 'chunk' ? SSE : JSON_TYPE
    },
    event(event, texts) {
      const frame = editing(event, texts)
      const { tree } = frame
      form = frame.form
      if (event.kind === 'fault') over = true
      if (form === 'chunk' && !showUsage && isUsageChunk(tree)) return NOTHING
      if (form === 'whole') return writeTreeBytes(tree)
      return sseBytes(showUsage || tree.get('usage') !== null ? tree : without(tree, 'usage'))
    },
    end() {
      return form === 'chunk' && !over ? Buffer.from('data: [DONE]\n\n') : NOTHING
    },
    cutOff(error) {
      if (form === 'whole') {
        throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a whole answer cannot be cut off: it is released at once')
      }
      over = true
      return sseBytes(errorTree(error))
    },
  }
}

/** Puts the texts of one answer's events into their trees, and takes away what would repeat the text that was there. */
export function editor(): (event: ModelEvent, texts: readonly string[] | undefined) => Frame {
  let edited = false
  return (event, texts) => {
    const { form, tree } = asFrame(event.frame)
    const editedNow = texts !== undefined && isChanged(event.parts, texts)
    edited ||= editedNow
    if (!edited) return { form, tree }
    return { form, tree: withoutEchoes(editedNow ? withTexts(tree, event.parts, texts) : tree, editedNow) }
  }
}

export function sseBytes(tree: TreeObject): Uint8Array {
  return Buffer.concat([DATA, writeTreeBytes(tree), END])
}

/** The chunk that include_usage adds before `[DONE]`: no choices, and the usage of the whole stream. */
export function isUsageChunk(tree: TreeObject): boolean {
  const choices = tree.get('choices') ?? []
  return Array.isArray(choices) && choices.length === 0 && tree.get('usage') instanceof Map
}

/**
 * A chunk without what repeats its text in a form that no edit reaches: token probabilities (`logprobs`, whose `bytes` are the text
 * as numbers), the numbers of its tokens (`token_ids` of vLLM and SGLang) and sound (`audio.data`, which speaks it). Once a stream was edited they stay away, since they may come later than
 * the text that they repeat. The padding that hides a token's length (`obfuscation`, Mistral's `p`) would betray the length of what was edited.
 */
function withoutEchoes(tree: TreeObject, editedNow: boolean): TreeObject {
  const padded = editedNow ? without(without(tree, 'obfuscation'), 'p') : tree
  const choices = padded.get('choices')
  if (!Array.isArray(choices)) return padded
  return new Map(padded).set('choices', choices.map(withoutEcho))
}

function withoutEcho(choice: JsonTree): JsonTree {
  if (!(choice instanceof Map)) return choice
  const copy: TreeObject = new Map(choice)
  if (copy.get('logprobs') instanceof Map) copy.set('logprobs', null)
  copy.delete('token_ids')
  for (const name of ['delta', 'message']) {
    const message = copy.get(name)
    if (!(message instanceof Map)) continue
    const audio = message.get('audio')
    if (audio instanceof Map && audio.has('data'))
      copy.set(name, new Map(message).set('audio', new Map(audio).set('data', '')))
  }
  return copy
}

function without(tree: TreeObject, name: string): TreeObject {
  if (!tree.has(name)) return tree
  const copy: TreeObject = new Map(tree)
  copy.delete(name)
  return copy
}
