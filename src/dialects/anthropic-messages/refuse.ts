import type { CustomhouseError } from '../../core/errors.ts'
import type { TreeObject } from '../../core/json.ts'
import type { Reply } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { retryHeaders, statusOf } from '../refusal.ts'

/** `error.type` by status, in Anthropic's words; other 4xx are `invalid_request_error`, other 5xx `api_error`. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
])

/** `{"type": "error", "error": {type, message}, "request_id"}`, of a refusal and of a cut stream alike. */
export function errorTree(id: string, error: CustomhouseError): TreeObject {
  const status = statusOf(error)
  const type = TYPES.get(status) ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return new Map<string, string | TreeObject>([
    ['type', 'error'],
    [
      'error',
      new Map([
        ['type', type],
        ['message', error.message],
      ]),
    ],
    ['request_id', id],
  ])
}

/** An error of ours before anything was sent. */
export function refuseCall(id: string, error: CustomhouseError): Reply {
  const status = statusOf(error)
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'request-id': id,
      ...retryHeaders(error, status),
    },
    body: writeTreeBytes(errorTree(id, error)),
  }
}
