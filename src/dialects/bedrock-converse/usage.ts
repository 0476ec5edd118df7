import type { Usage } from '../../core/call.ts'
import type { JsonTree } from '../../core/json.ts'
import { malformed } from '../answer.ts'

/** No answer has more tokens; sums of such counts are still exact. */
const MOST = 1e12

/** The tokens that a TokenUsage names. `inputTokens` is without those read from or written to the cache, as Bedrock counts. */
export function readUsage(node: JsonTree | undefined): { usage?: Usage } {
  if (!(node instanceof Map)) return {}
  return {
    usage: {
      ...field('inputTokens', node.get('inputTokens')),
      ...field('outputTokens', node.get('outputTokens')),
      ...field('totalTokens', node.get('totalTokens')),
      ...field('cachedInputTokens', node.get('cacheReadInputTokens')),
    },
  }
}

function field(name: keyof Usage, node: JsonTree | undefined): Usage {
  if (node === undefined || node === null) return {}
  if (typeof node !== 'number' || !Number.isSafeInteger(node) || node < 0 || node > MOST) {
    throw malformed(`a usage whose ${name} is no count of tokens`)
  }
  return { [name]: node }
}
