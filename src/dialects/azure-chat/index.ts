import type { ModelCall } from '../../core/call.ts'
import { parseTree } from '../../core/parse.ts'
import type { Codec, InboundRequest, Reply } from '../../core/port.ts'
import { openaiChat } from '../openai-chat/index.ts'
import { readBody } from '../openai-chat/read.ts'
import { asObject, checkEnvelope, malformed, unsupported } from '../request.ts'

const V1 = '/openai/v1/chat/completions'
/** The deployment as it stands in the path: one segment, percent-encoded. */
const CLASSIC = /^\/openai\/deployments\/([^/]+)\/chat\/completions$/
const DATED = /^api-version=\d{4}-\d{2}-\d{2}(?:-preview)?$/
/** `v1` is what the Vercel AI SDK says of its own accord. */
const V1_VERSION = /^api-version=(?:\d{4}-\d{2}-\d{2}(?:-preview)?|preview|latest|v1)$/
const DEPLOYMENT = /^[A-Za-z0-9_.:@/-]{1,128}$/

/**
 * Chat completions as clients of Azure OpenAI ask for them: the v1 API, and the classic one, where the path names the deployment. Calls and
 * answers are those of openai.chat.
 */
export const azureChat: Codec = {
  ...openaiChat,
  idHeaders: ['x-request-id', 'apim-request-id'],
  matches: (method, path) => method === 'POST' && (path === V1 || CLASSIC.test(path)),
  read,
  refuse,
}

function read(request: InboundRequest): ModelCall {
  const named = CLASSIC.exec(request.path)?.[1]
  checkQuery(request.query, named !== undefined)
  checkEnvelope(request, [request.query])
  const body = asObject(parseTree(request.body), '')
  if (named === undefined) return readBody(request, body)
  const given = body.get('model')
  if (given !== undefined && given !== null && typeof given !== 'string') throw malformed('/model', 'must be a string')
  // Azure ignores the body's model here (LangChain sends `gpt-3.5-turbo` whatever the deployment): so it is neither judged nor sent.
  return readBody(request, new Map(body).set('model', deployment(named)))
}

/** The deployment's name, decoded once. What is still encoded after that, or no plain name, is refused. */
function deployment(segment: string): string {
  let name: string
  try {
    name = decodeURIComponent(segment)
  } catch {
    throw malformed('the path', 'percent-encode the name of the deployment in UTF-8')
  }
  if (!DEPLOYMENT.test(name)) throw malformed('the path', 'name a deployment of 1 to 128 of A-Z a-z 0-9 _ . : @ / -')
  return name
}

function checkQuery(query: string, classic: boolean): void {
  if (classic) {
    if (DATED.test(query)) return
    throw unsupported('the query string', 'give api-version=YYYY-MM-DD or YYYY-MM-DD-preview, once, and nothing else')
  }
  if (query === '' || V1_VERSION.test(query)) return
  throw unsupported('the query string', 'give no query, or api-version=preview, latest, v1 or a date, once')
}

/** Azure's own request id stands beside the one that the SDKs read. */
function refuse(...[id, error]: Parameters<Codec['refuse']>): Reply {
  const reply = openaiChat.refuse(id, error)
  return { ...reply, headers: { ...reply.headers, 'apim-request-id': id } }
}
