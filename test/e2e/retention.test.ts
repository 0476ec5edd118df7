import Anthropic from '@anthropic-ai/sdk'
import { ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime'
import { Mistral } from '@mistralai/mistralai'
import OpenAI, { AzureOpenAI } from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  anthropicAnswer,
  anthropicStream,
  converseAnswer,
  converseStream,
  openaiAnswer,
  openaiStream,
  stream,
  whole,
} from '../kit/index.ts'
import { awsClient } from './bedrock-aws.ts'
import { openPlaces, type Places } from './places.ts'

/** `retention: minimal` by the shipped policies: what reaches a provider of each kind, behind its real SDK. `lab` has it, `research` does not. */

let places: Places
beforeAll(async () => {
  places = await openPlaces()
})
afterAll(() => places?.close())

const speech = { texts: ['Good day.'] }
const say = [{ role: 'user' as const, content: 'hello' }]
const traces = {
  metadata: { case: '1' },
  user: 'u',
  safety_identifier: 's',
  prompt_cache_key: 'k',
  prompt_cache_retention: '24h' as const,
}
const long = { type: 'ephemeral' as const, ttl: '1h' as const }

type Row = Readonly<{
  name: string
  /** The model of a client, whose route says which provider it is. */
  ask(key: string, data: string, streamed: boolean): Promise<unknown>
  answer: Readonly<{ whole: unknown; stream: readonly (string | Uint8Array)[]; type?: string }>
  kept: object
  lacks: readonly string[]
}>

async function drained(answer: unknown): Promise<void> {
  if (typeof answer !== 'object' || answer === null || !(Symbol.asyncIterator in answer)) return
  for await (const _ of answer as AsyncIterable<unknown>);
}

const openaiSays = { whole: openaiAnswer(speech), stream: openaiStream(speech) }
const ALL = ['metadata', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention']

const rows: readonly Row[] = [
  {
    name: 'AzureOpenAI',
    ask: (apiKey, data, streamed) =>
      new AzureOpenAI({ apiKey, endpoint: `${data}/azure`, apiVersion: '2024-10-21', maxRetries: 0 }).chat.completions
        .create({ model: 'gpt-4o', messages: say, ...traces, stream: streamed })
        .then(drained),
    answer: openaiSays,
    kept: { store: false },
    lacks: ALL,
  },
  {
    name: 'openai, a server of one’s own',
    ask: (apiKey, data, streamed) =>
      new OpenAI({ apiKey, baseURL: `${data}/openai/v1`, maxRetries: 0 }).chat.completions
        .create({ model: 'gpt-4o-mini', messages: say, ...traces, store: false, stream: streamed })
        .then(drained),
    answer: openaiSays,
    kept: {},
    lacks: [...ALL, 'store'],
  },
  {
    name: 'Mistral',
    ask: async (apiKey, data, streamed) => {
      const client = new Mistral({ apiKey, serverURL: `${data}/mistral` })
      const asked = { model: 'mistral-large', messages: say, metadata: { case: '1' } }
      await drained(streamed ? await client.chat.stream(asked) : await client.chat.complete(asked))
    },
    answer: openaiSays,
    kept: {},
    lacks: ['metadata', 'store'],
  },
  {
    name: 'Anthropic',
    ask: (apiKey, data, streamed) =>
      new Anthropic({ apiKey, baseURL: `${data}/anthropic`, maxRetries: 0 }).messages
        .create({
          model: 'auto',
          max_tokens: 9,
          messages: say,
          metadata: { user_id: 'u' },
          system: [{ type: 'text', text: 'be kind', cache_control: long }],
          stream: streamed,
        })
        .then(drained),
    answer: { whole: anthropicAnswer(speech), stream: anthropicStream(speech) },
    kept: { system: [{ type: 'text', text: 'be kind', cache_control: { type: 'ephemeral', ttl: '5m' } }] },
    lacks: ['metadata'],
  },
  {
    name: 'AWS, Converse',
    ask: async (key, data, streamed) => {
      const client = awsClient({ key, baseURL: `${data}/bedrock`, retries: 0, calls: [] })
      const asked = {
        modelId: 'nova-lite',
        messages: [{ role: 'user' as const, content: [{ text: 'hello' }] }],
        system: [{ text: 'be kind' }, { cachePoint: { type: 'default' as const, ttl: '1h' as const } }],
        requestMetadata: { case: '1' },
      }
      try {
        if (streamed) await drained((await client.send(new ConverseStreamCommand(asked))).stream)
        else await client.send(new ConverseCommand(asked))
      } finally {
        client.destroy()
      }
    },
    answer: {
      whole: converseAnswer(speech),
      stream: converseStream(speech),
      type: 'application/vnd.amazon.eventstream',
    },
    kept: { system: [{ text: 'be kind' }, { cachePoint: { type: 'default', ttl: '5m' } }] },
    lacks: ['requestMetadata'],
  },
]

const cases = rows.flatMap((row) => [false, true].map((streamed) => ({ ...row, streamed })))

test.each(cases)('$name, streamed: $streamed', async ({ ask, answer, kept, lacks, streamed }) => {
  const fields = answer.type === undefined ? {} : { fields: { 'content-type': answer.type } }
  const script = streamed ? stream(answer.stream, fields) : whole(answer.whole)
  const { data } = places.house.customhouse
  places.answer(script)
  await ask(places.keys.lab, data, streamed)
  expect(places.sent()).toMatchObject([kept])
  for (const name of lacks) expect(places.sent()[0]).not.toHaveProperty(name)

  // Whoever has no such obligation is let be: these are really sent by the SDK.
  places.answer(script)
  await ask(places.keys.research, data, streamed)
  const [first] = lacks
  expect(places.sent()[0]).toHaveProperty(first ?? '')
  expect(places.sent()[0]).not.toMatchObject({ ...kept, [first ?? '']: undefined })
})
