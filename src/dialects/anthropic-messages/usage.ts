import type { Evidence, Usage } from '../../core/call.ts'
import { type JsonTree, NumberLexeme } from '../../core/json.ts'
import { evidenceOf, malformed } from '../answer.ts'

/** No answer has more tokens; sums of such counts are still exact. */
const MOST = 1e12

/** The tokens that a `usage` object names, as the provider counts: `inputTokens` without what came from its cache. Undefined if there is none. */
export function readUsage(node: JsonTree | undefined): Usage | undefined {
  if (!(node instanceof Map)) return undefined
  const output = node.get('output_tokens_details')
  return {
    ...field('inputTokens', node.get('input_tokens')),
    ...field('outputTokens', node.get('output_tokens')),
    ...field('cachedInputTokens', node.get('cache_read_input_tokens')),
    ...field('reasoningTokens', output instanceof Map ? output.get('thinking_tokens') : undefined),
  }
}

/** Where the provider says that the answer was made. Of older models it says `not_available`, which says nothing. */
export function readPlace(node: JsonTree | undefined): readonly Evidence[] | undefined {
  const geo = node instanceof Map ? (node.get('inference_geo') ?? null) : null
  return geo === null || geo === 'not_available' ? undefined : evidenceOf('usage.inference_geo', geo)
}

/** What Amazon Bedrock adds to the last event of a stream (`amazon-bedrock-invocationMetrics`). */
export function readMetrics(node: JsonTree | undefined): Usage | undefined {
  if (!(node instanceof Map)) return undefined
  return {
    ...field('inputTokens', node.get('inputTokenCount')),
    ...field('outputTokens', node.get('outputTokenCount')),
    ...field('cachedInputTokens', node.get('cacheReadInputTokenCount')),
  }
}

function field(name: keyof Usage, node: JsonTree | undefined): Usage {
  if (node === undefined || node === null) return {}
  const count = node instanceof NumberLexeme ? Number(node.lexeme) : node
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0 || count > MOST) {
    throw malformed(`a usage whose ${name} is no count of tokens`)
  }
  return { [name]: count }
}
