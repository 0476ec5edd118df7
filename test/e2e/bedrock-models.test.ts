import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import { ConverseCommand, CountTokensCommand, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime'
import { generateText } from 'ai'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type House, startHouse } from '../house.ts'
import { anthropicAnswer, converseAnswer, hangUp, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { awsClient, type How } from './bedrock-aws.ts'

/** Ids of models as Bedrock has them: clients write them into the path each in its own way, and the gateway routes by what they mean. */

const IDS = [
  'claude',
  'anthropic.claude-sonnet-4-5-20250929-v1:0',
  'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
  'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3',
  'arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0',
] as const
/** What every id leads to. */
const UPSTREAM = 'anthropic.claude-3-haiku-20240307-v1:0'

let recorder: Recorder
let house: House
beforeAll(async () => {
  vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', undefined)
  recorder = await startRecorder({ answer: () => hangUp })
  house = await startHouse({
    providers: {},
    tenant: 'lab',
    config: {
      identity: { sigv4: true },
      providers: {
        bedrock: {
          kind: 'bedrock',
          region: 'eu-central-1',
          base_url: recorder.url,
          residency: { endpoint: ['*'], processing: ['*'], storage: ['*'] },
        },
      },
      models: Object.fromEntries(IDS.map((id) => [id, { routes: [{ provider: 'bedrock', model: UPSTREAM }] }])),
    },
  })
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await house?.stop()
  await recorder?.close()
})

const SPEECH = { texts: ['Good day.'] }
const messages = [{ role: 'user' as const, content: [{ text: 'hello' }] }]
const ASKED = { max_tokens: 9, messages: [{ role: 'user' as const, content: 'hello' }] }
const base = (): string => `${house.customhouse.data}/bedrock`

async function withAws(how: How, ask: (client: ReturnType<typeof awsClient>) => Promise<unknown>): Promise<unknown> {
  const client = awsClient({ key: house.key, baseURL: base(), retries: 0, calls: [] }, how)
  try {
    return await ask(client)
  } finally {
    client.destroy()
  }
}

type Client = Readonly<{
  name: string
  operation: 'converse' | 'invoke' | 'count-tokens'
  answer: unknown
  ask: (modelId: string) => Promise<unknown>
}>

const CLIENTS: readonly Client[] = [
  {
    name: 'Converse of the AWS SDK over HTTP/2',
    operation: 'converse',
    answer: converseAnswer(SPEECH),
    ask: (modelId) => withAws({}, (client) => client.send(new ConverseCommand({ modelId, messages }))),
  },
  {
    name: 'CountTokens of the AWS SDK over HTTP/1.1',
    operation: 'count-tokens',
    answer: { inputTokens: 3 },
    ask: (modelId) =>
      withAws({ transport: 'HTTP/1.1' }, (client) =>
        client.send(new CountTokensCommand({ modelId, input: { converse: { messages } } })),
      ),
  },
  {
    name: 'InvokeModel of the AWS SDK',
    operation: 'invoke',
    answer: anthropicAnswer(SPEECH),
    ask: (modelId) => {
      const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', ...ASKED })
      return withAws({}, (client) => client.send(new InvokeModelCommand({ modelId, body })))
    },
  },
  {
    name: 'AnthropicBedrock',
    operation: 'invoke',
    answer: anthropicAnswer(SPEECH),
    ask: (model) =>
      new AnthropicBedrock({
        apiKey: house.key,
        awsRegion: 'eu-central-1',
        baseURL: base(),
        maxRetries: 0,
      }).messages.create({ model, ...ASKED }),
  },
  {
    name: 'the Vercel AI SDK',
    operation: 'converse',
    answer: converseAnswer(SPEECH),
    ask: (id) =>
      generateText({
        model: createAmazonBedrock({ region: 'eu-central-1', apiKey: house.key, baseURL: base() })(id),
        prompt: 'hello',
        maxRetries: 0,
      }),
  },
]

describe.each(CLIENTS)('$name', ({ operation, answer, ask }) => {
  test.each(IDS)('%s', async (id) => {
    const before = recorder.requests.length
    recorder.script(() => whole(answer))
    await ask(id)
    expect(recorder.requests.slice(before).map(({ path }) => path)).toEqual([
      `/model/${encodeURIComponent(UPSTREAM)}/${operation}`,
    ])
    expect((await house.trail()).at(-2)).toMatchObject({
      kind: 'call.intent',
      body: { model: id, target: { id: `bedrock/${UPSTREAM}` } },
    })
  })
})

describe('an id in the path', () => {
  const profile = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
  const arn = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3'

  async function post(path: string): Promise<number> {
    recorder.script(() => whole(converseAnswer(SPEECH)))
    const answer = await fetch(`${base()}/model/${path}/converse`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    })
    await answer.text()
    return answer.status
  }

  test.each([
    ['a colon as it is', profile, 200],
    ['a colon in upper case', profile.replace(':', '%3A'), 200],
    ['a colon in lower case', profile.replace(':', '%3a'), 200],
    ['letters that needed no escape', profile.replace('claude', '%63laude'), 200],
    ['an ARN with its slash escaped', encodeURIComponent(arn), 200],
    ['escaped twice', profile.replace(':', '%253A'), 400],
    ['another version', profile.replace(':0', ':1'), 404],
    ['no escape at all', profile.replace(':', '%'), 400],
  ])('%s', async (_, path, status) => {
    const before = recorder.requests.length
    expect(await post(path)).toBe(status)
    expect(recorder.requests.length - before).toBe(status === 200 ? 1 : 0)
  })
})
