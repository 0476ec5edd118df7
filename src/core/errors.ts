/**
 * The closed set of errors. Every error that Customhouse itself raises is a {@link CustomhouseError} with one of the
 * codes below; `docs/errors.md` has a heading for each (a test holds code, types and docs together).
 *
 * A code is `ERR_<AREA>_<WHAT>` and never changes its meaning. The number is the HTTP status that the data plane answers
 * with when the error ends a call, or 0 when the error never reaches a client.
 */
export const ERROR_CODES = {
  // The call itself is at fault: the client can mend it.
  ERR_CALL_MALFORMED: 400,
  ERR_CALL_UNSUPPORTED: 400,
  ERR_CALL_TOO_LARGE: 413,
  ERR_CALL_UNKNOWN_ROUTE: 404,
  ERR_CALL_UNKNOWN_MODEL: 404,
  ERR_CALL_TIMEOUT: 408,
  ERR_IDENTITY_MISSING: 401,
  ERR_IDENTITY_INVALID: 401,
  // Nobody can tell now whether the credential is good: its issuer's keys, or the list of those revoked, cannot be had.
  ERR_IDENTITY_UNAVAILABLE: 503,
  // The organisation's decision. Never 5xx: every SDK repeats those.
  ERR_POLICY_DENIED: 403,
  ERR_QUOTA_EXHAUSTED: 429,
  // Our fault or the provider's.
  ERR_PROVIDER_UNREACHABLE: 502,
  ERR_PROVIDER_MALFORMED: 502,
  ERR_PROVIDER_TRUNCATED: 502,
  ERR_PROVIDER_TIMEOUT: 504,
  ERR_LEDGER_UNAVAILABLE: 503,
  ERR_GATEWAY_OVERLOADED: 503,
  ERR_GATEWAY_DRAINING: 503,
  ERR_GATEWAY_INTERNAL: 500,
  // Inside the policy engine. In a call each of them is a denial; at load each keeps the last good policy.
  ERR_POLICY_UNDEFINED: 403,
  ERR_POLICY_MALFORMED: 403,
  ERR_POLICY_THREW: 403,
  ERR_POLICY_OUT_OF_FUEL: 403,
  ERR_POLICY_OUT_OF_MEMORY: 403,
  ERR_POLICY_LATE: 403,
  ERR_POLICY_BUNDLE: 0,
  ERR_POLICY_COMPILE: 0,
  ERR_POLICY_BUILTIN: 0,
  ERR_POLICY_CANARY: 0,
  ERR_POLICY_TOOLCHAIN: 0,
  // Operators.
  ERR_CONFIG_INVALID: 0,
  ERR_CONFIG_UNREADABLE: 0,
  ERR_GATEWAY_LISTEN: 0,
  ERR_KEYS_STORE: 0,
  ERR_LEDGER_CORRUPT: 0,
  ERR_LEDGER_LOCKED: 0,
  ERR_STATE_VERSION: 0,
  ERR_CLI_USAGE: 0,
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** Optional facts that travel with an error. `detail` must hold no text of a call: it is logged. */
export interface ErrorFacts {
  readonly cause?: unknown
  /** HTTP status, where the general one of the code is not the right one. */
  readonly status?: number
  readonly detail?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** An error with a stable code. `message` is one plain sentence: what, where, and how to mend it. */
export class CustomhouseError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly detail: NonNullable<ErrorFacts['detail']>

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'CustomhouseError'
    this.code = code
    this.status = facts.status ?? ERROR_CODES[code]
    this.detail = facts.detail ?? {}
  }
}

/** Whether `error` is ours, and of that code if one is given. */
export function isCustomhouseError(error: unknown, code?: ErrorCode): error is CustomhouseError {
  return error instanceof CustomhouseError && (code === undefined || error.code === code)
}
