import { createOpenAI } from '@ai-sdk/openai'
import type { Driver, Fault, Raised } from './driver.ts'
import { vercelDriver } from './vercel.ts'

/** The Vercel AI SDK in OpenAI's dialect. */

export const vercel: Driver = vercelDriver((ask) => ({
  model: createOpenAI({ apiKey: ask.key, baseURL: ask.baseURL, fetch: ask.fetch }).chat(ask.model),
}))

export const RAISED: Record<Fault, Raised> = {
  denied: { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
  'wrong key': { name: 'AI_APICallError', statusCode: 401, isRetryable: false },
  'unknown model': { name: 'AI_APICallError', statusCode: 404, isRetryable: false },
  malformed: { name: 'AI_APICallError', statusCode: 400, isRetryable: false },
  'rate limited': { name: 'AI_RetryError', reason: 'maxRetriesExceeded' },
  quota: { name: 'AI_APICallError', statusCode: 429 },
  'provider 500': { name: 'AI_APICallError', statusCode: 500, isRetryable: true },
  'hang-up': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken answer': { name: 'AI_APICallError', statusCode: 502, isRetryable: true },
  'broken stream': { name: 'AI_StreamProviderError', code: 'provider_truncated' },
  'fault in the stream': { name: 'AI_StreamProviderError', code: 'engine_overloaded' },
  'cut off': { name: 'AI_StreamProviderError', statusCode: 403, isRetryable: false, code: 'policy_denied' },
  'answer denied': { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
}
