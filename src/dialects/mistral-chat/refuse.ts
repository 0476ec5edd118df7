import type { CustomhouseError } from '../../core/errors.ts'
import type { JsonTree, TreeObject } from '../../core/json.ts'
import type { Reply } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { native } from '../openai-chat/refuse.ts'
import { retryHeaders, statusOf } from '../refusal.ts'

/** The members of an error of ours: `message`, `type`, `param`, `code`. */
export function errorMembers(error: CustomhouseError): TreeObject {
  const status = statusOf(error)
  const { type, code } = native(error, status)
  return new Map<string, JsonTree>([
    ['message', error.message],
    ['type', status === 403 ? 'policy_denied' : type],
    ['param', null],
    ['code', code],
  ])
}

/** `{"object": "error", ...}`: what stands in a body of Mistral's, the members at the top. */
export function errorTree(members: TreeObject): TreeObject {
  return new Map<string, JsonTree>([['object', 'error'], ...members])
}

/** An error of ours before anything was sent. */
export function refuseCall(id: string, error: CustomhouseError): Reply {
  const status = statusOf(error)
  return {
    status,
    headers: { 'content-type': 'application/json', 'mistral-correlation-id': id, ...retryHeaders(error, status) },
    body: writeTreeBytes(errorTree(errorMembers(error))),
  }
}
