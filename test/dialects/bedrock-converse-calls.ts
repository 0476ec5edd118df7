import { Readable } from 'node:stream'
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  type ConverseStreamOutput,
} from '@aws-sdk/client-bedrock-runtime'
import type { ModelCall, ModelEvent, Target } from '../../src/core/call.ts'
import type { Codec, InboundRequest } from '../../src/core/port.ts'
import { bedrockConverse, bedrockCountTokens } from '../../src/dialects/bedrock-converse/index.ts'
import { encodeEvent, eventStreamDecoder } from '../../src/dialects/eventstream.ts'
import { type Recording, recordings } from '../kit/index.ts'
import { drain } from './calls.ts'

/** Calls, answers and recordings of bedrock.converse, made through the codec's public face. */

export const BEDROCK_TARGET: Target = {
  id: 'west/m.model-1:0',
  provider: 'west',
  model: 'm.model-1:0',
  kind: 'bedrock',
  dialects: ['bedrock.converse'],
  tenants: null,
  residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
  contract: [],
}

export const STREAM_TYPE = { 'content-type': 'application/vnd.amazon.eventstream' }
export const JSON_TYPE = { 'content-type': 'application/json' }
export const ID = '0197f2d0-0000-7000-8000-000000000001'

export function inbound(
  body: unknown,
  path = '/model/auto/converse',
  headers: Readonly<Record<string, string>> = {},
  query = '',
): InboundRequest {
  return {
    id: ID,
    method: 'POST',
    path,
    query,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  }
}

export const codecOf = (path: string): Codec =>
  bedrockCountTokens.matches('POST', path) ? bedrockCountTokens : bedrockConverse

export const read = (body: unknown, path = '/model/auto/converse'): ModelCall => codecOf(path).read(inbound(body, path))

export const hello = { messages: [{ role: 'user', content: [{ text: 'hello' }] }] }
export const wholeCall = read(hello)
export const streamCall = read(hello, '/model/auto/converse-stream')
export const countCall = read({ input: { converse: hello } }, '/model/auto/count-tokens')

export type Event = readonly [type: string, payload: unknown]

export const frames = (...events: readonly Event[]): Buffer =>
  Buffer.concat(events.map(([type, payload]) => encodeEvent(type, Buffer.from(JSON.stringify(payload)))))

export const MESSAGE_START: Event = ['messageStart', { role: 'assistant', p: 'ab' }]
export const MESSAGE_STOP: Event = ['messageStop', { stopReason: 'end_turn', p: 'abc' }]
export const METADATA: Event = [
  'metadata',
  { usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 }, metrics: { latencyMs: 12 }, p: 'a' },
]
export const start = (index: unknown, block: unknown): Event => [
  'contentBlockStart',
  { contentBlockIndex: index, start: block, p: 'abcd' },
]
export const delta = (index: unknown, piece: unknown): Event => [
  'contentBlockDelta',
  { contentBlockIndex: index, delta: piece, p: 'abcdefg' },
]
export const stop = (index: unknown): Event => ['contentBlockStop', { contentBlockIndex: index, p: 'abcde' }]

export function decode(
  of: ModelCall,
  body: string | Uint8Array,
  status = 200,
  headers: Readonly<Record<string, string>> = of.stream ? STREAM_TYPE : JSON_TYPE,
): readonly ModelEvent[] {
  const codec = of.operation === 'count_tokens' ? bedrockCountTokens : bedrockConverse
  return drain(codec.decode(of, status, headers), [typeof body === 'string' ? Buffer.from(body) : body])
}

/** What the client gets of these events when nothing is edited. */
export function encode(of: ModelCall, events: readonly ModelEvent[]): Buffer {
  const encoder = bedrockConverse.encode(of)
  return Buffer.concat([...events.map((event) => encoder.event(event, undefined)), encoder.end()])
}

/** The payloads of a stream's messages, by a decoder that the SDK's codec is behind. */
export function payloadsOf(bytes: Uint8Array): readonly Readonly<{ type: string; payload: Record<string, unknown> }>[] {
  const decoder = eventStreamDecoder(1 << 24)
  return decoder.push(bytes).map(({ headers, body }) => ({
    type: headers.get(':event-type') ?? headers.get(':exception-type') ?? '',
    payload: JSON.parse(Buffer.from(body).toString()),
  }))
}

export type Answer = Readonly<{ status: number; headers: Readonly<Record<string, string>>; body: Uint8Array }>

/** The real SDK, which gets every answer from `answer` and has no socket. `attempts` counts how often it asked. */
export function sdk(answer: () => Answer): { client: BedrockRuntimeClient; attempts: () => number } {
  let attempts = 0
  const client = new BedrockRuntimeClient({
    region: 'eu-central-1',
    endpoint: 'http://gateway.invalid/bedrock',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    requestHandler: {
      handle: async () => {
        attempts++
        const { status, headers, body } = answer()
        return { response: { statusCode: status, headers: { ...headers }, body: Readable.from([Buffer.from(body)]) } }
      },
    },
  })
  return { client, attempts: () => attempts }
}

export const MODEL = { modelId: 'auto', messages: [{ role: 'user' as const, content: [{ text: 'hello' }] }] }

export const sdkWhole = (answer: Answer) => sdk(() => answer).client.send(new ConverseCommand(MODEL))

/** What the SDK reads of a stream, and what it raises. */
export async function sdkStream(body: Uint8Array): Promise<{ events: ConverseStreamOutput[]; error: unknown }> {
  const events: ConverseStreamOutput[] = []
  try {
    const { client } = sdk(() => ({ status: 200, headers: STREAM_TYPE, body }))
    const { stream } = await client.send(new ConverseStreamCommand(MODEL))
    for await (const event of stream ?? []) events.push(event)
  } catch (error) {
    return { events, error }
  }
  return { events, error: null }
}

/** Recordings of Converse or of CountTokens, or null where the fixtures are absent. */
export function bedrockRecordings(folder = 'bedrock-converse'): readonly Recording[] | null {
  return recordings(`bedrock/${folder}`)
}

/** A recorded request's path below the prefix. */
export const pathOf = ({ request }: Recording): string => new URL(request.url).pathname

export const isStream = ({ response }: Recording): boolean => response.framing === 'aws-eventstream'

export const headersOf = (recording: Recording): Readonly<Record<string, string>> =>
  isStream(recording) ? STREAM_TYPE : JSON_TYPE
