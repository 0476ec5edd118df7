import { CustomhouseError } from '../../core/errors.ts'

/**
 * A built-in would answer with more than it may. It ends the decision, which is a denial: an undefined expression, as a wrong operand gives,
 * could turn a `not` to true.
 */
export function tooMuch(name: string): CustomhouseError {
  return new CustomhouseError('ERR_POLICY_THREW', `The policy asked ${name} for more than it may answer with.`)
}
