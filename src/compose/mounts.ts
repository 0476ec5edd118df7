import { anthropicCountTokens, anthropicMessages } from '../dialects/anthropic-messages/index.ts'
import { azureChat } from '../dialects/azure-chat/index.ts'
import { bedrockConverse, bedrockCountTokens } from '../dialects/bedrock-converse/index.ts'
import { bedrockInvoke } from '../dialects/bedrock-invoke/index.ts'
import { mistralChat } from '../dialects/mistral-chat/index.ts'
import { openaiChat } from '../dialects/openai-chat/index.ts'
import type { Mount } from '../http/data.ts'

const CHAT = 'This gateway speaks chat completions (POST /chat/completions)'
const SDKS = `${CHAT}: in the Vercel AI SDK use openai.chat(model), in the openai SDKs client.chat.completions.`

/** Where each dialect is served. Pointing an SDK's base URL at a prefix is the whole integration. Hints say what to do where SDKs knock by default. */
export const MOUNTS: readonly Mount[] = [
  {
    prefix: '/openai/v1',
    codecs: [openaiChat],
    hints: new Map([
      ['/responses', SDKS],
      ['/completions', SDKS],
      ['/embeddings', `${CHAT} and no embeddings.`],
    ]),
  },
  {
    prefix: '/anthropic',
    codecs: [anthropicMessages, anthropicCountTokens],
    hints: new Map([
      [
        '/messages',
        'The path is /anthropic/v1/messages: end the base URL in /anthropic, or in /anthropic/v1 for the Vercel AI SDK.',
      ],
      ['/v1/complete', 'This gateway speaks the Messages API (POST /v1/messages).'],
      ['/v1/messages/batches', 'Batches are not served: their text would be read later, by nobody here.'],
    ]),
  },
  { prefix: '/bedrock', codecs: [bedrockConverse, bedrockCountTokens, bedrockInvoke] },
  {
    prefix: '/azure',
    codecs: [azureChat],
    hints: new Map([
      ['/openai/responses', 'This gateway speaks chat completions: in the Vercel AI SDK use azure.chat(deployment).'],
    ]),
  },
  { prefix: '/mistral', codecs: [mistralChat] },
]
