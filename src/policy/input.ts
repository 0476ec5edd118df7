import type { RequestInput, ResponseInput } from '../core/decision.ts'
import { CustomhouseError } from '../core/errors.ts'
import { stringify } from './engine/index.ts'

/** Largest policy input, in bytes of JSON. Facts are small; what is larger is a call that lists names without end. */
export const MOST_INPUT = 1_048_576

type Input = RequestInput | ResponseInput

/**
 * Refuses what a client has made too large, before anything of it is written as JSON: only the members whose number and length clients
 * choose are counted, by their characters, and no further than to the bound.
 *
 * Error: ERR_CALL_TOO_LARGE.
 */
export function requireBounded({ call, findings }: Input): void {
  let left = MOST_INPUT - call.model.length - (call.task?.length ?? 0)
  for (const tool of call.tools) {
    left -= tool.length + 3
    if (left < 0) throw tooLarge()
  }
  for (const { kind, where } of call.references) {
    left -= kind.length + where.length
    if (left < 0) throw tooLarge()
  }
  for (const fact of findings) {
    left -= fact.type.length
    if (left < 0) throw tooLarge()
  }
  if (left - charactersOf(call.headers) - charactersOf(call.metadata) < 0) throw tooLarge()
}

function charactersOf(fields: Readonly<Record<string, string>>): number {
  let characters = 0
  for (const [name, value] of Object.entries(fields)) characters += name.length + value.length
  return characters
}

/** The input as JSON, and its length in bytes. Errors: ERR_CALL_TOO_LARGE; ERR_POLICY_MALFORMED where it is no plain data. */
export function written(input: Input): Readonly<{ json: string; bytes: number }> {
  const json = stringify(input)
  const bytes = Buffer.byteLength(json)
  if (bytes > MOST_INPUT) throw tooLarge()
  return { json, bytes }
}

function tooLarge(): CustomhouseError {
  return new CustomhouseError(
    'ERR_CALL_TOO_LARGE',
    `What the policy would have to know of this call (names of tools, references, headers, findings) is more than ${MOST_INPUT} bytes.`,
  )
}
