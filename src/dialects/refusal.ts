import type { CustomhouseError } from '../core/errors.ts'

/** What every dialect says in the same way when the gateway refuses. */

/** The SDKs wait no longer than this for a Retry-After; beyond it they would come back early and in vain. */
const PATIENCE_SECONDS = 60

/** The HTTP status of an error of ours. */
export function statusOf(error: CustomhouseError): number {
  return error.status >= 400 && error.status <= 599 ? error.status : 500
}

/** `retry-after` in seconds where waiting helps, `x-should-retry: false` where repeating does not (the SDKs of OpenAI and Anthropic heed it). */
export function retryHeaders(error: CustomhouseError, status: number): Readonly<Record<string, string>> {
  const seconds = error.detail.retry_after_seconds
  const waits = typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0
  return {
    ...(waits ? { 'retry-after': String(Math.ceil(seconds)) } : {}),
    ...(isSenselessToRepeat(error, status, waits ? seconds : null) ? { 'x-should-retry': 'false' } : {}),
  }
}

/** The SDKs repeat 408, 409, 429 and 5xx by themselves: three times the load, and three records, for the same answer. */
function isSenselessToRepeat(error: CustomhouseError, status: number, seconds: number | null): boolean {
  if (status === 429) return seconds === null || seconds > PATIENCE_SECONDS
  if (status < 500) return status !== 408
  return error.code === 'ERR_GATEWAY_INTERNAL'
}
