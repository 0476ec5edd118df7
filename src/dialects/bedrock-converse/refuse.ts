import type { CustomhouseError, ErrorCode } from '../../core/errors.ts'
import type { Reply } from '../../core/port.ts'
import { writeTreeBytes } from '../../core/tree.ts'
import { encodeException } from '../eventstream.ts'
import { retryHeaders, statusOf } from '../refusal.ts'

/** Where the AWS SDKs look for a request id. */
export const ID_HEADER = 'x-amzn-requestid'

/**
 * Exceptions by status, as Bedrock names them. What is not in its Smithy model (RequestTimeoutException, UnknownOperationException and those of a
 * missing or a wrong credential) is common to AWS services; the SDKs raise it under that name.
 */
const BY_STATUS: ReadonlyMap<number, string> = new Map([
  [400, 'ValidationException'],
  [401, 'UnrecognizedClientException'],
  [403, 'AccessDeniedException'],
  [404, 'ResourceNotFoundException'],
  [408, 'RequestTimeoutException'],
  [413, 'ValidationException'],
  [429, 'ThrottlingException'],
  [500, 'InternalServerException'],
  [502, 'ServiceUnavailableException'],
  [503, 'ServiceUnavailableException'],
  [504, 'ModelTimeoutException'],
])

const BY_CODE: Partial<Readonly<Record<ErrorCode, string>>> = {
  ERR_CALL_UNKNOWN_ROUTE: 'UnknownOperationException',
  ERR_IDENTITY_MISSING: 'MissingAuthenticationTokenException',
}

/** The exception that an error of ours is to an AWS SDK. */
function exceptionOf(error: CustomhouseError): string {
  const status = statusOf(error)
  const general = status >= 500 ? 'InternalServerException' : 'ValidationException'
  return BY_CODE[error.code] ?? BY_STATUS.get(status) ?? general
}

/**
 * An error of ours before anything was sent, for every operation of Bedrock's. The SDKs take the class from `x-amzn-errortype`, and repeat 429, 500,
 * 502, 503 and 504 twice; no header forbids it (they know no `x-should-retry`), one only delays it, by at most five seconds more than they would wait.
 */
export function refuseCall(id: string, error: CustomhouseError): Reply {
  const status = statusOf(error)
  const seconds = retryHeaders(error, status)['retry-after']
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-amzn-errortype': exceptionOf(error),
      [ID_HEADER]: id,
      ...(seconds === undefined ? {} : { 'retry-after': seconds, 'x-amz-retry-after': String(Number(seconds) * 1000) }),
    },
    body: messageBytes(error),
  }
}

/**
 * The message that cuts a stream off. `validationException` is the only one that fits: `accessDeniedException` is no member of a Bedrock stream, so
 * SDKs raise it as a nameless error, and the others invite to repeat.
 */
export function cutOffBytes(error: CustomhouseError): Uint8Array {
  return encodeException('validationException', messageBytes(error))
}

function messageBytes(error: CustomhouseError): Uint8Array {
  return writeTreeBytes(new Map([['message', error.message]]))
}
