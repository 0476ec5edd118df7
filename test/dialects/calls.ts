import type { ModelCall, ModelEvent, Target } from '../../src/core/call.ts'
import type { Decoder, InboundRequest } from '../../src/core/port.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { type Recording, recordings } from '../kit/index.ts'

/** Calls, answers and recordings for the tests of this folder, made through the codec's public face. */

export const TARGET: Target = {
  id: 'east/model-1',
  provider: 'east',
  model: 'model-1',
  kind: 'openai',
  dialects: ['openai.chat'],
  tenants: null,
  residency: { endpoint: ['FI'], processing: ['FI'], storage: [] },
  contract: [],
}

export function inbound(body: unknown, headers: Readonly<Record<string, string>> = {}, query = ''): InboundRequest {
  return {
    id: '0197f2d0-0000-7000-8000-000000000000',
    method: 'POST',
    path: '/chat/completions',
    query,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  }
}

export const read = (body: unknown, headers?: Readonly<Record<string, string>>): ModelCall =>
  openaiChat.read(inbound(body, headers))

export const message = { role: 'user', content: 'hello' }
export const call = (more: Readonly<Record<string, unknown>> = {}): ModelCall =>
  read({ model: 'auto', messages: [message], ...more })
export const streamCall = call({ stream: true })
export const usageCall = call({ stream: true, stream_options: { include_usage: true } })

export const SSE = { 'content-type': 'text/event-stream' }
export const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }

/** Everything that a decoder makes of these chunks. */
export function drain(decoder: Decoder, chunks: readonly Uint8Array[]): readonly ModelEvent[] {
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()]
}

export function decode(
  of: ModelCall,
  body: string | Uint8Array,
  status = 200,
  headers: Readonly<Record<string, string>> = of.stream ? SSE : JSON_TYPE,
): readonly ModelEvent[] {
  return drain(openaiChat.decode(of, status, headers), [typeof body === 'string' ? Buffer.from(body) : body])
}

/** What the client gets of these events when nothing is edited. */
export function encode(of: ModelCall, events: readonly ModelEvent[]): string {
  const encoder = openaiChat.encode(of)
  const bytes = events.map((event) => encoder.event(event, undefined))
  return Buffer.concat([...bytes, encoder.end()]).toString()
}

export const sse = (...chunks: readonly unknown[]): string =>
  chunks.map((chunk) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`).join('')

export const chunk = (
  delta: unknown,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'model-1',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
})

/** Recordings of POST /chat/completions, or null where the fixtures are absent. */
export function chatRecordings(...folders: readonly string[]): readonly Recording[] | null {
  const all = folders.map((folder) => recordings(`${folder}/${folder === 'mistral' ? 'mistral' : 'openai'}-chat`))
  return all.some((list) => list === null) ? null : all.flatMap((list) => list ?? [])
}

export const PROVIDERS = ['openai', 'azure', 'ollama', 'gemini', 'mistral'] as const
