import type { Json } from '../../src/core/json.ts'
import {
  failure,
  openaiAnswer,
  openaiError,
  openaiStream,
  type Script,
  type Speech,
  shortBody,
  stream,
  tooMany,
  whole,
} from '../kit/index.ts'

/** How a provider's dialect is spoken in these tests: what its simulator says, and what must arrive there. */
export type Voice = Readonly<{
  /** Members of the provider's configuration besides address, residency and credential. */
  provider: Readonly<Record<string, Json>>
  /** What follows the recorder's origin in `base_url`. */
  base: string
  /** What follows the gateway's origin in the base URL of the SDK. */
  prefix: string
  /** Where the SDKs of the dialect look for a request id. */
  idHeader: string
  /** The model's name at every provider: never the one that the client asks for. */
  model: string
  /** Path that arrives upstream. */
  path: (streamed: boolean) => string
  /** Header fields that may reach the provider besides those of the transport, and the one that holds its credential. */
  fields: readonly string[]
  credential: (secret: string) => Readonly<Record<string, string>>
  /** `slowly`: a letter at a time over the wire too, so that its beginning is released before its end is there. */
  speak: (speech: Speech, streamed: boolean, slowly?: boolean) => Script
  /** A stream that goes wrong after some of its text, or a whole answer that lacks its last bytes. */
  broken: (text: string, streamed: boolean, ending: 'reset' | 'fin' | 'done') => Script
  /** Some of the text, and then the provider's own error in the stream. */
  faulty: (text: string) => Readonly<{ script: Script; message: string; code: string }>
  failure: (status: number) => Readonly<{ script: Script; message: string }>
  tooMany: (seconds: number) => Readonly<{ script: Script; message: string; code: string }>
  finish: Readonly<{ stop: string; tool: string }>
  /** What the record says of 7 tokens in and 9 out. */
  usage: Readonly<Record<string, number>>
  /** What the body that arrives holds where the tool `lookup` is declared, and where its result comes back. */
  declares: readonly string[]
  returns: readonly string[]
  /** Members of the body that arrives. */
  asks: (streamed: boolean) => Readonly<Record<string, unknown>>
}>

const LETTERS = { pieces: (text: string) => [...text], includeUsage: true }
const SIMULATED = 'gpt-4o-2024-11-20'

export const openaiVoice: Voice = {
  provider: { kind: 'openai' },
  base: '/v1',
  prefix: '/openai/v1',
  idHeader: 'x-request-id',
  model: SIMULATED,
  path: () => '/v1/chat/completions',
  fields: [],
  credential: (secret) => ({ authorization: `Bearer ${secret}` }),
  speak: (speech, streamed, slowly = false) =>
    streamed ? stream(openaiStream(speech, LETTERS), slowly ? { everyMs: 3 } : {}) : whole(openaiAnswer(speech)),
  broken: (text, streamed, ending) =>
    streamed
      ? stream(openaiStream({ texts: [text] }, LETTERS).slice(0, 50), { ending, everyMs: 2 })
      : shortBody(openaiAnswer({ texts: [text] }), 7, ending === 'reset' ? 'reset' : 'fin'),
  faulty: (text) => ({
    script: stream(
      [
        ...openaiStream({ texts: [text] }, LETTERS).slice(0, 50),
        `data: ${JSON.stringify(openaiError('The server had an error', 'server_error', 'engine_overloaded'))}\n\n`,
      ],
      { everyMs: 2 },
    ),
    message: 'The server had an error',
    code: 'engine_overloaded',
  }),
  failure: (status) => ({ script: failure(status), message: `The simulated provider fails with ${status}.` }),
  tooMany: (seconds) => ({
    script: tooMany(seconds),
    message: 'Rate limit reached for requests',
    code: 'rate_limit_exceeded',
  }),
  finish: { stop: 'stop', tool: 'tool_calls' },
  usage: { input_tokens: 7, output_tokens: 9, total_tokens: 16, cached_input_tokens: 0, reasoning_tokens: 0 },
  declares: ['"name":"lookup"', '"additionalProperties":false', 'Looks a city up.'],
  returns: ['"tool_call_id":"call_1"', 'It rains in Bern.', '"{\\"city\\":\\"Bern\\"}"'],
  asks: (streamed) => ({
    model: SIMULATED,
    ...(streamed ? { stream: true, stream_options: { include_usage: true } } : {}),
  }),
}
