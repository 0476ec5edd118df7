import { BedrockRuntimeServiceException, CountTokensCommand } from '@aws-sdk/client-bedrock-runtime'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { converseStream, type Script, stream, whole } from '../kit/index.ts'
import { AWS_RAISED, awsClient, converseDriver, type How } from './bedrock-aws.ts'
import { type Doors, everywhere, openDoors } from './bedrock-doors.ts'
import { converseVoice } from './bedrock-voice.ts'
import { hangsUp, run } from './run.ts'
import type { Counted, Scene } from './scene.ts'
import { type Row, table } from './table.ts'

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(converseVoice)
})
afterAll(() => doors?.close())

async function hold(scene: Scene, how: How, row: Row, streamed: boolean): Promise<void> {
  const { error, counted } = await run(scene, converseDriver(how), row, streamed, AWS_RAISED)
  if (error === null) return
  if (!(error instanceof BedrockRuntimeServiceException)) throw error
  holdMetadata(error, row, counted)
}

/** What the SDK tells of the answer: nothing where an exception came in mid-stream. */
function holdMetadata({ $metadata }: BedrockRuntimeServiceException, row: Row, { calls }: Counted): void {
  if (row.raises === 'broken stream' || row.raises === 'fault in the stream' || row.raises === 'cut off') return
  const last = calls.at(-1)
  expect($metadata).toMatchObject({
    httpStatusCode: last?.status,
    requestId: last?.call,
    attempts: row.calls ?? 1,
  })
}

const WAYS = [
  { streamed: false, how: 'whole' },
  { streamed: true, how: 'streamed' },
]

describe.each(WAYS)('Converse over h2c, $how', ({ streamed }) => {
  test.each(table(streamed, converseVoice))('$name', (row) => hold(doors.clear, {}, row, streamed))
})

describe.each([
  { name: 'HTTP/1.1', door: 'clear', how: { transport: 'HTTP/1.1' } },
  { name: 'TLS and HTTP/2', door: 'tls', how: {} },
  { name: 'TLS and HTTP/1.1', door: 'tls', how: { transport: 'HTTP/1.1' } },
] as const)('Converse over $name', ({ door, how }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, converseVoice)))('$name', (row) => hold(doors[door], how, row, streamed))
  })
})

describe.each([
  { name: 'h2c', door: 'clear', transport: 'default' },
  { name: 'HTTP/1.1', door: 'clear', transport: 'HTTP/1.1' },
  { name: 'TLS and HTTP/2', door: 'tls', transport: 'default' },
] as const)('Converse signed, over $name', ({ door, transport }) => {
  describe.each(WAYS)('$how', ({ streamed }) => {
    test.each(everywhere(table(streamed, converseVoice)))('$name', (row) =>
      hold(doors[door], { transport, pairOf: doors.pairOf }, row, streamed),
    )
  })
})

describe.each([
  { name: 'h2c', door: 'clear', transport: 'default' },
  { name: 'HTTP/1.1', door: 'clear', transport: 'HTTP/1.1' },
  { name: 'TLS and HTTP/2', door: 'tls', transport: 'default' },
] as const)('tokens counted, over $name', ({ door, transport }) => {
  const messages = [{ role: 'user' as const, content: [{ text: 'hello' }] }]

  async function count(modelId: string): Promise<Readonly<{ answer: unknown; calls: Counted['calls'] }>> {
    const scene = doors[door]
    const calls: Counted['calls'] = []
    const baseURL = `${scene.house.customhouse.data}${converseVoice.prefix}`
    const client = awsClient({ key: scene.house.key, baseURL, calls, retries: 2 }, { transport })
    try {
      const command = new CountTokensCommand({ modelId, input: { converse: { messages } } })
      return { answer: await client.send(command).catch((error: unknown) => error), calls }
    } finally {
      client.destroy()
    }
  }

  test('allowed', async () => {
    const scene = doors[door]
    scene.play({ eu: whole({ inputTokens: 11 }) })
    const { answer, calls } = await count('gpt-4o')
    expect(answer).toMatchObject({ inputTokens: 11, $metadata: { requestId: calls[0]?.call, attempts: 1 } })
    const [request] = scene.arrived()
    expect(request).toMatchObject({ path: `/model/${encodeURIComponent(converseVoice.model)}/count-tokens` })
    expect(JSON.parse(request?.body.toString() ?? '')).toEqual({ input: { converse: { messages } } })
    const trail = await scene.trailOf(calls[0]?.call, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[0]?.body).toMatchObject({ operation: 'count_tokens' })
    expect(trail[1]?.body).toMatchObject({ ending: 'complete', status: 200 })
  })

  test('denied by residency', async () => {
    const scene = doors[door]
    scene.play({ us: whole({ inputTokens: 11 }) })
    const { answer, calls } = await count('auto')
    expect(answer).toMatchObject({
      name: 'AccessDeniedException',
      $metadata: { requestId: calls[0]?.call, attempts: 1 },
    })
    expect(scene.arrived()).toEqual([])
    expect((await scene.trailOf(calls[0]?.call)).map(({ kind }) => kind)).toEqual(['call.denied'])
  })
})

describe.each([
  { name: 'h2c', door: 'clear', transport: 'default' },
  { name: 'HTTP/1.1', door: 'clear', transport: 'HTTP/1.1' },
  { name: 'TLS and HTTP/2', door: 'tls', transport: 'default' },
] as const)('the client hangs up in mid-stream, over $name', ({ door, transport }) => {
  test('and the provider is left at once', async () => {
    // Aborted by its own caller, the SDK ends the iteration without an error over HTTP/2, and with the socket's over HTTP/1.1.
    const error = transport === 'default' ? null : expect.objectContaining({ message: 'aborted' })
    expect(await hangsUp(doors[door], converseDriver({ transport }))).toEqual(error)
  })
})

describe('a stream that its checksums do not bear out', () => {
  const frames = converseStream({ texts: ['One two three four five.'] })
  const fields = { 'content-type': 'application/vnd.amazon.eventstream' }
  /** The third message, which says `two`, with one bit of it turned. */
  const turned = (at: (length: number) => number): Script =>
    stream(
      frames.map((frame, index) => {
        if (index !== 2) return frame
        const copy = Buffer.from(frame)
        const place = at(copy.length)
        copy[place] = (copy[place] ?? 0) ^ 1
        return copy
      }),
      { fields, everyMs: 2 },
    )

  test.each([
    ['in its length', () => 3],
    ['in the checksum of its head', () => 8],
    ['in its headers', () => 14],
    ['in its text', (length: number) => length - 30],
    ['in its checksum', (length: number) => length - 1],
  ])('%s is cut off', async (_, at) => {
    const scene = doors.clear
    const calls: Counted['calls'] = []
    let text = ''
    scene.play({ eu: turned(at) })
    const asking = converseDriver()({
      streamed: true,
      say: 'hello',
      model: 'gpt-4o',
      retries: 0,
      key: scene.house.key,
      fetch,
      calls,
      baseURL: `${scene.house.customhouse.data}${converseVoice.prefix}`,
      onText: (piece) => {
        text += piece
      },
    })
    await expect(asking).rejects.toMatchObject({ name: 'ValidationException' })
    expect('One '.startsWith(text)).toBe(true)
    const trail = await scene.trailOf(calls[0]?.call, 2)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail.at(-1)?.body).toMatchObject({ ending: 'provider_truncated', finish: null })
  })
})
