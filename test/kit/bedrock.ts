import { EventStreamCodec } from '@smithy/eventstream-codec'
import { beforeWords, type Cutting, type Speech } from '../../src/cli/demo/answers.ts'
import { anthropicStream } from './anthropic.ts'

/** What a simulated Amazon Bedrock says: Converse, and InvokeModel for Anthropic's models. Frames are AWS's own codec's work. */

const text = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')
const codec = new EventStreamCodec(text, (string) => Buffer.from(string, 'utf8'))

/** One frame of an event stream. `kind` is `event`, or `exception` for an error in the middle of one. */
export function frame(type: string, payload: unknown, kind: 'event' | 'exception' = 'event'): Buffer {
  const string = (value: string) => ({ type: 'string' as const, value })
  return Buffer.from(
    codec.encode({
      headers: {
        [kind === 'event' ? ':event-type' : ':exception-type']: string(type),
        ':content-type': string('application/json'),
        ':message-type': string(kind),
      },
      body: Buffer.from(JSON.stringify(payload), 'utf8'),
    }),
  )
}

/** A valid answer of Converse. */
export function converseAnswer(speech: Speech): Record<string, unknown> {
  return {
    metrics: { latencyMs: 12 },
    output: { message: { role: 'assistant', content: contentOf(speech) } },
    stopReason: stopOf(speech),
    usage: usageOf(speech),
  }
}

/** The same speech as frames of ConverseStream, `metadata` last. As at Bedrock, text has no contentBlockStart, and each event is padded. */
export function converseStream(speech: Speech, cutting: Pick<Cutting, 'pieces'> = {}): Buffer[] {
  const pieces = cutting.pieces ?? beforeWords
  const p = 'abcdefghijklmnop'
  const frames = [frame('messageStart', { role: 'assistant', p })]
  const [said = ''] = speech.texts
  let index = 0
  if (said !== '') {
    for (const piece of pieces(said)) {
      frames.push(frame('contentBlockDelta', { contentBlockIndex: index, delta: { text: piece }, p }))
    }
    frames.push(frame('contentBlockStop', { contentBlockIndex: index++, p }))
  }
  for (const { id: toolUseId, name, arguments: input } of speech.tools ?? []) {
    frames.push(frame('contentBlockStart', { contentBlockIndex: index, start: { toolUse: { toolUseId, name } }, p }))
    for (const piece of pieces(input)) {
      frames.push(frame('contentBlockDelta', { contentBlockIndex: index, delta: { toolUse: { input: piece } }, p }))
    }
    frames.push(frame('contentBlockStop', { contentBlockIndex: index++, p }))
  }
  frames.push(frame('messageStop', { stopReason: stopOf(speech), p }))
  frames.push(frame('metadata', { metrics: { latencyMs: 12 }, usage: usageOf(speech), p }))
  return frames
}

/** The events of an Anthropic stream as InvokeModelWithResponseStream wraps them. */
export function invokeStream(speech: Speech, cutting: Pick<Cutting, 'pieces'> = {}): Buffer[] {
  const events = anthropicStream(speech, cutting).map((event): unknown =>
    JSON.parse(event.slice(event.indexOf('data: ') + 6)),
  )
  return events
    .filter((event) => JSON.stringify(event) !== '{"type":"ping"}')
    .map((event) => {
      const last = typeof event === 'object' && event !== null && Reflect.get(event, 'type') === 'message_stop'
      const { input, output } = speech.usage ?? { input: 12, output: 34 }
      const metrics = { inputTokenCount: input, outputTokenCount: output, invocationLatency: 12, firstByteLatency: 3 }
      const whole = last ? { ...event, 'amazon-bedrock-invocationMetrics': metrics } : event
      return frame('chunk', { bytes: Buffer.from(JSON.stringify(whole), 'utf8').toString('base64'), p: 'abcdef' })
    })
}

function contentOf({ texts: [said = ''], tools = [] }: Speech): unknown[] {
  return [
    ...(said === '' ? [] : [{ text: said }]),
    ...tools.map(({ id, name, arguments: input }) => ({ toolUse: { toolUseId: id, name, input: JSON.parse(input) } })),
  ]
}

function stopOf({ finish, tools }: Speech): string {
  return finish ?? (tools === undefined ? 'end_turn' : 'tool_use')
}

function usageOf({ usage = { input: 12, output: 34 } }: Speech): Record<string, unknown> {
  return { inputTokens: usage.input, outputTokens: usage.output, totalTokens: usage.input + usage.output }
}
