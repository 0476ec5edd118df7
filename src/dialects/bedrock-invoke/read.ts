import type { ModelCall } from '../../core/call.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import { parseTree } from '../../core/parse.ts'
import type { InboundRequest } from '../../core/port.ts'
import { checkBetas } from '../anthropic-messages/betas.ts'
import { checkMembers } from '../anthropic-messages/members.ts'
import { betaFact, readMessages } from '../anthropic-messages/read.ts'
import { promptOf } from '../bedrock-converse/prompt.ts'
import { modelOf, operationOf } from '../model-id.ts'
import { asArray, asObject, asString, checkEnvelope, malformed, unsupported } from '../request.ts'

export const STREAM = 'invoke-with-response-stream'

/** Bedrock's own version, and those that `@anthropic-ai/bedrock-sdk` 1.x copies from its header. */
const VERSIONS: readonly string[] = ['bedrock-2023-05-31', '2023-06-01', '2026-10-21']

/** Members that only this form of the dialect has; `model` and `stream` stand in its path. */
const OWN: readonly string[] = ['anthropic_version', 'anthropic_beta']

const PARAMETERS = 'x-amzn-bedrock-'

/** Reads an InvokeModel call whose body is one of Anthropic's. Throws ERR_CALL_MALFORMED or ERR_CALL_UNSUPPORTED, each with the pointer and the mend. */
export function readCall(request: InboundRequest): ModelCall {
  checkEnvelope(asJson(request))
  checkParameters(request.headers)
  const body = asObject(parseTree(request.body), '')
  checkVersion(body)
  const betas = readBetas(body.get('anthropic_beta'))
  checkMembers(body, OWN, betas)
  const model = modelOf(request.path)
  const read = readMessages(request, body, {
    dialect: 'bedrock.invoke',
    operation: 'chat',
    model,
    stream: operationOf(request.path) === STREAM,
    headers: betaFact(betas),
  })
  return { ...read, references: [...promptOf(model), ...read.references] }
}

/** The AWS SDKs send the body of InvokeModel as bytes of no kind, or say nothing, unless they are told. It is JSON or refused. */
function asJson(request: InboundRequest): InboundRequest {
  const type = request.headers['content-type']
  if (type !== undefined && type.toLowerCase() !== 'application/octet-stream') return request
  return { ...request, headers: { ...request.headers, 'content-type': 'application/json' } }
}

/**
 * Parameters of InvokeModel that travel as headers. None is sent on, and a guardrail that is asked for and left away would be missed by nobody:
 * such a call is refused. The form of the answer is the only one there is.
 */
function checkParameters(headers: InboundRequest['headers']): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(PARAMETERS)) continue
    if (name === `${PARAMETERS}accept` && /^(?:application\/json|\*\/\*)$/i.test(value)) continue
    throw unsupported(
      `${PARAMETERS}*`,
      'leave these parameters out; guardrails and the like can be asked for with Converse',
    )
  }
}

function checkVersion(body: TreeObject): void {
  const version = body.get('anthropic_version')
  if (version === undefined) {
    throw unsupported(
      '/anthropic_version',
      'only bodies of Anthropic models are read here; call other models with Converse (/model/{id}/converse)',
    )
  }
  if (!VERSIONS.includes(asString(version, '/anthropic_version'))) {
    throw unsupported('/anthropic_version', `must be ${VERSIONS.join(' or ')}`)
  }
}

function readBetas(node: JsonTree | undefined): readonly string[] {
  if (node === undefined || node === null) return []
  const betas = asArray(node, '/anthropic_beta').map((beta, index) => {
    if (typeof beta !== 'string') throw malformed(`/anthropic_beta/${index}`, 'must be a string')
    return beta
  })
  return checkBetas(betas, '/anthropic_beta')
}
