import type { ModelCall } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { isChanged, withTexts } from '../parts.ts'
import { asFrame } from './frame.ts'
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
  let edited = false
  let over = false

  return {
    get contentType() {
      return form === 'chunk' ? SSE : JSON_TYPE
    },
    event(event, texts) {
      const frame = asFrame(event.frame)
      form = frame.form
      if (event.kind === 'fault') over = true
      const editedNow = texts !== undefined && isChanged(event.parts, texts)
      edited ||= editedNow
      if (form === 'chunk' && !showUsage && isUsageChunk(frame.tree)) return NOTHING
      let tree = editedNow ? withTexts(frame.tree, event.parts, texts) : frame.tree
      if (edited) tree = withoutEchoes(tree, editedNow)
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

function sseBytes(tree: TreeObject): Uint8Array {
  return Buffer.concat([DATA, writeTreeBytes(tree), END])
}

/** The chunk that include_usage adds before `[DONE]`: no choices, and the usage of the whole stream. */
function isUsageChunk(tree: TreeObject): boolean {
  const choices = tree.get('choices') ?? []
  return Array.isArray(choices) && choices.length === 0 && tree.get('usage') instanceof Map
}

/**
 * A chunk without what repeats its text in a form that no edit reaches: token probabilities (`logprobs`, whose `bytes` are the text
 * as numbers) and sound (`audio.data`, which speaks it). Once a stream was edited they stay away, since they may come later than
 * the text that they repeat. The padding that hides a token's length (`obfuscation`) would betray the length of what was edited.
 */
function withoutEchoes(tree: TreeObject, editedNow: boolean): TreeObject {
  const padded = editedNow ? without(tree, 'obfuscation') : tree
  const choices = padded.get('choices')
  if (!Array.isArray(choices)) return padded
  return new Map(padded).set('choices', choices.map(withoutEcho))
}

function withoutEcho(choice: JsonTree): JsonTree {
  if (!(choice instanceof Map)) return choice
  const copy: TreeObject = new Map(choice)
  if (copy.get('logprobs') instanceof Map) copy.set('logprobs', null)
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
