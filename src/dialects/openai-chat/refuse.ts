import type { CustomhouseError, ErrorCode } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Reply } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { retryHeaders, statusOf } from '../refusal.ts'

/** `error.type` and `error.code` in OpenAI's words. Where it has no code of its own, ours stands, in lower case. */
type Native = Readonly<{ type: string; code: string }>

const NATIVE_CODES: Partial<Readonly<Record<ErrorCode, string>>> = {
  ERR_CALL_UNKNOWN_MODEL: 'model_not_found',
  ERR_CALL_UNKNOWN_ROUTE: 'unknown_url',
  ERR_IDENTITY_MISSING: 'invalid_api_key',
  ERR_IDENTITY_INVALID: 'invalid_api_key',
  ERR_QUOTA_EXHAUSTED: 'rate_limit_exceeded',
}

/** `error.type` that goes with a status. */
export function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 408 || status === 504) return 'timeout_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

export function native(error: CustomhouseError, status: number): Native {
  const own = NATIVE_CODES[error.code] ?? error.code.toLowerCase().replace(/^err_/, '')
  return { type: typeOf(status), code: status === 403 ? 'policy_denied' : own }
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
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-request-id': id,
      ...retryHeaders(error, status),
    },
    body: writeTreeBytes(errorTree(error)),
  }
}
