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

function native(error: CustomhouseError, status: number): Native {
  const own = NATIVE_CODES[error.code] ?? error.code.toLowerCase().replace(/^err_/, '')
  if (status === 401) return { type: 'authentication_error', code: own }
  if (status === 403) return { type: 'permission_error', code: 'policy_denied' }
  if (status === 404) return { type: 'not_found_error', code: own }
  if (status === 408 || status === 504) return { type: 'timeout_error', code: own }
  if (status === 429) return { type: 'rate_limit_error', code: own }
  return { type: status >= 500 ? 'server_error' : 'invalid_request_error', code: own }
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
