import { describe, expect, test } from 'vitest'
import type { Residency, Target } from '../../src/core/call.ts'
import type { Decider, EvidenceInput } from '../../src/core/decision.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Catalogue } from '../../src/core/port.ts'
import type { AuditDraft } from '../../src/core/record.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'
import { anthropicAnswer, anthropicStream, openaiAnswer, openaiError, openaiStream } from '../kit/index.ts'
import { messageCall } from './messages.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** What a provider says of where it works: held against where the dispatch was judged to go, on record before more is released, told to the policy. */

const TEXT = 'one two three four five six'
const US: Residency = { endpoint: ['US'], processing: ['US'], storage: ['US'] }
const CLAUDE: Target = {
  ...TARGET,
  id: 'one/claude',
  kind: 'anthropic',
  dialects: ['anthropic.messages'],
  residency: US,
}
const MEANS: Readonly<Record<string, readonly string[]>> = { us: ['US'], global: ['*'], eu: ['DE'] }

const catalogue: Catalogue = {
  resolve: () => US,
  evidence: (_, { source, word }) =>
    source === 'x-ms-region'
      ? { facet: 'endpoint', places: word === 'East US 2' ? ['US'] : word === 'Sweden Central' ? ['SE'] : null }
      : { facet: 'processing', places: MEANS[word] ?? null },
}

/** The same generation each time that it is asked for, with the catalogue above. */
function here(): (made: Generation) => Generation {
  let own: Generation | null = null
  return (made) => {
    own ??= { ...made, catalogue }
    return own
  }
}

/** `record` goes on whatever is said; `deny` ends the answer with the first word from elsewhere. */
type Policy = 'record' | 'deny'

/** A policy, and all evidence that it was asked about, in order. */
function decider(policy: Policy): Readonly<{ decider: Partial<Decider>; asked: (readonly EvidenceInput[])[] }> {
  const asked: (readonly EvidenceInput[])[] = []
  const reasons = [{ control: 'residency', rule: 'residency/displaced', controls: [], message: 'elsewhere' }]
  return {
    asked,
    decider: {
      response: ({ evidence }) => {
        asked.push(evidence)
        const bad = policy === 'deny' && evidence.some(({ within }) => !within)
        const verdict = bad
          ? ({ effect: 'deny', reasons, obligations: [] } as const)
          : ({ effect: 'allow', reasons: [], obligations: [] } as const)
        return { id: 'answer', revision: 'revision', fuel: 1, phase: 'response', verdict }
      },
    },
  }
}

type At = 'start' | 'middle' | 'end'
type Word = string | number | null

const event = (type: string, more: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
const aside = (word: Word): string =>
  event('message_delta', { delta: { stop_reason: null, stop_sequence: null }, usage: { inference_geo: word } })

/** A stream that says `words` with its first event, one by one in its middle, or the first of them with the finish. */
function spoken(words: readonly Word[], at: At): string[] {
  const events = anthropicStream({ texts: [TEXT] })
  const [word = null] = words
  if (at === 'start')
    return events.map((one) => one.replace('"input_tokens":12', `"inference_geo":${JSON.stringify(word)},$&`))
  if (at === 'end')
    return events.map((one) =>
      one.replace('"usage":{"output_tokens":34', `"usage":{"inference_geo":${JSON.stringify(word)},"output_tokens":34`),
    )
  return events.toSpliced(5, 0, ...words.map(aside))
}

const answered = (word: Word): string => {
  const { usage, ...answer } = anthropicAnswer({ texts: [TEXT] })
  return JSON.stringify({ ...answer, usage: { ...(usage as object), inference_geo: word } })
}

async function ask(policy: Policy, more: Scene): Promise<Played & Readonly<{ asked: (readonly EvidenceInput[])[] }>> {
  const made = decider(policy)
  const streamed = more.streamed ?? true
  const played = await play({
    codec: anthropicMessages,
    call: messageCall(streamed),
    targets: [CLAUDE],
    generation: here(),
    decider: made.decider,
    ...more,
    streamed,
  })
  return { ...played, asked: made.asked }
}

const displaced = ({ records }: Pick<Played, 'records'>): readonly AuditDraft[] =>
  records.filter(({ kind }) => kind === 'call.displaced')

/** Everything that reached the client after the record came after it, and the record continues its intent. */
function expectOrder({ journal, records }: Played, at: At | 'whole'): void {
  const record = journal.indexOf('record call.displaced')
  expect(record).toBeGreaterThan(-1)
  const first = journal.findIndex((line) => /^(begin|write|end) /.test(line))
  if (at === 'start' || at === 'whole') expect(first).toBeGreaterThan(record)
  else expect(first).toBeLessThan(record)
  const after = journal.slice(record).join('\n')
  if (at === 'middle')
    for (const word of ['four', 'five', 'six']) expect(journal.slice(0, record).join('\n')).not.toContain(word)
  if (at === 'end') expect(after).toContain('call.outcome')
  const intent = records.findIndex(({ kind }) => kind === 'call.intent')
  for (const one of displaced({ records })) expect(one.of).toBe(intent)
  expect(records.findIndex(({ kind }) => kind === 'call.outcome')).toBe(records.length - 1)
}

describe('a word from elsewhere', () => {
  const BODY = {
    attempt: 1,
    facet: 'processing',
    judged: ['US'],
    said: ['*'],
    source: 'usage.inference_geo',
    word: 'global',
  }

  test.each<[At | 'whole', Policy]>([
    ['whole', 'record'],
    ['start', 'record'],
    ['middle', 'record'],
    ['end', 'record'],
  ])('%s, and the policy lets it be: on record, and the answer is complete', async (at, policy) => {
    const played = await ask(
      policy,
      at === 'whole' ? { streamed: false, chunks: [answered('global')] } : { chunks: spoken(['global'], at) },
    )
    expect(displaced(played).map(({ body }) => body)).toEqual([BODY])
    expectOrder(played, at)
    expect(played.status).toBe(200)
    expect(played.outcomes[0]?.body).toMatchObject({ ending: 'complete' })
    for (const word of TEXT.split(' ')) expect(played.text).toContain(word)
    const said = [{ source: 'usage.inference_geo', facet: 'processing', places: ['*'], within: false }]
    expect(played.asked.at(-1)).toEqual(said)
    expect(played.journal.filter((line) => line.startsWith('report '))).toEqual([
      'report an answer came from elsewhere',
    ])
  })

  test.each<[At | 'whole', 'denied' | 'cut_off', readonly string[], readonly string[]]>([
    ['whole', 'denied', [], ['one', 'six']],
    ['start', 'denied', [], ['one', 'six']],
    ['middle', 'cut_off', ['one'], ['four', 'six']],
    ['end', 'cut_off', ['one', 'six'], ['end_turn', 'message_stop']],
  ])('%s, and the policy refuses it: %s', async (at, ending, gets, lacks) => {
    const played = await ask(
      'deny',
      at === 'whole' ? { streamed: false, chunks: [answered('global')] } : { chunks: spoken(['global'], at) },
    )
    expect(displaced(played).map(({ body }) => body)).toEqual([BODY])
    expectOrder(played, at)
    expect(played.outcomes[0]?.body).toMatchObject({ ending, reasons: [{ rule: 'residency/displaced' }] })
    expect(played.status).toBe(ending === 'denied' ? 403 : 200)
    for (const text of gets) expect(played.text).toContain(text)
    for (const text of lacks) expect(played.text).not.toContain(text)
    expect(played.text).toContain('permission_error')
    expect(played.cancelled).toBe(true)
  })

  test('with the finish, and then the client is gone: no look comes after it, and it is on record all the same', async () => {
    const chunks = spoken(['global'], 'end')
    const finish = chunks.findIndex((one) => one.includes('inference_geo'))
    const played = await ask('deny', {
      chunks,
      last: 'hang',
      before: (index, { gone }) => {
        if (index === finish + 1) gone.abort()
      },
    })
    expect(displaced(played)).toHaveLength(1)
    expect(played.outcomes[0]?.body).toMatchObject({ ending: 'client_gone' })
    expect(played.journal.indexOf('record call.displaced')).toBeLessThan(
      played.journal.indexOf('record call.outcome client_gone'),
    )
  })
})

describe('an answer that is broken after a word', () => {
  const broken = (at: At): string[] => {
    const chunks = spoken(['global'], at)
    const word = chunks.findIndex((one) => one.includes('inference_geo'))
    return [...chunks.slice(0, word), `${chunks[word]}event: content_block_delta\ndata: {{{\n\n`]
  }
  test.each<[At, Policy, string]>([
    ['start', 'record', 'provider_truncated'],
    ['middle', 'record', 'provider_truncated'],
    ['start', 'deny', 'denied'],
    ['middle', 'deny', 'cut_off'],
  ])('in the same bytes, at its %s (%s), has said it: %s', async (at, policy, ending) => {
    const played = await ask(policy, { chunks: broken(at) })
    expect(displaced(played).map(({ body }) => body.word)).toEqual(['global'])
    expect(played.outcomes[0]?.body).toMatchObject({ ending })
    expectOrder(played, at)
  })
})

describe('words', () => {
  const MANY = Array.from(
    { length: 40 },
    (_, index) => `place-${String.fromCharCode(97 + (index % 26))}${index < 26 ? '' : 'x'}`,
  )

  test.each<[string, readonly Word[], readonly (readonly [word: string, said: readonly string[] | null])[]]>([
    ['within', ['us'], []],
    ['the same twice', ['global', 'global'], [['global', ['*']]]],
    ['within, then elsewhere', ['us', 'global'], [['global', ['*']]]],
    [
      'two from elsewhere',
      ['eu', 'global'],
      [
        ['eu', ['DE']],
        ['global', ['*']],
      ],
    ],
    ['one that nobody knows', ['mars'], [['mars', null]]],
    ['no word', [7], [['other', null]]],
    ['free text', ['Mr. Miller, 12 Main Street'], [['other', null]]],
    ['digits enough for an account', ['DE89370400440532013000'], [['other', null]]],
    ['that there is none to say', ['not_available', null], []],
    ['more than sixteen', MANY, [...MANY.slice(0, 16).map((word) => [word, null] as const), ['other', null]]],
  ])('%s', async (_, words, expected) => {
    const streamed = await ask('record', { chunks: spoken(words, 'middle') })
    expect(displaced(streamed).map(({ body }) => [body.word, body.said])).toEqual(expected)
    expect(streamed.outcomes[0]?.body).toMatchObject({ ending: 'complete' })
    if (words.length > 1) return
    const whole = await ask('record', { streamed: false, chunks: [answered(words[0] ?? null)] })
    expect(displaced(whole).map(({ body }) => [body.word, body.said])).toEqual(expected)
  })

  test('are judged anew with each new one, whatever else has changed', async () => {
    const { asked } = await ask('record', { chunks: spoken(['us', 'us', 'global'], 'middle') })
    const counts = asked.map((said) => said.map(({ within }) => within))
    // The first window, each new word, and the end: the policy never goes by less than was said.
    expect(counts).toEqual([[], [true], [true, false], [true, false]])
  })
})

describe('x-ms-region', () => {
  const AZURE: Target = { ...TARGET, kind: 'azure', residency: US }
  const events = openaiStream({ texts: [TEXT] })
  const at = (streamed: boolean, region: string, more: Scene = {}): Scene => ({
    codec: {},
    call: {},
    targets: [AZURE],
    headers: { 'x-ms-region': region },
    chunks: streamed ? events : [JSON.stringify(openaiAnswer({ texts: [TEXT] }))],
    streamed,
    ...more,
  })

  test.each([false, true])('is heard before anything is released (streamed: %s)', async (streamed) => {
    const inside = await ask('deny', at(streamed, 'East US 2'))
    expect(displaced(inside)).toEqual([])
    expect(inside.outcomes[0]?.body).toMatchObject({ ending: 'complete' })
    expect(inside.asked[0]).toEqual([{ source: 'x-ms-region', facet: 'endpoint', places: ['US'], within: true }])

    const elsewhere = await ask('deny', at(streamed, 'Sweden Central'))
    expect(displaced(elsewhere).map(({ body }) => body)).toEqual([
      { attempt: 1, facet: 'endpoint', judged: ['US'], said: ['SE'], source: 'x-ms-region', word: 'Sweden Central' },
    ])
    expectOrder(elsewhere, 'whole')
    expect(elsewhere.status).toBe(403)
    expect(elsewhere.text).not.toContain('one')

    const allowed = await ask('record', at(streamed, 'Sweden Central'))
    expect(displaced(allowed)).toHaveLength(1)
    expect(allowed.outcomes[0]?.body).toMatchObject({ ending: 'complete' })

    const unknown = await ask('deny', at(streamed, 'other'))
    expect(displaced(unknown).map(({ body }) => [body.word, body.said])).toEqual([['other', null]])
    expect(unknown.status).toBe(403)
  })

  test('is heard of an error that is the answer', async () => {
    const body = JSON.stringify(openaiError('no', 'invalid_request_error', 'x'))
    const played = await ask('record', at(false, 'Sweden Central', { status: 400, chunks: [body] }))
    expect(displaced(played)).toHaveLength(1)
    expect(played.status).toBe(400)
  })

  test.each([401, 429, 500, 503])(
    'is heard of an answer that is passed over (%i), before its attempt is closed',
    async (status) => {
      const headers = { 'x-ms-region': 'Sweden Central' }
      const first = { ...AZURE, id: 'one/first' }
      let opened = 0
      const played = await ask('deny', {
        ...at(false, 'East US 2'),
        targets: [first, { ...AZURE, id: 'one/second' }],
        around: (made) => ({
          ...made,
          open: async (dispatch, signal) => {
            opened++
            if (opened > 1) return made.open(dispatch, signal)
            const body = {
              whole: async () => new Uint8Array(),
              cancel: () => undefined,
              async *[Symbol.asyncIterator]() {
                yield new Uint8Array()
              },
            }
            return { status, headers, body }
          },
        }),
      })
      expect(opened).toBe(2)
      const kinds = played.records.map(({ kind }) => kind)
      expect(kinds).toEqual(['call.intent', 'call.displaced', 'call.attempt_failed', 'call.intent', 'call.outcome'])
      expect(displaced(played).map(({ of, body }) => [of, body])).toEqual([
        [
          0,
          {
            attempt: 1,
            facet: 'endpoint',
            judged: ['US'],
            said: ['SE'],
            source: 'x-ms-region',
            word: 'Sweden Central',
          },
        ],
      ])
      expect(played.outcomes[0]?.body).toMatchObject({ ending: 'complete' })
    },
  )

  test('is heard of an answer that is passed over, and a ledger that cannot write of it sends nothing more', async () => {
    const played = await ask('record', {
      ...at(false, 'Sweden Central', { status: 500 }),
      targets: [
        { ...AZURE, id: 'one/first' },
        { ...AZURE, id: 'one/second' },
      ],
      refuses: ({ kind }) => kind === 'call.displaced',
    })
    expect(played.records.map(({ kind }) => kind)).toEqual(['call.intent'])
    expect(played.status).toBe(503)
    expect(played.text).toContain('cannot be recorded')
  })

  test('is evidence of Azure alone', async () => {
    const played = await ask('deny', at(true, 'Sweden Central', { targets: [{ ...AZURE, kind: 'openai' }] }))
    expect(displaced(played)).toEqual([])
    expect(played.outcomes[0]?.body).toMatchObject({ ending: 'complete' })
  })
})

describe('a ledger that cannot write of it', () => {
  test.each<[At | 'whole']>([['whole'], ['start'], ['middle'], ['end']])(
    'for once, %s: nothing more is released, and what was is on record',
    async (at) => {
      let times = 0
      const played = await ask('record', {
        ...(at === 'whole' ? { streamed: false, chunks: [answered('global')] } : { chunks: spoken(['global'], at) }),
        refuses: ({ kind }) => kind === 'call.displaced' && times++ === 0,
      })
      expect(displaced(played)).toHaveLength(1)
      expect(played.outcomes[0]?.body).toMatchObject({ ending: 'failed' })
      expect(played.text).not.toContain('end_turn')
      if (at !== 'end') expect(played.text).not.toContain('six')
      if (at === 'whole' || at === 'start') expect(played.status).toBe(503)
      else expect(played.text).toContain('event: error')
    },
  )

  test.each<[At | 'whole']>([['whole'], ['start'], ['middle'], ['end']])(
    'at all, %s: the intent stays open for the restart to close, and nobody hears "finished"',
    async (at) => {
      const played = await ask('record', {
        ...(at === 'whole' ? { streamed: false, chunks: [answered('global')] } : { chunks: spoken(['global'], at) }),
        refuses: ({ kind }) => kind === 'call.displaced',
      })
      expect(played.outcomes).toEqual([])
      expect(played.settled).toHaveLength(1)
      expect(played.text).not.toContain('end_turn')
      if (at !== 'end') expect(played.text).not.toContain('six')
      expect(played.text).toContain('cannot be recorded')
    },
  )
})
