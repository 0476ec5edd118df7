import { CustomhouseError, type ErrorCode } from '../core/errors.ts'

/** What a provider did wrong, as an error of ours. `reason` is a stable word for logs and records. */
export function fault(code: ErrorCode, provider: string, what: string, reason: string): CustomhouseError {
  return new CustomhouseError(code, `Provider ${provider} ${what} (${reason}).`, { detail: { provider, reason } })
}

/**
 * Reads an error of the transport. It is not kept as `cause`: undici's parser errors hold bytes of the answer, and errors are logged.
 * `began` says whether the answer's head had arrived.
 */
export function transportFault(provider: string, error: unknown, began: boolean): CustomhouseError {
  const reason = reasonOf(error)
  if (reason === 'UND_ERR_INVALID_ARG' || reason === 'UND_ERR_NOT_SUPPORTED') {
    return fault('ERR_GATEWAY_INTERNAL', provider, 'was given a dispatch that cannot be written as HTTP', reason)
  }
  // Before the head has come, undici names any parser error so if the field content-length was already read.
  const badHead = !began && reason === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
  if (reason === 'NOT_HTTP' || reason === 'UND_ERR_HEADERS_OVERFLOW' || badHead) {
    return fault('ERR_PROVIDER_MALFORMED', provider, 'answered with what is no HTTP/1.1 message', reason)
  }
  // undici's own timers are off but for a proxy's answer to CONNECT.
  if (reason === 'UND_ERR_HEADERS_TIMEOUT') {
    return fault('ERR_PROVIDER_TIMEOUT', provider, 'was not reached in time: the proxy did not answer', reason)
  }
  return began
    ? fault('ERR_PROVIDER_TRUNCATED', provider, 'broke off in the middle of its answer', reason)
    : fault('ERR_PROVIDER_UNREACHABLE', provider, 'could not be reached, or hung up before it answered', reason)
}

/** A call that was given up: by whoever gave an error of ours as the reason, else by the gateway itself. */
export function abortFault(provider: string, signal: AbortSignal, began: boolean): CustomhouseError {
  const reason: unknown = signal.reason
  if (reason instanceof CustomhouseError) return reason
  const code = began ? 'ERR_PROVIDER_TRUNCATED' : 'ERR_PROVIDER_UNREACHABLE'
  return fault(code, provider, 'was cancelled by the gateway', 'ABORTED')
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  // undici 8.12 gives its parser errors no code; a message that ends too early is no malformed one.
  if (error.name === 'HTTPParserError') return error.message.includes('EOF') ? 'HTTP_ENDED' : 'NOT_HTTP'
  // A proxy's refusal has no code of its own in undici 8.12; without its status nobody knows what to mend.
  const refusal = /^Proxy response \((\d{3})\)/.exec(error.message)
  if (refusal !== null) return `PROXY_${refusal[1]}`
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'UNKNOWN'
}
