import Anthropic from '@anthropic-ai/sdk'
import Anthropic0 from 'anthropic-sdk-0'
import { expect } from 'vitest'
import { type Ask, type Driver, type Fault, type Heard, type Raised, TOOL } from './driver.ts'

/** Both generations of Anthropic's SDK, each in the ways that it can be asked for a message. */

type Given = Pick<Ask, 'key' | 'baseURL' | 'retries' | 'fetch'>

export function client({ key, baseURL, retries, fetch }: Given): Anthropic {
  return new Anthropic({ apiKey: key, baseURL, maxRetries: retries, fetch })
}

export function client0({ key, baseURL, retries, fetch }: Given): Anthropic0 {
  return new Anthropic0({ apiKey: key, baseURL, maxRetries: retries, fetch })
}

type Block = Readonly<{ type: string; text?: unknown; id?: unknown; name?: unknown; input?: unknown }>
type Message = Readonly<{
  content: readonly Block[]
  stop_reason: string | null
  usage: Readonly<{ input_tokens: number; output_tokens: number }>
}>
type Event =
  | Readonly<{ type: 'message_start'; message: Pick<Message, 'usage'> }>
  | Readonly<{ type: 'content_block_start'; index: number; content_block: Block }>
  | Readonly<{
      type: 'content_block_delta'
      index: number
      delta: Readonly<{ type: string; text?: unknown; partial_json?: unknown }>
    }>
  | Readonly<{
      type: 'message_delta'
      delta: Readonly<{ stop_reason: string | null }>
      usage: Readonly<{ output_tokens: number }>
    }>
  | Readonly<{ type: 'content_block_stop' | 'message_stop' }>

type Said =
  | string
  | (
      | { type: 'text'; text: string }
      | { type: 'tool_use'; id: string; name: string; input: unknown }
      | { type: 'tool_result'; tool_use_id: string; content: string }
    )[]
type Params = {
  model: string
  max_tokens: number
  messages: { role: 'user' | 'assistant'; content: Said }[]
  tools?: { name: string; description: string; input_schema: { type: 'object' } & Record<string, unknown> }[]
}
type Options = { headers: Record<string, string>; signal?: AbortSignal }

/** What the table needs of a generation. */
type Generation = Readonly<{
  whole(ask: Ask, params: Params, options: Options): PromiseLike<Message>
  events(ask: Ask, params: Params, options: Options): PromiseLike<AsyncIterable<Event>>
  helper(
    ask: Ask,
    params: Params,
    options: Options,
  ): AsyncIterable<Event> & Readonly<{ finalMessage(): Promise<Message> }>
}>

const latest: Generation = {
  whole: (ask, params, options) => client(ask).messages.create({ ...params, stream: false }, options),
  events: (ask, params, options) => client(ask).messages.create({ ...params, stream: true }, options),
  helper: (ask, params, options) => client(ask).messages.stream(params, options),
}
const beta: Generation = {
  whole: (ask, params, options) => client(ask).beta.messages.create({ ...params, stream: false }, options),
  events: (ask, params, options) => client(ask).beta.messages.create({ ...params, stream: true }, options),
  helper: (ask, params, options) => client(ask).beta.messages.stream(params, options),
}
const before: Generation = {
  whole: (ask, params, options) => client0(ask).messages.create({ ...params, stream: false }, options),
  events: (ask, params, options) => client0(ask).messages.create({ ...params, stream: true }, options),
  helper: (ask, params, options) => client0(ask).messages.stream(params, options),
}

/** Asks by `messages.create`; streamed with `stream: true`. */
const creating =
  (generation: Generation): Driver =>
  async (ask) => {
    const [params, options] = [paramsOf(ask), optionsOf(ask)]
    if (!ask.streamed) return heardOf(await generation.whole(ask, params, options))
    return collect(ask, await generation.events(ask, params, options))
  }

/** Asks by `messages.stream()`: the events go by, and the message that the helper makes of them is what was heard. */
const helped =
  (generation: Generation): Driver =>
  async (ask) => {
    const stream = generation.helper(ask, paramsOf(ask), optionsOf(ask))
    const collected = await collect(ask, stream)
    const heard = heardOf(await stream.finalMessage())
    expect(collected).toEqual(heard)
    return heard
  }

export const drivers = {
  create: creating(latest),
  helper: helped(latest),
  beta: creating(beta),
  betaHelper: helped(beta),
  create0: creating(before),
  helper0: helped(before),
} as const satisfies Readonly<Record<string, Driver>>

/** What both generations raise, alike. */
export const RAISED: Record<Fault, Raised> = {
  denied: { class: 'PermissionDeniedError', status: 403, type: 'permission_error' },
  'wrong key': { class: 'AuthenticationError', status: 401, type: 'authentication_error' },
  'unknown model': { class: 'NotFoundError', status: 404, type: 'not_found_error' },
  malformed: { class: 'BadRequestError', status: 400, type: 'invalid_request_error' },
  'rate limited': { class: 'RateLimitError', status: 429, type: 'rate_limit_error' },
  quota: { class: 'RateLimitError', status: 429, type: 'rate_limit_error' },
  'provider 500': { class: 'InternalServerError', status: 500, type: 'api_error' },
  'hang-up': { class: 'InternalServerError', status: 502, type: 'api_error' },
  'broken answer': { class: 'InternalServerError', status: 502, type: 'api_error' },
  'broken stream': { class: 'APIError', status: undefined, type: 'api_error' },
  'fault in the stream': { class: 'APIError', status: undefined, type: 'overloaded_error' },
  'cut off': { class: 'APIError', status: undefined, type: 'permission_error' },
  'answer denied': { class: 'PermissionDeniedError', status: 403, type: 'permission_error' },
}

export const LOOKUP = {
  name: TOOL.name,
  description: TOOL.description,
  input_schema: { ...TOOL.parameters, required: [...TOOL.parameters.required] },
}

function paramsOf({ model, say, tool, toolResult }: Ask): Params {
  const messages: Params['messages'] = [{ role: 'user', content: say }]
  if (toolResult !== undefined) {
    const { id, result } = toolResult
    const input: unknown = JSON.parse(toolResult.arguments)
    messages.push({ role: 'assistant', content: [{ type: 'tool_use', id, name: TOOL.name, input }] })
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] })
  }
  return { model, max_tokens: 64, messages, ...(tool === true ? { tools: [LOOKUP] } : {}) }
}

function optionsOf(ask: Ask): Options {
  const headers = { ...ask.headers, ...(ask.case === undefined ? {} : { 'x-customhouse-meta-case': ask.case }) }
  return { headers, ...(ask.signal === undefined ? {} : { signal: ask.signal }) }
}

function heardOf({ content, stop_reason, usage }: Message): Heard {
  return {
    text: content.flatMap(({ type, text }) => (type === 'text' ? [String(text)] : [])).join(''),
    tools: content.flatMap(({ type, id, name, input }) =>
      type === 'tool_use' ? [{ id: String(id), name: String(name), arguments: input }] : [],
    ),
    finish: stop_reason,
    tokens: usage.input_tokens + usage.output_tokens,
  }
}

async function collect(ask: Ask, events: AsyncIterable<Event>): Promise<Heard> {
  let text = ''
  let finish: string | null = null
  let [input, output] = [0, 0]
  const tools = new Map<number, { id: string; name: string; pieces: string[] }>()
  for await (const event of events) {
    if (event.type === 'message_start') input = event.message.usage.input_tokens
    else if (event.type === 'message_delta') {
      finish = event.delta.stop_reason ?? finish
      output = event.usage.output_tokens
    } else if (event.type === 'content_block_start') {
      const { type, id, name } = event.content_block
      if (type === 'tool_use') tools.set(event.index, { id: String(id), name: String(name), pieces: [] })
    } else if (event.type === 'content_block_delta') {
      const { type, text: piece, partial_json } = event.delta
      if (type === 'text_delta') {
        text += String(piece)
        ask.onText?.(String(piece))
      } else if (type === 'input_json_delta') tools.get(event.index)?.pieces.push(String(partial_json))
    }
  }
  const called = [...tools.values()].map(({ id, name, pieces }) => {
    // The input comes in pieces, as the provider cut it.
    expect(pieces.length).toBeGreaterThan(5)
    return { id, name, arguments: JSON.parse(pieces.join('')) as unknown }
  })
  return { text, tools: called, finish, tokens: input + output }
}
