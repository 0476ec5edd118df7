import type { ModelCall, ModelEvent, Target } from '../../src/core/call.ts'
import type { InboundRequest } from '../../src/core/port.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { encodeEvent } from '../../src/dialects/eventstream.ts'
import { type Recording, recordings } from '../kit/index.ts'
import { drain } from './anthropic-calls.ts'

/** Calls, answers and recordings of bedrock.invoke, made through the codec's public face. */

export const TARGET: Target = {
  id: 'bedrock-eu/claude',
  provider: 'bedrock-eu',
  model: 'eu.anthropic.claude-haiku-4-5-20251001-v1:0',
  kind: 'bedrock',
  dialects: ['bedrock.invoke', 'bedrock.converse'],
  tenants: null,
  residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
  contract: [],
}

export const WHOLE_PATH = '/model/auto/invoke'
export const STREAM_PATH = '/model/auto/invoke-with-response-stream'

export function inbound(
  body: unknown,
  path = WHOLE_PATH,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): InboundRequest {
  return {
    id: '0197f2d0-0000-7000-8000-000000000000',
    method: 'POST',
    path,
    query: '',
    headers,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  }
}

type Body = Readonly<Record<string, unknown>>
export const body = (more: Body = {}): Body => ({
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'hello' }],
  ...more,
})
export const call = (more?: Body): ModelCall => bedrockInvoke.read(inbound(body(more)))
export const streamCall = bedrockInvoke.read(inbound(body(), STREAM_PATH))

export const STREAM_TYPE = { 'content-type': 'application/vnd.amazon.eventstream' }
export const JSON_TYPE = { 'content-type': 'application/json' }

export function decode(
  of: ModelCall,
  bytes: string | Uint8Array,
  status = 200,
  headers: Readonly<Record<string, string>> = of.stream ? STREAM_TYPE : JSON_TYPE,
): readonly ModelEvent[] {
  return drain(bedrockInvoke.decode(of, status, headers), [typeof bytes === 'string' ? Buffer.from(bytes) : bytes])
}

export function encode(of: ModelCall, events: readonly ModelEvent[]): Buffer {
  const encoder = bedrockInvoke.encode(of)
  return Buffer.concat([...events.map((event) => encoder.event(event, undefined)), encoder.end()])
}

/** A chunk as Bedrock sends it: the event in base64, and padding. */
export const chunk = (event: unknown, more: Body = { p: 'abcdef' }): Uint8Array =>
  encodeEvent(
    'chunk',
    Buffer.from(JSON.stringify({ bytes: Buffer.from(JSON.stringify(event)).toString('base64'), ...more })),
  )
export const chunks = (...events: readonly unknown[]): Buffer => Buffer.concat(events.map((event) => chunk(event)))

/** Recordings of Anthropic's models, and of others, or null where the fixtures are absent. */
export function invokeRecordings(anthropic: boolean): readonly Recording[] | null {
  const all = recordings('bedrock/bedrock-invoke')
  return all?.filter(({ request }) => (Object(request.body).anthropic_version !== undefined) === anthropic) ?? null
}

/** The path of a recording, as a client would send it below the dialect's prefix. */
export const pathOf = ({ request }: Recording): string => request.url.replace(/^https:\/\/[^/]+/, '')
