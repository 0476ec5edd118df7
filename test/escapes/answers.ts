import {
  anthropicAnswer,
  anthropicStream,
  converseAnswer,
  converseStream,
  invokeStream,
  openaiAnswer,
  openaiStream,
  type Script,
  type SpokenTool,
  stream,
  whole,
} from '../kit/index.ts'
import type { Arrival } from './world.ts'

const FRAMES = { 'content-type': 'application/vnd.amazon.eventstream' }
export const SAID = 'Good day to you.'

export type Saying = Readonly<{
  tools?: readonly SpokenTool[]
  fields?: Readonly<Record<string, string>>
  geo?: string
}>

/** A good answer in the dialect that was asked for, whole or streamed as it was asked for. */
export function speak({ path, body }: Pick<Arrival, 'path' | 'body'>, saying: Saying = {}): Script {
  const { tools, fields = {}, geo } = saying
  const speech = { texts: [SAID], ...(tools === undefined ? {} : { tools }) }
  const sse = { fields: { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked', ...fields } }
  if (path.endsWith('/converse')) return whole(converseAnswer(speech), { fields })
  if (path.endsWith('/converse-stream'))
    return stream(converseStream(speech), { fields: { ...FRAMES, 'transfer-encoding': 'chunked', ...fields } })
  if (path.endsWith('/invoke')) return whole(anthropicAnswer(speech), { fields })
  if (path.endsWith('-response-stream'))
    return stream(invokeStream(speech), { fields: { ...FRAMES, 'transfer-encoding': 'chunked', ...fields } })
  if (path.endsWith('/count_tokens')) return whole({ input_tokens: 9 }, { fields })
  if (path.endsWith('/count-tokens')) return whole({ inputTokens: 9 }, { fields })
  const streamed = /"stream":\s*true/.test(body)
  if (path.endsWith('/messages')) {
    const place = (text: string): string =>
      geo === undefined ? text : text.replaceAll('"output_tokens":', `"inference_geo":"${geo}","output_tokens":`)
    if (!streamed) return whole(place(JSON.stringify(anthropicAnswer(speech))), { fields })
    return stream(anthropicStream(speech).map(place), sse)
  }
  return streamed ? stream(openaiStream(speech, { includeUsage: true }), sse) : whole(openaiAnswer(speech), { fields })
}
