import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { AnthropicBedrock, AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { generateText } from 'ai'
import type { IssuedPair } from '../../src/identity/index.ts'
import type { Sent, Wire } from './wire.ts'

export const ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3'
export const TEXT = 'Grüße, 世界 🌍'
const REGION = { region: 'eu-central-1' }
/** What an application may say of a call, beside what the SDK says. */
export const SAID = { 'x-customhouse-task': 'reporting', 'anthropic-beta': 'context-1m-2025-08-07' }
const MESSAGES = [{ role: 'user' as const, content: [{ text: TEXT }] }]

/** What `work` made a client send. */
export async function sentBy(wire: Wire, work: () => Promise<unknown>): Promise<Sent> {
  wire.sent.length = 0
  await work()
  const [sent, more] = wire.sent
  if (sent === undefined || more !== undefined) throw new Error(`${wire.sent.length} calls were sent, not one`)
  return sent
}

export type Client = (base: Readonly<{ h1: string; h2: string }>, pair: IssuedPair | null) => Promise<unknown>

export async function converse(endpoint: string, pair: IssuedPair | null): Promise<void> {
  const client = new BedrockRuntimeClient({ ...REGION, endpoint, ...(pair === null ? {} : { credentials: pair }) })
  const command = new ConverseCommand({ modelId: ARN, messages: MESSAGES })
  command.middlewareStack.add(
    (next) => (step) => {
      Object.assign((step.request as { headers: object }).headers, SAID)
      return next(step)
    },
    { step: 'build' },
  )
  await client.send(command)
  client.destroy()
}

/** Each client with a pair, or with what the environment has. */
export const clients: Readonly<Record<string, Client>> = {
  'the AWS SDK (HTTP/2)': ({ h2 }, pair) => converse(`${h2}/bedrock`, pair),
  AnthropicBedrock: ({ h1 }, pair) => {
    const at = { awsRegion: 'eu-central-1', baseURL: `${h1}/bedrock`, defaultHeaders: SAID }
    const client =
      pair === null
        ? new AnthropicBedrock(at)
        : new AnthropicBedrock({ ...at, awsAccessKey: pair.accessKeyId, awsSecretKey: pair.secretAccessKey })
    return client.messages.create({
      model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
      max_tokens: 10,
      messages: [{ role: 'user', content: TEXT }],
    })
  },
  AnthropicBedrockMantle: ({ h1 }, pair) =>
    new AnthropicBedrockMantle({
      awsRegion: 'eu-central-1',
      baseURL: `${h1}/anthropic`,
      defaultHeaders: SAID,
      ...(pair === null ? {} : { awsAccessKey: pair.accessKeyId, awsSecretAccessKey: pair.secretAccessKey }),
    }).beta.messages.create({ model: 'claude', max_tokens: 10, messages: [{ role: 'user', content: TEXT }] }),
  'the Vercel AI SDK (aws4fetch)': ({ h1 }, pair) =>
    generateText({
      model: createAmazonBedrock({
        ...REGION,
        baseURL: `${h1}/bedrock`,
        headers: SAID,
        ...(pair === null ? {} : { accessKeyId: pair.accessKeyId, secretAccessKey: pair.secretAccessKey }),
      })(ARN),
      prompt: TEXT,
    }),
}
