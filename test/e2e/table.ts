import {
  failure,
  hangUp,
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
import type { Ask, Fault, Heard } from './driver.ts'
import { type Place, UPSTREAM_MODEL } from './scene.ts'

export type Row = Readonly<{
  name: string
  say?: string
  model?: string
  case?: string
  headers?: Readonly<Record<string, string>>
  key?: string
  retries?: number
  tool?: boolean
  toolResult?: Ask['toolResult']
  play: Readonly<Partial<Record<Place, Script>>>
  /** What the SDK gives back, or which error it raises. */
  heard?: Partial<Heard>
  raises?: Fault
  /** The message holds these. */
  says?: readonly string[]
  /** Requests at each recorder; 0 where it is not named. */
  reached: Readonly<Partial<Record<Place, number>>>
  /** What the body that arrived holds, and what it does not. */
  sends?: readonly string[]
  keeps?: readonly string[]
  /** Calls of the SDK over the wire. Default 1. */
  calls?: number
  /** Kinds of the records of each call, and members of the last. */
  trail: readonly string[]
  last?: Readonly<Record<string, unknown>>
}>

export const speech: Speech = { texts: ['Good day, traveller.'], usage: { input: 7, output: 9 }, model: UPSTREAM_MODEL }
export const LONG = 'A long way from here to there, and then it says what nobody expects:'
const LETTERS = { pieces: (text: string) => [...text], includeUsage: true }

/** `slowly`: a letter at a time over the wire too, so that its beginning is released before its end is there. */
function speak(spoken: Speech, streamed: boolean, slowly = false): Script {
  return streamed ? stream(openaiStream(spoken, LETTERS), slowly ? { everyMs: 3 } : {}) : whole(openaiAnswer(spoken))
}

/** A stream that goes wrong after some of its text, or a whole answer that lacks its last bytes. */
function broken(streamed: boolean, ending: 'reset' | 'fin' | 'done'): Script {
  if (!streamed) return shortBody(openaiAnswer(speech), 7, ending === 'reset' ? 'reset' : 'fin')
  return stream(openaiStream({ ...speech, texts: [LONG] }, LETTERS).slice(0, 50), { ending, everyMs: 2 })
}

const CALLED: Speech = {
  ...speech,
  texts: [''],
  tools: [{ id: 'call_1', name: 'lookup', arguments: '{"city":"Bern"}' }],
}

const FAULT_IN_STREAM: Row = {
  name: "the provider's own error in the middle of its stream",
  play: {
    eu: stream(
      [
        ...openaiStream({ ...speech, texts: [LONG] }, LETTERS).slice(0, 50),
        `data: ${JSON.stringify(openaiError('The server had an error', 'server_error', 'engine_overloaded'))}\n\n`,
      ],
      { everyMs: 2 },
    ),
  },
  raises: 'fault in the stream',
  says: ['The server had an error'],
  reached: { eu: 1 },
  trail: ['call.intent', 'call.outcome'],
  last: { ending: 'provider_error', status: 200, fault: 'engine_overloaded', finish: null },
}

/** The cases that every SDK meets; whole and streamed side by side. */
export function table(streamed: boolean): readonly Row[] {
  const early = { kind: 'call.outcome', truncated: { ending: 'provider_truncated', finish: null } }
  return [
    {
      name: 'allowed',
      play: { eu: speak(speech, streamed) },
      heard: { text: 'Good day, traveller.', tools: [], finish: 'stop', tokens: 16 },
      reached: { eu: 1 },
      sends: ['"hello"'],
      trail: ['call.intent', 'call.outcome'],
      last: {
        ending: 'complete',
        status: 200,
        finish: 'stop',
        fault: null,
        usage: { input_tokens: 7, output_tokens: 9, total_tokens: 16, cached_input_tokens: 0, reasoning_tokens: 0 },
      },
    },
    {
      name: 'a tool declared and called',
      tool: true,
      play: { eu: speak(CALLED, streamed) },
      heard: { text: '', tools: [{ id: 'call_1', name: 'lookup', arguments: { city: 'Bern' } }], finish: 'tool_calls' },
      reached: { eu: 1 },
      sends: ['"name":"lookup"', '"additionalProperties":false', 'Looks a city up.'],
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete', finish: 'tool_calls' },
    },
    {
      name: 'the result of a tool sent back',
      tool: true,
      toolResult: { id: 'call_1', arguments: '{"city":"Bern"}', result: 'It rains in Bern.' },
      play: { eu: speak(speech, streamed) },
      heard: { text: 'Good day, traveller.', finish: 'stop' },
      reached: { eu: 1 },
      sends: ['"tool_call_id":"call_1"', 'It rains in Bern.', '"{\\"city\\":\\"Bern\\"}"'],
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'redacted and restored',
      say: 'my code is SECRET-123',
      case: 'redact',
      play: { eu: speak({ ...speech, texts: ['I read <<1>>, and <<2>>.'] }, streamed) },
      heard: { text: 'I read SECRET-123, and <<2>>.' },
      reached: { eu: 1 },
      sends: ['my code is <<1>>'],
      keeps: ['SECRET-123'],
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'denied by residency',
      model: 'auto',
      retries: 2,
      play: { us: speak(speech, streamed) },
      raises: 'denied',
      says: ['residency/endpoint'],
      reached: {},
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED', status: 403, model: 'auto', stream: streamed },
    },
    {
      name: 'a wrong key',
      key: 'chk_nobody_knows_this_key',
      retries: 2,
      play: {},
      raises: 'wrong key',
      reached: {},
      trail: [],
    },
    {
      name: 'an unknown model',
      model: 'gpt-99',
      retries: 2,
      play: {},
      raises: 'unknown model',
      reached: {},
      trail: [],
    },
    {
      name: 'malformed',
      headers: { 'x-customhouse-task': 'not one word' },
      retries: 2,
      play: {},
      raises: 'malformed',
      says: ['x-customhouse-task'],
      reached: {},
      trail: [],
    },
    {
      name: 'quota exhausted',
      case: 'quota',
      play: {},
      raises: 'quota',
      says: ['the probe has no tokens left'],
      reached: {},
      trail: ['call.denied'],
      last: { code: 'ERR_QUOTA_EXHAUSTED', status: 429 },
    },
    {
      name: "the provider's 429, waited for and repeated by the SDK",
      retries: 1,
      play: { eu: tooMany(1) },
      raises: 'rate limited',
      says: ['Rate limit reached for requests'],
      reached: { eu: 2 },
      calls: 2,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'provider_error', status: 429, fault: 'rate_limit_exceeded' },
    },
    {
      name: "the provider's 500",
      play: { eu: failure(500) },
      raises: 'provider 500',
      says: ['The simulated provider fails with 500.'],
      reached: { eu: 1 },
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'provider_error', status: 500 },
    },
    {
      name: 'the provider hangs up before it answers',
      play: { eu: hangUp },
      raises: 'hang-up',
      reached: { eu: 1 },
      trail: ['call.intent', 'call.attempt_failed'],
      last: { cause: 'ERR_PROVIDER_UNREACHABLE', status: null },
    },
    {
      name: 'the provider dies in the middle of its answer',
      play: { eu: broken(streamed, 'reset') },
      raises: streamed ? 'broken stream' : 'broken answer',
      reached: { eu: 1 },
      trail: ['call.intent', early.kind],
      last: early.truncated,
    },
    {
      name: 'the provider ends its answer early, without a sign of it',
      play: { eu: broken(streamed, streamed ? 'done' : 'fin') },
      raises: streamed ? 'broken stream' : 'broken answer',
      reached: { eu: 1 },
      trail: ['call.intent', early.kind],
      last: early.truncated,
    },
    ...(streamed ? [FAULT_IN_STREAM] : []),
    {
      name: 'a fallback to the second provider',
      model: 'gpt-4o-mini',
      play: { eu: failure(503), fr: speak(speech, streamed) },
      heard: { text: 'Good day, traveller.', finish: 'stop' },
      reached: { eu: 1, fr: 1 },
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 2 },
    },
    {
      name: 'the policy refuses the answer',
      play: {
        eu: speak({ ...speech, texts: [`${LONG} CUT-1, and goes on.`] }, streamed, true),
      },
      raises: streamed ? 'cut off' : 'answer denied',
      says: ['probe/cut'],
      reached: { eu: 1 },
      trail: ['call.intent', 'call.outcome'],
      last: streamed
        ? { ending: 'cut_off', status: 200, findings: [{ type: 'CUT', count: 1 }] }
        : { ending: 'denied', status: 403, bytes: 0, findings: [{ type: 'CUT', count: 1 }] },
    },
  ]
}
