import { expect } from 'vitest'
import {
  failure,
  hangUp,
  openaiAnswer,
  openaiStream,
  type Script,
  type Speech,
  shortBody,
  stream,
  tooMany,
  whole,
} from '../kit/index.ts'
import {
  counting,
  headersOf,
  type Place,
  PROVIDER_CREDENTIAL,
  type Scene,
  type Trail,
  UPSTREAM_MODEL,
} from './scene.ts'

/** What a test asks an SDK for. */
export type Ask = Readonly<{
  streamed: boolean
  say: string
  model: string
  /** Sent as `x-customhouse-meta-case`: what the probe's policy shall do. */
  case?: string
  headers?: Readonly<Record<string, string>>
  /** How often the SDK may repeat the call by itself. */
  retries: number
  /** Declares the tool `lookup(city)`. */
  tool?: boolean
  /** The answer of the tool, sent back after the model's call of it. */
  toolResult?: Readonly<{ id: string; arguments: string; result: string }>
  signal?: AbortSignal
  /** Called with each piece of text as it comes. */
  onText?: (text: string) => void
  key: string
  fetch: typeof fetch
  baseURL: string
}>

/** What the SDK made of the answer. */
export type Heard = Readonly<{
  text: string
  tools: readonly Readonly<{ id: string; name: string; arguments: unknown }>[]
  finish: string | null
  tokens: number | undefined
}>

/** One SDK: asks, and throws exactly what the SDK throws. */
export type Driver = (ask: Ask) => Promise<Heard>

export const TOOL = {
  name: 'lookup',
  description: 'Looks a city up.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
} as const

/** Members that an error must have; a RegExp is matched. */
export type Raised = Readonly<Record<string, unknown>>
export type Fault =
  | 'denied'
  | 'wrong key'
  | 'unknown model'
  | 'malformed'
  | 'rate limited'
  | 'quota'
  | 'provider 500'
  | 'hang-up'
  | 'broken answer'
  | 'broken stream'
  | 'cut off'
  | 'answer denied'

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
  /** Calls of the SDK over the wire. Default 1. */
  calls?: number
  /** Kinds of the records of each call, and members of the last. */
  trail: readonly string[]
  last?: Readonly<Record<string, unknown>>
}>

const speech: Speech = { texts: ['Good day, traveller.'], usage: { input: 7, output: 9 }, model: UPSTREAM_MODEL }
const LONG = 'A long way from here to there, and then it says what nobody expects:'
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

/** The cases that every SDK meets; whole and streamed side by side. */
export function table(streamed: boolean): readonly Row[] {
  const early = { kind: 'call.outcome', truncated: { ending: 'provider_truncated', finish: null } }
  return [
    {
      name: 'allowed',
      play: { eu: speak(speech, streamed) },
      heard: { text: 'Good day, traveller.', tools: [], finish: 'stop', tokens: 16 },
      reached: { eu: 1 },
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

/** Headers that may reach a provider, and no other. */
const ALLOWED = ['accept', 'accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host']

/** Asks as the row says, and holds everything to it: what came back, what arrived upstream, what is on record. */
export async function run(scene: Scene, driver: Driver, row: Row, streamed: boolean, raised: Record<Fault, Raised>) {
  scene.play(row.play)
  const counted = counting()
  const key = row.key ?? scene.house.key
  let texts = ''
  const asking = driver({
    streamed,
    say: row.say ?? 'hello',
    model: row.model ?? 'gpt-4o',
    retries: row.retries ?? 0,
    key,
    fetch: counted.fetch,
    baseURL: scene.house.baseURL,
    onText: (text) => {
      texts += text
    },
    ...(row.case === undefined ? {} : { case: row.case }),
    ...(row.headers === undefined ? {} : { headers: row.headers }),
    ...(row.tool === undefined ? {} : { tool: row.tool }),
    ...(row.toolResult === undefined ? {} : { toolResult: row.toolResult }),
  })
  const [heard, error] = await asking.then(
    (value) => [value, null] as const,
    (reason: unknown) => [null, reason] as const,
  )

  expect(counted.calls).toHaveLength(row.calls ?? 1)
  const last = counted.calls.at(-1)
  expect(last?.call).toMatch(/^[0-9a-f-]{36}$/)
  expect(last?.requestId).toBe(last?.call)

  if (row.raises === undefined) {
    if (error !== null) throw error
    expect(heard).toMatchObject(row.heard ?? {})
  } else {
    expect(error).toBeInstanceOf(Error)
    expectMembers(error, raised[row.raises])
    const { message } = error as Error
    for (const text of row.says ?? []) expect(message).toContain(text)
    if (row.raises === 'denied' || row.raises === 'cut off') expect(message).toContain(last?.call)
    if (row.raises === 'cut off' || row.raises === 'broken stream') {
      // What was released before the end is there, and nothing of what was not.
      expect(texts).not.toBe('')
      expect(LONG.startsWith(texts)).toBe(true)
    }
  }

  for (const place of ['eu', 'fr', 'us'] as const) {
    const count = row.reached[place] ?? 0
    const arrived = scene.arrived().filter(({ wire }) => scene.recorders[place].requests.some((r) => r.wire === wire))
    expect({ place, count: arrived.length }).toEqual({ place, count })
  }
  for (const request of scene.arrived()) {
    expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' })
    const headers = headersOf(request)
    expect(Object.keys(headers).filter((name) => !ALLOWED.includes(name))).toEqual([])
    expect(headers.authorization).toBe(`Bearer ${PROVIDER_CREDENTIAL}`)
    expect(request.wire.includes(key)).toBe(false)
    const body = JSON.parse(request.body.toString()) as { model: string; stream?: boolean }
    expect(body.model).toBe(UPSTREAM_MODEL)
    expect(body.stream === true).toBe(streamed)
    if (streamed) expect(body).toMatchObject({ stream_options: { include_usage: true } })
  }

  for (const { call } of counted.calls) {
    const trail = await scene.trailOf(call, row.trail.length)
    expect(trail.map(({ kind }) => kind)).toEqual(row.trail)
    if (row.last !== undefined) expect(trail.at(-1)?.body).toMatchObject(row.last)
  }
  const [first, second] = counted.calls
  // The provider's Retry-After came through: the SDK waited for as long as it says.
  if (row.raises === 'rate limited') expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900)
  return { heard, error, counted }
}

function expectMembers(error: unknown, members: Raised): void {
  for (const [name, wanted] of Object.entries(members)) {
    const found: unknown = name === 'class' ? (error as Error).constructor.name : Reflect.get(error as object, name)
    if (wanted instanceof RegExp) expect(String(found), name).toMatch(wanted)
    else expect({ [name]: found }).toEqual({ [name]: wanted })
  }
}

/** The client hangs up in mid-stream: the upstream is closed within a second, and the ending is on record. */
export async function hangsUp(scene: Scene, driver: Driver): Promise<unknown> {
  const events = openaiStream({ ...speech, texts: ['word '.repeat(200)] }, { includeUsage: true })
  scene.play({ eu: stream(events, { everyMs: 20 }) })
  const counted = counting()
  const controller = new AbortController()
  let abortedAt = 0
  let seen = 0
  const error = await driver({
    streamed: true,
    say: 'hello',
    model: 'gpt-4o',
    retries: 0,
    key: scene.house.key,
    fetch: counted.fetch,
    baseURL: scene.house.baseURL,
    signal: controller.signal,
    onText: () => {
      seen += 1
      if (seen !== 2) return
      abortedAt = performance.now()
      controller.abort()
    },
  }).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(abortedAt).toBeGreaterThan(0)
  const [request] = scene.arrived()
  expect(request).toBeDefined()
  expect(((await request?.closed) ?? Number.POSITIVE_INFINITY) - abortedAt).toBeLessThan(1000)
  expect(await request?.answered).toBe('client_gone')
  const trail: Trail = await scene.trailOf(counted.calls[0]?.call, 2)
  expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
  expect(trail.at(-1)?.body).toMatchObject({ ending: 'client_gone', finish: null })
  return error
}
