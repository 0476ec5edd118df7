import { blockStart, blockStop, delta, finish, sse, start, stop, text } from '../dialects/anthropic-calls.ts'
import { type Script, stream, whole } from '../kit/index.ts'

/** Blocks of a conversation with thoughts that the provider signed, and an answer that holds one. */

export const SIGNATURE = 'EqQBCkYIBxgCKkB3aGF0IHRoZSBwcm92aWRlciBzaWduZWQvKz09'
export const thought = (thinking: string) => ({ type: 'thinking' as const, thinking, signature: SIGNATURE })
export const said = (words: string) => ({ type: 'text' as const, text: words })
export const used = { type: 'tool_use' as const, id: 'toolu_1', name: 'lookup', input: { city: 'Bern', n: 1 } }

/** It quotes the mark of what was redacted, which is restored in a text, and not here. */
export const THOUGHT = 'The traveller asks, é \u{1f600}, and says <<1>>: so be it.'

/** The answer as the provider gives it. */
export const thoughtful = [thought(THOUGHT), said('I read <<1>>.'), used] as const

const events = sse(
  start(),
  blockStart(0, { type: 'thinking', thinking: '', signature: '' }),
  ...[...THOUGHT].map((thinking) => delta(0, { type: 'thinking_delta', thinking })),
  delta(0, { type: 'signature_delta', signature: SIGNATURE }),
  blockStop(0),
  blockStart(1),
  text(1, 'I read <<'),
  text(1, '1>>.'),
  blockStop(1),
  blockStart(2, { ...used, input: {} }),
  delta(2, { type: 'input_json_delta', partial_json: '{"city":"Be' }),
  delta(2, { type: 'input_json_delta', partial_json: 'rn","n":1}' }),
  blockStop(2),
  finish('tool_use'),
  stop,
)

/** {@link thoughtful}, whole, or streamed a byte at a time. */
export function thinks(streamed: boolean): Script {
  if (streamed) return stream([...Buffer.from(events)].map((byte) => Buffer.of(byte)))
  const usage = { input_tokens: 5, output_tokens: 7 }
  return whole({ ...(start().message as object), content: thoughtful, stop_reason: 'tool_use', usage })
}
