import { anthropicCountTokens, anthropicMessages } from '../dialects/anthropic-messages/index.ts'
import { azureChat } from '../dialects/azure-chat/index.ts'
import { bedrockConverse, bedrockCountTokens } from '../dialects/bedrock-converse/index.ts'
import { bedrockInvoke } from '../dialects/bedrock-invoke/index.ts'
import { mistralChat } from '../dialects/mistral-chat/index.ts'
import { openaiChat } from '../dialects/openai-chat/index.ts'
import type { Mount } from '../http/data.ts'

const CHAT = 'This gateway speaks chat completions (POST /chat/completions)'
const SDKS = `${CHAT}: in the Vercel AI SDK use openai.chat(model), in the openai SDKs client.chat.completions.`
const MODELS =
  "There is no list of models here: ask for a name that the gateway's configuration has under `models`; its operator knows them."
const ANTHROPIC = 'end the base URL in /anthropic, or in /anthropic/v1 for the Vercel AI SDK.'

type Hint = readonly [path: string | RegExp, mend: string]

function hints(...list: readonly Hint[]): (path: string) => string | undefined {
  return (path) => list.find(([at]) => (typeof at === 'string' ? at === path : at.test(path)))?.[1]
}

/** Where each dialect is served. Pointing an SDK's base URL at a prefix is the whole integration. Hints say what to do where SDKs knock by default. */
export const MOUNTS: readonly Mount[] = [
  {
    prefix: '/openai/v1',
    codecs: [openaiChat],
    hints: hints(
      ['/responses', SDKS],
      ['/completions', SDKS],
      ['/embeddings', `${CHAT} and no embeddings.`],
      [/^\/models(\/|$)/, MODELS],
      [/^\/v1\//, 'The path is /openai/v1/chat/completions: end the base URL in /openai/v1.'],
    ),
  },
  {
    prefix: '/anthropic',
    codecs: [anthropicMessages, anthropicCountTokens],
    hints: hints(
      [/^\/messages(\/count_tokens)?$/, `The path is /anthropic/v1/messages: ${ANTHROPIC}`],
      [/^\/v1\/v1\//, `The path has /v1 twice: ${ANTHROPIC}`],
      ['/v1/complete', 'This gateway speaks the Messages API (POST /v1/messages).'],
      [/^\/v1\/messages\/batches(\/|$)/, 'Batches are not served: their text would be read later, by nobody here.'],
      [/^\/v1\/models(\/|$)/, MODELS],
    ),
  },
  {
    prefix: '/bedrock',
    codecs: [bedrockConverse, bedrockCountTokens, bedrockInvoke],
    hints: hints([/^\/\//, 'The path begins with two slashes: end the endpoint in /bedrock, without a slash.']),
  },
  {
    prefix: '/azure',
    codecs: [azureChat],
    hints: hints(
      ['/openai/responses', 'This gateway speaks chat completions: in the Vercel AI SDK use azure.chat(deployment).'],
      [/^\/openai(\/v1)?\/models(\/|$)/, MODELS],
    ),
  },
  { prefix: '/mistral', codecs: [mistralChat], hints: hints([/^\/v1\/models(\/|$)/, MODELS]) },
]
