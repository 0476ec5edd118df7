import type { ModelCall } from '../../core/call.ts'
import type { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
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
export function errorTree(id: string, error: CustomhouseError, details?: TreeObject): TreeObject {
  const status = statusOf(error)
  const type = TYPES.get(status) ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return new Map<string, JsonTree>([
    ['type', 'error'],
    [
      'error',
      new Map<string, JsonTree>([
        ['type', type],
        ['message', error.message],
        ...(details === undefined ? [] : [['details', details] as const]),
      ]),
    ],
    ['request_id', id],
  ])
}

/**
 * What the SDK's loop over tools (`@anthropic-ai/sdk` since 1.0) needs to hear when a call that keeps its conversation at the provider is denied: it
 * goes on with the whole conversation in each call, which can be judged as any other.
 */
const WITHOUT_THREAD: TreeObject = new Map<string, JsonTree>([
  ['error_code', 'thread_unsupported_request'],
  ['unsupported', ['thread']],
])

/** An error of ours before anything was sent. */
export function refuseCall(id: string, error: CustomhouseError, call?: ModelCall): Reply {
  const status = statusOf(error)
  const threaded = status === 403 && call?.references.some(({ kind }) => kind === 'thread') === true
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'request-id': id,
      ...retryHeaders(error, status),
    },
    body: writeTreeBytes(errorTree(id, error, threaded ? WITHOUT_THREAD : undefined)),
  }
}
