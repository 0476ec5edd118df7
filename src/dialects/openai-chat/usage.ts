import type { Usage } from '../../core/call.ts'
import { type JsonTree, NumberLexeme } from '../../core/json.ts'
import { malformed } from '../answer.ts'

/** More than any answer can cost. Sums of what is below it stay exact, and one lie empties no quota for ever. */
const MOST = 1_000_000_000_000

/** The tokens that a `usage` object names; fields that it leaves out are left out here. Undefined if there is none. */
export function readUsage(node: JsonTree | undefined): Usage | undefined {
  if (!(node instanceof Map)) return undefined
  const input = node.get('prompt_tokens_details')
  const output = node.get('completion_tokens_details')
  return {
    ...field('inputTokens', node.get('prompt_tokens')),
    ...field('outputTokens', node.get('completion_tokens')),
    ...field('totalTokens', node.get('total_tokens')),
    // Mistral's servers named it beside the others before they named it where OpenAI does.
    ...field(
      'cachedInputTokens',
      (input instanceof Map ? input.get('cached_tokens') : null) ?? node.get('num_cached_tokens'),
    ),
    ...field('reasoningTokens', output instanceof Map ? output.get('reasoning_tokens') : undefined),
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
