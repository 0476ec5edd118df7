import { HTTPClient, Mistral } from '@mistralai/mistralai'
import { mistralChat } from '../../src/dialects/mistral-chat/index.ts'
import { chunk } from './calls.ts'
import { type PassageOptions, passage } from './openai-chat.passage.ts'

/** Mistral's own SDK, in front of its codec. */

export const SSE = 'text/event-stream'
export const USAGE = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
export const answer = (message: Readonly<Record<string, unknown>>, reason = 'stop'): string =>
  JSON.stringify({
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'model-1',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: reason }],
    usage: USAGE,
  })
export const end = chunk({}, { finish_reason: 'stop' })
export const piece = (given: Readonly<Record<string, unknown>>, index = 0) => ({ index, ...given })

export function start(options: Omit<PassageOptions, 'codec' | 'prefix'>) {
  const { fetch, passed } = passage({ codec: mistralChat, prefix: '/mistral', ...options })
  const httpClient = new HTTPClient({ fetcher: (input, init) => fetch(input, init) })
  const client = new Mistral({ apiKey: 'k', serverURL: 'http://gateway.invalid/mistral', httpClient })
  return { passed, chat: client.chat }
}

export const question = { model: 'auto', messages: [{ role: 'user' as const, content: 'hello' }] }

export async function streamed(options: Omit<PassageOptions, 'codec' | 'prefix'>, n = 1) {
  const { chat, passed } = start(options)
  const chunks = []
  for await (const { data } of await chat.stream({ ...question, n })) chunks.push(data)
  const choices = chunks.flatMap((one) => one.choices)
  return {
    passed,
    chunks,
    content: choices
      .map(({ delta }) => delta.content)
      .filter((text) => typeof text === 'string')
      .join(''),
    calls: choices.flatMap(({ delta }) => delta.toolCalls ?? []),
    reasons: choices.map(({ finishReason }) => finishReason).filter((reason) => reason !== null),
    usage: chunks.flatMap(({ usage }) => usage ?? []),
  }
}
