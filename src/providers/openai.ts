import type { Provider } from '../core/port.ts'
import { createAdapter, PLAIN_PATH, type ProviderOptions } from './adapter.ts'
import { bearer, secretProof } from './credential.ts'
import { OPENAI_ANSWER, REQUEST } from './headers.ts'

/**
 * OpenAI, and any server that is compatible with its chat completions (base URL `https://api.openai.com/v1`). Source: the OpenAI API
 * reference, and the npm package `openai` 7.57 for hosts and headers.
 */
export function createOpenAI(options: ProviderOptions): Provider {
  return createAdapter(
    {
      dialects: ['openai.chat'],
      path: PLAIN_PATH,
      request: new Set(REQUEST),
      answer: OPENAI_ANSWER,
      prove: () => secretProof(options.name, options.credential, bearer),
    },
    options,
  )
}
