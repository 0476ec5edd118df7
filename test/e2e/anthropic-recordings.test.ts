import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import Anthropic0 from 'anthropic-sdk-0'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TreeObject } from '../../src/core/json.ts'
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
import { client, client0 } from './anthropic-sdk.ts'
import { headersOf, shippedPolicies } from './scene.ts'

/**
 * Every recorded exchange with Anthropic: what its SDKs make of the answer through the gateway is what they make of it without, and the
 * provider gets the client's tree.
 */

const FOLDERS = ['anthropic/anthropic-messages', 'anthropic/anthropic-count-tokens']
const root = fixturesFolder()
if (root === null) console.info('test/e2e/anthropic-recordings: skipped, no recordings here (set CUSTOMHOUSE_FIXTURES)')

/** A recording with its request as it was written: order of members, and numbers by their digits. */
type Exchange = Readonly<{ recording: Recording; asked: TreeObject; model: string; streamed: boolean; counts: boolean }>

const exchanges: readonly Exchange[] =
  root === null
    ? []
    : FOLDERS.flatMap((folder) => recordings(folder) ?? []).flatMap((recording) => {
        const asked = getAt(parseTree(readFileSync(join(root, recording.file))), '/request/body')
        const model = asked instanceof Map ? asked.get('model') : undefined
        if (!(asked instanceof Map) || typeof model !== 'string') return []
        const counts = recording.file.includes('anthropic-count-tokens')
        return [{ recording, asked, model, streamed: asked.get('stream') === true, counts }]
      })

let replayer: Recorder
let house: House
beforeAll(async () => {
  if (root === null) return
  replayer = await startRecorder({ answer: () => hangUp })
  const anywhere = { endpoint: ['*'], processing: ['*'], storage: ['*'] }
  house = await startHouse({
    providers: {},
    config: {
      limits: { breaker: RESTLESS },
      providers: { recorded: { kind: 'anthropic', base_url: replayer.url, residency: anywhere } },
      models: Object.fromEntries(exchanges.map(({ model }) => [model, { routes: [{ provider: 'recorded', model }] }])),
    },
    tenant: 'lab',
    policies: permitted(),
  })
})
afterAll(async () => {
  await house?.stop()
  await replayer?.close()
})

/** The shipped policies; only that the tenant `lab` may also point to what the recordings point to. */
function permitted(): Record<string, string> {
  const shipped = shippedPolicies()
  const models = shipped['org/models.yaml'] ?? ''
  const wider = models.replace(
    /^( {8})file: \[inline\]$/m,
    '$1file: [inline, stored]\n$1container: [stored]\n$1server_tool: [remote]\n$1tool_server: [remote]',
  )
  if (wider === models)
    throw new Error('policies/org/models.yaml no longer lists the files of the tenant lab as it did')
  return { ...shipped, 'org/models.yaml': wider }
}

const GENERATIONS = ['1.x', '0.x'] as const
type Generation = (typeof GENERATIONS)[number]
type Params = Anthropic.Beta.MessageCreateParams
type Params0 = Anthropic0.Beta.MessageCreateParams
type Heard = Readonly<{ seen: unknown; call: string | null }>

/** What the SDK gives for the call: its answer, all of its events and the message that it makes of them, or its error. */
async function ask(exchange: Exchange, baseURL: string, generation: Generation): Promise<Heard> {
  const { recording, asked, streamed, counts } = exchange
  let call: string | null = null
  const sending: typeof fetch = async (input, init) => {
    // The SDK writes numbers in JavaScript's way; the recorded text is sent in place of what it wrote.
    const response = await fetch(input, { ...init, body: writeTree(asked) })
    call = response.headers.get('x-customhouse-call')
    return response
  }
  const given = { key: house.key, baseURL, retries: 0, fetch: sending }
  const beta = recording.request.headers['anthropic-beta']
  const options = { timeout: 60_000, headers: beta === undefined ? {} : { 'anthropic-beta': beta } }
  // By another name, which the SDKs do not warn of; what is sent is as recorded.
  const body: unknown = { ...JSON.parse(writeTree(asked)), model: 'recorded' }
  try {
    if (generation === '1.x') {
      const { messages } = client(given).beta
      if (counts) return { seen: await messages.countTokens(body as Params, options), call }
      if (streamed) return { seen: await all(messages.stream(body as Params, options)), call }
      return { seen: await messages.create(body as Params, options), call }
    }
    const { messages } = client0(given).beta
    if (counts) return { seen: await messages.countTokens(body as Params0, options), call }
    if (streamed) return { seen: await all(messages.stream(body as Params0, options)), call }
    return { seen: await messages.create(body as Params0, options), call }
  } catch (error) {
    if (!(error instanceof Anthropic.APIError) && !(error instanceof Anthropic0.APIError)) throw error
    const { name, status, type, message, error: told } = error
    return { seen: { class: error.constructor.name, name, status, type, message, told }, call }
  }
}

type Streamed = Readonly<{ events: readonly unknown[]; message: unknown }>

async function all(events: AsyncIterable<unknown> & { finalMessage(): Promise<unknown> }): Promise<Streamed> {
  const seen: unknown[] = []
  for await (const event of events) seen.push(structuredClone(event))
  return { events: seen, message: await events.finalMessage() }
}

/** The same through the gateway, once for each script. */
async function compare(exchange: Exchange, scripts: readonly Script[], generation: Generation = '1.x'): Promise<void> {
  const { recording, asked, model, streamed, counts } = exchange
  const { status } = recording.response
  replayer.script(() => replay(recording))
  const bare = await ask(exchange, replayer.url, generation)
  const plain = headersOfLast()
  for (const script of scripts) {
    replayer.script(() => script)
    const through = await ask(exchange, `${house.customhouse.data}/anthropic`, generation)
    expect(through.seen).toEqual(bare.seen)
    const upstream = replayer.requests.at(-1)
    expect(upstream?.path).toBe(counts ? '/v1/messages/count_tokens' : '/v1/messages')
    expect(writeTree(parseTree(upstream?.body ?? Buffer.of()))).toBe(writeTree(asked))
    const headers = headersOfLast()
    for (const name of ['anthropic-version', 'anthropic-beta']) expect(headers[name]).toBe(plain[name])
    const trail = (await house.records()).filter((record) => record.call === through.call)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[0]?.body).toMatchObject({
      model,
      operation: counts ? 'count_tokens' : 'chat',
      target: { id: `recorded/${model}` },
      stream: streamed,
    })
    expect(trail[1]?.body).toMatchObject({ ending: status >= 400 ? 'provider_error' : 'complete', status })
    const usage = counts ? null : usageIn(bare.seen)
    if (usage !== null) expect(trail[1]?.body).toMatchObject({ usage })
  }
}

function headersOfLast(): Record<string, string> {
  const last = replayer.requests.at(-1)
  return last === undefined ? {} : headersOf(last)
}

/** The tokens of the message that the SDK saw without the gateway in between; null where it saw none. */
function usageIn(seen: unknown): Readonly<Record<string, number>> | null {
  const message = 'message' in (seen as object) ? (seen as Streamed).message : seen
  const { usage } = message as Partial<Anthropic.Message>
  if (usage === undefined) return null
  return { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens }
}

test.skipIf(root === null)('there are recordings of each endpoint', () => {
  for (const folder of FOLDERS) {
    expect(exchanges.some(({ recording }) => recording.file.startsWith(folder))).toBe(true)
  }
  expect(exchanges.length).toBeGreaterThanOrEqual(55)
})

describe.skipIf(root === null).each(GENERATIONS)('as recorded, %s', (generation) => {
  test.each(exchanges.map((exchange) => ({ name: exchange.recording.file, exchange })))('$name', ({ exchange }) =>
    compare(exchange, [replay(exchange.recording)], generation),
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
