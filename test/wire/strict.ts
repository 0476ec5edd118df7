import { CustomhouseError } from '../../src/core/errors.ts'
import { parseTree } from '../../src/core/parse.ts'

/** Whether the gateway's parser takes these bytes. */
export function isStrict(bytes: Uint8Array): boolean {
  try {
    parseTree(bytes)
    return true
  } catch (error) {
    if (error instanceof CustomhouseError) return false
    throw error
  }
}
