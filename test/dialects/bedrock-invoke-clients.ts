import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { STREAM_TYPE } from './bedrock-invoke-calls.ts'

/** Streams of bedrock.invoke as the clients' own code reads them. */

export function sdk(fetch: (url: string, init: RequestInit) => Promise<Response>): AnthropicBedrock {
  return new AnthropicBedrock({
    skipAuth: true,
    awsRegion: 'eu-central-1',
    baseURL: 'http://gateway.invalid/bedrock',
    maxRetries: 0,
    fetch: (url, init) => fetch(String(url), init ?? {}),
  })
}

/** Text and error that the Anthropic client makes of a stream. */
export async function bySdk(bytes: Uint8Array): Promise<{ text: string; events: unknown[]; error: unknown }> {
  const client = sdk(async () => new Response(Buffer.from(bytes), { headers: STREAM_TYPE }))
  const events: unknown[] = []
  let text = ''
  try {
    const stream = await client.messages.create({
      model: 'auto',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    })
    for await (const event of stream) {
      events.push(event)
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
    }
  } catch (error) {
    return { text, events, error }
  }
  return { text, events, error: null }
}

/** Messages as the AWS codec reads them. */
export function messages(bytes: Buffer): readonly Readonly<{ headers: unknown; payload: unknown }>[] {
  const codec = new EventStreamCodec(
    (utf8) => Buffer.from(utf8).toString(),
    (text) => Buffer.from(text),
  )
  const found = []
  for (let rest = bytes; rest.length > 0; rest = rest.subarray(rest.readUInt32BE(0))) {
    const { headers, body } = codec.decode(rest.subarray(0, rest.readUInt32BE(0)))
    const named = Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value]))
    const payload: unknown = JSON.parse(Buffer.from(body).toString())
    found.push({ headers: named, payload })
  }
  return found
}

export const eventsOf = (bytes: Buffer): readonly unknown[] =>
  messages(bytes).map(({ payload }): unknown =>
    JSON.parse(Buffer.from(String(Object(payload).bytes), 'base64').toString()),
  )
