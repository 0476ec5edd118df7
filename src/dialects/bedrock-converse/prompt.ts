import type { Reference } from '../../core/call.ts'

/** A prompt of Bedrock's prompt management is named like a model, in the path of every operation; its text is kept at AWS. */
export function promptOf(model: string): readonly Reference[] {
  return /^arn:[^/]*:prompt\//.test(model) ? [{ kind: 'prompt', where: 'stored', pointer: '' }] : []
}
