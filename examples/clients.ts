// Many SDKs, one gateway. What they need to know stands in the environment, as in the table of the README; three are told in code.
//
//   OPENAI_BASE_URL=http://127.0.0.1:8450/openai/v1 OPENAI_API_KEY=chk_... node examples/clients.ts openai langchain-openai
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk'
import Anthropic from '@anthropic-ai/sdk'
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { ChatAnthropic } from '@langchain/anthropic'
import { ChatBedrockConverse } from '@langchain/aws'
import { ChatOpenAI } from '@langchain/openai'
import { Mistral } from '@mistralai/mistralai'
import { generateText } from 'ai'
import OpenAI, { AzureOpenAI } from 'openai'

const apiKey = process.env.CUSTOMHOUSE_KEY ?? ''
const model = 'auto'
const question = 'hello'
const messages = [{ role: 'user' as const, content: question }]

const clients: Readonly<Record<string, () => Promise<unknown>>> = {
  openai: async () => (await new OpenAI().chat.completions.create({ model, messages })).choices[0]?.message.content,

  azure: async () => {
    const client = new AzureOpenAI({ endpoint: 'http://127.0.0.1:8450/azure', apiKey, apiVersion: '2024-10-21' })
    return (await client.chat.completions.create({ model, messages })).choices[0]?.message.content
  },

  anthropic: async () => (await new Anthropic().messages.create({ model, max_tokens: 256, messages })).content,

  'anthropic-bedrock': async () =>
    (await new AnthropicBedrock().messages.create({ model, max_tokens: 256, messages })).content,

  aws: async () => {
    const asked = new ConverseCommand({ modelId: model, messages: [{ role: 'user', content: [{ text: question }] }] })
    return (await new BedrockRuntimeClient().send(asked)).output?.message?.content
  },

  mistral: async () => {
    const client = new Mistral({ serverURL: 'http://127.0.0.1:8450/mistral', apiKey })
    return (await client.chat.complete({ model, messages })).choices[0]?.message?.content
  },

  // The Vercel AI SDK's default is OpenAI's Responses API, which this gateway does not speak: `.chat(model)`.
  'vercel-openai': async () => (await generateText({ model: createOpenAI().chat(model), messages })).text,
  'vercel-anthropic': async () => {
    const anthropic = createAnthropic({ baseURL: 'http://127.0.0.1:8450/anthropic/v1', apiKey })
    return (await generateText({ model: anthropic(model), messages })).text
  },
  'vercel-bedrock': async () => (await generateText({ model: createAmazonBedrock()(model), messages })).text,

  'langchain-openai': async () => (await new ChatOpenAI({ model }).invoke(question)).text,
  'langchain-anthropic': async () => (await new ChatAnthropic({ model, maxTokens: 256 }).invoke(question)).text,
  'langchain-bedrock': async () => (await new ChatBedrockConverse({ model }).invoke(question)).text,
}

for (const name of process.argv.slice(2)) {
  const ask = clients[name]
  if (ask === undefined) throw new Error(`${name}: one of ${Object.keys(clients).join(', ')}`)
  console.log(`${name}: ${JSON.stringify(await ask())}`)
}
