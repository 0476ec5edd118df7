import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelCall, ModelEvent, Target } from '../../src/core/call.ts'
import type { Codec, Decoder, InboundRequest } from '../../src/core/port.ts'
import { anthropicCountTokens, anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { fixturesFolder, type Recording, recordings } from '../kit/index.ts'

/** Calls, answers and recordings of anthropic.messages, made through the codecs' public face. */

export const TARGET: Target = {
  id: 'south/claude-1',
  provider: 'south',
  model: 'claude-1',
  kind: 'anthropic',
  dialects: ['anthropic.messages'],
  tenants: null,
  residency: { endpoint: ['US'], processing: ['US'], storage: [] },
  contract: [],
}

type Fields = Readonly<Record<string, string>>

export function inbound(body: unknown, headers: Fields = {}, query = '', path = '/v1/messages'): InboundRequest {
  return {
    id: '0197f2d0-0000-7000-8000-000000000000',
    method: 'POST',
    path,
    query,
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  }
}

export const read = (body: unknown, headers?: Fields): ModelCall => anthropicMessages.read(inbound(body, headers))
export const count = (body: unknown, headers?: Fields): ModelCall =>
  anthropicCountTokens.read(inbound(body, headers, '', '/v1/messages/count_tokens'))

export const message = { role: 'user', content: 'hello' }
export const call = (more: Readonly<Record<string, unknown>> = {}): ModelCall =>
  read({ model: 'auto', max_tokens: 16, messages: [message], ...more })
export const streamCall = call({ stream: true })

export const SSE = { 'content-type': 'text/event-stream; charset=utf-8' }
export const JSON_TYPE = { 'content-type': 'application/json' }

/** Everything that a decoder makes of these chunks. */
export function drain(decoder: Decoder, chunks: readonly Uint8Array[]): readonly ModelEvent[] {
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()]
}

export function decode(
  of: ModelCall,
  body: string | Uint8Array,
  status = 200,
  headers: Fields = of.stream ? SSE : JSON_TYPE,
  codec: Codec = anthropicMessages,
): readonly ModelEvent[] {
  return drain(codec.decode(of, status, headers), [typeof body === 'string' ? Buffer.from(body) : body])
}

/** What the client gets of these events when nothing is edited. */
export function encode(of: ModelCall, events: readonly ModelEvent[]): Buffer {
  const encoder = anthropicMessages.encode(of)
  const bytes = events.map((event) => encoder.event(event, undefined))
  return Buffer.concat([...bytes, encoder.end()])
}

type Event = Readonly<Record<string, unknown>>

/** Events in their frames, named by their types. */
export const sse = (...events: readonly Event[]): string =>
  events.map((event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`).join('')

export const start = (content: readonly unknown[] = [], more: Event = {}): Event => ({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-1',
    content,
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 1 },
    ...more,
  },
})
export const blockStart = (index: number, block: Event = { type: 'text', text: '' }): Event => ({
  type: 'content_block_start',
  index,
  content_block: block,
})
export const delta = (index: number, of: Event): Event => ({ type: 'content_block_delta', index, delta: of })
export const text = (index: number, words: string): Event => delta(index, { type: 'text_delta', text: words })
export const blockStop = (index: number): Event => ({ type: 'content_block_stop', index })
export const finish = (reason: unknown = 'end_turn', usage: Event = { output_tokens: 7 }): Event => ({
  type: 'message_delta',
  delta: { stop_reason: reason, stop_sequence: null },
  usage,
})
export const stop: Event = { type: 'message_stop' }

/** Recorded exchanges of a dialect's folder, or null where the fixtures are absent. */
export function messageRecordings(): readonly Recording[] | null {
  return recordings('anthropic/anthropic-messages')
}
export function countRecordings(): readonly Recording[] | null {
  return recordings('anthropic/anthropic-count-tokens')
}

/** Answers without a request: those of SDKs' own tests. Streams are given in frames, one message each. */
export type Answer = Readonly<{ file: string; stream: boolean; bytes: Buffer }>

/** Answers of the recordings and of two SDKs' own tests, or null where the fixtures are absent. */
export function answers(): readonly Answer[] | null {
  const root = fixturesFolder()
  const recorded = messageRecordings()
  if (root === null || recorded === null) return null
  const kept = recorded.flatMap(({ file, response }): Answer[] =>
    response.status === 200 ? [{ file, stream: response.framing === 'sse', bytes: response.bytes }] : [],
  )
  const sdk = files(root, 'anthropic/_sdk-fixtures').map(
    ([file, text]): Answer => ({ file, stream: true, bytes: Buffer.from(text) }),
  )
  const vercel = files(root, 'anthropic/_vercel-ai/root').flatMap(([file, text]) =>
    file.endsWith('.json') ? [{ file, stream: false, bytes: Buffer.from(text) }] : messagesOf(file, text),
  )
  return [...kept, ...sdk, ...vercel]
}

function files(root: string, folder: string): readonly (readonly [file: string, text: string])[] {
  return readdirSync(join(root, folder))
    .sort()
    .map((name) => [name, readFileSync(join(root, folder, name), 'utf8')] as const)
}

/** One stream for each message of a file with an event a line. */
function messagesOf(file: string, lines: string): readonly Answer[] {
  const streams: Event[][] = []
  for (const line of lines.split('\n')) {
    if (line === '') continue
    const event: unknown = JSON.parse(line)
    if (!isEvent(event)) throw new Error(`${file} holds a line that is no event`)
    if (event.type === 'message_start') streams.push([event])
    else streams.at(-1)?.push(event)
  }
  return streams.map((events, at) => ({ file: `${file} ${at}`, stream: true, bytes: Buffer.from(sse(...events)) }))
}

function isEvent(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && 'type' in value
}

/** The JSON of each event of a stream. */
export function eventsOf(bytes: Uint8Array): readonly unknown[] {
  const lines = Buffer.from(bytes).toString().split(/\r?\n/)
  return lines.flatMap((line): unknown[] => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []))
}
