import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { withoutSigned } from './signed.ts'

/** Writes a call for a target, from its tree. A tree that nothing changed is written as it was read: order and lexemes. */
export function writeCall(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): UpstreamMessage {
  const changed = writeBody(call, target, edits, assign)
  if ((changed.get('stream') === true) !== call.stream) {
    throw new CustomhouseError(
      'ERR_GATEWAY_INTERNAL',
      'an assignment changed /stream, which decides how the answer is read',
    )
  }
  const body = changed.get('model') === target.model ? changed : new Map(changed).set('model', target.model)
  return {
    path: call.operation === 'count_tokens' ? '/v1/messages/count_tokens' : '/v1/messages',
    headers: {
      'content-type': 'application/json',
      accept: call.stream ? 'text/event-stream' : 'application/json',
      ...call.headers,
    },
    body: writeTreeBytes(body),
  }
}

/**
 * The body of a call for a target: edits, the assignments, and signed blocks that an edit would have touched dropped. Throws
 * ERR_POLICY_DENIED where a signed block cannot be dropped, and where the call itself asks for a place that the target was not judged for.
 */
export function writeBody(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): TreeObject {
  checkPlace(call, target)
  const changed = withoutSigned(call, edits, assign)
  if (!(changed instanceof Map)) throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment replaced the body')
  if (changed.get('inference_geo') !== null) return changed
  // Null is left out, as it means: the place of what is sent is told by the word that stands there.
  const body: TreeObject = new Map(changed)
  body.delete('inference_geo')
  return body
}

/** `inference_geo: us` must narrow what the target was declared and judged to be, not move the call out of it. */
function checkPlace({ body }: ModelCall, { residency }: Target): void {
  const geo = body instanceof Map ? body.get('inference_geo') : undefined
  if (geo === undefined || geo === null) return
  const places = residency.processing ?? []
  if (!places.includes('*') && !places.includes('US')) {
    throw new CustomhouseError(
      'ERR_POLICY_DENIED',
      '/inference_geo: leave it out: it asks for a place outside of where this target was judged to be',
      { detail: { rule: 'place' } },
    )
  }
}
