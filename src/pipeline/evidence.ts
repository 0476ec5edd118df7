import { isCustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { AuditDraft, Receipt } from '../core/record.ts'
import { brief } from './brief.ts'
import type { Gateway } from './gateway.ts'

/**
 * Appends how a call ended. Where the ledger refuses the record for what is in it, one that says only what must be said is recorded instead:
 * a denial or an outcome that nobody finds is worse than one without its reasons.
 *
 * @throws whatever the ledger fails with
 */
export async function evidence(gateway: Gateway, draft: AuditDraft): Promise<Receipt> {
  try {
    return await gateway.ledger.append(draft)
  } catch (error) {
    if (!refusedForContent(error)) throw error
    gateway.report(`a record ${draft.kind} was refused for what it holds`, error, draft.call ?? '')
    return await gateway.ledger.append(bare(draft))
  }
}

/** The record is at fault, and not the ledger. */
export function refusedForContent(error: unknown): boolean {
  return isCustomhouseError(error, 'ERR_GATEWAY_INTERNAL')
}

/** The same ending without lists and personal fields, whose sizes and texts are others' to choose. */
function bare({ personal: _, ...draft }: AuditDraft): AuditDraft {
  return { ...draft, body: { ...bareMembers(draft.body), cut: true } }
}

function bareMembers(members: Readonly<Record<string, Json>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, bareValue(value)]))
}

function bareValue(value: Json): Json {
  if (typeof value === 'string') return brief(value, 128)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value
  return isList(value) ? [] : bareMembers(value)
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value)
}
