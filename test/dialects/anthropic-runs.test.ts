import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import {
  blockStart,
  blockStop,
  call,
  decode,
  delta,
  eventsOf,
  finish,
  sse,
  start,
  stop,
  streamCall,
  text,
} from './anthropic-calls.ts'
import { blackened, blocks, passed } from './runs.ts'

/** The text of a message as `get_final_text` and LangChain join it. */
const joined = (content: readonly unknown[]): string =>
  content.map((block) => (Object(block).type === 'text' ? String(Object(block).text) : '')).join('')

const streamed = (events: readonly Readonly<Record<string, unknown>>[]): string =>
  eventsOf(passed(anthropicMessages, streamCall, decode(streamCall, sse(...events))))
    .map((event) => {
      const { content_block: block, delta: of, message } = Object(event)
      return (message === undefined ? '' : joined(message.content)) + (block?.text ?? '') + (of?.text ?? '')
    })
    .join('')

const lanesOf = (events: readonly Readonly<Record<string, unknown>>[]) =>
  decode(streamCall, sse(...events)).map(({ parts, closes }) => [
    parts.filter(({ pointer }) => pointer.endsWith('/text')).map(({ lane }) => lane),
    closes ?? [],
  ])

const THOUGHT = { type: 'thinking', thinking: '', signature: '' }

describe('text blocks that follow each other', () => {
  it('are read as the text that clients join, streamed', () => {
    fc.assert(
      fc.property(blocks, fc.boolean(), (given, begun) => {
        const [first, ...rest] = given
        const content = begun ? [{ type: 'text', text: first?.join('') }] : []
        const said = (begun ? rest : given).flatMap(([head = '', ...more], at) => {
          const index = at + content.length
          return [
            blockStart(index, { type: 'text', text: head }),
            ...more.map((piece) => text(index, piece)),
            blockStop(index),
          ]
        })
        expect(streamed([start(content), ...said, finish(), stop])).toBe(blackened(given.flat().join('')))
      }),
      { numRuns: 300 },
    )
  })

  it('are read as the text that clients join, whole', () => {
    fc.assert(
      fc.property(blocks, (given) => {
        const content = given.map((pieces) => ({ type: 'text', text: pieces.join(''), citations: null }))
        const events = decode(call(), JSON.stringify({ type: 'message', content, stop_reason: 'end_turn' }))
        const answer = JSON.parse(passed(anthropicMessages, call(), events).toString())
        expect(joined(answer.content)).toBe(blackened(given.flat().join('')))
      }),
      { numRuns: 300 },
    )
  })

  it('are one lane until a block of another kind begins, or the answer is finished', () => {
    expect(
      lanesOf([
        start(),
        blockStart(0, { type: 'text', text: 'a' }),
        blockStop(0),
        blockStart(1, { type: 'text', text: 'b' }),
        delta(1, { type: 'citations_delta', citation: { type: 'char_location', cited_text: 'c' } }),
        blockStop(1),
        blockStart(2, THOUGHT),
        blockStop(2),
        blockStart(3, { type: 'text', text: 'd' }),
        blockStop(3),
        finish(),
        stop,
      ]),
    ).toEqual([
      [[], []],
      [['content/0/text'], []],
      [[], []],
      [['content/0/text'], []],
      [[], []],
      [[], []],
      [[], ['content/0/text']],
      [[], ['content/2/thinking', 'content/2/signature']],
      [['content/3/text'], []],
      [[], []],
      [[], ['content/3/text']],
      [[], []],
    ])
  })

  it('do not end while one of them is open, and do not go on in the one before', () => {
    const beside = [
      start(),
      blockStart(0, { type: 'text', text: 'a' }),
      blockStart(1, THOUGHT),
      text(0, 'b'),
      blockStop(0),
      blockStop(1),
    ]
    expect(lanesOf([...beside, finish(), stop]).map(([, closes]) => closes)[4]).toEqual(['content/0/text'])
    const back = [
      start(),
      blockStart(0, { type: 'text', text: 'a' }),
      blockStart(1, { type: 'text', text: 'c' }),
      text(0, 'b'),
    ]
    expect(() => decode(streamCall, sse(...back))).toThrow(expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' }))
  })
})
