/**
 * Exceptions that the AWS SDKs may be told of, the only words of an error that reach a client without being inspected: those of the Smithy model
 * of bedrock-runtime, and those that are common to AWS services ("Common errors" of the API reference, AWS's protocols).
 */
const NAMES: ReadonlySet<string> = new Set(
  `
  AccessDeniedException ConflictException InternalServerException ModelErrorException ModelNotReadyException ModelStreamErrorException
  ModelTimeoutException ResourceNotFoundException ServiceQuotaExceededException ServiceUnavailableException ThrottlingException
  ValidationException
  BadRequestException ExpiredTokenException IncompleteSignature IncompleteSignatureException InternalError InternalFailure
  InternalFailureException InvalidClientTokenId InvalidSignatureException MissingAuthenticationToken MissingAuthenticationTokenException
  NotAuthorized OptInRequired RequestEntityTooLargeException RequestExpired RequestTimeout RequestTimeoutException SerializationException
  ServiceUnavailable SignatureDoesNotMatch Throttling TooManyRequestsException UnknownOperationException UnrecognizedClientException
  ValidationError
  `
    .trim()
    .split(/\s+/),
)

/** Members of the unions of streams begin with a small letter. */
const MEMBERS: ReadonlySet<string> = new Set([...NAMES].map((name) => name.charAt(0).toLowerCase() + name.slice(1)))

/** What a stream is ended with where the provider's own word is none that is known: a member of the unions of both operations. */
export const GENERAL = 'modelStreamErrorException'

/**
 * The exception that `x-amzn-errortype` names: `ns#ThrottlingException:http://...` is a ThrottlingException (Smithy, AWS restJson1: operation
 * error serialisation). Null for one that is not known.
 */
export function exceptionOf(value: string): string | null {
  const name = bareName(value)
  return NAMES.has(name) ? name : null
}

/** `value` without its namespace and without what stands behind the name. */
export function bareName(value: string): string {
  return value.split(/[:,]/, 1)[0]?.split('#').at(-1) ?? ''
}

/** The `:exception-type` or `:error-code` of a stream as it came, null for one that is not known. */
export function memberOf(type: string): string | null {
  return MEMBERS.has(type) || NAMES.has(type) ? type : null
}
