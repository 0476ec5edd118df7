import type { Estimate, ModelCall, Reference, Segment } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { InboundRequest } from '../../core/port.ts'
import {
  asArray,
  asCount,
  asFlag,
  asName,
  asObject,
  asString,
  checkEnvelope,
  malformed,
  readClasses,
  readMetadata,
  readTask,
} from '../request.ts'
import { findReferences } from './references.ts'
import { refuseRouting } from './routing.ts'
import { inspectCall } from './segments.ts'

/** Reads a call. Throws ERR_CALL_MALFORMED or ERR_CALL_UNSUPPORTED, each with the pointer and the mend. */
export function readCall(request: InboundRequest): ModelCall {
  checkEnvelope(request)
  return readBody(request, asObject(parseTree(request.body), ''))
}

/** Reads a call whose envelope was checked, from its body. */
export function readBody(request: InboundRequest, body: TreeObject): ModelCall {
  refuseRouting(body)
  const model = asString(body.get('model'), '/model')
  const stream = asFlag(body.get('stream'), '/stream')
  checkStreamOptions(body.get('stream_options'))
  asArray(body.get('messages'), '/messages')
  asFlag(body.get('store'), '/store')
  const { segments, unread } = inspectCall(body)
  const references = findReferences(body)
  return {
    id: request.id,
    principal: request.principal,
    dialect: 'openai.chat',
    operation: 'chat',
    model,
    stream,
    task: readTask(request.headers),
    classes: readClasses(request.headers),
    estimate: estimate(body, segments, references),
    tools: toolNames(body),
    references,
    headers: readHeaders(request.headers),
    metadata: readMetadata(request.headers),
    segments,
    unread,
    body,
  }
}

/** Whether the client itself asked for the usage of a stream; if not, what we asked for is hidden from it. */
export function wantsUsage(body: JsonTree): boolean {
  const options = body instanceof Map ? body.get('stream_options') : undefined
  return options instanceof Map && options.get('include_usage') === true
}

function checkStreamOptions(options: JsonTree | undefined): void {
  if (options === undefined || options === null) return
  asFlag(asObject(options, '/stream_options').get('include_usage'), '/stream_options/include_usage')
}

function estimate(body: TreeObject, segments: readonly Segment[], references: readonly Reference[]): Estimate {
  const inline = new Set(references.filter(({ where }) => where === 'inline').map(({ pointer }) => pointer))
  inline.delete('')
  let bytes = 0
  for (const { pointer, text } of segments) {
    // Base64 of an image or a recording is not text, and its tokens have nothing to do with its length.
    if (!inline.has(pointer) && !inline.has(parentOf(pointer))) bytes += Buffer.byteLength(text)
  }
  const choices = asCount(body.get('n'), '/n', 1) ?? 1
  const limit =
    asCount(body.get('max_completion_tokens'), '/max_completion_tokens', 0) ??
    asCount(body.get('max_tokens'), '/max_tokens', 0)
  return { inputTokens: Math.ceil(bytes / 4), maxOutputTokens: limit === null ? null : limit * choices }
}

function parentOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf('/'))
}

function toolNames(body: TreeObject): readonly string[] {
  const names: string[] = []
  optionalList(body.get('tools'), '/tools').forEach((item, index) => {
    const pointer = `/tools/${index}`
    const tool = asObject(item, pointer)
    // Mistral's API takes a tool without a type for a function.
    const type = asString(tool.get('type') ?? (tool.has('function') ? 'function' : null), `${pointer}/type`)
    if (type === 'function' || type === 'custom') {
      names.push(asName(asObject(tool.get(type), `${pointer}/${type}`).get('name'), `${pointer}/${type}/name`))
    } else names.push(asName(type, `${pointer}/type`))
  })
  optionalList(body.get('functions'), '/functions').forEach((item, index) => {
    const pointer = `/functions/${index}`
    names.push(asName(asObject(item, pointer).get('name'), `${pointer}/name`))
  })
  return names
}

function optionalList(node: JsonTree | undefined, pointer: string): readonly JsonTree[] {
  return node === undefined || node === null ? [] : asArray(node, pointer)
}

function readHeaders(headers: InboundRequest['headers']): Readonly<Record<string, string>> {
  const beta = headers['openai-beta']
  if (beta === undefined) return {}
  if (!/^[A-Za-z0-9_.:=, -]{1,256}$/.test(beta)) {
    throw malformed('openai-beta', 'must be 1 to 256 of A-Z a-z 0-9 _ . : = , - and space')
  }
  return { 'openai-beta': beta }
}
