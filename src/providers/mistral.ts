import type { Provider } from '../core/port.ts'
import { createAdapter, PLAIN_PATH, type ProviderOptions } from './adapter.ts'
import { bearer, secretProof } from './credential.ts'
import { type AnswerFields, COUNT, ID, OPENAI_ANSWER, REQUEST } from './headers.ts'

const ANSWER: AnswerFields = [
  ...OPENAI_ANSWER,
  [/^mistral-correlation-id$/, ID],
  [/^x-ratelimit-(?:limit|remaining)-(?:tokens-minute|tokens-month|req-10-second|req-minute)$/, COUNT],
  [/^x-ratelimit-tokens-query-cost$/, COUNT],
]

/** Mistral (base URL `https://api.mistral.ai/v1`). Source: Mistral's API reference, recorded answers for the field names. */
export function createMistral(options: ProviderOptions): Provider {
  return createAdapter(
    {
      dialects: ['openai.chat'],
      path: PLAIN_PATH,
      request: new Set(REQUEST),
      answer: ANSWER,
      prove: () => secretProof(options.name, options.credential, bearer),
    },
    options,
  )
}
