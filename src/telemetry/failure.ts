import type { Ending, Outcome } from '../core/call.ts'
import { type CustomhouseError, ERROR_CODES } from '../core/errors.ts'

/** Endings that are the provider's fault. */
const PROVIDERS: ReadonlySet<string> = new Set<Ending>(['provider_error', 'provider_truncated'])
const UPSTREAM = 'ERR_PROVIDER_'

/** Values of `error_type` that a provider can bring about, but for its statuses. */
export const FAILURES: readonly string[] = [
  ...Object.keys(ERROR_CODES).filter((code) => code.startsWith(UPSTREAM)),
  ...PROVIDERS,
]

/**
 * The `error.type` of an attempt that was answered: the provider's status where that is an error, else the name of the ending; '' for
 * what is none. Few values, whatever a provider says.
 */
export function errorOf({ ending }: Outcome, status: number): string {
  if (ending === 'complete') return ''
  return status >= 400 && status <= 599 ? String(status) : ending
}

/** The `error.type` of a call whose client was told that it is well, and did not get all of it; '' where it did, or left by itself. */
export function brokenBy({ ending }: Outcome): string {
  return ending === 'complete' || ending === 'client_gone' ? '' : ending
}

export function isProviders({ ending }: Outcome): boolean {
  return PROVIDERS.has(ending)
}

/** Whether an attempt without an answer is the provider's fault, and not a client that left or a gateway that stops. */
export function isUpstream({ code }: CustomhouseError): boolean {
  return code.startsWith(UPSTREAM)
}
