import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import type { Codec } from '../../src/core/port.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import { bedrockInvoke } from '../../src/dialects/bedrock-invoke/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { answers, streamCall as messagesCall } from './anthropic-calls.ts'
import { bedrockRecordings, streamCall as converseCall, isStream, STREAM_TYPE } from './bedrock-converse-calls.ts'
import { streamCall as invokeCall, invokeRecordings } from './bedrock-invoke-calls.ts'
import { streamCall as chatCall, chatRecordings, drain, PROVIDERS, SSE } from './calls.ts'

/**
 * Recorded streams, cut: what a codec makes of them is the same, its frames too. That the framing below it finds the same messages for every
 * single cut is shown in `sse.test.ts` and `eventstream.test.ts`; a codec can differ only by which messages come in one piece, so that
 * between large ones it is enough to cut once between any two and once inside of each.
 */

/** Streams of that many bytes are cut everywhere: it takes the square of their length. */
const EVERYWHERE = 2_000
const LARGE = 16_384

type Stream = Readonly<{ file: string; bytes: Buffer }>
type Row = readonly [name: string, codec: Codec, call: ModelCall, headers: Record<string, string>, streams: Stream[]]

const recorded = (list: ReturnType<typeof bedrockRecordings>): Stream[] =>
  list?.map(({ file, response }) => ({ file, bytes: response.bytes })) ?? []
const chats = chatRecordings(...PROVIDERS)
// The one file that the codec refuses, whole or cut: a message that starts twice.
const messages = answers()?.filter(({ stream, file }) => stream && !file.startsWith('duplicate-message-start'))
const ROWS: readonly Row[] = [
  [
    'openai.chat',
    openaiChat,
    chatCall,
    SSE,
    recorded(chats?.filter(({ response }) => response.framing === 'sse') ?? null),
  ],
  ['anthropic.messages', anthropicMessages, messagesCall, SSE, [...(messages ?? [])]],
  [
    'bedrock.converse',
    bedrockConverse,
    converseCall,
    STREAM_TYPE,
    recorded(bedrockRecordings()?.filter(isStream) ?? null),
  ],
  [
    'bedrock.invoke',
    bedrockInvoke,
    invokeCall,
    STREAM_TYPE,
    recorded(invokeRecordings(true)?.filter(({ response }) => response.framing !== 'json') ?? null),
  ],
]

describe.skipIf(chats === null).each(ROWS)('%s (skipped without fixtures)', (name, codec, call, headers, streams) => {
  const endsOf = headers === SSE ? eventEnds : messageEnds

  /** What comes of a stream in these pieces. */
  function read({ bytes }: Stream, cuts: readonly number[]): readonly ModelEvent[] {
    const edges = [0, ...cuts, bytes.length]
    const pieces = edges.slice(1).map((to, index) => bytes.subarray(edges[index], to))
    return drain(codec.decode(call, 200, headers), pieces)
  }

  function same(stream: Stream, cuts: readonly number[], whole: readonly ModelEvent[]): void {
    const events = read(stream, cuts)
    // The assertion tells where they differ, but takes a hundred times as long.
    if (!isDeepStrictEqual(events, whole)) expect(events, `${stream.file} cut at ${cuts}`).toEqual(whole)
  }

  it('in two: anywhere up to 2,000 bytes; up to 16 KB between any two messages, and inside each', () => {
    let seen = 0
    for (const stream of streams) {
      const { bytes } = stream
      if (bytes.length > LARGE) continue
      const whole = read(stream, [])
      const cuts = bytes.length <= EVERYWHERE ? [...bytes.keys()].slice(1) : around(endsOf(bytes))
      for (const at of cuts) same(stream, [at], whole)
      seen += cuts.length
    }
    expect(seen).toBeGreaterThan(name === 'bedrock.invoke' ? 100 : 1_000)
  })

  it('in many, at random, of every size', () => {
    for (const stream of streams) {
      const whole = read(stream, [])
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.bytes.length - 1 }), { maxLength: 60 })
      fc.assert(
        fc.property(cuts, (list) =>
          same(
            stream,
            list.toSorted((a, b) => a - b),
            whole,
          ),
        ),
        { numRuns: 6 },
      )
    }
  })
})

/** The end of every message, and a place inside it. */
function around(ends: readonly number[]): readonly number[] {
  return ends.flatMap((end, index) => [Math.ceil(((ends[index - 1] ?? 0) + end) / 2), end])
}

/** Behind each blank line. */
function eventEnds(bytes: Buffer): readonly number[] {
  const blank = /(?:\r\n|\n)(?:\r\n|\n)/g
  return [...bytes.toString('latin1').matchAll(blank)].map(({ 0: found, index }) => index + found.length)
}

/** As the messages' own lengths say. */
function messageEnds(bytes: Buffer): readonly number[] {
  const ends: number[] = []
  for (let at = 0; at < bytes.length; ) {
    at += bytes.readUInt32BE(at)
    ends.push(at)
  }
  return ends
}
