import { EVENT_STREAM, encodeEvent } from '../../dialects/eventstream.ts'
import { beforeWords, labelled, openaiAnswer, openaiError, openaiStream, type Speech } from './answers.ts'

/** What a simulated provider reads of a call. `last` is the text of the user's last message. */
export type Asked = Readonly<{ model: string; stream: boolean; includeUsage: boolean; last: string; choices: number }>

/** What a simulated provider speaks. */
export type Tongue = Readonly<{
  /** Of a call at this path; null where the path is not of this tongue. `read` is null for a body that cannot be read. */
  hear(path: string, body: unknown): Readonly<{ read: Asked | null }> | null
  whole(speech: Speech): Record<string, unknown>
  streamed(speech: Speech, asked: Asked): readonly (string | Uint8Array)[]
  streamType: string
  fault(status: number, message: string): Record<string, unknown>
}>

const SSE = 'text/event-stream; charset=utf-8'

/** OpenAI's chat completions. */
export const openai: Tongue = {
  hear(path, body) {
    if (path !== '/v1/chat/completions') return null
    if (!isObject(body) || typeof body.model !== 'string') return { read: null }
    const { model, stream_options: options, n } = body
    const includeUsage = isObject(options) && options.include_usage === true
    const choices = typeof n === 'number' && n >= 1 && n <= 8 ? n : 1
    return { read: asked(body, { model, stream: body.stream === true, includeUsage, choices }) }
  },
  whole: openaiAnswer,
  streamed: (speech, { includeUsage }) => openaiStream(speech, { includeUsage }),
  streamType: SSE,
  fault: (status, message) =>
    status === 429
      ? openaiError('Rate limit reached for requests', 'requests', 'rate_limit_exceeded')
      : openaiError(message, status < 500 ? 'invalid_request_error' : 'server_error'),
}

/** Anthropic's Messages. Of a speech the first text is said, and no tools. */
export const anthropic: Tongue = {
  hear(path, body) {
    if (path !== '/v1/messages') return null
    if (!isObject(body) || typeof body.model !== 'string') return { read: null }
    return { read: asked(body, { model: body.model, stream: body.stream === true, includeUsage: true, choices: 1 }) }
  },
  whole: (speech) => ({
    ...message(speech),
    content: [{ type: 'text', text: said(speech) }],
    stop_reason: 'end_turn',
    usage: { input_tokens: tokens(speech).input, output_tokens: tokens(speech).output },
  }),
  streamed(speech) {
    const { input, output } = tokens(speech)
    const usage = { input_tokens: input, output_tokens: 1 }
    const event = (type: string, more: Record<string, unknown>): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
    return [
      event('message_start', { message: { ...message(speech), content: [], stop_reason: null, usage } }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      ...beforeWords(said(speech)).map((text) =>
        event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
      ),
      event('content_block_stop', { index: 0 }),
      event('message_delta', {
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: output },
      }),
      event('message_stop', {}),
    ]
  },
  streamType: SSE,
  fault: (status, message) => {
    const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'api_error'
    return { type: 'error', error: { type, message }, request_id: 'req_simulated' }
  },
}

/** Bedrock's Converse. Of a speech the first text is said, and no tools. */
export const bedrock: Tongue = {
  hear(path, body) {
    const [, id, stream] = /^\/model\/([^/]+)\/converse(-stream)?$/.exec(path) ?? []
    if (id === undefined) return null
    if (!isObject(body)) return { read: null }
    const model = decodeURIComponent(id)
    return { read: asked(body, { model, stream: stream !== undefined, includeUsage: true, choices: 1 }) }
  },
  whole: (speech) => ({
    metrics: { latencyMs: 12 },
    output: { message: { role: 'assistant', content: [{ text: said(speech) }] } },
    stopReason: 'end_turn',
    usage: metered(speech),
  }),
  streamed(speech) {
    const event = (type: string, payload: Record<string, unknown>): Uint8Array =>
      encodeEvent(type, Buffer.from(JSON.stringify(payload)))
    return [
      event('messageStart', { role: 'assistant' }),
      ...beforeWords(said(speech)).map((text) => event('contentBlockDelta', { contentBlockIndex: 0, delta: { text } })),
      event('contentBlockStop', { contentBlockIndex: 0 }),
      event('messageStop', { stopReason: 'end_turn' }),
      event('metadata', { metrics: { latencyMs: 12 }, usage: metered(speech) }),
    ]
  },
  streamType: EVENT_STREAM,
  fault: (status, message) => {
    const type =
      status === 429 ? 'ThrottlingException' : status < 500 ? 'ValidationException' : 'InternalServerException'
    return { __type: type, message }
  },
}

function asked(body: Record<string, unknown>, known: Omit<Asked, 'last'>): Asked | null {
  if (!Array.isArray(body.messages)) return null
  const users = body.messages.filter((message: unknown) => isObject(message) && message.role === 'user')
  const last: unknown = users.at(-1)
  return { ...known, last: isObject(last) ? textOf(last.content) : '' }
}

const said = (speech: Speech): string => labelled(speech, speech.texts[0] ?? '')

function tokens({ usage, texts }: Speech): Readonly<{ input: number; output: number }> {
  return usage ?? { input: 12, output: beforeWords(texts[0] ?? '').length }
}

function metered(speech: Speech): Record<string, unknown> {
  const { input, output } = tokens(speech)
  return { inputTokens: input, outputTokens: output, totalTokens: input + output }
}

function message({ id, model }: Speech): Record<string, unknown> {
  const name = model ?? 'claude-sonnet-4-5'
  return { id: id ?? 'msg_simulated', type: 'message', role: 'assistant', model: name, stop_sequence: null }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: unknown) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join(' ')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
