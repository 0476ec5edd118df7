import { ChatAnthropic } from '@langchain/anthropic'
import { AIMessage, type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { LOOKUP } from './anthropic-sdk.ts'
import { type Ask, type Driver, TOOL } from './driver.ts'

/** LangChain's `ChatAnthropic`, which has an SDK before 1.0 of its own and repeats calls by itself. */

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
  const model = new ChatAnthropic({
    model: ask.model,
    apiKey: ask.key,
    anthropicApiUrl: ask.baseURL,
    maxRetries: ask.retries,
    maxTokens: 64,
    clientOptions: { fetch: ask.fetch, defaultHeaders },
  })
  const bound = ask.tool === true ? model.bindTools([LOOKUP]) : model
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
  const finish: unknown = answer.response_metadata.stop_reason ?? answer.additional_kwargs.stop_reason
  const usage: unknown = answer.usage_metadata
  const tokens: unknown = typeof usage === 'object' && usage !== null ? Reflect.get(usage, 'total_tokens') : undefined
  return {
    text: answer.text,
    tools: (answer.tool_calls ?? []).map(({ id, name, args }) => ({ id: id ?? '', name, arguments: args })),
    finish: typeof finish === 'string' ? finish : null,
    tokens: typeof tokens === 'number' ? tokens : undefined,
  }
}
