import type { ModelCall } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Encoder } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { editor, sseBytes } from '../openai-chat/encode.ts'
import { chunkStream } from './chunks.ts'
import { errorMembers, errorTree } from './refuse.ts'

const NOTHING = new Uint8Array(0)
const JSON_TYPE = 'application/json'
const SSE = 'text/event-stream; charset=utf-8'
const DONE = Buffer.from('data: [DONE]\n\n')

/** Writes an answer for a client of Mistral's. `contentType` changes to JSON when the provider answered a call for a stream with an error. */
export function encodeAnswer(call: ModelCall): Encoder {
  const editing = editor()
  const chunks = chunkStream()
  let form: 'chunk' | 'whole' = call.stream ? 'chunk' : 'whole'
  let over = false

  return {
    get contentType() {
      return form === 'chunk' ? SSE : JSON_TYPE
    },
    event(event, texts) {
      const frame = editing(event, texts)
      form = frame.form
      if (event.kind === 'fault') {
        over = true
        const members = membersOf(frame.tree)
        return form === 'whole' ? writeTreeBytes(errorTree(members)) : sseBytes(chunks.broken(members))
      }
      return form === 'whole' ? writeTreeBytes(frame.tree) : written(chunks.next(frame.tree))
    },
    end() {
      return form === 'chunk' && !over ? Buffer.concat([written(chunks.rest()), DONE]) : NOTHING
    },
    cutOff(error) {
      if (form === 'whole') {
        throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'a whole answer cannot be cut off: it is released at once')
      }
      over = true
      return sseBytes(chunks.broken(errorMembers(error)))
    },
  }
}

function written(trees: readonly TreeObject[]): Uint8Array {
  const [only] = trees
  if (only === undefined) return NOTHING
  return trees.length === 1 ? sseBytes(only) : Buffer.concat(trees.map(sseBytes))
}

/** What an error of the provider says, without the object that the decoder put it in. */
function membersOf(tree: TreeObject): TreeObject {
  const error: JsonTree | undefined = tree.get('error')
  return error instanceof Map ? error : new Map([['message', error ?? null]])
}
