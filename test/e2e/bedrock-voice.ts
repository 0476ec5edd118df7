import {
  anthropicAnswer,
  converseAnswer,
  converseStream,
  frame,
  invokeStream,
  type Script,
  type Speech,
  shortBody,
  stream,
  whole,
} from '../kit/index.ts'
import type { Voice } from './voice.ts'

const LETTERS = { pieces: (text: string) => [...text] }
/** So many frames of a stream hold its beginning and some of its text. */
const SOME = 50
const MODEL = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const EVENTS = { 'content-type': 'application/vnd.amazon.eventstream' }

const error = (type: string, message: string, status: number, fields: Readonly<Record<string, string>> = {}): Script =>
  whole({ message }, { status, fields: { 'x-amzn-errortype': type, ...fields } })

type Tongue = Readonly<{
  operation: (streamed: boolean) => string
  whole: (speech: Speech) => unknown
  frames: (speech: Speech) => Buffer[]
}>

function voiceOf(tongue: Tongue, more: Pick<Voice, 'returns' | 'usage' | 'asks'>): Voice {
  const some = (text: string): Buffer[] => tongue.frames({ texts: [text] }).slice(0, SOME)
  return {
    provider: { kind: 'bedrock', region: 'eu-central-1' },
    base: '',
    prefix: '/bedrock',
    idHeader: 'x-amzn-requestid',
    model: MODEL,
    path: (streamed) => `/model/${encodeURIComponent(MODEL)}/${tongue.operation(streamed)}`,
    fields: [],
    credential: (secret) => ({ authorization: `Bearer ${secret}` }),
    speak: (speech, streamed, slowly = false) =>
      streamed
        ? stream(tongue.frames(speech), { fields: EVENTS, ...(slowly ? { everyMs: 3 } : {}) })
        : whole(tongue.whole(speech)),
    broken: (text, streamed, ending) =>
      streamed
        ? stream(some(text), { fields: EVENTS, ending, everyMs: 2 })
        : shortBody(tongue.whole({ texts: [text] }), 7, ending === 'reset' ? 'reset' : 'fin'),
    faulty: (text) => ({
      script: stream(
        [...some(text), frame('modelStreamErrorException', { message: 'The model broke off' }, 'exception')],
        { fields: EVENTS, everyMs: 2 },
      ),
      message: 'The model broke off',
      code: 'modelStreamErrorException',
    }),
    failure: (status) => ({
      script: error('InternalServerException', `The simulated provider fails with ${status}.`, status),
      message: `The simulated provider fails with ${status}.`,
    }),
    tooMany: (seconds) => ({
      script: error('ThrottlingException', 'Too many requests, please wait.', 429, {
        'retry-after': String(seconds),
        'x-amz-retry-after': String(1000 * seconds),
      }),
      message: 'Too many requests, please wait.',
      code: 'ThrottlingException',
    }),
    finish: { stop: 'end_turn', tool: 'tool_use' },
    declares: ['"name":"lookup"', '"additionalProperties":false', 'Looks a city up.'],
    ...more,
  }
}

export const converseVoice: Voice = voiceOf(
  {
    operation: (streamed) => (streamed ? 'converse-stream' : 'converse'),
    whole: converseAnswer,
    frames: (speech) => converseStream(speech, LETTERS),
  },
  {
    returns: ['"toolUseId":"call_1"', 'It rains in Bern.', '{"city":"Bern"}'],
    usage: { input_tokens: 7, output_tokens: 9, total_tokens: 16 },
    asks: () => ({}),
  },
)

export const invokeVoice: Voice = voiceOf(
  {
    operation: (streamed) => (streamed ? 'invoke-with-response-stream' : 'invoke'),
    whole: anthropicAnswer,
    frames: (speech) => invokeStream(speech, LETTERS),
  },
  {
    returns: ['"tool_use_id":"call_1"', 'It rains in Bern.', '{"city":"Bern"}'],
    usage: { input_tokens: 7, output_tokens: 9 },
    asks: () => ({ anthropic_version: 'bedrock-2023-05-31' }),
  },
)
