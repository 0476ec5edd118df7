import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { writeBody } from '../anthropic-messages/write.ts'
import { EVENT_STREAM } from '../eventstream.ts'
import { modelPath } from '../model-id.ts'
import { STREAM } from './read.ts'

/** Writes a call for a target. The path names the model and whether the answer is a stream; betas stand in the body, as they came. */
export function writeCall(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): UpstreamMessage {
  const body = writeBody(call, target, edits, assign)
  if (body.has('model') || body.has('stream')) {
    throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an assignment put into the body what stands in the path')
  }
  return {
    path: modelPath(target.model, call.stream ? STREAM : 'invoke'),
    headers: {
      'content-type': 'application/json',
      accept: call.stream ? EVENT_STREAM : 'application/json',
    },
    body: writeTreeBytes(body),
  }
}
