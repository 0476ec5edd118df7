import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { ChatBedrockConverse } from '@langchain/aws'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { anthropicAnswer, converseAnswer, type Script, whole } from '../kit/index.ts'
import { type Doors, openDoors } from './bedrock-doors.ts'
import { converseVoice } from './bedrock-voice.ts'

/** Applications whose code names neither a gateway nor a credential: their environment does. */

let doors: Doors
beforeAll(async () => {
  doors = await openDoors(converseVoice)
})
afterAll(() => doors?.close())
afterEach(() => vi.unstubAllEnvs())

const SPEECH = { texts: ['Good day.'] }

type Application = Readonly<{ name: string; script: Script; ask: () => Promise<string | undefined> }>

const APPLICATIONS: readonly Application[] = [
  {
    name: 'the AWS SDK',
    script: whole(converseAnswer(SPEECH)),
    ask: async () => {
      const client = new BedrockRuntimeClient()
      const messages = [{ role: 'user' as const, content: [{ text: 'hello' }] }]
      try {
        const { output } = await client.send(new ConverseCommand({ modelId: 'gpt-4o', messages }))
        return output?.message?.content?.[0]?.text
      } finally {
        client.destroy()
      }
    },
  },
  {
    name: 'AnthropicBedrock',
    script: whole(anthropicAnswer(SPEECH)),
    ask: async () => {
      const { content } = await new AnthropicBedrock().messages.create({
        model: 'gpt-4o',
        max_tokens: 9,
        messages: [{ role: 'user', content: 'hello' }],
      })
      return content[0]?.type === 'text' ? content[0].text : undefined
    },
  },
  {
    name: 'langchain',
    script: whole(converseAnswer(SPEECH)),
    ask: async () => {
      const model = new ChatBedrockConverse({ model: 'gpt-4o' })
      try {
        return (await model.invoke('hello')).text
      } finally {
        model.client.destroy()
      }
    },
  },
]

describe.each([
  { what: 'a key', signed: false },
  { what: 'a pair', signed: true },
])('$what of the environment', ({ signed }) => {
  describe.each(['clear', 'tls'] as const)('%s', (door) => {
    test.each(APPLICATIONS)('$name', async ({ script, ask }) => {
      const { house, play, arrived } = doors[door]
      const { accessKeyId, secretAccessKey } = doors.pairOf(house.key)
      const environment = {
        AWS_REGION: 'eu-central-1',
        AWS_DEFAULT_REGION: 'eu-central-1',
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `${house.customhouse.data}/bedrock`,
        ANTHROPIC_BEDROCK_BASE_URL: `${house.customhouse.data}/bedrock`,
        AWS_BEARER_TOKEN_BEDROCK: signed ? undefined : house.key,
        AWS_ACCESS_KEY_ID: signed ? accessKeyId : undefined,
        AWS_SECRET_ACCESS_KEY: signed ? secretAccessKey : undefined,
        AWS_EC2_METADATA_DISABLED: 'true',
      }
      for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
      play({ eu: script })
      expect(await ask()).toBe('Good day.')
      expect(arrived()).toHaveLength(1)
    })
  })
})
