import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { rewrite } from '../edits.ts'
import { wantsUsage } from './read.ts'
import { forMistral } from './variants.ts'

/**
 * Writes a call for a target, from its tree. A tree that nothing changed is written as it was read: order and lexemes. `adapt` puts the
 * words of another client into those of OpenAI's API, where the target speaks that.
 */
export function writeCall(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
  adapt: (body: TreeObject) => TreeObject = (body) => body,
): UpstreamMessage {
  const changed = rewrite(call.body, edits, assign)
  if (!(changed instanceof Map)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment replaced the body')
  if ((changed.get('stream') === true) !== call.stream) {
    throw new CustomhouseError(
      'ERR_GATEWAY_INTERNAL',
      'an assignment changed /stream, which decides how the answer is read',
    )
  }
  let body: TreeObject = changed
  if (body.get('model') !== target.model) body = new Map(body).set('model', target.model)
  if (target.kind === 'mistral') body = forMistral(body)
  else {
    body = adapt(body)
    // Quotas settle on real usage, which a stream tells only when asked.
    if (call.stream && !wantsUsage(body))
      body = new Map(body).set('stream_options', withUsage(body.get('stream_options')))
  }
  return {
    path: '/chat/completions',
    headers: {
      'content-type': 'application/json',
      accept: call.stream ? 'text/event-stream' : 'application/json',
    },
    body: writeTreeBytes(body),
  }
}

function withUsage(options: JsonTree | undefined): TreeObject {
  const copy: TreeObject = new Map(options instanceof Map ? options : [])
  return copy.set('include_usage', true)
}
