import { describe, expect, test } from 'vitest'
import type { Target } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Generation } from '../../src/core/generation.ts'
import type { Discharged, Plugin } from '../../src/core/plugin.ts'
import type { Answer, AnswerBody, Provider } from '../../src/core/port.ts'
import { openaiAnswer, openaiError } from '../kit/index.ts'
import { type Played, play, type Scene, TARGET } from './scene.ts'

/** What may happen between two attempts of one call, and which answers of a provider make a second one. */

const SECOND: Target = { ...TARGET, id: 'one/second', model: 'second' }
const both = { streamed: false, targets: [TARGET, SECOND] } as const

/** A provider whose first answer has one status, all others are good; what it was asked for stands in `sent`. */
function provider(status: number, sent: string[], meanwhile: () => void = () => undefined): Provider['open'] {
  return async ({ target }) => {
    sent.push(target.id)
    if (sent.length === 1) meanwhile()
    return sent.length === 1 ? answerOf(status) : answerOf(200)
  }
}

function answerOf(status: number): Answer {
  const said = status < 400 ? openaiAnswer({ texts: ['from the second'] }) : openaiError('THEIR WORDS', 'their_type')
  const bytes = Buffer.from(JSON.stringify(said))
  const body: AnswerBody = {
    whole: async () => bytes,
    cancel: () => undefined,
    async *[Symbol.asyncIterator]() {
      yield bytes
    },
  }
  return { status, headers: { 'content-type': 'application/json' }, body }
}

const kinds = ({ records }: Played): readonly string[] => records.map(({ kind }) => kind)
const counted = ({ journal }: Played): readonly string[] => journal.filter((line) => line.startsWith('counted '))

describe("a provider's status, with another target left", () => {
  test.each([401, 403, 408, 409, 425, 429, 500, 502, 503, 529])('%i: the next target', async (status) => {
    const sent: string[] = []
    const played = await play({ ...both, open: provider(status, sent) })
    expect(sent).toEqual([TARGET.id, SECOND.id])
    expect(played.status).toBe(200)
    expect(kinds(played)).toEqual(['call.intent', 'call.attempt_failed', 'call.intent', 'call.outcome'])
    expect(played.records[1]?.body).toMatchObject({ attempt: 1, status, target: TARGET.id, reason: null })
    expect(played.journal).toContain(`report the attempt at ${TARGET.id} failed`)
  })

  test.each([400, 404, 413, 422])("%i: the provider's own answer", async (status) => {
    const sent: string[] = []
    const played = await play({ ...both, open: provider(status, sent) })
    expect(sent).toEqual([TARGET.id])
    expect(played.status).toBe(status)
    expect(played.text).toContain('THEIR WORDS')
    expect(kinds(played)).toEqual(['call.intent', 'call.outcome'])
  })

  test.each([301, 304])('%i: no answer of a model', async (status) => {
    const sent: string[] = []
    const played = await play({ ...both, open: provider(status, sent) })
    expect(sent).toEqual([TARGET.id, SECOND.id])
    expect(played.status).toBe(200)
  })
})

test("the adapter's word for what failed is on record, with the target", async () => {
  const detail = { provider: 'one', reason: 'AWS_CHAIN' }
  const open = async (): Promise<never> => {
    throw new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'Provider one got no credentials (AWS_CHAIN).', { detail })
  }
  const played = await play({ streamed: false, open })
  expect(played.records.at(-1)).toMatchObject({
    kind: 'call.attempt_failed',
    body: { cause: 'ERR_PROVIDER_UNREACHABLE', reason: 'AWS_CHAIN', status: null, target: TARGET.id },
  })
})

test('an intent holds what the policy saw: references and tools; the words of the client are sealed', async () => {
  const seen = {
    tools: ['lookup', 'find'],
    references: [
      { kind: 'image', where: 'inline', pointer: '/a' },
      { kind: 'server_tool', where: 'remote', pointer: '/b' },
      { kind: 'image', where: 'inline', pointer: '/c' },
    ],
    headers: { 'anthropic-beta': 'files-api-2025-04-14' },
    task: 'triage',
  } as const
  const chunks = [JSON.stringify(openaiAnswer({ texts: ['fine'] }))]
  const told = await play({ streamed: false, chunks, call: seen })
  expect(told.records[0]?.body).toMatchObject({
    tools: 2,
    references: [
      { count: 2, kind: 'image', where: 'inline' },
      { count: 1, kind: 'server_tool', where: 'remote' },
    ],
  })
  expect(told.records[0]?.personal).toMatchObject({ headers: seen.headers, task: 'triage' })
  expect(JSON.stringify(told.records[0]?.body)).not.toMatch(/files-api|triage|lookup/)
  const plain = await play({ streamed: false, chunks })
  expect(plain.records[0]?.body).toMatchObject({ tools: 0, references: [] })
  expect(Object.keys(plain.records[0]?.personal ?? {})).toEqual(['dispatch', 'key', 'subject'])
})

test.each([401, 403])("%i to the gateway's credential is never shown as the client's own", async (status) => {
  const played = await play({ streamed: false, open: async () => answerOf(status) })
  expect(played.status).toBe(502)
  expect(played.text).not.toContain('THEIR WORDS')
  expect(kinds(played)).toEqual(['call.intent', 'call.attempt_failed'])
  // The attempt is on record: it is not counted once more.
  expect(counted(played)).toEqual([])
})

test('a client that hangs up while it is sent: an outcome, and nothing counted', async () => {
  const played = await play({
    ...both,
    client: ({ gone }) => {
      setTimeout(() => gone.abort(), 10)
      return {}
    },
    open: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
  })
  expect(played.records.map(({ kind, body }) => [kind, body.ending])).toEqual([
    ['call.intent', undefined],
    ['call.outcome', 'client_gone'],
  ])
  expect(counted(played)).toEqual([])
  expect(played.journal.at(-1)).toBe('destroy')
})

test('a generation that came meanwhile judges again: a target that it denies is not tried', async () => {
  const sent: string[] = []
  let changed = false
  const denies = (made: Generation): Generation => ({
    ...made,
    number: 2,
    decider: {
      ...made.decider,
      request: (input) => {
        const reason = { control: 'new', rule: 'new/no', controls: [], message: 'not any more' }
        const deny = { effect: 'deny', reasons: [reason], obligations: [] } as const
        return { ...made.decider.request(input), targets: new Map(input.targets.map(({ id }) => [id, deny])) }
      },
    },
  })
  let second: Generation | undefined
  const played = await play({
    ...both,
    generation: (made) => {
      if (!changed) return made
      second ??= denies(made)
      return second
    },
    open: provider(500, sent, () => {
      changed = true
    }),
  })
  expect(sent).toEqual([TARGET.id])
  expect(kinds(played)).toEqual(['call.intent', 'call.attempt_failed', 'call.denied'])
  expect(played.records[2]?.body).toMatchObject({ generation: 2, reasons: [{ rule: 'new/no' }] })
  expect(played.status).toBe(403)
})

test('a credential that was revoked while the first attempt waited has no second', async () => {
  const sent: string[] = []
  let stands = true
  const played = await play({
    ...both,
    stands: () => stands,
    open: provider(500, sent, () => {
      stands = false
    }),
  })
  expect(sent).toEqual([TARGET.id])
  expect(played.status).toBe(401)
  expect(counted(played)).toEqual(['counted ERR_IDENTITY_INVALID'])
})

describe('a discharge that waited', () => {
  /** Reserves at each asking; the first asking is where something happens meanwhile. */
  const waiting = (meanwhile: () => void): Readonly<{ journal: string[]; scene: Scene }> => {
    const journal: string[] = []
    const plugin: Plugin = {
      name: 'queue',
      discharge: {
        queue: {
          stage: 'reserve',
          request: async () => {
            journal.push('reserved')
            await new Promise((resolve) => setTimeout(resolve, 5))
            if (journal.length === 1) meanwhile()
            return { met: true, reservation: 'r', release: () => void journal.push('released') }
          },
        },
      },
    }
    return { journal, scene: { streamed: false, obligations: [{ type: 'queue', params: {} }], plugins: [plugin] } }
  }

  test('while the credential was revoked: nothing is sent, the reservation is given back', async () => {
    const sent: string[] = []
    let stands = true
    const { journal, scene } = waiting(() => {
      stands = false
    })
    const played = await play({ ...scene, stands: () => stands, open: provider(200, sent) })
    expect([sent, journal, played.status, kinds(played)]).toEqual([[], ['reserved', 'released'], 401, []])
  })

  test('while another generation came: judged, and discharged, again', async () => {
    const sent: string[] = []
    let changed = false
    const { journal, scene } = waiting(() => {
      changed = true
    })
    const second = once((made) => ({ ...made, number: 2 }))
    const played = await play({
      ...scene,
      generation: (made) => (changed ? second(made) : made),
      open: provider(200, sent),
    })
    expect(journal).toEqual(['reserved', 'released', 'reserved'])
    expect([sent, played.status, kinds(played)]).toEqual([[TARGET.id], 200, ['call.intent', 'call.outcome']])
    expect(played.records[0]?.body.generation).toBe(2)
  })
})

describe('what was reserved is given back once when nothing is sent for it', () => {
  const rogue = (): never => {
    throw new Error('a fault of ours')
  }
  const reserve = { type: 'reserve', params: {} }
  const more = { type: 'more', params: {} }
  /** Reserves, and then whatever `then` does in a later discharge. */
  const scene = (then: () => Discharged): Readonly<{ given: string[]; scene: Scene }> => {
    const given: string[] = []
    const reserver: Plugin = {
      name: 'reserver',
      discharge: {
        reserve: {
          stage: 'reserve',
          request: () => ({ met: true, reservation: 'r', release: () => void given.push('back') }),
        },
        more: { stage: 'reserve', request: then },
      },
    }
    return { given, scene: { streamed: false, obligations: [reserve, more], plugins: [reserver] } }
  }
  const met = (): Discharged => ({ met: true })
  const content = new CustomhouseError('ERR_GATEWAY_INTERNAL', 'The record is refused: it is too large.')
  type Row = readonly [string, Scene, () => Discharged, number, string]
  test.each<Row>([
    [
      'a later discharge is unmet',
      {},
      () => ({ met: false, code: 'quota_exhausted', message: 'no' }),
      429,
      'unmet/quota-exhausted',
    ],
    ['a later discharge throws', {}, rogue, 500, 'base/failed'],
    ['the codec cannot write', { codec: { write: rogue } }, met, 500, 'base/failed'],
    ['the codec cannot encode', { codec: { encode: rogue } }, met, 500, 'base/failed'],
    [
      'the catalogue throws',
      { generation: once((made) => ({ ...made, catalogue: { ...made.catalogue, resolve: rogue } })) },
      met,
      500,
      'base/failed',
    ],
    [
      'the provider has no address',
      { generation: once((made) => ({ ...made, providers: withProvider(made, { address: rogue }) })) },
      met,
      500,
      'base/failed',
    ],
    [
      'the intent is refused for what it holds',
      { refuses: (draft) => draft.kind === 'call.intent' && content },
      met,
      500,
      'base/failed',
    ],
  ])('%s', async (_, more, then, status, rule) => {
    const { given, scene: base } = scene(then)
    const played = await play({ ...base, ...more, open: rogue })
    expect(given).toEqual(['back'])
    expect(played.records.map(({ kind, body }) => [kind, body.status])).toEqual([['call.denied', status]])
    expect(played.records[0]?.body.reasons).toMatchObject([{ rule }])
    expect(played.status).toBe(status)
    // A fault of ours is reported to the operator, and is not counted as a stranger's.
    expect(played.journal.includes('report the call failed')).toBe(status === 500)
    expect(counted(played)).toEqual([])
  })

  test('the intent is not durable', async () => {
    const { given, scene: base } = scene(met)
    const played = await play({ ...base, refuses: ({ kind }) => kind === 'call.intent', open: rogue })
    expect(given).toEqual(['back'])
    expect([played.status, played.records]).toEqual([503, []])
  })

  test('but not where it was sent: then the plugin hears of the ending', async () => {
    const { given, scene: base } = scene(met)
    const played = await play({ ...base, open: async () => answerOf(500) })
    expect(given).toEqual([])
    expect(played.settled.length).toBe(1)
  })
})

/** One other generation, the same at each asking. */
function once(change: (made: Generation) => Generation): (made: Generation) => Generation {
  let changed: Generation | undefined
  return (made) => {
    changed ??= change(made)
    return changed
  }
}

function withProvider({ providers }: Generation, change: Partial<Provider>): Generation['providers'] {
  return new Map([...providers].map(([name, provider]) => [name, { ...provider, ...change }]))
}

test("a provider's own total time goes before the general one", async () => {
  const played = await play({
    streamed: false,
    last: 'hang',
    generation: once((made) => ({ ...made, providers: withProvider(made, { totalMs: 30 }) })),
  })
  expect(played.status).toBe(504)
  expect(played.outcomes.map(({ body }) => body.ending)).toEqual(['provider_truncated'])
})
