import type { IncomingMessage } from 'node:http'
import { CustomhouseError } from '../core/errors.ts'
import type { BodyBudget } from './budget.ts'

/** A body that was read, and the share of the budget that it holds until `release`. */
export type ReadBody = Readonly<{ bytes: Uint8Array; release: () => void }>

/**
 * Reads a request's body within the limit. What the client declared is taken from the budget before the first byte is waited for;
 * a body without a length takes as it grows.
 *
 * @throws CustomhouseError ERR_CALL_TOO_LARGE, ERR_CALL_UNSUPPORTED (a content coding), ERR_CALL_MALFORMED (cut short), ERR_GATEWAY_OVERLOADED
 */
export function readBody(request: IncomingMessage, limit: number, budget: BodyBudget): Promise<ReadBody> {
  const coding = request.headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return Promise.reject(
      new CustomhouseError(
        'ERR_CALL_UNSUPPORTED',
        'A compressed body is not read here. Send it without Content-Encoding.',
        { status: 415 },
      ),
    )
  }
  const declared = request.headers['content-length'] === undefined ? 0 : Number(request.headers['content-length'])
  if (declared > limit) return Promise.reject(tooLarge(limit))
  return new Promise((resolve, reject) => {
    let taken = 0
    const take = (bytes: number): void => {
      if (bytes <= taken) return
      budget.take(bytes - taken)
      taken = bytes
    }
    const release = (): void => {
      budget.give(taken)
      taken = 0
    }
    const fail = (error: CustomhouseError): void => {
      release()
      request.removeAllListeners('data')
      request.resume()
      reject(error)
    }
    try {
      take(declared)
    } catch (error) {
      reject(error)
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) return fail(tooLarge(limit))
      try {
        take(length)
      } catch (error) {
        return fail(error as CustomhouseError)
      }
      chunks.push(chunk)
    })
    request.on('end', () =>
      resolve({
        bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length),
        release,
      }),
    )
    const cut = (): void => fail(new CustomhouseError('ERR_CALL_MALFORMED', 'The body was cut off before its end.'))
    request.on('error', cut)
    request.on('aborted', cut)
  })
}

function tooLarge(limit: number): CustomhouseError {
  return new CustomhouseError(
    'ERR_CALL_TOO_LARGE',
    `The body is larger than the ${limit} bytes that this gateway reads (limits.body).`,
  )
}
