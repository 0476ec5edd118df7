import type { IncomingMessage } from 'node:http'
import { CustomhouseError } from '../core/errors.ts'
import type { BodyBudget } from './budget.ts'

/** A body that was read, and the share of the budget that it holds until `release`. */
export type ReadBody = Readonly<{ bytes: Uint8Array; release: () => void }>

/**
 * Reads a request's body within the limit. What the client declares is only held against the limit: the budget counts bytes that have
 * arrived, or sockets that promise much and send nothing would take it all.
 *
 * @throws CustomhouseError ERR_CALL_TOO_LARGE, ERR_CALL_UNSUPPORTED (a content coding), ERR_CALL_MALFORMED (cut short), ERR_GATEWAY_OVERLOADED
 */
export function readBody(
  request: IncomingMessage,
  limit: number,
  budget: BodyBudget,
  tenant: string,
): Promise<ReadBody> {
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
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge(limit))
  return new Promise((resolve, reject) => {
    const body = new Growing()
    let taken = 0
    const release = (): void => {
      budget.give(taken, tenant)
      taken = 0
    }
    const fail = (error: unknown): void => {
      release()
      request.removeAllListeners('data')
      request.removeAllListeners('end')
      request.resume()
      reject(error)
    }
    request.on('data', (chunk: Buffer) => {
      if (body.length + chunk.length > limit) return fail(tooLarge(limit))
      try {
        budget.take(chunk.length, tenant)
      } catch (error) {
        return fail(error)
      }
      taken += chunk.length
      body.add(chunk)
    })
    const cut = (): void => {
      // What was read whole is the call's, which gives it back.
      if (!request.complete) fail(new CustomhouseError('ERR_CALL_MALFORMED', 'The body was cut off before its end.'))
    }
    request.on('end', () => resolve({ bytes: body.bytes(), release }))
    request.on('error', cut)
    request.on('aborted', cut)
  })
}

/**
 * Bytes as they come. A body of one chunk is not copied; from the second on all go into one buffer that doubles, since a chunk can be a
 * single byte, and a Buffer of its own for each costs five hundred times as much.
 */
class Growing {
  #buffer: Buffer | null = null
  length = 0

  add(chunk: Buffer): void {
    const needed = this.length + chunk.length
    if (this.#buffer === null) this.#buffer = chunk
    else {
      // The first buffer is node's own and has no room.
      if (needed > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length, 4_096))
        this.#buffer.copy(larger, 0, 0, this.length)
        this.#buffer = larger
      }
      chunk.copy(this.#buffer, this.length)
    }
    this.length = needed
  }

  bytes(): Uint8Array {
    return this.#buffer?.subarray(0, this.length) ?? new Uint8Array(0)
  }
}

function tooLarge(limit: number): CustomhouseError {
  return new CustomhouseError(
    'ERR_CALL_TOO_LARGE',
    `The body is larger than the ${limit} bytes that this gateway reads (limits.body).`,
  )
}
