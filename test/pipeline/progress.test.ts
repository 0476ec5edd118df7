import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuditDraft } from '../../src/core/record.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { openaiAnswer, openaiStream } from '../kit/index.ts'
import { type Played, play, type Scene } from './scene.ts'

/** What is on record of a long stream, and when. The clock is the test's: time passes only where a row says so. */

const TEXT = 'one two three four five six seven eight nine ten'
const said = openaiStream({ texts: [TEXT] }, { includeUsage: true })
const noFinish = said.slice(0, -3)
const hold = [{ type: 'stream.hold', params: {} }]
const EACH = { progressMs: 0 }

const isProgress = ({ kind }: Pick<AuditDraft, 'kind'>): boolean => kind === 'call.progress'
const progressOf = ({ records }: Played): readonly AuditDraft[] => records.filter(isProgress)
const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const first = (text: string, bytes: unknown): Buffer => Buffer.from(text).subarray(0, Number(bytes))

/** Lets time pass before a chunk is given out. */
const pause = (ms: number, at: number): Pick<Scene, 'before'> => ({
  before: (index) => void (index === at && vi.advanceTimersByTime(ms)),
})

/** For each write: how many bytes went before and with it, and how many the records tell of by then. */
function releases({ journal, records }: Played): readonly Readonly<{ bytes: number; onRecord: number }>[] {
  const told = progressOf({ records } as Played).map(({ body }) => Number(body.bytes))
  const seen: { bytes: number; onRecord: number }[] = []
  let bytes = 0
  let onRecord = 0
  for (const line of journal) {
    if (line === 'record call.progress') onRecord = told.shift() ?? Number.NaN
    if (!line.startsWith('write ')) continue
    bytes += Buffer.byteLength(line.slice('write '.length))
    seen.push({ bytes, onRecord })
  }
  return seen
}

/** What holds of the records of any stream, however it ended. */
function expectTrue(played: Played): void {
  const progress = progressOf(played)
  const [intent] = played.records
  const counts = progress.map(({ body }) => Number(body.bytes))
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
  for (const { of, call, body } of progress) {
    expect([of, call, body.attempt]).toEqual([0, intent?.call, 1])
    expect(Object.keys(body).sort()).toEqual(['attempt', 'bytes', 'events', 'usage'])
  }
  const outcome = played.outcomes[0]
  expect(played.records.at(-1)).toBe(outcome)
  // Of the bytes that the outcome counts, and sealed: only where there is a progress to compare it with.
  expect(outcome?.personal?.released).toBe(
    progress.length === 0 ? undefined : sha256(first(played.text, outcome?.body.bytes)),
  )
}

describe('by time', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  test.each<[string, Scene, number]>([
    ['no time passes', {}, 0],
    ['less than the limit passes', pause(9_999, 4), 0],
    ['the limit passes once', pause(10_000, 4), 1],
    ['it passes before anything came', pause(10_000, 0), 1],
    ['it passes in a silence at the end', { ...pause(60_000, noFinish.length), chunks: noFinish }, 0],
    ['it passes before the finish, which waits for the outcome anyway', pause(60_000, said.length - 3), 0],
    ['it passes before each chunk', { before: () => void vi.advanceTimersByTime(10_000) }, noFinish.length],
    [
      'it passes before each chunk of what is held whole',
      { before: () => void vi.advanceTimersByTime(10_000), obligations: hold },
      0,
    ],
    [
      'it passes before a whole answer',
      { ...pause(60_000, 0), streamed: false, chunks: [JSON.stringify(openaiAnswer({ texts: [TEXT] }))] },
      0,
    ],
    [
      'it passes before an error in place of a stream',
      { ...pause(60_000, 0), status: 400, chunks: ['{"error":{"message":"no","type":"x"}}'] },
      0,
    ],
  ])('%s: %#', async (_, scene, records) => {
    const played = await play({ chunks: said, limits: { progressMs: 10_000 }, ...scene })
    expect(progressOf(played).length).toBe(records)
    expectTrue(played)
  })

  test('it counts from the last record, not from the beginning', async () => {
    const played = await play({
      chunks: said,
      limits: { progressMs: 10_000 },
      before: (index) => void (index < 8 && vi.advanceTimersByTime(4_000)),
    })
    // Chunks come at 4, 8, 12 ... 32 s; records at 12 and 24.
    expect(progressOf(played).map(({ body }) => body.events)).toEqual([3, 6])
  })

  test('it counts from when the last record was written, not from when it was durable', async () => {
    const played = await play({
      chunks: said,
      limits: { progressMs: 10_000 },
      before: (index) => void (index < 8 && vi.advanceTimersByTime(4_000)),
      // The disk takes its time, and fails nothing.
      refuses: (draft) => {
        if (isProgress(draft)) vi.advanceTimersByTime(3_000)
        return false
      },
    })
    // Chunks come at 4, 8, 12; the record of 12 is durable at 15; they go on at 19 and 23, and 11 s after it was written the next is due.
    expect(progressOf(played).map(({ body }) => body.events)).toEqual([3, 5, 7])
  })
})

describe('by bytes', () => {
  test('as many may go unrecorded as the limit says, and not one more', async () => {
    const chunks = said.slice(0, 2)
    const at = async (progressBytes: number) =>
      progressOf(await play({ chunks, limits: { progressBytes } })).map(({ body }) => body.bytes)
    const [first, both] = releases(await play({ chunks })).map(({ bytes }) => bytes)
    if (first === undefined || both === undefined) throw new Error('two pieces were to be released')
    expect(await at(both)).toEqual([])
    expect(await at(both - 1)).toEqual([both])
    expect(await at(first)).toEqual([both])
    // A piece that is larger than the limit is on record before its first byte goes.
    expect(await at(first - 1)).toEqual([first])
  })

  test('whatever comes in pieces of whatever size: no more is released than is on record, and the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 400 }),
        fc.nat({ max: said.length }),
        fc.constantFrom('end', 'reset', 'gone', 'drained', 'ledger' as const),
        async (progressBytes, size, events, end) => {
          const raw = Buffer.from(said.slice(0, events).join(''))
          const chunks: Uint8Array[] = []
          for (let from = 0; from < raw.length; from += size) chunks.push(raw.subarray(from, from + size))
          const played = await play({
            chunks,
            limits: { progressBytes },
            last: end === 'reset' ? 'reset' : 'end',
            before: (index, { gone, drained }) => {
              if (index !== chunks.length) return
              if (end === 'gone') gone.abort()
              if (end === 'drained') drained.abort()
            },
            refuses: ({ kind }) => end === 'ledger' && kind === 'call.outcome',
          })
          for (const { bytes, onRecord } of releases(played))
            expect(bytes).toBeLessThanOrEqual(onRecord + progressBytes)
          if (end !== 'ledger') expectTrue(played)
        },
      ),
      { numRuns: 200 },
    )
  })
})

test('a record tells bytes, events and tokens so far, and seals the digest of exactly these bytes', async () => {
  const usage = `data: ${JSON.stringify({ id: '1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })}\n\n`
  const played = await play({ chunks: [...said.slice(0, 3), usage, ...said.slice(3)], limits: EACH })
  const progress = progressOf(played)
  expect(progress.length).toBeGreaterThan(3)
  // The chunk with the tokens is an event as well, of which this client gets nothing.
  expect(progress.map(({ body }) => body.events)).toEqual([1, 2, 3, ...progress.slice(3).map((_, more) => 5 + more)])
  for (const { body, personal } of progress) {
    expect(personal).toEqual({ released: sha256(first(played.text, body.bytes)) })
  }
  expect(progress.map(({ body }) => body.usage).at(-1)).toEqual({ input_tokens: 3, output_tokens: 2, total_tokens: 5 })
  expect(progress[0]?.body.usage).toEqual({})
  expect(played.outcomes[0]?.body).toMatchObject({ ending: 'complete', bytes: Buffer.byteLength(played.text) })
  expectTrue(played)
})

describe('a ledger that cannot write it', () => {
  test.each<[string, Scene, readonly string[]]>([
    ['and nothing after it', { refuses: ({ kind }) => kind !== 'call.intent' }, ['call.intent']],
    ['and the outcome all the same', { refuses: isProgress }, ['call.intent', 'call.outcome']],
  ])('%s: cut off in the dialect', async (_, scene, kinds) => {
    let at = 0
    const played = await play({
      chunks: said,
      limits: { progressBytes: 400 },
      ...scene,
      before: (index) => {
        at = index
      },
    })
    const written = played.journal.filter((line) => line.startsWith('write '))
    expect(written.length).toBeGreaterThan(0)
    expect(at).toBeLessThan(said.length)
    expect(Buffer.byteLength(written.map((line) => line.slice(6)).join(''))).toBeLessThanOrEqual(400)
    expect(played.records.map(({ kind }) => kind)).toEqual(kinds)
    expect(played.journal.at(-1)).toMatch(/^end data: .*cannot be recorded/)
    expect(played.text).not.toMatch(/\[DONE\]|"finish_reason":"/)
    expect(played.settled.map(({ ending }) => ending)).toEqual(['failed'])
    expect(played.cancelled).toBe(true)
  })

  test('before anything was released: 503', async () => {
    const played = await play({ chunks: said, limits: EACH, refuses: isProgress })
    expect([played.status, played.outcomes[0]?.body.ending, played.outcomes[0]?.body.status]).toEqual([
      503,
      'failed',
      503,
    ])
    expect(played.text).toContain('cannot be recorded')
  })
})

test.each([false, true])(
  'a client that leaves while the last piece is made (streamed: %s): that piece is neither counted nor in the digest',
  async (streamed) => {
    const leave: { now: () => void } = { now: () => undefined }
    const played = await play({
      streamed,
      chunks: streamed ? said : [JSON.stringify(openaiAnswer({ texts: [TEXT] }))],
      limits: EACH,
      before: (_, { gone }) => {
        leave.now = () => gone.abort()
      },
      codec: {
        encode: (call) => {
          const encoder = openaiChat.encode(call)
          return {
            get contentType() {
              return encoder.contentType
            },
            event: (event, texts) => encoder.event(event, texts),
            cutOff: (error) => encoder.cutOff(error),
            end: () => {
              leave.now()
              return encoder.end()
            },
          }
        },
      },
    })
    const [outcome] = played.outcomes
    expect(played.text.length > 0).toBe(streamed)
    expect(outcome?.body).toMatchObject({ ending: 'client_gone', bytes: Buffer.byteLength(played.text) })
    expect(outcome?.personal?.released).toBe(streamed ? sha256(played.text) : undefined)
    expect(played.journal.at(-1)).toBe('destroy')
  },
)

describe('while it is written', () => {
  test.each(['client_gone', 'drained'] as const)(
    '%s: one ending, and what was not released is not counted',
    async (ending) => {
      let left = 3
      const leave: { now: () => void } = { now: () => undefined }
      const played = await play({
        chunks: said,
        limits: EACH,
        before: (_, { gone, drained }) => {
          leave.now = () => (ending === 'client_gone' ? gone : drained).abort()
        },
        refuses: ({ kind }) => {
          if (kind === 'call.progress' && --left === 0) leave.now()
          return false
        },
      })
      expect(played.records.map(({ kind }) => kind)).toEqual([
        'call.intent',
        'call.progress',
        'call.progress',
        'call.progress',
        'call.outcome',
      ])
      const released = played.journal
        .filter((line) => line.startsWith('write '))
        .map((line) => line.slice(6))
        .join('')
      expect(played.outcomes[0]?.body).toMatchObject({ ending, bytes: Buffer.byteLength(released) })
      expect(played.outcomes[0]?.personal).toEqual({ released: sha256(released) })
      expect(played.settled.map((outcome) => outcome.ending)).toEqual([ending])
      expect(played.journal.filter((line) => line.startsWith('dropped'))).toEqual([])
      if (ending === 'client_gone') expect(played.journal.at(-1)).toBe('destroy')
      else expect(played.text).toContain('stopping')
    },
  )
})
