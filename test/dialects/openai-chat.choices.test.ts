import { describe, expect, it } from 'vitest'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { call, decode, SSE, sse, streamCall } from './calls.ts'

const MALFORMED = expect.objectContaining({ code: 'ERR_PROVIDER_MALFORMED' })

describe('choices', () => {
  const choice = (index: number, text = 'x') => ({
    index,
    delta: { content: text },
    message: { content: text },
    finish_reason: 'stop',
  })
  it.each<[string, unknown, readonly number[], boolean]>([
    ['one, unasked', undefined, [0], true],
    ['another, unasked', undefined, [1], false],
    ['two, unasked', undefined, [0, 1], false],
    ['one, of null', null, [0], true],
    ['two, of null', null, [0, 1], false],
    ['two of one', 1, [0, 1], false],
    ['all of three, in any order', 3, [2, 0, 1], true],
    ['one more than three', 3, [0, 1, 2, 3], false],
    ['one of three twice', 3, [0, 1, 1], false],
    ['the only one twice', 1, [0, 0], false],
  ])('%s', (_, n, indices, good) => {
    const choices = indices.map((index) => choice(index))
    const more = n === undefined ? {} : { n }
    const whole = () => decode(call(more), JSON.stringify({ choices }))
    const streamed = () => decode(call({ ...more, stream: true }), sse({ choices }, '[DONE]'))
    for (const read of [whole, streamed]) {
      if (good) expect(read()).toHaveLength(1)
      else expect(read).toThrow(MALFORMED)
    }
  })

  it('a text of one character a choice reaches nobody', () => {
    const pieces = [...'DE89370400440532013000'].map((text, index) => ({ choices: [choice(index, text)] }))
    const decoder = openaiChat.decode(streamCall, 200, SSE)
    const events = pieces.flatMap((piece, at) => {
      const bytes = Buffer.from(sse(piece))
      if (at === 0) return decoder.push(bytes)
      expect(() => decoder.push(bytes)).toThrow(MALFORMED)
      return []
    })
    expect(events).toHaveLength(1)
  })
})
