import type { Provider } from '../core/port.ts'
import { createAdapter, PLAIN_PATH, type ProviderOptions } from './adapter.ts'
import { keyIn, secretProof } from './credential.ts'
import { AMOUNT, type AnswerFields, ID, OPENAI_ANSWER, REQUEST } from './headers.ts'

const ANSWER: AnswerFields = [
  ...OPENAI_ANSWER,
  [/^apim-request-id$/, ID],
  // "East US 2": where the call was answered.
  [/^x-ms-region$/, /^[A-Za-z0-9 ]{1,40}$/],
  [/^x-ratelimit-renewalperiod-(?:requests|tokens)$/, AMOUNT],
]

/**
 * Azure OpenAI and Foundry by their v1 API (base URL `https://<resource>.openai.azure.com/openai/v1`). A key goes as `api-key`, a token of
 * Entra ID, which is a JWT, as a bearer token. Source: Microsoft's reference of the v1 API, recorded answers for the field names.
 */
export function createAzure(options: ProviderOptions): Provider {
  return createAdapter(
    {
      dialects: ['openai.chat'],
      path: PLAIN_PATH,
      request: new Set(REQUEST),
      answer: ANSWER,
      prove: () => secretProof(options.name, options.credential, keyIn('api-key')),
    },
    options,
  )
}
