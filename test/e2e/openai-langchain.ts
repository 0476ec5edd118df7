import { AIMessage, type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { type Ask, type Driver, type Fault, type Raised, TOOL } from './driver.ts'

/** LangChain.js in OpenAI's dialect. */

function messagesOf({ say, toolResult }: Ask): BaseMessage[] {
  const messages: BaseMessage[] = [new HumanMessage(say)]
  if (toolResult !== undefined) {
    const { id, result } = toolResult
    const args = JSON.parse(toolResult.arguments) as Record<string, unknown>
    messages.push(new AIMessage({ content: '', tool_calls: [{ id, name: TOOL.name, args, type: 'tool_call' }] }))
    messages.push(new ToolMessage({ tool_call_id: id, content: result }))
  }
  return messages
}

export const langchain: Driver = async (ask) => {
  const defaultHeaders = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
  const model = new ChatOpenAI({
    model: ask.model,
    apiKey: ask.key,
    maxRetries: ask.retries,
    useResponsesApi: false,
    configuration: { baseURL: ask.baseURL, fetch: ask.fetch, defaultHeaders },
  })
  const bound = ask.tool === true ? model.bindTools([{ type: 'function', function: TOOL }]) : model
  const options = ask.signal === undefined ? {} : { signal: ask.signal }
  let answer: AIMessage
  if (ask.streamed) {
    let joined: AIMessageChunk | undefined
    for await (const chunk of await bound.stream(messagesOf(ask), options)) {
      joined = joined === undefined ? chunk : joined.concat(chunk)
      if (chunk.text !== '') ask.onText?.(chunk.text)
    }
    if (joined === undefined) throw new Error('LangChain streamed nothing')
    answer = joined
  } else answer = await bound.invoke(messagesOf(ask), options)
  const finish: unknown = answer.response_metadata.finish_reason
  const usage: unknown = answer.usage_metadata
  const tokens: unknown = typeof usage === 'object' && usage !== null ? Reflect.get(usage, 'total_tokens') : undefined
  return {
    text: answer.text,
    tools: (answer.tool_calls ?? []).map(({ id, name, args }) => ({ id: id ?? '', name, arguments: args })),
    finish: typeof finish === 'string' ? finish : null,
    tokens: typeof tokens === 'number' ? tokens : undefined,
  }
}

export const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status: 403, code: 'policy_denied' },
  'wrong key': { class: 'AuthenticationError', status: 401, code: 'invalid_api_key' },
  'unknown model': { class: 'NotFoundError', status: 404, code: 'model_not_found' },
  malformed: { class: 'BadRequestError', status: 400, code: 'call_malformed' },
  'rate limited': { class: 'RateLimitError', status: 429, code: 'rate_limit_exceeded' },
  quota: { class: 'RateLimitError', status: 429, code: 'rate_limit_exceeded' },
  'provider 500': { class: 'InternalServerError', status: 500 },
  'hang-up': { class: 'InternalServerError', status: 502, code: 'provider_unreachable' },
  'broken answer': { class: 'InternalServerError', status: 502, code: 'provider_truncated' },
  'broken stream': { class: 'APIError', status: undefined, code: 'provider_truncated' },
  'fault in the stream': { class: 'APIError', status: undefined, code: 'engine_overloaded' },
  'cut off': { class: 'APIError', status: undefined, code: 'policy_denied' },
  'answer denied': { class: 'PermissionDeniedError', status: 403, code: 'policy_denied' },
}
