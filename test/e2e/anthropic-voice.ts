import { anthropicAnswer, anthropicError, anthropicStream, shortBody, stream, whole } from '../kit/index.ts'
import type { Voice } from './voice.ts'

const LETTERS = { pieces: (text: string) => [...text] }
/** So many events of a stream hold its beginning and some of its text. */
const SOME = 50

export const anthropicVoice: Voice = {
  provider: { kind: 'anthropic' },
  base: '',
  prefix: '/anthropic',
  idHeader: 'request-id',
  model: 'claude-sonnet-4-5-20250929',
  path: () => '/v1/messages',
  fields: ['anthropic-version', 'anthropic-beta'],
  credential: (secret) => ({ 'x-api-key': secret }),
  speak: (speech, streamed, slowly = false) =>
    streamed ? stream(anthropicStream(speech, LETTERS), slowly ? { everyMs: 3 } : {}) : whole(anthropicAnswer(speech)),
  broken: (text, streamed, ending) =>
    streamed
      ? stream(anthropicStream({ texts: [text] }, LETTERS).slice(0, SOME), { ending, everyMs: 2 })
      : shortBody(anthropicAnswer({ texts: [text] }), 7, ending === 'reset' ? 'reset' : 'fin'),
  faulty: (text) => ({
    script: stream(
      [
        ...anthropicStream({ texts: [text] }, LETTERS).slice(0, SOME),
        `event: error\ndata: ${JSON.stringify(anthropicError('Overloaded', 'overloaded_error'))}\n\n`,
      ],
      { everyMs: 2 },
    ),
    message: 'Overloaded',
    code: 'overloaded_error',
  }),
  failure: (status) => ({
    script: whole(anthropicError(`The simulated provider fails with ${status}.`, 'api_error'), { status }),
    message: `The simulated provider fails with ${status}.`,
  }),
  tooMany: (seconds) => ({
    script: whole(anthropicError('This request would exceed the rate limit.', 'rate_limit_error'), {
      status: 429,
      fields: { 'retry-after': String(seconds) },
    }),
    message: 'This request would exceed the rate limit.',
    code: 'rate_limit_error',
  }),
  finish: { stop: 'end_turn', tool: 'tool_use' },
  usage: { input_tokens: 7, output_tokens: 9 },
  declares: ['"name":"lookup"', '"additionalProperties":false', 'Looks a city up.'],
  returns: ['"tool_use_id":"call_1"', 'It rains in Bern.', '{"city":"Bern"}'],
  asks: (streamed) => ({ model: 'claude-sonnet-4-5-20250929', ...(streamed ? { stream: true } : {}) }),
}
