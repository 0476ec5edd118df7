import type { CustomhouseError, ErrorCode } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Reply } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'

/** `error.type` and `error.code` in OpenAI's words. Where it has no code of its own, ours stands, in lower case. */
type Native = Readonly<{ type: string; code: string }>

const NATIVE_CODES: Partial<Readonly<Record<ErrorCode, string>>> = {
  ERR_CALL_UNKNOWN_MODEL: 'model_not_found',
  ERR_CALL_UNKNOWN_ROUTE: 'unknown_url',
  ERR_IDENTITY_MISSING: 'invalid_api_key',
  ERR_IDENTITY_INVALID: 'invalid_api_key',
  ERR_QUOTA_EXHAUSTED: 'rate_limit_exceeded',
}

/** The SDKs wait no longer than this for a Retry-After; beyond it they would come back early and in vain. */
const PATIENCE_SECONDS = 60

function native(error: CustomhouseError, status: number): Native {
  const own = NATIVE_CODES[error.code] ?? error.code.toLowerCase().replace(/^err_/, '')
  if (status === 401) return { type: 'authentication_error', code: own }
  if (status === 403) return { type: 'permission_error', code: 'policy_denied' }
  if (status === 404) return { type: 'not_found_error', code: own }
  if (status === 408 || status === 504) return { type: 'timeout_error', code: own }
  if (status === 429) return { type: 'rate_limit_error', code: own }
  return { type: status >= 500 ? 'server_error' : 'invalid_request_error', code: own }
}

function statusOf(error: CustomhouseError): number {
  return error.status >= 400 && error.status <= 599 ? error.status : 500
}

/** `{"error": {message, type, param, code}}`, of a refusal and of a cut stream alike. */
export function errorTree(error: CustomhouseError): TreeObject {
  const { type, code } = native(error, statusOf(error))
  return new Map([
    [
      'error',
      new Map([
        ['message', error.message],
        ['type', type],
        ['param', null],
        ['code', code],
      ]),
    ],
  ])
}

/** An error of ours before anything was sent. */
export function refuseCall(id: string, error: CustomhouseError): Reply {
  const status = statusOf(error)
  const seconds = error.detail.retry_after_seconds
  const waits = typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-request-id': id,
      ...(waits ? { 'retry-after': String(Math.ceil(seconds)) } : {}),
      ...(isSenselessToRepeat(error, status, waits ? seconds : null) ? { 'x-should-retry': 'false' } : {}),
    },
    body: writeTreeBytes(errorTree(error)),
  }
}

/** The SDKs repeat 408, 409, 429 and 5xx by themselves: three times the load, and three records, for the same answer. */
function isSenselessToRepeat(error: CustomhouseError, status: number, seconds: number | null): boolean {
  if (status === 429) return seconds === null || seconds > PATIENCE_SECONDS
  if (status < 500) return status !== 408
  return error.code === 'ERR_GATEWAY_INTERNAL'
}
