import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { CustomhouseError } from '../core/errors.ts'
import type { Hold } from './budget.ts'
import type { Inbound } from './exchange.ts'
import type { Uploads } from './uploads.ts'

/**
 * Reads a request's body within the limit. `hold` has its bytes from when they arrive; where the reading fails they are given back. What the client declares is only held against the limit: the budget counts bytes that have
 * arrived, or sockets that promise much and send nothing would take it all. Trailers are no part of it, and are never looked at.
 *
 * @param ask tells a client that waits for a word (`Expect: 100-continue`) to send; only where all that it declares would find room now
 * @throws CustomhouseError ERR_CALL_TOO_LARGE, ERR_CALL_UNSUPPORTED (a content coding), ERR_CALL_MALFORMED (cut short), ERR_GATEWAY_OVERLOADED; and what all `uploads` were given up for
 */
export function readBody(
  request: Inbound,
  limit: number,
  hold: Hold,
  uploads: Uploads,
  ask?: () => void,
): Promise<Uint8Array> {
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
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit) return Promise.reject(tooLarge(limit))
  const source: Readable = request
  return new Promise((resolve, reject) => {
    uploads.check()
    // Whoever left while his proof was pending is told of by no event any more.
    if (isGone(request)) throw cutOff()
    if (ask !== undefined) {
      hold.check(declared)
      ask()
    }
    const body = new Growing()
    let over = false
    const fail = (error: unknown): void => {
      if (over) return
      over = true
      uploads.end(fail)
      hold.release()
      source.removeAllListeners('data')
      source.removeAllListeners('end')
      source.resume()
      reject(error)
    }
    uploads.begin(fail)
    source.on('data', (chunk: Buffer) => {
      if (body.length + chunk.length > limit) return fail(tooLarge(limit))
      try {
        hold.take(chunk.length)
      } catch (error) {
        return fail(error)
      }
      body.add(chunk)
    })
    const cut = (): void => fail(cutOff())
    source.on('end', () => {
      if (!isWhole(request)) return cut()
      // From here on what it holds is the call's, which gives it back.
      over = true
      uploads.end(fail)
      resolve(body.bytes())
    })
    source.on('error', cut)
    source.on('aborted', cut)
    source.on('close', cut)
  })
}

/** Whether a body that has ended was ended by the client: of a stream that was reset node:http2 tells the same. */
function isWhole(request: Inbound): boolean {
  return request instanceof IncomingMessage ? request.complete : !request.aborted && !request.stream.closed
}

/** Whether the client has left before its body was read. */
function isGone(request: Inbound): boolean {
  return request.destroyed || (!(request instanceof IncomingMessage) && (request.aborted || request.stream.closed))
}

function cutOff(): CustomhouseError {
  return new CustomhouseError('ERR_CALL_MALFORMED', 'The body was cut off before its end.')
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
