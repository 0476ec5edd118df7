import type { TenantKeys } from '../token.ts'
import { generalised } from './generalise.ts'
import { hashed } from './hash.ts'
import { masked } from './mask.ts'
import type { Operator } from './operator.ts'

/** What stands in place of a value that nothing brings back; null for the operators that say nothing of it, or of which it comes back. */
export function irreversible(
  type: string,
  value: string,
  operator: Operator,
  keys: TenantKeys,
  thisYear: number,
): string | null {
  switch (operator.operator) {
    case 'mask':
      return masked(type, value, operator.first, operator.last)
    case 'generalise':
      return generalised(type, value, operator.to, thisYear)
    case 'hash':
      return hashed(keys.hash, type, value, operator.length)
    default:
      return null
  }
}
