import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { parseTree } from '../../core/parse.ts'
import type { InboundRequest, UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { modelPath } from '../model-id.ts'
import { asObject, checkEnvelope, unsupported } from '../request.ts'
import { estimate, readFacts, toolNames } from './read.ts'
import { inspectBody, newFound } from './segments.ts'
import { COUNTED } from './shape.ts'
import { edited } from './write.ts'

const CONVERSE = '/input/converse'

/**
 * Reads a call of CountTokens for a Converse body. The other form, `input.invokeModel.body`, is a body within the body, in base64 and of the model's own
 * format: it is refused, and the same count is had from `input.converse`.
 */
export function readCount(request: InboundRequest): ModelCall {
  checkEnvelope(request)
  const body = asObject(parseTree(request.body), '')
  for (const name of body.keys()) if (name !== 'input') throw unsupported('the body', 'send nothing but input')
  const input = asObject(body.get('input'), '/input')
  for (const name of input.keys()) {
    if (name !== 'converse') throw unsupported('/input', 'count the tokens of input.converse; no other form is read')
  }
  const converse = asObject(input.get('converse'), CONVERSE)
  const found = newFound()
  inspectBody(found, converse, CONVERSE, COUNTED)
  return {
    ...readFacts(request, 'count_tokens', found),
    stream: false,
    estimate: estimate(found, 0),
    tools: toolNames(converse.get('toolConfig'), `${CONVERSE}/toolConfig`),
    body,
  }
}

export function writeCount(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): UpstreamMessage {
  return {
    path: modelPath(target.model, 'count-tokens'),
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: writeTreeBytes(edited(call, edits, assign)),
  }
}
