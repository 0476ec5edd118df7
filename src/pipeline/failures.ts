import { CustomhouseError } from '../core/errors.ts'

/**
 * Why an attempt came to no answer, in the words of policies. `throttled`: 429; `overloaded`: 503, 529; `server_error`: other 5xx; `conflict`: 408, 409,
 * 425; `credential`: 401, 403 at the provider, or none to be had; `malformed`: a redirect, or what is no HTTP.
 */
export const FAILURES = [
  'connect',
  'timeout',
  'throttled',
  'overloaded',
  'server_error',
  'conflict',
  'malformed',
  'credential',
] as const
export type FailureKind = (typeof FAILURES)[number]

/** An attempt that came to no answer, or to one that says "not I, not now". */
export type Failed = Readonly<{
  error: CustomhouseError
  /**
   * Null: a fault of ours, or the client or the gateway ended it; it is never tried again. A deadline that a policy set is a `timeout`, though it says nothing of
   * the provider's health ({@link isItsOwn}).
   */
  kind: FailureKind | null
  /** How long the provider asks to be left alone, in milliseconds. */
  retryAfterMs: number | null
}>

const CONFLICT: ReadonlySet<number> = new Set([408, 409, 425])

/** The failure that a status is; null for an answer, and for what the client itself has to mend. */
export function failureOf(status: number): FailureKind | null {
  if (status >= 200 && status < 300) return null
  if (status < 400) return 'malformed'
  if (status === 401 || status === 403) return 'credential'
  if (status === 429) return 'throttled'
  if (status === 503 || status === 529) return 'overloaded'
  if (status >= 500) return 'server_error'
  return CONFLICT.has(status) ? 'conflict' : null
}

/** Words of our own deadlines: a policy that waits no longer does not say that the provider is ill. */
const OURS: ReadonlySet<unknown> = new Set(['DEADLINE_FIRST_BYTE', 'DEADLINE_TOTAL', 'DEADLINE_CALL', 'ABORTED'])

/** What was thrown before an answer began. */
export function thrown(error: unknown): Failed {
  if (!(error instanceof CustomhouseError)) {
    const unreachable = new CustomhouseError('ERR_PROVIDER_UNREACHABLE', 'The provider could not be reached.', {
      cause: error,
    })
    return { error: unreachable, kind: 'connect', retryAfterMs: null }
  }
  return { error, kind: kindOf(error), retryAfterMs: null }
}

function kindOf({ code, detail: { reason } }: CustomhouseError): FailureKind | null {
  if (reason === 'AWS_CHAIN') return 'credential'
  switch (code) {
    case 'ERR_PROVIDER_UNREACHABLE':
    case 'ERR_PROVIDER_TRUNCATED':
      return 'connect'
    case 'ERR_PROVIDER_TIMEOUT':
      return 'timeout'
    case 'ERR_PROVIDER_MALFORMED':
      return 'malformed'
    default:
      return null
  }
}

/** Whether an error says something of the provider's health, and not only of somebody's patience. */
export function isItsOwn({ detail: { reason } }: CustomhouseError): boolean {
  return !OURS.has(reason)
}

/** Providers send fractions as well, which RFC 9110 does not know. */
const NUMBER = /^[0-9]{1,9}(?:\.[0-9]{1,6})?$/
const DAY = '(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?'
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const DATE_DAY = '(?:0[1-9]|[12][0-9]|3[01])'
const TIME = '(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}'
/** The forms of RFC 9110 5.6.7 that name their zone; `Date.parse` takes nearly anything for a date, "-1" and "1.5" too. */
const DATE = new RegExp(`^${DAY}, (?:${DATE_DAY} ${MONTH} [0-9]{4}|${DATE_DAY}-${MONTH}-[0-9]{2}) ${TIME} GMT$`)
/** Its third form, that of C's asctime, is GMT without saying so. */
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (?: [1-9]|${DATE_DAY}) ${TIME} [0-9]{4}$`)

/**
 * How long a provider asks to be left alone, in whole milliseconds; null where it says nothing that can be understood. The finer word goes first:
 * `retry-after-ms`, `x-amz-retry-after` (milliseconds), then `retry-after` in seconds or as a date (RFC 9110 10.2.3). Rounded up: it is a lower bound.
 *
 * @param wall milliseconds since 1970
 */
export function retryAfterOf(headers: Readonly<Record<string, string>>, wall: number): number | null {
  for (const name of ['retry-after-ms', 'x-amz-retry-after']) {
    const text = headers[name]
    if (text !== undefined && NUMBER.test(text)) return Math.ceil(Number(text))
  }
  const text = headers['retry-after']
  if (text === undefined) return null
  if (NUMBER.test(text)) return Math.ceil(Number(text) * 1000)
  const date = DATE.test(text) ? Date.parse(text) : ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - wall)
}
