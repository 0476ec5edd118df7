import { generateText, jsonSchema, type LanguageModel, type ModelMessage, streamText, tool } from 'ai'
import { type Ask, type Driver, TOOL } from './driver.ts'

/** What a call through the Vercel AI SDK has of its provider's own. */
export type Asked = Readonly<{ model: LanguageModel; maxOutputTokens?: number }>

function optionsOf(ask: Ask, { model, ...more }: Asked): Parameters<typeof generateText>[0] {
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
    model,
    ...more,
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

/** The Vercel AI SDK: the same for every provider but for the model that is asked. */
export const vercelDriver =
  (askedOf: (ask: Ask) => Asked): Driver =>
  async (ask) => {
    const options = optionsOf(ask, askedOf(ask))
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
