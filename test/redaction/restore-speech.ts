import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import type { Filter } from '../../src/core/plugin.ts'
import type { Codec, Decoder } from '../../src/core/port.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { Lanes } from '../../src/pipeline/lanes.ts'
import * as anthropic from '../dialects/anthropic-calls.ts'
import * as converse from '../dialects/bedrock-converse-calls.ts'
import * as openai from '../dialects/calls.ts'
import {
  anthropicAnswer,
  anthropicStream,
  converseAnswer,
  converseStream,
  openaiAnswer,
  openaiStream,
} from '../kit/index.ts'

/** An answer of one text and one tool's use, in each dialect, whole and streamed, on its way through a filter and the real lanes. */

export type Said = Readonly<{ text: string; tool?: Readonly<{ name: string; arguments: string }> }>
/** In which pieces a text comes. */
export type Pieces = (text: string) => readonly string[]

export type Form = Readonly<{
  name: string
  codec: Codec
  call: ModelCall
  headers: Readonly<Record<string, string>>
  bytes: (said: Said, pieces: Pieces) => Buffer
}>

const speech = ({ text, tool }: Said) => ({
  texts: [text],
  ...(tool === undefined ? {} : { tools: [{ id: 'call_1', ...tool }] }),
})
const joined = (chunks: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)))
const json = (body: unknown): Buffer => Buffer.from(JSON.stringify(body))

export const FORMS: readonly Form[] = [
  {
    name: 'openai.chat streamed',
    codec: openaiChat,
    call: openai.streamCall,
    headers: openai.SSE,
    bytes: (said, pieces) => joined(openaiStream(speech(said), { pieces: (text) => [...pieces(text)] })),
  },
  {
    name: 'openai.chat whole',
    codec: openaiChat,
    call: openai.call(),
    headers: openai.JSON_TYPE,
    bytes: (said) => json(openaiAnswer(speech(said))),
  },
  {
    name: 'anthropic.messages streamed',
    codec: anthropicMessages,
    call: anthropic.streamCall,
    headers: anthropic.SSE,
    bytes: (said, pieces) => joined(anthropicStream(speech(said), { pieces: (text) => [...pieces(text)] })),
  },
  {
    name: 'anthropic.messages whole',
    codec: anthropicMessages,
    call: anthropic.call(),
    headers: anthropic.JSON_TYPE,
    bytes: (said) => json(anthropicAnswer(speech(said))),
  },
  {
    name: 'bedrock.converse streamed',
    codec: bedrockConverse,
    call: converse.streamCall,
    headers: converse.STREAM_TYPE,
    bytes: (said, pieces) => joined(converseStream(speech(said), { pieces: (text) => [...pieces(text)] })),
  },
  {
    name: 'bedrock.converse whole',
    codec: bedrockConverse,
    call: converse.wholeCall,
    headers: converse.JSON_TYPE,
    bytes: (said) => json(converseAnswer(speech(said))),
  },
]

/** Bytes in runs of these lengths, which are used in turn. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[turn % sizes.length] ?? 1)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

export type Passed = Readonly<{
  /** What the client has read after each window. */
  windows: readonly Said[]
  last: Said
  /** Units of text that had come and were not read yet, at most, until the answer ended; of a text in which nothing is put back. */
  held: number
}>

/** Lets an answer pass: decoded from bytes cut anywhere, edited by the filters, encoded, and read as a client reads it. */
export function pass(
  form: Form,
  said: Said,
  filters: readonly Filter[],
  how: { pieces: Pieces; sizes: readonly number[] },
): Passed {
  const { codec, call, headers } = form
  const decoder = codec.decode(call, 200, headers)
  const encoder = codec.encode(call)
  const client = codec.decode(call, 200, headers)
  const lanes = new Lanes()
  const read = new Reader(client)
  const windows: Said[] = []
  let held = 0
  let came = 0
  const look = (events: readonly ModelEvent[], final: boolean): void => {
    for (const event of events) {
      lanes.add(event)
      for (const { channel, text } of event.parts) if (channel === 'text') came += text.length
    }
    lanes.settle(filters, 0, final)
    for (const { event, texts } of lanes.release()) read.push(encoder.event(event, texts))
    if (!final) held = Math.max(held, came - read.said.text.length)
    if (final) read.end(encoder.end())
    windows.push(read.said)
  }
  for (const chunk of cut(form.bytes(said, how.pieces), how.sizes)) look(decoder.push(chunk), false)
  look(decoder.end(), true)
  return { windows, last: read.said, held }
}

/** Puts a client's answer together. */
class Reader {
  readonly #client: Decoder
  #text = ''
  #arguments = ''
  readonly #leaves = new Map<string, string>()
  #tool: string | undefined

  constructor(client: Decoder) {
    this.#client = client
  }

  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#take(this.#client.push(bytes))
  }

  end(bytes: Uint8Array): void {
    this.push(bytes)
    this.#take(this.#client.end())
  }

  #take(events: readonly ModelEvent[]): void {
    for (const { parts } of events) {
      for (const part of parts) {
        if (part.channel === 'text') this.#text += part.text
        if (part.tool === undefined) continue
        this.#tool = part.tool
        if (part.json === true) this.#arguments += part.text
        else if (part.argument !== undefined) this.#leaves.set(part.argument, part.text)
      }
    }
  }

  /** Arguments that came as leaves are written as the flat object that they are in these tests. */
  get said(): Said {
    if (this.#tool === undefined) return { text: this.#text }
    const leaves = Object.fromEntries([...this.#leaves].map(([pointer, text]) => [pointer.slice(1), text]))
    const text = this.#leaves.size > 0 ? JSON.stringify(leaves) : this.#arguments
    return { text: this.#text, tool: { name: this.#tool, arguments: text } }
  }
}
