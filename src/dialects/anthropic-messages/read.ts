import type { Estimate, ModelCall, Reference, Segment } from '../../core/call.ts'
import type { TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { InboundRequest } from '../../core/port.ts'
import {
  asArray,
  asCount,
  asFlag,
  asObject,
  asString,
  checkEnvelope,
  inputTokens,
  malformed,
  readClasses,
  readMetadata,
  readTask,
  unsupported,
} from '../request.ts'
import { readBetas } from './betas.ts'
import { checkMembers } from './members.ts'
import { findReferences } from './references.ts'
import { inspectCall } from './segments.ts'
import { declaredTools } from './tools.ts'

/** Versions of the API that this codec has read (`@anthropic-ai/sdk` below 1.0 and since); another one could mean something else by the same body. */
const VERSIONS: readonly string[] = ['2023-06-01', '2026-10-21']

/** Older SDKs add it to calls with betas. It says nothing that `anthropic-beta` does not, and is not sent on. */
const QUERIES: readonly string[] = ['beta=true']

/** What a call says outside of what every form of the dialect has in its body. */
export type Head = Pick<ModelCall, 'dialect' | 'operation' | 'model' | 'stream' | 'headers'>

/** Reads a call. Throws ERR_CALL_MALFORMED or ERR_CALL_UNSUPPORTED, each with the pointer and the mend. */
export function readCall(request: InboundRequest): ModelCall {
  return readAs(request, 'chat')
}

/** Reads a call that only asks how many tokens it would be. */
export function readCount(request: InboundRequest): ModelCall {
  return readAs(request, 'count_tokens')
}

function readAs(request: InboundRequest, operation: ModelCall['operation']): ModelCall {
  checkEnvelope(request, QUERIES)
  const version = readVersion(request.headers['anthropic-version'])
  const betas = readBetas(request.headers['anthropic-beta'])
  const body = asObject(parseTree(request.body), '')
  checkMembers(body, operation === 'chat' ? ['model', 'stream'] : ['model'], betas)
  return readMessages(request, body, {
    dialect: 'anthropic.messages',
    operation,
    model: asString(body.get('model'), '/model'),
    stream: asFlag(body.get('stream'), '/stream'),
    headers: { 'anthropic-version': version, ...betaFact(betas) },
  })
}

/** Betas as a fact that policies see, whether they came in a header or in a body. */
export function betaFact(betas: readonly string[]): Readonly<Record<string, string>> {
  return betas.length === 0 ? {} : { 'anthropic-beta': betas.join(',') }
}

/** A body of messages, once its members and its head were looked at. */
export function readMessages(request: InboundRequest, body: TreeObject, head: Head): ModelCall {
  asArray(body.get('messages'), '/messages')
  const tools = declaredTools(body)
  const { segments, unread } = inspectCall(body)
  const references = findReferences(body, tools)
  return {
    id: request.id,
    principal: request.principal,
    ...head,
    task: readTask(request.headers),
    classes: readClasses(request.headers),
    estimate: estimate(body, segments, references),
    tools: tools.map(({ name }) => name),
    references,
    metadata: readMetadata(request.headers),
    segments,
    unread,
    body,
  }
}

/** The API demands it, and so does the gateway: without it nobody knows what the body means. */
function readVersion(version: string | undefined): string {
  if (version === undefined) throw malformed('anthropic-version', `is required; send ${VERSIONS.join(' or ')}`)
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(version)) throw malformed('anthropic-version', 'must be a date: YYYY-MM-DD')
  if (!VERSIONS.includes(version)) throw unsupported('anthropic-version', `must be ${VERSIONS.join(' or ')}`)
  return version
}

function estimate(body: TreeObject, segments: readonly Segment[], references: readonly Reference[]): Estimate {
  return {
    inputTokens: inputTokens(segments, references),
    maxOutputTokens: asCount(body.get('max_tokens'), '/max_tokens', 0),
  }
}
