import { HTTPClient, Mistral } from '@mistralai/mistralai'
import { type Ask, type Driver, type Fault, type Heard, type Raised, TOOL } from './driver.ts'

/** Mistral's own SDK. */

type Asked = Parameters<Mistral['chat']['complete']>[0]

/** It hands its fetcher a request alone; what counts and what sends here take an address and what goes there. */
function clientOf({ key, baseURL, fetch, retries, signal }: Ask): Mistral {
  const fetcher = async (input: Request | URL | string): Promise<Response> => {
    const request = new Request(input)
    return fetch(request.url, {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
      signal: signal ?? null,
    })
  }
  // It repeats nothing unasked; asked, it counts the time and not the calls.
  const backoff = { initialInterval: 100, maxInterval: 5000, exponent: 1, maxElapsedTime: 900 }
  return new Mistral({
    apiKey: key,
    serverURL: baseURL,
    httpClient: new HTTPClient({ fetcher }),
    ...(retries === 0 ? {} : { retryConfig: { strategy: 'backoff', backoff, retryConnectionErrors: true } }),
  })
}

function askedOf(ask: Ask): Asked {
  const messages: Asked['messages'] = [{ role: 'user', content: ask.say }]
  if (ask.toolResult !== undefined) {
    const { id, arguments: given, result } = ask.toolResult
    messages.push({ role: 'assistant', toolCalls: [{ id, function: { name: TOOL.name, arguments: given } }] })
    messages.push({ role: 'tool', toolCallId: id, content: result })
  }
  return {
    model: ask.model,
    messages,
    ...(ask.tool === true ? { tools: [{ type: 'function' as const, function: { ...TOOL } }] } : {}),
  }
}

type Calls = readonly Readonly<{ id?: string | undefined; function: { name: string; arguments: unknown } }>[]

const toolsOf = (calls: Calls): Heard['tools'] =>
  calls.map(({ id = '', function: { name, arguments: given } }) => ({
    id,
    name,
    arguments: typeof given === 'string' ? (JSON.parse(given) as unknown) : given,
  }))

export const mistral: Driver = async (ask) => {
  const { chat } = clientOf(ask)
  const headers = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
  if (!ask.streamed) {
    const { choices, usage } = await chat.complete(askedOf(ask), { headers })
    const { message, finishReason } = choices[0] ?? {}
    return {
      text: typeof message?.content === 'string' ? message.content : '',
      tools: toolsOf(message?.toolCalls ?? []),
      finish: finishReason ?? null,
      tokens: usage.totalTokens,
    }
  }
  let text = ''
  let tools: Heard['tools'] = []
  let finish: string | null = null
  let tokens: number | undefined
  for await (const { data } of await chat.stream(askedOf(ask), { headers })) {
    tokens = data.usage?.totalTokens ?? tokens
    for (const { delta, finishReason } of data.choices) {
      finish = finishReason ?? finish
      if (typeof delta.content === 'string' && delta.content !== '') {
        text += delta.content
        ask.onText?.(delta.content)
      }
      tools = [...tools, ...toolsOf(delta.toolCalls ?? [])]
    }
  }
  return { text, tools, finish, tokens }
}

const raised = (statusCode: number, body: RegExp): Raised => ({ class: 'SDKError', statusCode, body })
/** In mid-stream it raises nothing: the `finish` is all that it tells. */
const NEVER: Raised = { class: 'nothing is raised' }

export const RAISED: Record<Fault, Raised> = {
  denied: raised(403, /^\{"object":"error",.*"type":"policy_denied",.*"code":"policy_denied"/),
  'wrong key': raised(401, /"code":"invalid_api_key"/),
  'unknown model': raised(404, /"code":"model_not_found"/),
  malformed: raised(400, /"code":"call_malformed"/),
  'rate limited': raised(429, /^\{"object":"error",.*"type":"rate_limited",.*"code":"1300"/),
  quota: raised(429, /"code":"rate_limit_exceeded"/),
  'provider 500': raised(500, /^\{"object":"error",.*"code":"1000"/),
  'hang-up': raised(502, /"code":"provider_unreachable"/),
  'broken answer': raised(502, /"code":"provider_truncated"/),
  'broken stream': NEVER,
  'fault in the stream': NEVER,
  'cut off': NEVER,
  'answer denied': raised(403, /"code":"policy_denied"/),
}
