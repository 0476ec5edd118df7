import { createAnthropic } from '@ai-sdk/anthropic'
import type { Driver, Fault, Raised } from './driver.ts'
import { vercelDriver } from './vercel.ts'

/** The Vercel AI SDK with its Anthropic provider, whose base URL ends in `/v1`. */

export const vercel: Driver = vercelDriver((ask) => ({
  model: createAnthropic({ apiKey: ask.key, baseURL: `${ask.baseURL}/v1`, fetch: ask.fetch })(ask.model),
  maxOutputTokens: 64,
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
  'broken stream': { name: 'AI_StreamProviderError', type: 'api_error' },
  'fault in the stream': { name: 'AI_StreamProviderError', type: 'overloaded_error' },
  'cut off': { name: 'AI_StreamProviderError', type: 'permission_error', isRetryable: false },
  'answer denied': { name: 'AI_APICallError', statusCode: 403, isRetryable: false },
}
