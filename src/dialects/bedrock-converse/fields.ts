import type { JsonTree } from '../../core/json.ts'
import { escapeToken } from '../../core/pointer.ts'
import { asArray, asObject, unsupported } from '../request.ts'

/**
 * `additionalModelRequestFields` goes to the model as it is. What chooses how a model thinks and samples is let through (AWS's pages on Claude, Nova
 * and OpenAI models, and what the SDKs of Vercel and LangChain send); whatever could bring a conversation, tools, files or another limit of
 * tokens is not: it would go round the inspection of messages, the facts and the clamps.
 */
const FIELDS: ReadonlySet<string> = new Set([
  'thinking',
  'reasoning_config',
  'reasoningConfig',
  'reasoning',
  'reasoning_effort',
  'output_config',
  'inferenceConfig',
  'anthropic_beta',
  'tool_choice',
  'temperature',
  'top_k',
  'topK',
  'top_p',
  'frequency_penalty',
  'presence_penalty',
  'seed',
])

/** Nova's; its limit of tokens is not among them. */
const INFERENCE: ReadonlySet<string> = new Set(['topK', 'topP', 'temperature'])

/** Betas of Anthropic that change how a model thinks, counts or streams. Those that run tools, fetch, or keep files at the provider are not among them. */
const BETAS: ReadonlySet<string> = new Set([
  'computer-use-2024-10-22',
  'computer-use-2025-01-24',
  'computer-use-2025-11-24',
  'context-1m-2025-08-07',
  'dev-full-thinking-2025-05-14',
  'effort-2025-11-24',
  'extended-cache-ttl-2025-04-11',
  'fine-grained-tool-streaming-2025-05-14',
  'interleaved-thinking-2025-05-14',
  'output-128k-2025-02-19',
  'prompt-caching-2024-07-31',
  'structured-outputs-2025-11-13',
  'token-efficient-tools-2025-02-19',
  'tool-examples-2025-10-29',
])

/** Throws ERR_CALL_UNSUPPORTED for a field of a model that is not let through. */
export function checkModelFields(node: JsonTree, pointer: string): void {
  if (node === null) return
  const fields = asObject(node, pointer)
  only(fields.keys(), FIELDS, pointer)
  const inference = fields.get('inferenceConfig') ?? null
  const at = `${pointer}/inferenceConfig`
  if (inference !== null) only(asObject(inference, at).keys(), INFERENCE, at)
  checkBetas(fields.get('anthropic_beta') ?? null, `${pointer}/anthropic_beta`)
}

function checkBetas(node: JsonTree, pointer: string): void {
  if (node === null) return
  for (const [index, beta] of asArray(node, pointer).entries()) {
    if (typeof beta !== 'string' || !BETAS.has(beta)) {
      throw unsupported(`${pointer}/${index}`, `leave it out: the gateway knows the betas ${[...BETAS].join(', ')}`)
    }
  }
}

function only(names: Iterable<string>, known: ReadonlySet<string>, pointer: string): void {
  for (const name of names) {
    if (known.has(name)) continue
    throw unsupported(
      `${pointer}/${escapeToken(name)}`,
      `leave it out: the gateway lets ${[...known].join(', ')} through`,
    )
  }
}
