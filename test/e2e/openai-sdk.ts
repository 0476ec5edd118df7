import OpenAI, { AzureOpenAI } from 'openai'
import { expect } from 'vitest'
import { type Ask, type Driver, type Fault, type Raised, TOOL } from './driver.ts'

/** OpenAI's own SDK, and its client for Azure. */

type Params = OpenAI.Chat.ChatCompletionCreateParams

export function client({ key, baseURL, retries, fetch }: Pick<Ask, 'key' | 'baseURL' | 'retries' | 'fetch'>): OpenAI {
  return new OpenAI({ apiKey: key, baseURL, maxRetries: retries, fetch })
}

function paramsOf(ask: Ask): Omit<Params, 'stream'> {
  const { toolResult } = ask
  const messages: Params['messages'] = [{ role: 'user', content: ask.say }]
  if (toolResult !== undefined) {
    const called = { name: TOOL.name, arguments: toolResult.arguments }
    messages.push({ role: 'assistant', tool_calls: [{ id: toolResult.id, type: 'function', function: called }] })
    messages.push({ role: 'tool', tool_call_id: toolResult.id, content: toolResult.result })
  }
  return {
    model: ask.model,
    messages,
    ...(ask.tool === true ? { tools: [{ type: 'function', function: TOOL }] } : {}),
  }
}

const chatting =
  (clientOf: (ask: Ask) => OpenAI): Driver =>
  async (ask) => {
    const headers = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
    const options = { headers, ...(ask.signal === undefined ? {} : { signal: ask.signal }) }
    const params = paramsOf(ask)
    if (!ask.streamed) {
      const answer = await clientOf(ask).chat.completions.create({ ...params, stream: false }, options)
      const [choice] = answer.choices
      const calls = (choice?.message.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? [call] : []))
      return {
        text: choice?.message.content ?? '',
        tools: calls.map(({ id, function: called }) => ({
          id,
          name: called.name,
          arguments: JSON.parse(called.arguments),
        })),
        finish: choice?.finish_reason ?? null,
        tokens: answer.usage?.total_tokens,
      }
    }
    const asked = { ...params, stream: true, stream_options: { include_usage: true } } as const
    let text = ''
    let finish: string | null = null
    let tokens: number | undefined
    const calls: { id: string; name: string; pieces: string[] }[] = []
    for await (const chunk of await clientOf(ask).chat.completions.create(asked, options)) {
      tokens = chunk.usage?.total_tokens ?? tokens
      for (const { delta, finish_reason } of chunk.choices) {
        finish = finish_reason ?? finish
        const piece = delta.content ?? ''
        text += piece
        if (piece !== '') ask.onText?.(piece)
        for (const call of delta.tool_calls ?? []) {
          calls[call.index] ??= { id: call.id ?? '', name: call.function?.name ?? '', pieces: [] }
          if (call.function?.arguments) calls[call.index]?.pieces.push(call.function.arguments)
        }
      }
    }
    // Arguments come in pieces, as the provider cut them.
    for (const { pieces } of calls) expect(pieces.length).toBeGreaterThan(5)
    const tools = calls.map(({ id, name, pieces }) => ({ id, name, arguments: JSON.parse(pieces.join('')) as unknown }))
    return { text, tools, finish, tokens }
  }

export const openai = chatting(client)

/** By the classic paths of Azure, where the deployment stands in the path. */
export const azure = chatting(({ key, baseURL, retries, fetch }) => {
  return new AzureOpenAI({ apiKey: key, endpoint: baseURL, apiVersion: '2024-10-21', maxRetries: retries, fetch })
})

export const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status: 403, code: 'policy_denied', type: 'permission_error' },
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
  'cut off': { class: 'APIError', status: undefined, code: 'policy_denied', type: 'permission_error' },
  'answer denied': { class: 'PermissionDeniedError', status: 403, code: 'policy_denied' },
}
