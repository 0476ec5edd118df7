import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import type Anthropic from '@anthropic-ai/sdk'
import {
  type BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { HTTPClient, Mistral } from '@mistralai/mistralai'
import OpenAI, { AzureOpenAI } from 'openai'
import { client as anthropicClient } from '../e2e/anthropic-sdk.ts'
import { anthropicVoice } from '../e2e/anthropic-voice.ts'
import { azureVoice } from '../e2e/azure-voice.ts'
import { awsClient } from '../e2e/bedrock-aws.ts'
import { converseVoice, invokeVoice } from '../e2e/bedrock-voice.ts'
import { mistralVoice } from '../e2e/mistral-voice.ts'
import { openaiVoice, type Voice } from '../e2e/voice.ts'
import { type Asking, chatBody, converseBody, invokeBody, messagesBody } from './dialects-bodies.ts'

/** Every SDK that a dialect of the gateway has, asked for the planted conversation. */

export type Asked = Asking & Readonly<{ data: string; key: string; streamed: boolean; send?: typeof fetch }>
export type Heard = Readonly<{ text: string; tools: readonly Readonly<{ name: string; arguments: unknown }>[] }>
export type Client = Readonly<{
  name: string
  voice: Voice
  /** The model's name at the gateway, which routes it to the provider of this voice. */
  model: string
  ask(asked: Asked): Promise<Heard>
  /** Whether it lets a test send its bytes. */
  sends: boolean
  /** Whether its calls can hold documents that are no references elsewhere. */
  documents: boolean
  /** Which of the places for the client's own marks its calls have. */
  marks: Readonly<{ user: boolean; owner: boolean }>
}>

const common = ({ data, send = fetch }: Asked, { prefix }: Voice) => ({
  baseURL: data + prefix,
  maxRetries: 0,
  fetch: send,
})

const chatting =
  (clientOf: (asked: Asked) => OpenAI): Client['ask'] =>
  async (asked) => {
    const { completions } = clientOf(asked).chat
    const body = chatBody(asked)
    const { choices } = asked.streamed
      ? await completions.stream(body).finalChatCompletion()
      : await completions.create({ ...body, stream: false })
    const message = choices[0]?.message
    return {
      text: message?.content ?? '',
      tools: (message?.tool_calls ?? []).flatMap((call) =>
        call.type === 'function'
          ? [{ name: call.function.name, arguments: JSON.parse(call.function.arguments) as unknown }]
          : [],
      ),
    }
  }

function heardOf({ content }: Pick<Anthropic.Message, 'content'>): Heard {
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    tools: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ name: block.name, arguments: block.input as unknown }] : [],
    ),
  }
}

const messaging =
  (clientOf: (asked: Asked) => Pick<Anthropic, 'messages'> | AnthropicBedrock): Client['ask'] =>
  async (asked) => {
    const { messages } = clientOf(asked)
    const body = messagesBody(asked)
    return heardOf(asked.streamed ? await messages.stream(body).finalMessage() : await messages.create(body))
  }

/** Mistral's SDK writes the dialect's names itself, from its own. */
async function mistral(asked: Asked): Promise<Heard> {
  const { data, key, send = fetch, streamed } = asked
  const fetcher = async (input: Request | URL | string): Promise<Response> => {
    const request = new Request(input)
    const headers = Object.fromEntries(request.headers)
    return send(request.url, { method: request.method, headers, body: await request.text() })
  }
  const { chat } = new Mistral({
    apiKey: key,
    serverURL: data + mistralVoice.prefix,
    httpClient: new HTTPClient({ fetcher }),
  })
  const { user: _, ...body } = chatBody(asked)
  const messages = body.messages.map((message) => {
    if (message.role === 'tool') {
      return { role: message.role, toolCallId: message.tool_call_id, content: message.content }
    }
    if (message.role !== 'assistant') return message
    return 'tool_calls' in message
      ? { role: message.role, content: message.content, toolCalls: message.tool_calls }
      : message
  })
  const request = { ...body, messages } as Parameters<typeof chat.complete>[0]
  const found: { text: string; tools: Heard['tools'] } = { text: '', tools: [] }
  const take = (said: Readonly<{ content?: unknown; toolCalls?: readonly Called[] | null | undefined }>): void => {
    if (typeof said.content === 'string') found.text += said.content
    found.tools = [...found.tools, ...(said.toolCalls ?? []).map(calledOf)]
  }
  if (streamed) {
    for await (const event of await chat.stream(request)) for (const { delta } of event.data.choices) take(delta)
  } else for (const { message } of (await chat.complete(request)).choices) take(message ?? {})
  return found
}

type Called = Readonly<{ function: Readonly<{ name: string; arguments: unknown }> }>
const calledOf = ({ function: { name, arguments: given } }: Called): Heard['tools'][number] => ({
  name,
  arguments: typeof given === 'string' ? (JSON.parse(given) as unknown) : given,
})

const commanding =
  (command: (client: BedrockRuntimeClient, asked: Asked) => Promise<Heard>): Client['ask'] =>
  async (asked) => {
    const baseURL = asked.data + converseVoice.prefix
    const client = awsClient({ key: asked.key, baseURL, calls: [], retries: 0 })
    try {
      return await command(client, asked)
    } finally {
      client.destroy()
    }
  }

async function converse(client: BedrockRuntimeClient, asked: Asked): Promise<Heard> {
  const body = converseBody(asked)
  if (!asked.streamed) {
    const { output } = await client.send(new ConverseCommand(body))
    const content = output?.message?.content ?? []
    return {
      text: content.map(({ text }) => text ?? '').join(''),
      tools: content.flatMap(({ toolUse }) =>
        toolUse === undefined ? [] : [{ name: toolUse.name ?? '', arguments: toolUse.input as unknown }],
      ),
    }
  }
  let text = ''
  const calls: { name: string; json: string }[] = []
  const { stream } = await client.send(new ConverseStreamCommand(body))
  for await (const { contentBlockStart, contentBlockDelta } of stream ?? []) {
    const name = contentBlockStart?.start?.toolUse?.name
    if (name !== undefined) calls.push({ name, json: '' })
    const last = calls.at(-1)
    if (last !== undefined) last.json += contentBlockDelta?.delta?.toolUse?.input ?? ''
    text += contentBlockDelta?.delta?.text ?? ''
  }
  return { text, tools: calls.map(({ name, json }) => ({ name, arguments: JSON.parse(json) as unknown })) }
}

async function invoke(client: BedrockRuntimeClient, asked: Asked): Promise<Heard> {
  const body = JSON.stringify(invokeBody(asked))
  const input = { modelId: asked.model, contentType: 'application/json', body }
  if (!asked.streamed) {
    const answer = await client.send(new InvokeModelCommand(input))
    return heardOf(JSON.parse(answer.body.transformToString()) as Anthropic.Message)
  }
  let text = ''
  const calls: { name: string; json: string }[] = []
  const answer = await client.send(new InvokeModelWithResponseStreamCommand(input))
  for await (const { chunk } of answer.body ?? []) {
    const event = JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()) as Anthropic.RawMessageStreamEvent
    if (event.type === 'content_block_start' && event.content_block.type === 'tool_use') {
      calls.push({ name: event.content_block.name, json: '' })
    }
    if (event.type !== 'content_block_delta') continue
    if (event.delta.type === 'text_delta') text += event.delta.text
    const last = calls.at(-1)
    if (last !== undefined && event.delta.type === 'input_json_delta') last.json += event.delta.partial_json
  }
  return { text, tools: calls.map(({ name, json }) => ({ name, arguments: JSON.parse(json) as unknown })) }
}

export const CLIENTS: readonly Client[] = [
  {
    name: 'openai',
    voice: openaiVoice,
    model: 'gpt-4o',
    ask: chatting((asked) => new OpenAI({ apiKey: asked.key, ...common(asked, openaiVoice) })),
    sends: true,
    documents: true,
    marks: { user: true, owner: true },
  },
  {
    name: 'openai for Azure',
    voice: azureVoice,
    model: 'gpt-4o-mini',
    ask: chatting((asked) => {
      const { baseURL: endpoint, ...more } = common(asked, azureVoice)
      return new AzureOpenAI({ apiKey: asked.key, endpoint, apiVersion: '2024-10-21', ...more })
    }),
    sends: true,
    documents: true,
    marks: { user: true, owner: true },
  },
  {
    name: 'Mistral',
    voice: mistralVoice,
    model: 'mistral-large',
    ask: mistral,
    sends: true,
    documents: false,
    marks: { user: false, owner: true },
  },
  {
    name: 'Anthropic',
    voice: anthropicVoice,
    model: 'claude-sonnet-4-5',
    ask: messaging((asked) => {
      const { maxRetries: retries, ...more } = common(asked, anthropicVoice)
      return anthropicClient({ key: asked.key, retries, ...more })
    }),
    sends: true,
    documents: true,
    marks: { user: true, owner: true },
  },
  {
    name: 'AnthropicBedrock',
    voice: invokeVoice,
    model: 'auto',
    ask: messaging((asked) => {
      return new AnthropicBedrock({ apiKey: asked.key, awsRegion: 'eu-central-1', ...common(asked, invokeVoice) })
    }),
    sends: true,
    documents: true,
    marks: { user: true, owner: true },
  },
  {
    name: 'AWS, InvokeModel',
    voice: invokeVoice,
    model: 'auto',
    ask: commanding(invoke),
    sends: false,
    documents: true,
    marks: { user: true, owner: true },
  },
  {
    name: 'AWS, Converse',
    voice: converseVoice,
    model: 'nova-lite',
    ask: commanding(converse),
    sends: false,
    documents: false,
    marks: { user: true, owner: true },
  },
]
