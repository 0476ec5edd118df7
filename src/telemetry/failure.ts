import type { Outcome } from '../core/call.ts'
import type { CustomhouseError } from '../core/errors.ts'

/** Endings that are the provider's fault. */
const PROVIDERS: ReadonlySet<string> = new Set(['provider_error', 'provider_truncated'])

/**
 * The `error.type` of an attempt that was answered: the provider's status where that is an error, else the name of the ending; '' for
 * what is none. Few values, whatever a provider says.
 */
export function errorOf({ ending }: Outcome, status: number): string {
  if (ending === 'complete') return ''
  return status >= 400 && status <= 599 ? String(status) : ending
}

export function isProviders({ ending }: Outcome): boolean {
  return PROVIDERS.has(ending)
}

/** Whether an attempt without an answer is the provider's fault, and not a client that left or a gateway that stops. */
export function isUpstream({ code }: CustomhouseError): boolean {
  return code.startsWith('ERR_PROVIDER_')
}
