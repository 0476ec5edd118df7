import OpenAI, { AzureOpenAI } from 'openai'
import { drivers } from './anthropic-sdk.ts'
import { converseDriver, invokeDriver } from './bedrock-aws.ts'
import { type Ask, type Driver, type Heard, type Raised, TOOL } from './driver.ts'
import { mistral } from './mistral-sdk.ts'

/** The SDKs of every dialect, each in front of the gateway's own prefix for it. */

type Called = Readonly<{ index: number; id?: string | undefined; name?: string | undefined; json?: string | undefined }>

/** Tool calls out of the pieces that a stream of OpenAI's kind has of them. */
function joined(pieces: readonly Called[]): Heard['tools'] {
  const calls = new Map<number, { id: string; name: string; json: string }>()
  for (const { index, id = '', name = '', json = '' } of pieces) {
    const call = calls.get(index) ?? { id, name, json: '' }
    calls.set(index, { ...call, json: call.json + json })
  }
  return [...calls.values()].map(({ id, name, json }) => ({ id, name, arguments: JSON.parse(json) as unknown }))
}

const chatting =
  (clientOf: (ask: Ask) => OpenAI): Driver =>
  async (ask) => {
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: ask.say }]
    if (ask.toolResult !== undefined) {
      const { id, arguments: given, result } = ask.toolResult
      const called = { name: TOOL.name, arguments: given }
      messages.push({ role: 'assistant', tool_calls: [{ id, type: 'function', function: called }] })
      messages.push({ role: 'tool', tool_call_id: id, content: result })
    }
    const tools: OpenAI.Chat.ChatCompletionTool[] = [{ type: 'function', function: TOOL }]
    const asked = { model: ask.model, messages, ...(ask.tool === true ? { tools } : {}) }
    const { completions } = clientOf(ask).chat
    if (!ask.streamed) {
      const { choices, usage } = await completions.create(asked)
      const calls = (choices[0]?.message.tool_calls ?? []).flatMap((call, index) =>
        call.type === 'function'
          ? [{ index, id: call.id, name: call.function.name, json: call.function.arguments }]
          : [],
      )
      const [text, finish] = [choices[0]?.message.content ?? '', choices[0]?.finish_reason ?? null]
      return { text, tools: joined(calls), finish, tokens: usage?.total_tokens }
    }
    let text = ''
    let finish: string | null = null
    let tokens: number | undefined
    const pieces: Called[] = []
    const streaming = { ...asked, stream: true, stream_options: { include_usage: true } } as const
    for await (const { choices, usage } of await completions.create(streaming)) {
      tokens = usage?.total_tokens ?? tokens
      for (const { delta, finish_reason } of choices) {
        finish = finish_reason ?? finish
        text += delta.content ?? ''
        if (delta.content) ask.onText?.(delta.content)
        for (const { index, id, function: called } of delta.tool_calls ?? []) {
          pieces.push({ index, id, name: called?.name, json: called?.arguments })
        }
      }
    }
    return { text, tools: joined(pieces), finish, tokens }
  }

/** What each SDK raises. `broken`: null where nothing can be raised in mid-stream. */
type RaisedBy = Readonly<Record<'denied' | 'limited' | 'failed' | 'unusable', Raised> & { broken: Raised | null }>

const CLASSES: RaisedBy = {
  denied: { class: 'PermissionDeniedError', status: 403 },
  limited: { class: 'RateLimitError', status: 429 },
  failed: { class: 'InternalServerError', status: 500 },
  unusable: { class: 'InternalServerError', status: 502 },
  broken: { class: 'APIError' },
}
const CODES: RaisedBy = {
  denied: { class: 'SDKError', statusCode: 403 },
  limited: { class: 'SDKError', statusCode: 429 },
  failed: { class: 'SDKError', statusCode: 500 },
  unusable: { class: 'SDKError', statusCode: 502 },
  broken: null,
}
// aimock names no exception in its errors, so the SDK knows none.
const EXCEPTIONS: RaisedBy = {
  denied: { class: 'AccessDeniedException' },
  limited: { class: 'BedrockRuntimeServiceException', name: 'Unknown' },
  failed: { class: 'BedrockRuntimeServiceException', name: 'Unknown' },
  unusable: { class: 'ServiceUnavailableException' },
  broken: { class: 'ValidationException' },
}

type Client = Readonly<{
  /** What the SDK's base URL ends in. */
  prefix: string
  /** The kind of provider behind. */
  provider: 'openai' | 'azure' | 'mistral' | 'anthropic' | 'bedrock'
  driver: Driver
  /** Whole, streamed, or both. */
  ways: readonly boolean[]
  /** What arrives upstream. */
  path: (model: string, streamed: boolean) => string
  finish: Readonly<{ stop: string; tool: string }>
  raised: RaisedBy
}>

const openai = chatting(({ key, baseURL, retries, fetch }) => {
  return new OpenAI({ apiKey: key, baseURL, maxRetries: retries, fetch })
})
const azure = chatting(({ key, baseURL, retries, fetch }) => {
  return new AzureOpenAI({ apiKey: key, endpoint: baseURL, apiVersion: '2024-10-21', maxRetries: retries, fetch })
})
const BOTH = { ways: [false, true] } as const
const CHAT = { ...BOTH, finish: { stop: 'stop', tool: 'tool_calls' }, raised: CLASSES } as const
const MESSAGES = { finish: { stop: 'end_turn', tool: 'tool_use' }, raised: CLASSES } as const
const BEDROCK = { ...BOTH, ...MESSAGES, prefix: '/bedrock', provider: 'bedrock', raised: EXCEPTIONS } as const

export type ClientName =
  | 'openai'
  | 'azure, by deployment'
  | 'azure, v1'
  | 'mistral'
  | 'anthropic'
  | 'anthropic, its helper'
  | 'converse'
  | 'invoke'

const [completions, v1] = [() => '/v1/chat/completions', () => '/openai/v1/chat/completions']
const operation = (whole: string, stream: string) => (model: string, streamed: boolean) =>
  `/model/${encodeURIComponent(model)}/${streamed ? stream : whole}`

export const CLIENTS: Readonly<Record<ClientName, Client>> = {
  openai: { ...CHAT, prefix: '/openai/v1', provider: 'openai', driver: openai, path: completions },
  'azure, by deployment': { ...CHAT, prefix: '/azure', provider: 'azure', driver: azure, path: v1 },
  'azure, v1': { ...CHAT, prefix: '/azure/openai/v1', provider: 'azure', driver: openai, path: v1 },
  mistral: {
    ...CHAT,
    prefix: '/mistral',
    provider: 'mistral',
    driver: mistral,
    path: completions,
    raised: CODES,
  },
  anthropic: {
    ...BOTH,
    ...MESSAGES,
    prefix: '/anthropic',
    provider: 'anthropic',
    driver: drivers.create,
    path: () => '/v1/messages',
  },
  'anthropic, its helper': {
    ...MESSAGES,
    ways: [true],
    prefix: '/anthropic',
    provider: 'anthropic',
    driver: drivers.helper,
    path: () => '/v1/messages',
  },
  converse: { ...BEDROCK, driver: converseDriver(), path: operation('converse', 'converse-stream') },
  invoke: { ...BEDROCK, driver: invokeDriver(), path: operation('invoke', 'invoke-with-response-stream') },
}
