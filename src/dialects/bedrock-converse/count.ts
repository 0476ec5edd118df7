import type { Assignment, Edit, ModelCall, Target } from '../../core/call.ts'
import { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import { getAt, setAt } from '../../core/pointer.ts'
import type { InboundRequest, UpstreamMessage } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { writeBody } from '../anthropic-messages/write.ts'
import { readCall as readInvoke } from '../bedrock-invoke/read.ts'
import { modelPath } from '../model-id.ts'
import { asObject, asString, checkEnvelope, malformed, unsupported } from '../request.ts'
import { estimate, readFacts, toolNames } from './read.ts'
import { inspectBody, newFound } from './segments.ts'
import { COUNTED } from './shape.ts'
import { edited } from './write.ts'

const CONVERSE = '/input/converse'
const INVOKE = '/input/invokeModel/body'

/**
 * Reads a call of CountTokens. `input.converse` is read as Converse reads it. `input.invokeModel.body` is a body within the body, in base64: it is taken
 * out, read as bedrock.invoke reads it (Anthropic's models; others are refused), stands in the call's tree as what it is, and is written anew.
 */
export function readCount(request: InboundRequest): ModelCall {
  checkEnvelope(request)
  const body = asObject(parseTree(request.body), '')
  only(body, '', ['input'])
  const input = asObject(body.get('input'), '/input')
  only(input, '/input', ['converse', 'invokeModel'])
  if (input.size > 1) throw unsupported('/input', 'ask for one count: of converse or of invokeModel')
  return input.has('invokeModel') ? countInvoke(request, body) : countConverse(request, body)
}

function only(node: TreeObject, pointer: string, names: readonly string[]): void {
  for (const name of node.keys()) {
    if (!names.includes(name)) throw unsupported(pointer === '' ? 'the body' : pointer, `send only ${names.join(', ')}`)
  }
}

function countConverse(request: InboundRequest, body: TreeObject): ModelCall {
  const converse = asObject(getAt(body, CONVERSE), CONVERSE)
  const found = newFound()
  inspectBody(found, converse, CONVERSE, COUNTED)
  return {
    ...readFacts(request, 'count_tokens', found, converse.get('additionalModelRequestFields')),
    stream: false,
    estimate: estimate(found, 0),
    tools: toolNames(converse.get('toolConfig'), `${CONVERSE}/toolConfig`),
    body,
  }
}

function countInvoke(request: InboundRequest, body: TreeObject): ModelCall {
  only(asObject(getAt(body, '/input/invokeModel'), '/input/invokeModel'), '/input/invokeModel', ['body'])
  const base64 = asString(getAt(body, INVOKE), INVOKE)
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw malformed(INVOKE, 'must be base64 (RFC 4648 4), with its padding')
  const inner = readInvoke({ ...request, body: bytes })
  const below = <T extends Readonly<{ pointer: string }>>(one: T): T => ({ ...one, pointer: INVOKE + one.pointer })
  return {
    ...inner,
    dialect: 'bedrock.converse',
    operation: 'count_tokens',
    stream: false,
    estimate: { ...inner.estimate, maxOutputTokens: 0 },
    // What the path names has no place in the body.
    references: inner.references.map((one) => (one.pointer === '' ? one : below(one))),
    segments: inner.segments.map(below),
    unread: inner.unread.map((pointer) => INVOKE + pointer),
    body: setAt(body, INVOKE, inner.body),
  }
}

export function writeCount(
  call: ModelCall,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): UpstreamMessage {
  const inner = getAt(call.body, INVOKE)
  const body =
    inner === undefined
      ? edited(call, edits, assign)
      : setAt(call.body, INVOKE, base64Of(call, inner, target, edits, assign))
  return {
    path: modelPath(target.model, 'count-tokens'),
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: writeTreeBytes(body),
  }
}

function base64Of(
  call: ModelCall,
  inner: JsonTree,
  target: Target,
  edits: readonly Edit[],
  assign: readonly Assignment[],
): string {
  const own = { ...call, body: inner, segments: call.segments.map(above) }
  return Buffer.from(writeTreeBytes(writeBody(own, target, edits.map(above), assign.map(above)))).toString('base64')
}

/** The same place, as the inner body has it. */
function above<T extends Readonly<{ pointer: string }>>(one: T): T {
  if (one.pointer.startsWith(`${INVOKE}/`)) return { ...one, pointer: one.pointer.slice(INVOKE.length) }
  throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'an edit or an assignment outside of the body that is counted')
}
