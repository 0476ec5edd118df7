import { CustomhouseError } from '../core/errors.ts'
import { malformed } from './request.ts'

/** The model in the path of Bedrock's operations: `/model/{id}/{operation}`, where the id may be a name, a profile or an ARN. */

const PREFIX = '/model/'
/** The greatest length of an id (Smithy model of bedrock-runtime, ConversationalModelId). */
const MODEL_MAX = 2048
const MEND = 'give the model as /model/{id}/{operation}, with the id percent-encoded once'

/** The operation that a path names, the last of its segments; null where the path is none of a model's. */
export function operationOf(path: string): string | null {
  const slash = path.lastIndexOf('/')
  return path.startsWith(PREFIX) && slash >= PREFIX.length ? path.slice(slash + 1) : null
}

/**
 * The id in a path, percent-decoded exactly once: `:` may have come in either spelling, and so may the slashes of an ARN. Throws
 * ERR_CALL_MALFORMED for an empty id, empty and dot segments, control characters, anything that is still encoded or was never encoded rightly,
 * and an id of more than 2048 characters.
 */
export function modelOf(path: string): string {
  const slash = path.lastIndexOf('/')
  const encoded = path.startsWith(PREFIX) && slash >= PREFIX.length ? path.slice(PREFIX.length, slash) : ''
  if (!/^[!-~]{1,8192}$/.test(encoded)) throw malformed('the path', MEND)
  const model = decoded(encoded)
  if (!isModel(model)) throw malformed('the path', MEND)
  return model
}

/** The path for a target. Throws ERR_GATEWAY_INTERNAL for a name that no path can hold. */
export function modelPath(model: string, operation: string): string {
  if (!isModel(model) || !model.isWellFormed()) {
    throw new CustomhouseError('ERR_GATEWAY_INTERNAL', 'the model of a target is no id that a path can hold')
  }
  return `${PREFIX}${encodeURIComponent(model)}/${operation}`
}

function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw malformed('the path', MEND)
  }
}

function isModel(model: string): boolean {
  if (model === '' || model.length > MODEL_MAX || model.includes('%') || model.includes('\\')) return false
  for (let at = 0; at < model.length; at++) {
    const code = model.charCodeAt(at)
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false
  }
  return model.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}
