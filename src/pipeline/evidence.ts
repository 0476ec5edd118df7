import { CustomhouseError, isCustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { AuditDraft, Receipt } from '../core/record.ts'
import { brief } from './brief.ts'
import type { Visit } from './gateway.ts'

type Recording = Pick<Visit, 'gateway' | 'watch'>

/**
 * Appends a record of a call and waits until it is durable.
 *
 * @throws ERR_LEDGER_UNAVAILABLE as its client may hear it; ERR_GATEWAY_INTERNAL where the ledger refuses the record for what is in it, which is a
 * fault of ours
 */
export async function record({ gateway, watch }: Recording, draft: AuditDraft): Promise<Receipt> {
  const began = performance.now()
  try {
    return await gateway.ledger.append(draft)
  } catch (error) {
    throw refusedForContent(error) ? error : ledgerError(error)
  } finally {
    watch.spent('audit', performance.now() - began)
  }
}

/**
 * Records how a call ended. Where the ledger refuses the record for what is in it, one that says only what must be said is recorded instead:
 * a denial or an outcome that nobody finds is worse than one without its reasons.
 *
 * @throws as {@link record}
 */
export async function evidence(visit: Recording, draft: AuditDraft): Promise<Receipt> {
  try {
    return await record(visit, draft)
  } catch (error) {
    if (!refusedForContent(error)) throw error
    visit.gateway.report(`a record ${draft.kind} was refused for what it holds`, error, draft.call ?? '')
    return await record(visit, bare(draft))
  }
}

/** The record is at fault, and not the ledger. */
function refusedForContent(error: unknown): boolean {
  return isCustomhouseError(error, 'ERR_GATEWAY_INTERNAL')
}

/** What a client is told when the ledger cannot write; the cause is the operator's. */
export function ledgerError(cause: unknown): CustomhouseError {
  return new CustomhouseError(
    'ERR_LEDGER_UNAVAILABLE',
    'The call cannot be recorded, so it is not carried out. Send it again later.',
    {
      cause,
      detail: { retry_after_seconds: 5 },
    },
  )
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
