import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonTree, TreeObject } from '../../src/core/json.ts'
import { parseTree } from '../../src/core/parse.ts'
import { getAt } from '../../src/core/pointer.ts'
import { writeTree } from '../../src/core/tree.ts'
import { type House, RESTLESS, startHouse } from '../house.ts'
import {
  fixturesFolder,
  hangUp,
  type Recorder,
  type Recording,
  recordings,
  replay,
  type Script,
  startRecorder,
  stream,
} from '../kit/index.ts'
import { azureAsks, mistralAsks, openaiAsks, type RecordedAsk } from './recorded-asks.ts'
import { shippedPolicies } from './scene.ts'

/**
 * Every recorded exchange in the dialect, whoever's it is, by that provider's kind and each SDK that is served for it: what the SDK makes
 * of the answer through the gateway is what it makes of it without, and the provider gets the client's tree.
 */

type Way = Readonly<{
  by: string
  folder: string
  kind: 'openai' | 'azure' | 'mistral'
  /** What follows the origin in the base URL of the provider, and in the SDK's with and without the gateway. */
  base: string
  prefix: string
  bare: string
  ask: RecordedAsk
}>

const OPENAI = { by: 'openai', base: '/v1', prefix: '/openai/v1', bare: '/v1', ask: openaiAsks } as const
const AZURE = { folder: 'azure/openai-chat', kind: 'azure', base: '/openai/v1' } as const
const MISTRAL = { folder: 'mistral/mistral-chat', kind: 'mistral', base: '/v1' } as const
const WAYS: readonly Way[] = [
  { ...OPENAI, folder: 'openai/openai-chat', kind: 'openai' },
  { ...OPENAI, folder: 'ollama/openai-chat', kind: 'openai' },
  { ...OPENAI, folder: 'gemini/openai-chat', kind: 'openai' },
  { ...OPENAI, ...AZURE, by: 'openai with the v1 API', prefix: '/azure/openai/v1', bare: '/openai/v1' },
  { ...AZURE, by: 'AzureOpenAI', prefix: '/azure', bare: '', ask: azureAsks },
  { ...MISTRAL, by: 'mistral', prefix: '/mistral', bare: '', ask: mistralAsks },
  { ...OPENAI, ...MISTRAL },
]

const root = fixturesFolder()
if (root === null) console.info('test/e2e/recordings: skipped, no recordings here (set CUSTOMHOUSE_FIXTURES)')

/** A recording with its request as it was written: order of members, and numbers by their digits. */
type Exchange = Readonly<{ recording: Recording; asked: TreeObject; model: string; streamed: boolean }>

function exchangesOf(folder: string): readonly Exchange[] {
  if (root === null) return []
  return (recordings(folder) ?? []).flatMap((recording) => {
    const asked = getAt(parseTree(readFileSync(join(root, recording.file))), '/request/body')
    const model = asked instanceof Map ? asked.get('model') : undefined
    if (!(asked instanceof Map) || typeof model !== 'string') return []
    return [{ recording, asked, model, streamed: asked.get('stream') === true }]
  })
}

/** The shipped policies; only that the tenant `lab` may also send documents, and name a file that is stored at the provider, as recordings do. */
function moreReferences(): Record<string, string> {
  const shipped = shippedPolicies()
  const models = shipped['org/models.yaml'] ?? ''
  const wider = models.replace(/^( {8}file: )\[inline\]$/m, '$1[inline, stored]\n        document: [inline, remote]')
  if (wider === models)
    throw new Error('policies/org/models.yaml no longer lists the files of the tenant lab as it did')
  return { ...shipped, 'org/models.yaml': wider }
}

/** An error of the provider, with whatever status: Azure's filter answers 200. */
function isError({ response }: Recording): boolean {
  if (response.status >= 400) return true
  return response.framing === 'json' && getAt(parseTree(response.bytes), '/error') instanceof Map
}

function asksForUsage(asked: TreeObject): boolean {
  return getAt(asked, '/stream_options/include_usage') === true
}

/**
 * Chunks without the usage: what the gateway asks for in the client's stead is kept from it, and stands on record. (One recorded server
 * tells it unasked, in a chunk with choices; nobody can know that it would have.)
 */
function withoutUsage(seen: unknown): unknown {
  if (!Array.isArray(seen)) return seen
  const chunks = seen as (OpenAI.Chat.ChatCompletionChunk & { usage?: unknown })[]
  return chunks
    .filter(({ choices, usage }) => choices.length > 0 || typeof usage !== 'object' || usage === null)
    .map(({ usage, ...rest }) => (usage === null || usage === undefined ? rest : { usage, ...rest }))
}

/** Tool calls with the type that Mistral leaves out, and the gateway puts in. */
function typed(seen: unknown): unknown {
  if (Array.isArray(seen)) return seen.map(typed)
  if (typeof seen !== 'object' || seen === null) return seen
  const all = Object.fromEntries(Object.entries(seen).map(([name, member]) => [name, typed(member)]))
  return 'function' in seen ? { type: 'function', ...all } : all
}

/** The tokens that the SDK saw without the gateway in between; null where it saw none. */
function tokensIn(seen: unknown): number | null {
  let tokens: number | null = null
  for (const answer of Array.isArray(seen) ? seen : [seen]) {
    const { usage } = answer as { usage?: { total_tokens?: number; totalTokens?: number } | null }
    tokens = usage?.total_tokens ?? usage?.totalTokens ?? tokens
  }
  return tokens
}

/** The client's tree with what the gateway declares that it changes: it asks for the usage of a stream, but for Mistral's, which tell it unasked. */
function declared(asked: TreeObject, streamed: boolean, kind: Way['kind']): JsonTree {
  if (!streamed || kind === 'mistral') return asked
  const options = asked.get('stream_options')
  const told = options instanceof Map ? new Map(options) : new Map<string, JsonTree>()
  return new Map(asked).set('stream_options', told.set('include_usage', true))
}

test.skipIf(root === null)('there are recordings of each provider', () => {
  const counts = WAYS.map(({ folder }) => exchangesOf(folder).length)
  for (const count of counts) expect(count).toBeGreaterThan(0)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(100)
})

describe.skipIf(root === null).each(WAYS)('$folder by $by', ({ folder, kind, base, prefix, bare, ask }) => {
  const exchanges = exchangesOf(folder)
  let replayer: Recorder
  let house: House
  beforeAll(async () => {
    replayer = await startRecorder({ answer: () => hangUp })
    // Wherever those who answered say that they were.
    const residency = { endpoint: ['*'], processing: ['*'], storage: ['*'] }
    house = await startHouse({
      providers: {},
      models: Object.fromEntries(exchanges.map(({ model }) => [model, [`recorded/${model}`]])),
      config: {
        limits: { breaker: RESTLESS },
        providers: { recorded: { kind, base_url: `${replayer.url}${base}`, residency } },
      },
      tenant: 'lab',
      policies: moreReferences(),
    })
  })
  afterAll(async () => {
    await house?.stop()
    await replayer?.close()
  })

  /** Without the gateway, and through it, once for each script. */
  async function compare({ recording, asked, model, streamed }: Exchange, scripts: readonly Script[]): Promise<void> {
    replayer.script(() => replay(recording))
    const written = writeTree(asked)
    const { seen } = await ask(house.key, `${replayer.url}${bare}`, written)
    const keepsUsage = !streamed || asksForUsage(asked) || ask === mistralAsks
    const expected = keepsUsage ? seen : withoutUsage(seen)
    for (const script of scripts) {
      replayer.script(() => script)
      const through = await ask(house.key, `${house.customhouse.data}${prefix}`, written)
      expect(through.seen).toEqual(kind === 'mistral' && ask === openaiAsks ? typed(expected) : expected)
      const upstream = replayer.requests.at(-1)
      expect(upstream?.path).toBe(`${base}/chat/completions`)
      expect(writeTree(parseTree(upstream?.body ?? Buffer.of()))).toBe(writeTree(declared(asked, streamed, kind)))
      const trail = (await house.records()).filter((record) => record.call === through.call)
      expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
      expect(trail[0]?.body).toMatchObject({ model, target: { id: `recorded/${model}` }, stream: streamed })
      expect(trail[1]?.body).toMatchObject({
        ending: isError(recording) ? 'provider_error' : 'complete',
        status: recording.response.status,
      })
      const tokens = tokensIn(seen)
      if (tokens !== null) expect(trail[1]?.body).toMatchObject({ usage: { total_tokens: tokens } })
    }
  }

  test.each(exchanges.map((exchange) => ({ name: exchange.recording.file, exchange })))('$name', ({ exchange }) =>
    compare(exchange, [replay(exchange.recording)]),
  )

  const streams = exchanges.filter(({ recording }) => recording.response.framing === 'sse')
  test.each(streams.map((exchange) => ({ name: exchange.recording.file, exchange })))(
    'cut into pieces: $name',
    async ({ exchange }) => {
      const { bytes } = exchange.recording.response
      const sizes = [...(bytes.length < 5_000 ? [1] : []), ...(bytes.length < 20_000 ? [7] : []), 61, 1447]
      await compare(
        exchange,
        sizes.map((size) => replay(exchange.recording, { size })),
      )
      const places = fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 30 })
      await fc.assert(
        fc.asyncProperty(places, async (cuts) => {
          const ends = [...cuts, bytes.length].sort((a, b) => a - b)
          const pieces = ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end))
          await compare(exchange, [stream(pieces)])
        }),
        { numRuns: 3 },
      )
    },
  )
})
