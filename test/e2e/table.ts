import { hangUp, type Script, type Speech } from '../kit/index.ts'
import type { Ask, Fault, Heard } from './driver.ts'
import type { Place } from './scene.ts'
import { openaiVoice, type Voice } from './voice.ts'

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
  play: Readonly<Partial<Record<Place, Script | ((index: number) => Script)>>>
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

export const speech: Speech = { texts: ['Good day, traveller.'], usage: { input: 7, output: 9 } }
export const LONG = 'A long way from here to there, and then it says what nobody expects:'
const CALLED: Speech = {
  ...speech,
  texts: [''],
  tools: [{ id: 'call_1', name: 'lookup', arguments: '{"city":"Bern"}' }],
}

/** The cases that every SDK of a dialect meets; whole and streamed side by side. */
export function table(streamed: boolean, voice: Voice = openaiVoice): readonly Row[] {
  const { finish, usage } = voice
  const speak = (spoken: Speech, slowly = false): Script => voice.speak(spoken, streamed, slowly)
  const broken = (ending: 'reset' | 'fin' | 'done'): Script => voice.broken(LONG, streamed, ending)
  const [faulty, failed, limited] = [voice.faulty(LONG), voice.failure(500), voice.tooMany(1)]
  const early = { kind: 'call.outcome', truncated: { ending: 'provider_truncated', finish: null } }
  return [
    {
      name: 'allowed',
      play: { eu: speak(speech) },
      heard: { text: 'Good day, traveller.', tools: [], finish: finish.stop, tokens: 16 },
      reached: { eu: 1 },
      sends: ['"hello"'],
      trail: ['call.intent', 'call.outcome'],
      last: {
        ending: 'complete',
        status: 200,
        finish: finish.stop,
        fault: null,
        usage,
      },
    },
    {
      name: 'a tool declared and called',
      tool: true,
      play: { eu: speak(CALLED) },
      heard: { text: '', tools: [{ id: 'call_1', name: 'lookup', arguments: { city: 'Bern' } }], finish: finish.tool },
      reached: { eu: 1 },
      sends: voice.declares,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete', finish: finish.tool },
    },
    {
      name: 'the result of a tool sent back',
      tool: true,
      toolResult: { id: 'call_1', arguments: '{"city":"Bern"}', result: 'It rains in Bern.' },
      play: { eu: speak(speech) },
      heard: { text: 'Good day, traveller.', finish: finish.stop },
      reached: { eu: 1 },
      sends: voice.returns,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'redacted and restored',
      say: 'my code is SECRET-123',
      case: 'redact',
      play: { eu: speak({ ...speech, texts: ['I read <<1>>, and <<2>>.'] }) },
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
      play: { us: speak(speech) },
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
      // The second has no wait in it: the gateway would keep to it, and the next row wants the target.
      play: { eu: (index) => voice.tooMany(1 - index).script },
      raises: 'rate limited',
      says: [limited.message],
      reached: { eu: 2 },
      calls: 2,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'provider_error', status: 429, fault: limited.code },
    },
    {
      name: "the provider's 500",
      play: { eu: failed.script },
      raises: 'provider 500',
      says: [failed.message],
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
      play: { eu: broken('reset') },
      raises: streamed ? 'broken stream' : 'broken answer',
      reached: { eu: 1 },
      trail: ['call.intent', early.kind],
      last: early.truncated,
    },
    {
      name: 'the provider ends its answer early, without a sign of it',
      play: { eu: broken(streamed ? 'done' : 'fin') },
      raises: streamed ? 'broken stream' : 'broken answer',
      reached: { eu: 1 },
      trail: ['call.intent', early.kind],
      last: early.truncated,
    },
    ...(streamed
      ? [
          {
            name: "the provider's own error in the middle of its stream",
            play: { eu: faulty.script },
            raises: 'fault in the stream',
            says: [faulty.message],
            reached: { eu: 1 },
            trail: ['call.intent', 'call.outcome'],
            last: { ending: 'provider_error', status: 200, fault: faulty.code, finish: null },
          } satisfies Row,
        ]
      : []),
    {
      name: 'a fallback to the second provider',
      model: 'gpt-4o-mini',
      play: { eu: voice.failure(503).script, fr: speak(speech) },
      heard: { text: 'Good day, traveller.', finish: finish.stop },
      reached: { eu: 1, fr: 1 },
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 2 },
    },
    {
      name: 'the policy refuses the answer',
      retries: 2,
      play: {
        eu: speak({ ...speech, texts: [`${LONG} CUT-1, and goes on.`] }, true),
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
