import type { JsonTree } from '../../core/json.ts'
import { checkBetas } from '../anthropic-messages/betas.ts'
import { asArray, asObject, asString, shown, unsupported } from '../request.ts'

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

/** Throws ERR_CALL_UNSUPPORTED for a field of a model that is not let through. */
export function checkModelFields(node: JsonTree, pointer: string): void {
  if (node === null) return
  const fields = asObject(node, pointer)
  only(fields.keys(), FIELDS, pointer)
  const inference = fields.get('inferenceConfig') ?? null
  const at = `${pointer}/inferenceConfig`
  if (inference !== null) only(asObject(inference, at).keys(), INFERENCE, at)
  readBetas(fields, pointer)
}

/** The betas of Anthropic that the fields switch on, each of the same allow-list as in Anthropic's own dialect. */
export function readBetas(fields: JsonTree | undefined, pointer: string): readonly string[] {
  const node = fields instanceof Map ? (fields.get('anthropic_beta') ?? null) : null
  if (node === null) return []
  const at = `${pointer}/anthropic_beta`
  return checkBetas(
    asArray(node, at).map((beta, index) => asString(beta, `${at}/${index}`)),
    at,
  )
}

function only(names: Iterable<string>, known: ReadonlySet<string>, pointer: string): void {
  for (const name of names) {
    if (known.has(name)) continue
    throw unsupported(`${pointer}/${shown(name)}`, `leave it out: the gateway lets ${[...known].join(', ')} through`)
  }
}
