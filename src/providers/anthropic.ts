import type { Provider } from '../core/port.ts'
import { createAdapter, PLAIN_PATH, type ProviderOptions } from './adapter.ts'
import { keyIn, secretProof } from './credential.ts'
import { ANSWER, type AnswerFields, COUNT, ID, REQUEST, TIME } from './headers.ts'

const FIELDS: AnswerFields = [
  ...ANSWER,
  [/^request-id$/, ID],
  [/^anthropic-ratelimit-(?:requests|tokens|input-tokens|output-tokens)-(?:limit|remaining)$/, COUNT],
  [/^anthropic-ratelimit-(?:requests|tokens|input-tokens|output-tokens)-reset$/, TIME],
]

/**
 * Anthropic's API (base URL `https://api.anthropic.com`). A key goes as `x-api-key`; what has the form of a JWT, as some hosts of the same
 * API take it, as a bearer token. Source: Anthropic's API reference, the npm package `@anthropic-ai/sdk` 1.12.
 */
export function createAnthropic(options: ProviderOptions): Provider {
  return createAdapter(
    {
      dialects: ['anthropic.messages'],
      path: PLAIN_PATH,
      request: new Set([...REQUEST, 'anthropic-version', 'anthropic-beta']),
      answer: FIELDS,
      prove: () => secretProof(options.name, options.credential, keyIn('x-api-key')),
    },
    options,
  )
}
