import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import { APIError } from '@anthropic-ai/sdk'
import {
  type BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
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
import { awsClient } from './bedrock-aws.ts'
import { type Counted, shippedPolicies } from './scene.ts'

/**
 * Every recorded exchange with Bedrock in a dialect that is spoken here: what the SDK makes of the answer through the gateway over HTTP/2 is
 * what it makes of it without, and the provider gets the client's tree.
 */

const FOLDERS = ['bedrock/bedrock-converse', 'bedrock/bedrock-count-tokens', 'bedrock/bedrock-invoke']
const EVENTS = 'application/vnd.amazon.eventstream'
const root = fixturesFolder()
if (root === null) console.info('test/e2e/bedrock-recordings: skipped, no recordings here (set CUSTOMHOUSE_FIXTURES)')

type Operation = 'converse' | 'converse-stream' | 'count-tokens' | 'invoke' | 'invoke-with-response-stream'
/** A recording with its request as it was written: order of members, and numbers by their digits. */
type Exchange = Readonly<{ recording: Recording; asked: TreeObject; model: string; operation: Operation }>

const exchanges: readonly Exchange[] =
  root === null
    ? []
    : FOLDERS.flatMap((folder) => recordings(folder) ?? []).flatMap((kept) => {
        const recording = withType(kept)
        const asked = getAt(parseTree(readFileSync(join(root, recording.file))), '/request/body')
        const [, model, operation] = /\/model\/([^/]+)\/([^/]+)$/.exec(recording.request.url) ?? []
        if (!(asked instanceof Map) || model === undefined) return []
        // Other makers' bodies of InvokeModel are not read here.
        if (operation?.startsWith('invoke') === true && !asked.has('anthropic_version')) return []
        return [{ recording, asked, model: decodeURIComponent(model), operation: operation as Operation }]
      })

/** Some were kept without the fields of their answer. */
function withType(recording: Recording): Recording {
  const { response } = recording
  const type = response.framing === 'aws-eventstream' ? EVENTS : 'application/json'
  return { ...recording, response: { ...response, headers: { 'content-type': type, ...response.headers } } }
}

let replayer: Recorder
let house: House
beforeAll(async () => {
  if (root === null) return
  replayer = await startRecorder({ answer: () => hangUp })
  house = await startHouse({
    providers: {},
    models: Object.fromEntries(exchanges.map(({ model }) => [model, [`recorded/${model}`]])),
    tenant: 'lab',
    policies: everyReference(),
    config: {
      limits: { breaker: RESTLESS },
      providers: {
        recorded: {
          kind: 'bedrock',
          region: 'us-east-1',
          base_url: replayer.url,
          residency: { endpoint: ['*'], processing: ['*'], storage: ['*'] },
        },
      },
    },
  })
})
afterAll(async () => {
  await house?.stop()
  await replayer?.close()
})

/** The shipped policies; only that the tenant `lab` may also use what some recordings do: stored files, and tools that run at the provider. */
function everyReference(): Record<string, string> {
  const shipped = shippedPolicies()
  const models = shipped['org/models.yaml'] ?? ''
  const references = ['image', 'audio', 'video', 'file', 'server_tool', 'guardrail']
    .map((kind) => `        ${kind}: [inline, remote, stored]\n`)
    .join('')
  const wider = models.replace(/^( {4}lab:\n(?: {6}.*\n)*? {6}references:\n)(?: {8}.*\n)*/m, `$1${references}`)
  if (wider === models) throw new Error('policies/org/models.yaml no longer lists the references of the tenant lab')
  return { ...shipped, 'org/models.yaml': wider }
}

/** What an SDK gives for the call: its answer, all of its events, or its error. */
type Seen = Readonly<{ seen: unknown; call: string | null }>
type Sdk = (exchange: Exchange, baseURL: string) => Promise<Seen>

/** The AWS SDK: its default transport to the gateway, and HTTP/1.1 to the recorder, which speaks no other. */
const aws: Sdk = async (exchange, baseURL) => {
  const calls: Counted['calls'] = []
  const transport = baseURL === replayer.url ? 'HTTP/1.1' : 'default'
  const client = awsClient({ key: house.key, baseURL, retries: 0, calls }, { transport })
  // The SDK writes JSON in JavaScript's way, and only what it knows; the recorded text is sent in place of what it wrote.
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign(Object(args.request), { body: writeTree(exchange.asked) })
      return next(args)
    },
    { step: 'serialize', priority: 'low', name: 'recordedBody' },
  )
  try {
    return { seen: await sendAws(client, exchange), call: calls[0]?.call ?? null }
  } catch (error) {
    if (!(error instanceof BedrockRuntimeServiceException)) throw error
    const { name, message, $fault, $metadata, ...rest } = error
    const { httpStatusCode: status } = $metadata
    return {
      seen: { class: error.constructor.name, name, message, $fault, status, rest },
      call: calls[0]?.call ?? null,
    }
  } finally {
    client.destroy()
  }
}

async function sendAws(client: BedrockRuntimeClient, { operation, model: modelId }: Exchange): Promise<unknown> {
  switch (operation) {
    case 'converse': {
      const { $metadata: _, ...answer } = await client.send(new ConverseCommand({ modelId, messages: [] }))
      return answer
    }
    case 'count-tokens': {
      const input = { converse: { messages: [] } }
      const { $metadata: _, ...answer } = await client.send(new CountTokensCommand({ modelId, input }))
      return answer
    }
    case 'converse-stream':
      return all((await client.send(new ConverseStreamCommand({ modelId, messages: [] }))).stream)
    case 'invoke': {
      const { body, contentType } = await client.send(new InvokeModelCommand({ modelId, body: '' }))
      return { contentType, body: JSON.parse(body.transformToString()) as unknown }
    }
    case 'invoke-with-response-stream': {
      const { body } = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body: '' }))
      // Fresh messages hold the same trees, without the spaces that hide a token's length.
      return (await all(body)).map(({ chunk }) => JSON.parse(Buffer.from(chunk?.bytes ?? []).toString()) as unknown)
    }
  }
}

async function all<T>(events: AsyncIterable<T> | undefined): Promise<T[]> {
  const seen: T[] = []
  for await (const event of events ?? []) seen.push(event)
  return seen
}

const anthropic: Sdk = async (exchange, baseURL) => {
  let call: string | null = null
  const client = new AnthropicBedrock({
    apiKey: house.key,
    awsRegion: 'us-east-1',
    baseURL,
    maxRetries: 0,
    fetch: async (input, init) => {
      const response = await fetch(input, { ...init, body: writeTree(exchange.asked) })
      call = response.headers.get('x-customhouse-call')
      return response
    },
  })
  const params = { model: exchange.model, max_tokens: 1, messages: [] }
  try {
    if (exchange.operation === 'invoke') return { seen: await client.messages.create(params), call }
    return { seen: await all(await client.messages.create({ ...params, stream: true })), call }
  } catch (error) {
    if (!(error instanceof APIError)) throw error
    const { name, status, type, message } = error
    return { seen: { class: error.constructor.name, name, status, type, message }, call }
  }
}

/** The same through the gateway, once for each script. */
async function compare(sdk: Sdk, exchange: Exchange, scripts: readonly Script[]): Promise<void> {
  const { recording, asked, model, operation } = exchange
  replayer.script(() => replay(recording))
  const bare = await sdk(exchange, replayer.url)
  for (const script of scripts) {
    replayer.script(() => script)
    const through = await sdk(exchange, `${house.customhouse.data}/bedrock`)
    expect(through.seen).toEqual(bare.seen)
    const upstream = replayer.requests.at(-1)
    expect(upstream?.path).toBe(`/model/${encodeURIComponent(model)}/${operation}`)
    expect(writeTree(parseTree(upstream?.body ?? Buffer.of()))).toBe(writeTree(asked))
    const trail = (await house.records()).filter((record) => record.call === through.call)
    expect(trail.map(({ kind }) => kind)).toEqual(['call.intent', 'call.outcome'])
    expect(trail[0]?.body).toMatchObject({
      model,
      target: { id: `recorded/${model}` },
      operation: operation === 'count-tokens' ? 'count_tokens' : 'chat',
      stream: operation.endsWith('stream'),
    })
    expect(trail[1]?.body).toMatchObject({
      ending: recording.response.status >= 400 ? 'provider_error' : 'complete',
      status: recording.response.status,
    })
    const tokens = tokensIn(bare.seen)
    if (tokens !== null) expect(trail[1]?.body).toMatchObject({ usage: { total_tokens: tokens } })
  }
}

/** The tokens of a Converse answer that the SDK saw without the gateway in between; null where it saw none. */
function tokensIn(seen: unknown): number | null {
  const answers: unknown[] = Array.isArray(seen) ? seen : [seen]
  let tokens: number | null = null
  for (const answer of answers) {
    const { usage, metadata } = Object(answer) as Record<'usage' | 'metadata', { usage?: { totalTokens?: number } }>
    tokens = metadata?.usage?.totalTokens ?? (usage as { totalTokens?: number } | undefined)?.totalTokens ?? tokens
  }
  return tokens
}

const CASES = exchanges.flatMap((exchange) => {
  const { file } = exchange.recording
  const first = { name: file, exchange, sdk: aws }
  return exchange.operation.startsWith('invoke')
    ? [first, { name: `${file}, AnthropicBedrock`, exchange, sdk: anthropic }]
    : [first]
})

test.skipIf(root === null)('there are recordings of each operation', () => {
  const counts = new Map<Operation, number>()
  for (const { operation } of exchanges) counts.set(operation, (counts.get(operation) ?? 0) + 1)
  expect(Object.fromEntries(counts)).toEqual({
    converse: 23,
    'converse-stream': 26,
    'count-tokens': 3,
    invoke: 3,
    'invoke-with-response-stream': 5,
  })
})

describe.skipIf(root === null)('as recorded', () => {
  test.each(CASES)('$name', ({ exchange, sdk }) => compare(sdk, exchange, [replay(exchange.recording)]))
})

describe.skipIf(root === null)('cut into pieces', () => {
  const streams = CASES.filter(({ exchange }) => exchange.recording.response.framing === 'aws-eventstream')
  test.each(streams)('$name', async ({ exchange, sdk }) => {
    const { bytes } = exchange.recording.response
    const sizes = [...(bytes.length < 3_000 ? [1] : []), ...(bytes.length < 20_000 ? [7] : []), 61, 1447]
    await compare(
      sdk,
      exchange,
      sizes.map((size) => replay(exchange.recording, { size })),
    )
    const places = fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(places, async (cuts) => {
        const ends = [...cuts, bytes.length].sort((a, b) => a - b)
        const pieces = ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end))
        await compare(sdk, exchange, [stream(pieces, { fields: { 'content-type': EVENTS } })])
      }),
      { numRuns: 3 },
    )
  })
})
