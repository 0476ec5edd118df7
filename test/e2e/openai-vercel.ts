import { createOpenAI } from '@ai-sdk/openai'
import { generateText, jsonSchema, type ModelMessage, streamText, tool } from 'ai'
import { type Ask, type Driver, type Fault, type Raised, TOOL } from './driver.ts'

/** The Vercel AI SDK in OpenAI's dialect. */

function optionsOf(ask: Ask): Parameters<typeof generateText>[0] {
  const { toolResult } = ask
  const messages: ModelMessage[] = [{ role: 'user', content: ask.say }]
  if (toolResult !== undefined) {
    const { id: toolCallId, result } = toolResult
    const input: unknown = JSON.parse(toolResult.arguments)
    const output = { type: 'text' as const, value: result }
    messages.push({ role: 'assistant', content: [{ type: 'tool-call', toolCallId, toolName: TOOL.name, input }] })
    messages.push({ role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName: TOOL.name, output }] })
  }
  return {
    model: createOpenAI({ apiKey: ask.key, baseURL: ask.baseURL, fetch: ask.fetch }).chat(ask.model),
    messages,
    maxRetries: ask.retries,
    headers: { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) },
    ...(ask.signal === undefined ? {} : { abortSignal: ask.signal }),
    ...(ask.tool === true
      ? {
          tools: {
            [TOOL.name]: tool({ description: TOOL.description, inputSchema: jsonSchema({ ...TOOL.parameters }) }),
          },
        }
      : {}),
  }
}

export const vercel: Driver = async (ask) => {
  const options = optionsOf(ask)
  if (!ask.streamed) {
    const answer = await generateText(options)
    return {
      text: answer.text,
      tools: answer.toolCalls.map(({ toolCallId, toolName, input }) => ({
        id: toolCallId,
        name: toolName,
        arguments: input,
      })),
      finish: answer.rawFinishReason ?? null,
      tokens: answer.totalUsage.totalTokens,
    }
  }
  let text = ''
  const tools: { id: string; name: string; arguments: unknown }[] = []
  let finish: string | null = null
  let tokens: number | undefined
  let failure: unknown
  // The SDK reports a failure as a part of the stream: whoever reads it must look for that part.
  for await (const part of streamText({ ...options, onError: () => undefined }).fullStream) {
    if (part.type === 'text-delta') {
      text += part.text
      ask.onText?.(part.text)
    } else if (part.type === 'tool-call') {
      tools.push({ id: part.toolCallId, name: part.toolName, arguments: part.input })
    } else if (part.type === 'finish') {
      finish = part.rawFinishReason ?? null
      tokens = part.totalUsage.totalTokens
    } else if (part.type === 'error') failure ??= part.error
  }
  if (failure !== undefined) throw failure
  return { text, tools, finish, tokens }
}

export const RAISED: Record<Fault, Raised> = {
  denied: { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
  'wrong key': { name: 'AI_APICallError', statusCode: 401, isRetryable: false },
  'unknown model': { name: 'AI_APICallError', statusCode: 404, isRetryable: false },
  malformed: { name: 'AI_APICallError', statusCode: 400, isRetryable: false },
  'rate limited': { name: 'AI_RetryError', reason: 'maxRetriesExceeded' },
  quota: { name: 'AI_APICallError', statusCode: 429 },
  'provider 500': { name: 'AI_APICallError', statusCode: 500, isRetryable: true },
  'hang-up': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken answer': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken stream': { name: 'AI_StreamProviderError', code: 'provider_truncated' },
  'fault in the stream': { name: 'AI_StreamProviderError', code: 'engine_overloaded' },
  'cut off': { name: 'AI_StreamProviderError', statusCode: 403, isRetryable: false, code: 'policy_denied' },
  'answer denied': { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
}
