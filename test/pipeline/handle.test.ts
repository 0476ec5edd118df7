import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type House, startHouse } from '../house.ts'
import {
  failure,
  hangUp,
  openaiAnswer,
  openaiStream,
  type Recorder,
  type Script,
  startRecorder,
  stream,
  tooMany,
  whole,
} from '../kit/index.ts'
import { CASES, makeProbe, probePolicies } from '../probe.ts'
import { play, type Scene } from './scene.ts'

/** Each row: a call, what upstream answers, and then the answer and the whole trail of records. Whole and streamed side by side. */

const probe = makeProbe()
let one: Recorder
let two: Recorder
let house: House

beforeAll(async () => {
  one = await startRecorder({ answer: () => hangUp })
  two = await startRecorder({ answer: () => hangUp })
  house = await startHouse({
    providers: { one: { url: `${one.url}/v1` }, two: { url: `${two.url}/v1`, places: ['FR'] } },
    models: { 'gpt-4o': ['one/gpt-4o'], both: ['one/gpt-4o', 'two/gpt-4o'] },
    policies: probePolicies(CASES),
    plugins: [probe],
    // One gateway for all rows: none may leave a target resting for the next.
    config: { limits: { timeouts: { inspect: '300ms' }, breaker: { failures: 1000, retry_after: '1s' } } },
  })
})
afterAll(async () => {
  await house?.stop()
  await one?.close()
  await two?.close()
})
afterEach(() => probe.faults.clear())

type Answered = Readonly<{ status: number; headers: Headers; text: string; body: unknown }>

async function call(
  content: string,
  options: Readonly<{ stream: boolean; case?: string; model?: string }>,
): Promise<Answered> {
  const response = await fetch(`${house.baseURL}/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${house.key}`,
      ...(options.case === undefined ? {} : { 'x-customhouse-meta-case': options.case }),
    },
    body: JSON.stringify({
      model: options.model ?? 'gpt-4o',
      stream: options.stream,
      messages: [{ role: 'user', content }],
    }),
  })
  const raw = await response.text()
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  return {
    status: response.status,
    headers: response.headers,
    text: isStream ? spoken(raw) : said(raw),
    body: isStream ? raw : JSON.parse(raw),
  }
}

function said(raw: string): string {
  const body = JSON.parse(raw) as { choices?: { message: { content: string } }[]; error?: { message: string } }
  return body.choices?.[0]?.message.content ?? body.error?.message ?? ''
}

function spoken(raw: string): string {
  const events = raw.split('\n\n').filter((event) => event.startsWith('data: ') && event !== 'data: [DONE]')
  const chunks = events.map(
    (event) =>
      JSON.parse(event.slice(6)) as { choices?: { delta: { content?: string } }[]; error?: { message: string } },
  )
  return chunks
    .map(
      (chunk) =>
        chunk.choices?.[0]?.delta.content ?? (chunk.error === undefined ? '' : `[error: ${chunk.error.message}]`),
    )
    .join('')
}

/** The simulated provider says `text`, one character a chunk when streamed. */
function says(text: string, streamed: boolean, slowly = false): Script {
  const speech = { texts: [text], model: 'gpt-4o' }
  return streamed
    ? stream(
        openaiStream({ ...speech }, { pieces: (whole: string) => [...whole], includeUsage: true }),
        slowly ? { everyMs: 1 } : {},
      )
    : whole(openaiAnswer(speech))
}

async function trailOf(
  id: string | null,
): Promise<readonly Readonly<{ kind: string; body: Record<string, unknown> }>[]> {
  const all = await house.records()
  return all.filter((record) => record.call === id).map(({ kind, body }) => ({ kind, body }))
}

const upstreamText = (recorder: Recorder): string =>
  JSON.parse(recorder.requests.at(-1)?.body.toString() ?? '{}').messages[0].content

describe.each([
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
])('$how', ({ streamed }) => {
  type Row = Readonly<{
    name: string
    say: string
    case?: string
    model?: string
    one?: Script
    two?: Script
    before?: () => void
    /** The answer. */
    status: number
    text: string | RegExp
    /** Kinds of records, and the ending or rule of the last. */
    trail: readonly string[]
    last: Readonly<Record<string, unknown>>
    upstream?: string
  }>
  const rows: readonly Row[] = [
    {
      name: 'allowed',
      say: 'hello',
      one: says('good day', streamed),
      status: 200,
      text: 'good day',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete', status: 200, finish: 'stop' },
      upstream: 'hello',
    },
    {
      name: 'redacted and restored',
      say: 'my code is SECRET-123, again SECRET-123, and SECRET-9',
      case: 'redact',
      one: says('I saw <<1>> twice and <<2>>, not <<3>>.', streamed),
      status: 200,
      text: 'I saw SECRET-123 twice and SECRET-9, not <<3>>.',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
      upstream: 'my code is <<1>>, again <<1>>, and <<2>>',
    },
    {
      name: 'redacted, restored and held whole',
      say: 'SECRET-1',
      case: 'redact-hold',
      one: says('<<1>>', streamed),
      status: 200,
      text: 'SECRET-1',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
      upstream: '<<1>>',
    },
    {
      name: 'masked in the answer',
      say: 'hello',
      case: 'mask',
      one: says('a MARK-77 in the middle, and MARK-123456789012', streamed),
      status: 200,
      text: 'a [marked] in the middle, and [marked]',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'the answer refused before anything was released',
      say: 'hello',
      one: says('CUT-1', streamed),
      status: 403,
      text: /probe\/cut/,
      trail: ['call.intent', 'call.outcome'],
      last: {
        ending: 'denied',
        status: 403,
        reasons: [
          { control: 'probe', controls: ['TEST-1'], message: 'the answer holds what it must not', rule: 'probe/cut' },
        ],
      },
    },
    {
      name: 'the answer refused after a part of it',
      say: 'hello',
      one: says(`${'harmless words, many of them. '.repeat(4)}CUT-1 tail`, streamed, true),
      status: streamed ? 200 : 403,
      text: streamed ? /^harmless words, many of them\.(?!.*(?:CUT|tail)).*\[error: .*probe\/cut/s : /probe\/cut/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: streamed ? 'cut_off' : 'denied' },
    },
    {
      name: 'held whole, then refused: nothing got out',
      say: 'hello',
      case: 'hold',
      one: says(`${'harmless words. '.repeat(8)}CUT-1`, streamed),
      status: 403,
      text: /probe\/cut/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'denied' },
    },
    {
      name: 'held whole on the demand of the answer',
      say: 'hello',
      case: 'response-hold',
      one: says(`${'harmless words. '.repeat(8)}CUT-1`, streamed),
      status: 403,
      text: /probe\/cut/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'denied' },
    },
    {
      name: 'refused at the very end',
      say: 'hello',
      case: 'deny-at-end',
      one: says('all of it is fine and long enough to be released', streamed, true),
      status: streamed ? 200 : 403,
      text: /probe\/cut/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: streamed ? 'cut_off' : 'denied' },
    },
    {
      name: 'clamped',
      say: 'hello',
      case: 'clamp',
      one: says('ok', streamed),
      status: 200,
      text: 'ok',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'quota exhausted',
      say: 'hello',
      case: 'quota',
      status: 429,
      text: /unmet\/quota-exhausted/,
      trail: ['call.denied'],
      last: { code: 'ERR_QUOTA_EXHAUSTED', status: 429 },
    },
    {
      name: 'quota exhausted at the first target only',
      say: 'hello',
      case: 'quota-first',
      model: 'both',
      two: says('from two', streamed),
      status: 200,
      text: 'from two',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 1 },
    },
    {
      name: 'pinned to where the target is not',
      say: 'hello',
      case: 'elsewhere',
      status: 403,
      text: /base\/residency-drift/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an obligation that nobody carries out',
      say: 'hello',
      case: 'nobody',
      status: 403,
      text: /base\/undischarged/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an obligation of the other phase',
      say: 'hello',
      case: 'wrong-phase',
      status: 403,
      text: /base\/undischarged/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an answer obligation of the other phase',
      say: 'hello',
      case: 'response-wrong-phase',
      one: says('ok', streamed),
      status: 403,
      text: /base\/undischarged/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'denied' },
    },
    {
      name: 'an answer obligation that comes back unmet',
      say: 'hello',
      case: 'unmask',
      one: says('ok', streamed),
      status: 403,
      text: /unmet\/unredactable/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'denied' },
    },
    {
      name: 'a discharge that throws',
      say: 'hello',
      case: 'throw',
      status: 500,
      text: /The gateway failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_GATEWAY_INTERNAL', status: 500 },
    },
    {
      name: 'an inspector that throws',
      say: 'hello',
      before: () => probe.faults.add('inspect throws'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'a discharge that is late',
      say: 'hello',
      case: 'hang',
      status: 500,
      text: /base\/discharge-late/,
      trail: ['call.denied'],
      last: { code: 'ERR_GATEWAY_INTERNAL', status: 500, reasons: [expect.objectContaining({ control: 'base' })] },
    },
    {
      name: 'a reason that is longer than a record',
      say: 'hello',
      case: 'long',
      status: 403,
      text: /unmet\/unclampable/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED', reasons: [expect.objectContaining({ rule: 'unmet/unclampable' })] },
    },
    {
      name: 'an inspector that throws at once',
      say: 'hello',
      before: () => probe.faults.add('inspect throws at once'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an inspector that reports nothing, not even an empty list',
      say: 'hello',
      before: () => probe.faults.add('inspect says nothing'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an inspector that is late',
      say: 'hello',
      before: () => probe.faults.add('inspect hangs'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an inspector that reports what is not there',
      say: 'hello',
      before: () => probe.faults.add('inspect lies'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'an inspector that throws over the answer',
      say: 'hello',
      one: says('ok', streamed),
      before: () => probe.faults.add('response inspect throws'),
      status: 403,
      text: /base\/inspector-failed/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'denied' },
    },
    {
      name: 'facts that throw',
      say: 'hello',
      before: () => probe.faults.add('facts throw'),
      status: 403,
      text: /base\/facts-failed/,
      trail: ['call.denied'],
      last: { code: 'ERR_POLICY_DENIED' },
    },
    {
      name: 'a settling that throws takes nothing away',
      say: 'hello',
      one: says('ok', streamed),
      before: () => probe.faults.add('settle throws'),
      status: 200,
      text: 'ok',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'a settling that hangs takes nothing away',
      say: 'hello',
      one: says('ok', streamed),
      before: () => probe.faults.add('settle hangs'),
      status: 200,
      text: 'ok',
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'complete' },
    },
    {
      name: 'a filter that throws',
      say: 'hello',
      case: 'mask',
      one: says('ok', streamed),
      before: () => probe.faults.add('filter throws'),
      status: 500,
      text: /The gateway failed/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'failed' },
    },
    {
      name: 'fallback after 429',
      say: 'hello',
      model: 'both',
      one: failure(429),
      two: says('from two', streamed),
      status: 200,
      text: 'from two',
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 2 },
    },
    {
      name: 'fallback after 500',
      say: 'hello',
      model: 'both',
      one: failure(500),
      two: says('from two', streamed),
      status: 200,
      text: 'from two',
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 2 },
    },
    {
      name: 'fallback after a hang-up',
      say: 'hello',
      model: 'both',
      one: hangUp,
      two: says('from two', streamed),
      status: 200,
      text: 'from two',
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'],
      last: { ending: 'complete', attempt: 2 },
    },
    {
      name: 'all targets down',
      say: 'hello',
      model: 'both',
      one: hangUp,
      two: hangUp,
      status: 502,
      text: /could not be reached|hung up|closed/i,
      trail: ['call.intent', 'call.attempt_failed', 'call.intent', 'call.attempt_failed'],
      last: { attempt: 2, cause: 'ERR_PROVIDER_UNREACHABLE' },
    },
    {
      name: "the last target's own 429",
      say: 'hello',
      one: tooMany(0),
      status: 429,
      text: /Rate limit reached/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'provider_error', status: 429, fault: 'rate_limit_exceeded' },
    },
    {
      name: "the last target's own 500",
      say: 'hello',
      one: failure(500),
      status: 500,
      text: /The simulated provider fails/,
      trail: ['call.intent', 'call.outcome'],
      last: { ending: 'provider_error', status: 500 },
    },
    {
      name: "the gateway's own credential refused",
      say: 'hello',
      one: failure(401),
      status: 502,
      text: /credential/,
      trail: ['call.intent', 'call.attempt_failed'],
      last: { status: 401 },
    },
  ]

  test.each(rows)('$name', async (row) => {
    one.script(() => row.one ?? hangUp)
    two.script(() => row.two ?? hangUp)
    row.before?.()
    const before = one.requests.length + two.requests.length
    const settledBefore = probe.settled.length
    const options = {
      stream: streamed,
      ...(row.case === undefined ? {} : { case: row.case }),
      ...(row.model === undefined ? {} : { model: row.model }),
    }
    const answer = await call(row.say, options)
    expect(answer.text).toMatch(row.text instanceof RegExp ? row.text : new RegExp(`^${RegExp.escape(row.text)}$`))
    expect(answer.status).toBe(row.status)
    const id = answer.headers.get('x-customhouse-call')
    const trail = await trailOf(id)
    expect(trail.map(({ kind }) => kind)).toEqual(row.trail)
    expect(trail.at(-1)?.body).toMatchObject(row.last)
    // Nothing was sent without an intent, and each intent is one dispatch that was settled once.
    const intents = row.trail.filter((kind) => kind === 'call.intent').length
    expect(one.requests.length + two.requests.length - before).toBe(intents)
    expect(probe.settled.length - settledBefore).toBe(intents)
    if (row.upstream !== undefined) expect(upstreamText(one)).toBe(row.upstream)
    // No record holds anything of what was said.
    expect(JSON.stringify(await house.records())).not.toMatch(/SECRET-|hello|good day/)
  })

  test('a reservation is given back when the dispatch is not sent', async () => {
    probe.released.length = 0
    await call('hello', { stream: streamed, case: 'elsewhere' })
    expect(probe.released).toEqual(['one/gpt-4o'])
  })
})

describe.each([
  ['whole', false],
  ['streamed', true],
] as const)('what was reserved, where the call cannot be sent, %s', (_, streamed) => {
  const rows: readonly (readonly [string, Partial<Scene>, number])[] = [
    ['the intent cannot be recorded', { refuses: ({ kind }) => kind === 'call.intent' }, 503],
    [
      'the intent fails with an error of no code',
      { refuses: ({ kind }) => kind === 'call.intent' && new Error('a fault of ours') },
      503,
    ],
    [
      'the encoder fails',
      {
        codec: {
          encode: () => {
            throw new Error('a fault of ours')
          },
        },
      },
      500,
    ],
  ]
  test.each(rows)('%s: it is given back once, and nothing was sent', async (_what, scene, status) => {
    const given: string[] = []
    const opened: string[] = []
    const played = await play({
      streamed,
      ...scene,
      obligations: [{ type: 'quota', params: {} }],
      open: async ({ target }) => {
        opened.push(target.id)
        throw new Error('it was sent')
      },
      plugins: [
        {
          name: 'quota',
          discharge: {
            quota: {
              stage: 'reserve',
              request: async () => ({ met: true, reservation: 'one', release: () => void given.push('back') }),
            },
          },
        },
      ],
    })
    expect([played.status, given, opened]).toEqual([status, ['back'], []])
    expect(played.records.filter(({ kind }) => kind === 'call.intent')).toEqual([])
  })
})
