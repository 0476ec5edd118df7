import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bedrockConverse } from '../../src/dialects/bedrock-converse/index.ts'
import {
  decode,
  delta,
  type Event,
  frames,
  MESSAGE_START,
  MESSAGE_STOP,
  METADATA,
  payloadsOf,
  start,
  stop,
  streamCall,
  wholeCall,
} from './bedrock-converse-calls.ts'
import { blackened, blocks, passed } from './runs.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })

const streamed = (...events: readonly Event[]): string =>
  payloadsOf(passed(bedrockConverse, streamCall, decode(streamCall, frames(...events))))
    .map(({ payload }) => Object(payload.delta).text ?? '')
    .join('')

const lanesOf = (...events: readonly Event[]) =>
  decode(streamCall, frames(...events)).map(({ parts, closes }) => [
    parts.filter(({ pointer }) => pointer.endsWith('/text')).map(({ lane }) => lane),
    closes ?? [],
  ])

describe('text blocks that follow each other', () => {
  it('are read as the text that clients join, streamed, whether they end or not', () => {
    fc.assert(
      fc.property(blocks, fc.boolean(), (given, ends) => {
        const said = given.flatMap((pieces, index) => [
          ...pieces.map((piece) => delta(index * 2, { text: piece })),
          ...(ends ? [stop(index * 2)] : []),
        ])
        expect(streamed(MESSAGE_START, ...said, MESSAGE_STOP, METADATA)).toBe(blackened(given.flat().join('')))
      }),
      { numRuns: 300 },
    )
  })

  it('are read as the text that clients join, whole, in citations too', () => {
    fc.assert(
      fc.property(blocks, fc.infiniteStream(fc.boolean()), (given, cited) => {
        const content = given.map((pieces) =>
          cited.next().value === true
            ? { citationsContent: { content: pieces.map((text) => ({ text })), citations: [{ title: 'T' }] } }
            : { text: pieces.join('') },
        )
        const answer = JSON.stringify({ output: { message: { role: 'assistant', content } }, stopReason: 'end_turn' })
        const got = JSON.parse(passed(bedrockConverse, wholeCall, decode(wholeCall, answer)).toString())
        const texts: string[] = got.output.message.content.flatMap((block: Record<string, never>) =>
          Array.isArray(Object(block.citationsContent).content)
            ? Object(block.citationsContent).content.map(({ text }: { text: string }) => text)
            : [block.text],
        )
        expect(texts.join('')).toBe(blackened(given.flat().join('')))
      }),
      { numRuns: 300 },
    )
  })

  it('are one lane until a block of another kind begins, or the answer is finished', () => {
    expect(
      lanesOf(
        MESSAGE_START,
        delta(0, { text: 'a' }),
        stop(0),
        start(1, {}),
        delta(1, { text: 'b' }),
        stop(1),
        start(2, { toolUse: { name: 'n' } }),
        stop(2),
        delta(3, { text: 'c' }),
        stop(3),
        MESSAGE_STOP,
      ),
    ).toEqual([
      [[], []],
      [['content/0/text'], []],
      [[], ['content/0/citation/sourceContent/text']],
      [[], []],
      [['content/0/text'], []],
      [[], ['content/1/citation/sourceContent/text']],
      [[], ['content/0/text']],
      [[], ['content/2/toolUse/input']],
      [['content/3/text'], []],
      [[], ['content/3/citation/sourceContent/text']],
      [[], ['content/3/text']],
    ])
  })

  it('do not end while one of them is open', () => {
    const [, , , closes] = lanesOf(
      delta(0, { text: 'a' }),
      start(1, { toolUse: { name: 'n' } }),
      delta(0, { text: 'b' }),
      stop(0),
      MESSAGE_STOP,
    ).map(([, ended]) => ended)
    expect(closes).toContain('content/0/text')
  })

  it.each<[string, readonly Event[]]>([
    ['the one before', [delta(0, { text: 'a' }), delta(1, { text: 'c' }), delta(0, { text: 'b' })]],
    ['one in front of it', [delta(3, { text: 'a' }), stop(3), delta(1, { text: 'b' })]],
    [
      'one in front of it, with a tool between',
      [delta(3, { text: 'a' }), stop(3), start(4, { toolUse: {} }), stop(4), delta(1, { text: 'b' })],
    ],
  ])('do not go on in %s', (_, events) => {
    expect(() => decode(streamCall, frames(MESSAGE_START, ...events))).toThrow(MALFORMED)
  })
})
