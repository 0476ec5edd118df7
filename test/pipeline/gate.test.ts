import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Ending } from '../../src/core/call.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { openaiAnswer, openaiError, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene } from './scene.ts'

/** The gate over the codec that ships. Whatever breaks, an intent is closed once, settled once, and nobody is told "finished" too early. */

const TEXT = 'one two three four five six'
const said = openaiStream({ texts: [TEXT] })
const withUsage = openaiStream({ texts: [TEXT], usage: { input: 3, output: 6 } }, { includeUsage: true })
const both = openaiStream({ texts: ['left side', 'right side'] })
const finishes = (list: readonly string[]): number[] =>
  list.flatMap((event, index) => (event.includes('"finish_reason":"stop"') ? [index] : []))
const [firstFinish = 0, secondFinish = 0] = finishes(both)
const noDone = said.slice(0, -1)
const noFinish = said.slice(0, -2)
const errorEvent = `data: ${JSON.stringify(openaiError('The model is overloaded.', 'server_error', 'overloaded'))}\n\n`
const flood = `data: {"id":"1","choices":[{"index":0,"delta":{"content":"${'x'.repeat(100)}"},"finish_reason":null}]}\n\n`
const textless = `data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":null}]}\n\n`
const rogue = (): never => {
  throw new Error('a fault of ours')
}
const hold = [{ type: 'stream.hold', params: {} }]
const outcome = (draft: { kind: string }): boolean => draft.kind === 'call.outcome'

type Chunk = Readonly<{ choices: readonly Readonly<{ index: number; delta: Readonly<{ content?: string }> }>[] }>
const first = ({ choices }: Chunk): string => choices.find(({ index }) => index === 0)?.delta.content ?? ''

/** Joins the texts of the first choice; a cut-off shows as `[error]`. */
function spoken(raw: string): string {
  return raw
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)))
    .map((chunk) => (chunk.error === undefined ? first(chunk) : '[error]'))
    .join('')
}

/** What holds for every call that was sent, however it ended. */
function expectClosedOnce(played: Played): void {
  const { journal, records, settled } = played
  const intents = records.filter(({ kind }) => kind === 'call.intent')
  const closing = records.filter(({ of }) => of !== undefined)
  const refused = journal.filter((line) => line === 'refused call.outcome').length
  expect(intents.length).toBe(1)
  expect(closing.length + refused).toBe(1)
  expect(records.length).toBe(intents.length + closing.length)
  expect(settled.length).toBe(1)
  expect(played.listeners).toBe(0)
  expect(played.cancelled).toBe(true)
  // "Finished" is told only after the outcome is on record.
  const told = journal.findIndex((line) => /^(write|end) /.test(line) && /"finish_reason":"|data: \[DONE\]/.test(line))
  const recorded = journal.findIndex((line) => line.startsWith('record call.outcome'))
  if (told !== -1) {
    expect(recorded).toBeGreaterThan(-1)
    expect(told).toBeGreaterThan(recorded)
  }
  for (const value of Object.values(played.headers)) expect(value).toMatch(/^[\x20-\x7e]*$/)
  // The client is let go exactly once, and nothing follows it.
  const ends = journal.filter((line) => line.startsWith('end ') || line === 'destroy')
  expect(ends.length).toBe(1)
  expect(journal.at(-1)).toBe(ends[0])
}

type Row = Readonly<{
  name: string
  scene: Scene
  ending: Ending
  /** All that the client was told, with `[error]` where it was cut off; whether `[DONE]` came. */
  text: string
  done?: boolean
  status?: number
  body?: Readonly<Record<string, unknown>>
}>

const rows: readonly Row[] = [
  { name: 'complete', scene: { chunks: said }, ending: 'complete', text: TEXT, done: true },
  { name: 'in one piece', scene: { chunks: [said.join('')] }, ending: 'complete', text: TEXT, done: true },
  { name: 'a byte at a time', scene: { chunks: [...said.join('')] }, ending: 'complete', text: TEXT, done: true },
  { name: 'ends before the finish', scene: { chunks: noFinish }, ending: 'provider_truncated', text: `${TEXT}[error]` },
  {
    name: 'ends in the middle',
    scene: { chunks: said.slice(0, 3) },
    ending: 'provider_truncated',
    text: 'one two[error]',
  },
  { name: 'ends before anything', scene: {}, ending: 'provider_truncated', text: '', status: 502 },
  {
    name: 'reset in the middle',
    scene: { chunks: said.slice(0, 3), last: 'reset' },
    ending: 'provider_truncated',
    text: 'one two[error]',
  },
  {
    name: 'reset after the finish',
    scene: { chunks: noDone, last: 'reset' },
    ending: 'complete',
    text: TEXT,
    done: true,
  },
  { name: 'reset after [DONE]', scene: { chunks: said, last: 'reset' }, ending: 'complete', text: TEXT, done: true },
  { name: 'finish without [DONE]', scene: { chunks: noDone }, ending: 'complete', text: TEXT, done: true },
  {
    name: '[DONE] without a finish',
    scene: { chunks: [...noFinish, 'data: [DONE]\n\n'] },
    ending: 'provider_truncated',
    text: `${TEXT}[error]`,
  },
  {
    name: 'usage after the finish',
    scene: { chunks: withUsage },
    ending: 'complete',
    text: TEXT,
    done: true,
    body: { finish: 'stop', usage: { input_tokens: 3, output_tokens: 6, total_tokens: 9 } },
  },
  { name: 'two choices', scene: { chunks: both, choices: 2 }, ending: 'complete', text: 'left side', done: true },
  {
    name: 'two choices, both finished, no [DONE], reset',
    scene: { chunks: both.slice(0, secondFinish + 1), choices: 2, last: 'reset' },
    ending: 'complete',
    text: 'left side',
    done: true,
  },
  ...(['end', 'reset'] as const).map(
    (last): Row => ({
      name: `two choices, one finished, then ${last}`,
      scene: { chunks: both.slice(0, firstFinish + 1), choices: 2, last },
      ending: 'provider_truncated',
      text: 'left side[error]',
    }),
  ),
  ...(['end', 'reset', 'hang'] as const).map(
    (last): Row => ({
      name: `a fault in the middle, then ${last}`,
      scene: {
        chunks: [...said.slice(0, 3), errorEvent],
        last,
        ...(last === 'hang' ? { limits: { totalMs: 50 } } : {}),
      },
      ending: 'provider_error',
      text: 'one two[error]',
      body: { fault: 'overloaded', finish: null },
    }),
  ),
  {
    name: 'a fault instead of a stream',
    scene: { chunks: [JSON.stringify(openaiError('no', 'server_error', 'nope'))], contentType: 'application/json' },
    ending: 'provider_error',
    text: '',
    body: { fault: 'nope' },
  },
  {
    name: 'what no codec reads',
    scene: { chunks: [...said.slice(0, 3), 'data: {"choices":[{]}\n\n', ...said.slice(3)] },
    ending: 'provider_truncated',
    text: 'one two[error]',
  },
  {
    name: 'silence beyond the time for an answer',
    scene: { chunks: said.slice(0, 3), last: 'hang', limits: { totalMs: 50 } },
    ending: 'provider_truncated',
    text: 'one two[error]',
  },
  {
    name: 'the client gone in the middle',
    scene: { chunks: said, before: (at, { gone }) => (at === 3 ? gone.abort() : undefined) },
    ending: 'client_gone',
    text: 'one two',
    body: { finish: null },
  },
  {
    name: 'the client gone after the finish',
    scene: { chunks: said, before: (at, { gone }) => (at === said.length ? gone.abort() : undefined) },
    ending: 'client_gone',
    text: TEXT,
    body: { finish: 'stop' },
  },
  {
    name: 'a drain in the middle',
    scene: { chunks: said, before: (at, { drained }) => (at === 3 ? drained.abort() : undefined) },
    ending: 'drained',
    text: 'one two[error]',
  },
  {
    name: 'a drain before the first event',
    scene: { chunks: said, before: (at, { drained }) => (at === 0 ? drained.abort() : undefined) },
    ending: 'drained',
    text: '',
    status: 503,
  },
  {
    name: 'more held than may be',
    scene: { chunks: said, obligations: hold, limits: { heldCharacters: 20 } },
    ending: 'denied',
    text: '',
    status: 403,
    body: { reasons: [expect.objectContaining({ rule: 'base/held-too-long' })] },
  },
  {
    name: 'more behind the finish than may be held',
    scene: { chunks: [...noDone, ...Array.from({ length: 300 }, () => flood)] },
    ending: 'cut_off',
    text: `${TEXT}[error]`,
    body: { reasons: [expect.objectContaining({ rule: 'base/held-too-long' })] },
  },
  {
    name: 'more bytes behind the finish than an answer may have, and no text in them',
    scene: { chunks: [...noDone, ...Array.from({ length: 300 }, () => textless)], limits: { answerBytes: 10_000 } },
    ending: 'cut_off',
    text: `${TEXT}[error]`,
    body: { reasons: [expect.objectContaining({ rule: 'base/held-too-long' })] },
  },
  {
    name: 'more bytes held whole than an answer may have, and no text in them',
    scene: {
      chunks: [...Array.from({ length: 300 }, () => textless), ...said],
      obligations: hold,
      limits: { answerBytes: 10_000 },
    },
    ending: 'denied',
    text: '',
    status: 403,
    body: { reasons: [expect.objectContaining({ rule: 'base/held-too-long' })] },
  },
  {
    name: 'more bytes than an answer may have, all of them released on the way',
    scene: { chunks: [...Array.from({ length: 300 }, () => flood), ...said], limits: { answerBytes: 10_000 } },
    ending: 'complete',
    text: `${'x'.repeat(30_000)}${TEXT}`,
    done: true,
  },
  {
    name: 'the same, with an inspector who sees a little of it at once',
    scene: {
      chunks: [...Array.from({ length: 300 }, () => flood), ...said],
      limits: { answerBytes: 10_000 },
      plugins: [{ name: 'reader', span: 128, inspect: async () => [] }],
    },
    ending: 'complete',
    text: `${'x'.repeat(30_000)}${TEXT}`,
    done: true,
  },
  {
    name: 'a drain after the finish, before the end of the connection',
    scene: { chunks: noDone, before: (at, { drained }) => (at === noDone.length ? drained.abort() : undefined) },
    ending: 'drained',
    text: `${TEXT}[error]`,
  },
  {
    name: 'long, but nothing is held',
    scene: { chunks: said, limits: { heldCharacters: 400 } },
    ending: 'complete',
    text: TEXT,
    done: true,
  },
  { name: 'held whole', scene: { chunks: said, obligations: hold }, ending: 'complete', text: TEXT, done: true },
  {
    name: 'held whole, and broken off',
    scene: { chunks: noFinish, obligations: hold, last: 'reset' },
    ending: 'provider_truncated',
    text: '',
    status: 502,
  },
  {
    name: 'a decoder that cannot be made',
    scene: { chunks: said, codec: { decode: rogue } },
    ending: 'failed',
    text: '',
    status: 500,
  },
  {
    name: 'an encoder that throws',
    scene: { chunks: said, codec: { encode: (call) => ({ ...openaiChat.encode(call), event: rogue }) } },
    ending: 'failed',
    text: '',
    status: 500,
  },
  {
    name: 'an encoder that throws at the end',
    scene: {
      chunks: said,
      codec: { encode: (call) => ({ ...openaiChat.encode(call), contentType: 'x/y', end: rogue }) },
    },
    ending: 'failed',
    text: `${TEXT}[error]`,
  },
  {
    name: 'a cut-off that throws',
    scene: {
      chunks: noFinish,
      codec: { encode: (call) => ({ ...openaiChat.encode(call), contentType: 'x/y', cutOff: rogue }) },
    },
    ending: 'provider_truncated',
    text: TEXT,
  },
  {
    name: 'a client that cannot begin',
    scene: { chunks: said, client: () => ({ begin: rogue }) },
    ending: 'failed',
    text: '[error]',
  },
  {
    name: 'a client that cannot write',
    scene: { chunks: said, client: () => ({ write: rogue }) },
    ending: 'failed',
    text: '[error]',
  },
  {
    name: 'a client that cannot end',
    scene: { chunks: said, client: () => ({ end: rogue }) },
    ending: 'complete',
    text: TEXT,
  },
  {
    name: 'a client that cannot be told',
    scene: { chunks: noFinish, client: () => ({ end: rogue }) },
    ending: 'provider_truncated',
    text: TEXT,
  },
  {
    name: 'a policy that throws over the answer',
    scene: { chunks: said, decider: { response: rogue } },
    ending: 'denied',
    text: '',
    status: 403,
  },
  {
    name: 'a settling that throws',
    scene: { chunks: said, plugins: [{ name: 'rogue', settle: async () => rogue() }] },
    ending: 'complete',
    text: TEXT,
    done: true,
  },
  {
    name: "a revision that is no header's value",
    scene: { chunks: said, revision: 'r\n1 \u00e9\ud800' },
    ending: 'complete',
    text: TEXT,
    done: true,
  },
]

test.each(rows)('$name: $ending', async ({ scene, ending, text, done = false, status = 200, body = {} }) => {
  const played = await play(scene)
  expect(played.outcomes.map((draft) => draft.body.ending)).toEqual([ending])
  expect(played.outcomes[0]?.body).toMatchObject({ ...body, status: played.status ?? played.outcomes[0]?.body.status })
  expect(played.settled[0]?.ending).toBe(ending)
  if (status === 200 && scene.contentType === undefined) expect(spoken(played.text)).toBe(text)
  else expect(JSON.parse(played.text).error.message).not.toBe('')
  expect(played.text.endsWith('data: [DONE]\n\n')).toBe(done)
  expect(played.text.split('data: [DONE]').length - 1).toBe(done ? 1 : 0)
  if (played.status !== null) expect(played.status).toBe(status)
  expectClosedOnce(played)
})

describe('whole answers', () => {
  const answer = JSON.stringify(openaiAnswer({ texts: [TEXT] }))
  test.each<[string, Scene, Ending, number]>([
    ['complete', { chunks: [answer] }, 'complete', 200],
    ['cut short', { chunks: [answer.slice(0, 50)], last: 'reset' }, 'provider_truncated', 502],
    ['cut short in good order', { chunks: [answer.slice(0, 50)] }, 'provider_truncated', 502],
    ['empty', {}, 'provider_truncated', 502],
    [
      'an error of the provider',
      { chunks: [JSON.stringify(openaiError('no', 'x'))], status: 400 },
      'provider_error',
      400,
    ],
    ['the client gone', { chunks: [answer], before: (_, { gone }) => gone.abort() }, 'client_gone', 499],
    ['a drain', { chunks: [answer], before: (_, { drained }) => drained.abort() }, 'drained', 503],
    ['too slow', { last: 'hang', limits: { totalMs: 50 } }, 'provider_truncated', 504],
  ])('%s', async (_, scene, ending, status) => {
    const played = await play({ streamed: false, ...scene })
    expect(played.outcomes.map(({ body }) => [body.ending, body.status])).toEqual([[ending, status]])
    if (ending === 'client_gone') expect(played.text).toBe('')
    else expect(played.status).toBe(status)
    expectClosedOnce(played)
  })
})

test.each(['x-request-id', 'request-id', 'x-amzn-requestid', 'apim-request-id', 'mistral-correlation-id'])(
  "the provider's own id in %s is on record, and the client finds ours",
  async (name) => {
    const chunks = [JSON.stringify(openaiAnswer({ texts: [TEXT] }))]
    const played = await play({ streamed: false, chunks, headers: { [name]: 'theirs-1' } })
    expect(played.outcomes[0]?.body.provider_request).toBe('theirs-1')
    expect(Object.values(played.headers)).not.toContain('theirs-1')
    expect(played.headers['x-request-id']).toBe(played.records[0]?.call)
  },
)

describe('a ledger that cannot write', () => {
  test.each([
    { streamed: true, chunks: said, status: 200, text: `${TEXT}[error]` },
    { streamed: true, chunks: said, obligations: hold, status: 503, text: null },
    { streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: [TEXT] }))], status: 503, text: null },
  ])(
    'the outcome: nothing of "finished" is told ($status, streamed: $streamed)',
    async ({ status, text, ...scene }) => {
      const played = await play({ ...scene, refuses: outcome })
      expect(played.status).toBe(status)
      expect(played.text).not.toMatch(/\[DONE\]|"finish_reason":"/)
      expect(played.text).toContain('cannot be recorded')
      if (text !== null) expect(spoken(played.text)).toBe(text)
      else expect(played.text).not.toContain('three')
      expectClosedOnce(played)
    },
  )

  test('the intent: nothing is sent', async () => {
    let sent = 0
    const played = await play({
      refuses: ({ kind }) => kind === 'call.intent',
      open: async () => {
        sent += 1
        return rogue()
      },
    })
    expect([played.status, sent, played.settled.length]).toEqual([503, 0, 0])
  })
})

test('a codec that cannot write the answer has nothing sent', async () => {
  const played = await play({ chunks: said, codec: { encode: rogue } })
  expect(played.records.map(({ kind }) => kind)).toEqual(['call.denied'])
  expect(played.status).toBe(500)
})

test('a gateway that stops before a provider answers', async () => {
  const played = await play({
    last: 'hang',
    open: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    plugins: [],
    before: () => undefined,
    client: ({ drained }) => {
      setTimeout(() => drained.abort(), 20)
      return {}
    },
  })
  expect(played.records.map(({ kind, body }) => [kind, body.ending])).toEqual([
    ['call.intent', undefined],
    ['call.outcome', 'drained'],
  ])
  expect(played.status).toBe(503)
  expect(played.text).toContain('stopping')
  expect(played.listeners).toBe(0)
})

test('a client that does not read holds the provider up', async () => {
  let given = 0
  const drain: (() => void)[] = []
  const many = openaiStream({ texts: ['word '.repeat(200)] })
  const playing = play({
    chunks: many,
    before: (at) => {
      given = at
    },
    client: () => ({ write: () => new Promise<void>((resolve) => drain.push(resolve)) }),
  })
  await sleep(50)
  expect(drain.length).toBe(1)
  expect(given).toBeLessThanOrEqual(1)
  let before = given
  for (let turn = 0; turn < 20; turn++) {
    drain.shift()?.()
    await sleep(1)
    expect(given - before).toBeLessThanOrEqual(1)
    before = given
  }
  const pump = setInterval(() => drain.shift()?.(), 0)
  const played = await playing
  clearInterval(pump)
  expect(played.outcomes[0]?.body.ending).toBe('complete')
})

test('the policy is asked again when a finding moves from one role to another, though there are as many as before', async () => {
  const asked: (readonly string[])[] = []
  const chunks = ['a', 'b', 'c'].map(
    (role) => `data: {"id":"1","choices":[{"index":0,"delta":{"content":"${role}"},"finish_reason":null}]}\n\n`,
  )
  let turn = 0
  const played = await play({
    chunks: [...chunks, ...said.slice(-2)],
    plugins: [
      {
        name: 'wandering',
        span: 10_000,
        inspect: async (phase, segments) => {
          if (phase === 'request') return []
          // From the content to the id of the next chunk; the content is read again as it grows, and nothing found in it any more.
          const wanted = ['assistant', 'none'][turn++]
          const segment = segments.find(({ role }) => role === wanted)
          return segment === undefined ? [] : [{ type: 'X', pointer: segment.pointer, start: 0, end: 1, score: 1 }]
        },
      },
    ],
    decider: {
      response: ({ findings }) => {
        asked.push(findings.flatMap(({ roles }) => roles))
        const verdict = { effect: 'allow', reasons: [], obligations: [] } as const
        return { id: 'decision', revision: 'revision', fuel: 1, phase: 'response', verdict }
      },
    },
  })
  expect(played.outcomes[0]?.body.ending).toBe('complete')
  expect(asked).toEqual([['assistant'], ['none'], ['none']])
})

test('the policy is asked again when a finding grows surer', async () => {
  const asked: (readonly number[])[] = []
  let turn = 0
  const played = await play({
    chunks: said,
    plugins: [
      {
        name: 'wavering',
        span: 1_000,
        inspect: async (phase, segments) => {
          const segment = segments.find(({ pointer }) => pointer === 'choices/0/content')
          if (phase === 'request' || segment === undefined) return []
          turn += 1
          return [{ type: 'X', pointer: segment.pointer, start: 0, end: 1, score: turn < 3 ? 0.2 : 0.9 }]
        },
      },
    ],
    decider: {
      response: ({ findings, progress }) => {
        asked.push(findings.map(({ max_score }) => max_score))
        const reasons = [{ control: 'sure', rule: 'sure/no', controls: [], message: 'it is sure' }]
        const deny = !progress.finished && findings.some(({ max_score }) => max_score > 0.5)
        const verdict = { effect: deny ? 'deny' : 'allow', reasons: deny ? reasons : [], obligations: [] } as const
        return { id: 'decision', revision: 'revision', fuel: 1, phase: 'response', verdict }
      },
    },
  })
  expect(asked).toEqual([[], [0.2], [0.9]])
  expect(played.outcomes[0]?.body).toMatchObject({ ending: 'cut_off', reasons: [{ rule: 'sure/no' }] })
})

test('an answer that is held whole costs what it says, not the square of it', async () => {
  const words: Plugin = {
    name: 'words',
    span: 20,
    inspect: async (_, segments) =>
      segments.flatMap(({ pointer, text }) =>
        [...text.matchAll(/word/g)].map(({ index }) => ({
          type: 'W',
          pointer,
          start: index,
          end: index + 4,
          score: 1,
        })),
      ),
  }
  const began = performance.now()
  const played = await play({
    chunks: openaiStream({ texts: ['word '.repeat(4_000)] }),
    obligations: hold,
    plugins: [words],
    limits: { heldCharacters: 10_000_000, answerBytes: 10_000_000 },
  })
  expect(played.outcomes[0]?.body).toMatchObject({ ending: 'complete', findings: [{ type: 'W', count: 4_000 }] })
  // Looked at anew with each event it took 51 seconds (measured).
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('thousands of calls at once share the signals without a warning, and leave nothing on them', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  try {
    const drained = new AbortController()
    const before = (at: number): Promise<void> | undefined => (at === 3 ? sleep(20) : undefined)
    const all = await Promise.all(Array.from({ length: 2_000 }, () => play({ chunks: said, before, drained })))
    expect(getEventListeners(drained.signal, 'abort').length).toBe(1)
    await sleep(10)
    expect(all.every(({ outcomes, listeners }) => outcomes.length === 1 && listeners === 0)).toBe(true)
    expect(warnings).toEqual([])
  } finally {
    process.off('warning', warn)
  }
})

test('whatever is cut where: closed once, settled once, and complete only if all was said', async () => {
  const ends = fc.constantFrom('end', 'reset', 'hang', 'gone', 'drained', 'ledger', 'fault' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(said, withUsage, both),
      fc.nat({ max: 12 }),
      fc.integer({ min: 1, max: 400 }),
      ends,
      fc.boolean(),
      async (list, events, size, end, whole) => {
        const raw = Buffer.from(list.slice(0, events).join('') + (end === 'fault' ? errorEvent : ''))
        const chunks: Uint8Array[] = []
        for (let at = 0; at < raw.length; at += size) chunks.push(raw.subarray(at, at + size))
        const stopper = end === 'gone' || end === 'drained' ? end : null
        const played = await play({
          chunks,
          choices: list === both ? 2 : 1,
          last: stopper !== null ? 'hang' : end === 'reset' || end === 'hang' ? end : 'end',
          limits: { totalMs: end === 'hang' ? 5 : 60_000 },
          obligations: whole ? hold : [],
          before: (at, actors) => (stopper !== null && at === chunks.length ? actors[stopper].abort() : undefined),
          ...(end === 'ledger' ? { refuses: outcome } : {}),
        })
        expectClosedOnce(played)
        const finished = played.text.includes('data: [DONE]')
        const all = (finishes(list).at(-1) ?? 0) < events
        if (finished) expect(all && played.outcomes[0]?.body.ending === 'complete').toBe(true)
        if (all && (end === 'end' || end === 'reset')) expect(finished).toBe(true)
      },
    ),
    { numRuns: 400 },
  )
})
