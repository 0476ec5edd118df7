import { join } from 'node:path'
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { generateText } from 'ai'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type IssuedPair, pairKey, STORE_NAME } from '../../src/identity/index.ts'
import { type House, startHouse } from '../house.ts'
import { converseAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'

/** Signed calls at the sockets of a whole gateway that takes nothing else. */
let recorder: Recorder
let house: House
let pair: IssuedPair
beforeAll(async () => {
  recorder = await startRecorder({ answer: () => whole(converseAnswer({ texts: ['signed and sealed'] })) })
  vi.stubEnv('AWS_BEARER_TOKEN_BEDROCK', undefined)
  house = await startHouse({
    providers: {},
    config: {
      identity: { gateway_keys: false, sigv4: true },
      providers: {
        bedrock: {
          kind: 'bedrock',
          region: 'eu-central-1',
          base_url: recorder.url,
          residency: { endpoint: ['DE'], processing: ['DE'], storage: [] },
        },
      },
      models: { 'gpt-4o': { routes: [{ provider: 'bedrock', model: 'eu.amazon.nova-lite-v1:0' }] } },
    },
  })
  pair = await pairKey(join(house.folder, 'keys', STORE_NAME), house.key.slice(4, 12), 0)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await house.stop()
  await recorder.close()
})

const base = (): string => `${house.customhouse.data}/bedrock`

/** What the AWS SDK hears over HTTP/2: the text, or the name of the error. */
async function ask(credentials: Pick<IssuedPair, 'accessKeyId' | 'secretAccessKey'>): Promise<string> {
  const client = new BedrockRuntimeClient({ region: 'eu-central-1', endpoint: base(), credentials, maxAttempts: 1 })
  try {
    const { output } = await client.send(
      new ConverseCommand({ modelId: 'gpt-4o', messages: [{ role: 'user', content: [{ text: 'Grüße' }] }] }),
    )
    return output?.message?.content?.[0]?.text ?? 'nothing'
  } catch (error) {
    if (error instanceof Error) return `${error.name}: ${error.message}`
    throw error
  } finally {
    client.destroy()
  }
}

it('are let in over HTTP/2 (the AWS SDK) and HTTP/1.1 (the Vercel AI SDK), and nothing of the signature goes further', async () => {
  // The gateway follows the store, in which the pair is new.
  await expect.poll(() => ask(pair), { timeout: 5000 }).toBe('signed and sealed')
  const before = recorder.requests.length
  expect(await ask(pair)).toBe('signed and sealed')
  const { text } = await generateText({
    model: createAmazonBedrock({ region: 'eu-central-1', baseURL: base(), ...pair })('gpt-4o'),
    prompt: 'Grüße',
  })
  expect(text).toBe('signed and sealed')
  const arrived = recorder.requests.slice(before)
  expect(arrived).toHaveLength(2)
  for (const request of arrived) {
    expect(JSON.stringify(request.headers)).not.toMatch(/authorization|x-amz-|CHKA/i)
  }
  expect((await house.records()).filter(({ kind }) => kind === 'call.outcome').length).toBeGreaterThanOrEqual(2)
})

it('with another secret are refused in the dialect, as is a gateway key here, and nothing is sent', async () => {
  const before = recorder.requests.length
  expect(await ask({ ...pair, secretAccessKey: 'wrong' })).toContain('signature of this call is not right')
  const answer = await fetch(`${base()}/model/gpt-4o/converse`, {
    method: 'POST',
    headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'x' }] }] }),
  })
  expect(answer.status).toBe(401)
  expect(await answer.text()).toContain('switched off here')
  expect(recorder.requests).toHaveLength(before)
})
