import type { Estimate, ModelCall, Operation } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { InboundRequest } from '../../core/port.ts'
import { betaFact } from '../anthropic-messages/read.ts'
import { modelOf, operationOf } from '../model-id.ts'
import {
  asArray,
  asCount,
  asName,
  asObject,
  checkEnvelope,
  inputTokens,
  readClasses,
  readMetadata,
  readTask,
} from '../request.ts'
import { readBetas } from './fields.ts'
import { promptOf } from './prompt.ts'
import { type Found, inspectBody, newFound } from './segments.ts'
import { MEMBERS } from './shape.ts'

const ALL: ReadonlySet<string> = new Set(Object.keys(MEMBERS))

/** Reads a call of Converse or ConverseStream. Throws ERR_CALL_MALFORMED or ERR_CALL_UNSUPPORTED, each with the pointer and the mend. */
export function readCall(request: InboundRequest): ModelCall {
  checkEnvelope(request)
  const body = asObject(parseTree(request.body), '')
  const found = newFound()
  inspectBody(found, body, '', ALL)
  const inference = optionalObject(body.get('inferenceConfig'), '/inferenceConfig')
  return {
    ...readFacts(request, 'chat', found, body.get('additionalModelRequestFields')),
    stream: operationOf(request.path) === 'converse-stream',
    estimate: estimate(found, asCount(inference?.get('maxTokens'), '/inferenceConfig/maxTokens', 0)),
    tools: toolNames(body.get('toolConfig'), '/toolConfig'),
    body,
  }
}

type Facts = Omit<ModelCall, 'stream' | 'estimate' | 'tools' | 'body'>

/** What the operations of this dialect read alike: the model of the path, headers, betas as policies see them, and what was found in the body. */
export function readFacts(
  request: InboundRequest,
  operation: Operation,
  found: Found,
  fields: JsonTree | undefined,
): Facts {
  const model = modelOf(request.path)
  return {
    id: request.id,
    principal: request.principal,
    dialect: 'bedrock.converse',
    operation,
    model,
    task: readTask(request.headers),
    classes: readClasses(request.headers),
    references: [...promptOf(model), ...found.references],
    headers: betaFact(readBetas(fields, '')),
    metadata: readMetadata(request.headers),
    segments: found.segments,
    unread: found.unread,
  }
}

/** Base64 of an image or a document is not text, and its tokens have nothing to do with its length. */
export function estimate({ segments, references }: Found, maxOutputTokens: number | null): Estimate {
  return { inputTokens: inputTokens(segments, references), maxOutputTokens }
}

export function toolNames(config: JsonTree | undefined, pointer: string): readonly string[] {
  const tools = optionalObject(config, pointer)?.get('tools') ?? null
  if (tools === null) return []
  return asArray(tools, `${pointer}/tools`).flatMap((item, index) => {
    const at = `${pointer}/tools/${index}`
    const tool = asObject(item, at)
    return ['toolSpec', 'systemTool'].flatMap((kind) => {
      const spec = optionalObject(tool.get(kind), `${at}/${kind}`)
      return spec === null ? [] : [asName(spec.get('name'), `${at}/${kind}/name`)]
    })
  })
}

function optionalObject(node: JsonTree | undefined, pointer: string): TreeObject | null {
  return node === undefined || node === null ? null : asObject(node, pointer)
}
