import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonTree, TreeObject } from '../../src/core/json.ts'
import { parseTree } from '../../src/core/parse.ts'
import { getAt } from '../../src/core/pointer.ts'
import { writeTree } from '../../src/core/tree.ts'
import { type House, startHouse } from '../house.ts'
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
import { shippedPolicies } from './scene.ts'

/**
 * Every recorded exchange in the dialect, whoever's it is: what the SDK makes of the answer through the gateway is what it makes of
 * it without, and the provider gets the client's tree.
 */

const FOLDERS = ['openai/openai-chat', 'azure/openai-chat', 'ollama/openai-chat', 'gemini/openai-chat']
const root = fixturesFolder()
if (root === null) console.info('test/e2e/recordings: skipped, no recordings here (set CUSTOMHOUSE_FIXTURES)')

/** A recording with its request as it was written: order of members, and numbers by their digits. */
type Exchange = Readonly<{ recording: Recording; asked: TreeObject; model: string; streamed: boolean }>

const exchanges: readonly Exchange[] =
  root === null
    ? []
    : FOLDERS.flatMap((folder) => recordings(folder) ?? []).flatMap((recording) => {
        const asked = getAt(parseTree(readFileSync(join(root, recording.file))), '/request/body')
        const model = asked instanceof Map ? asked.get('model') : undefined
        if (!(asked instanceof Map) || typeof model !== 'string') return []
        return [{ recording, asked, model, streamed: asked.get('stream') === true }]
      })

let replayer: Recorder
let house: House
beforeAll(async () => {
  if (root === null) return
  replayer = await startRecorder({ answer: () => hangUp })
  house = await startHouse({
    providers: { recorded: { url: `${replayer.url}/v1` } },
    models: Object.fromEntries(exchanges.map(({ model }) => [model, [`recorded/${model}`]])),
    tenant: 'lab',
    policies: storedFilesToo(),
  })
})
afterAll(async () => {
  await house?.stop()
  await replayer?.close()
})

/** The shipped policies; only that the tenant `lab` may also name a file that is stored at the provider, as one recording does. */
function storedFilesToo(): Record<string, string> {
  const shipped = shippedPolicies()
  const models = shipped['org/models.yaml'] ?? ''
  const wider = models.replace(/^( {8}file: )\[inline\]$/m, '$1[inline, stored]')
  if (wider === models)
    throw new Error('policies/org/models.yaml no longer lists the files of the tenant lab as it did')
  return { ...shipped, 'org/models.yaml': wider }
}

/** What the SDK gives for the call: its answer, all of its chunks, or its error. */
async function ask(exchange: Exchange, baseURL: string): Promise<Readonly<{ seen: unknown; call: string | null }>> {
  let call: string | null = null
  const openai = new OpenAI({
    apiKey: house.key,
    baseURL,
    maxRetries: 0,
    // The SDK writes numbers in JavaScript's way; the recorded text is sent in place of what it wrote.
    fetch: async (input, init) => {
      const response = await fetch(input, { ...init, body: writeTree(exchange.asked) })
      call = response.headers.get('x-customhouse-call')
      return response
    },
  })
  const body = JSON.parse(writeTree(exchange.asked)) as OpenAI.Chat.ChatCompletionCreateParams
  try {
    if (body.stream !== true) return { seen: await openai.chat.completions.create(body), call }
    const chunks: unknown[] = []
    for await (const chunk of await openai.chat.completions.create(body)) chunks.push(chunk)
    return { seen: chunks, call }
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error
    const { name, status, code, type, param, message, error: told } = error
    return { seen: { class: error.constructor.name, name, status, code, type, param, message, told }, call }
  }
}

/** The same through the gateway, once for each script. */
async function compare(exchange: Exchange, scripts: readonly Script[]): Promise<void> {
  const { recording, asked, model, streamed } = exchange
  replayer.script(() => replay(recording))
  const bare = await ask(exchange, `${replayer.url}/v1`)
  for (const script of scripts) {
    replayer.script(() => script)
    const through = await ask(exchange, house.baseURL)
    expect(through.seen).toEqual(streamed && !asksForUsage(asked) ? withoutUsage(bare.seen) : bare.seen)
    const upstream = replayer.requests.at(-1)
    expect(upstream?.path).toBe('/v1/chat/completions')
    expect(writeTree(parseTree(upstream?.body ?? Buffer.of()))).toBe(writeTree(declared(asked, streamed)))
    const trail = (await house.records()).filter((record) => record.call === through.call)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[0]?.body).toMatchObject({ model, target: { id: `recorded/${model}` }, stream: streamed })
    expect(trail[1]?.body).toMatchObject({
      ending: isError(recording) ? 'provider_error' : 'complete',
      status: recording.response.status,
    })
    const tokens = tokensIn(bare.seen)
    if (tokens !== null) expect(trail[1]?.body).toMatchObject({ usage: { total_tokens: tokens } })
  }
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

/** The tokens that the SDK saw without the gateway in between; null where it saw none. */
function tokensIn(seen: unknown): number | null {
  const answers: unknown[] = Array.isArray(seen) ? seen : [seen]
  let tokens: number | null = null
  for (const answer of answers) tokens = (answer as Partial<OpenAI.Chat.ChatCompletion>).usage?.total_tokens ?? tokens
  return tokens
}

/** The client's tree with what the gateway declares that it changes: it asks for the usage of a stream. */
function declared(asked: TreeObject, streamed: boolean): JsonTree {
  if (!streamed) return asked
  const options = asked.get('stream_options')
  const told = options instanceof Map ? new Map(options) : new Map<string, JsonTree>()
  return new Map(asked).set('stream_options', told.set('include_usage', true))
}

test.skipIf(root === null)('there are recordings of each provider', () => {
  for (const folder of FOLDERS) {
    expect(exchanges.some(({ recording }) => recording.file.startsWith(folder))).toBe(true)
  }
  expect(exchanges.length).toBeGreaterThanOrEqual(65)
})

describe.skipIf(root === null)('as recorded', () => {
  test.each(exchanges.map((exchange) => ({ name: exchange.recording.file, exchange })))('$name', ({ exchange }) =>
    compare(exchange, [replay(exchange.recording)]),
  )
})

describe.skipIf(root === null)('cut into pieces', () => {
  const streams = exchanges.filter(({ recording }) => recording.response.framing === 'sse')
  test.each(streams.map((exchange) => ({ name: exchange.recording.file, exchange })))('$name', async ({ exchange }) => {
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
  })
})
