import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { CustomhouseError } from '../core/errors.ts'
import type { AnswerBody } from '../core/port.ts'
import { fault } from './faults.ts'

/** A bomb: more than this many bytes, and more than so many for each byte that came. Plain event streams reach 30 to 1. */
const BOMB_BYTES = 1_048_576
const BOMB_RATIO = 100

/**
 * Undoes a content coding that the provider was asked not to use (`accept-encoding: identity`). Throws ERR_PROVIDER_MALFORMED for a
 * coding it does not know. Rare, so the cost of streams does not matter here.
 */
export function decoded(provider: string, coding: string, body: AnswerBody): AnswerBody {
  const decoder = decoderOf(coding.trim().toLowerCase())
  if (decoder === null) {
    body.cancel()
    throw fault('ERR_PROVIDER_MALFORMED', provider, 'answered in a content coding that it was not asked for', 'CODING')
  }
  let cameIn = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      cameIn += chunk.length
      yield chunk
    }
  }
  const read = async function* (maxBytes: number): AsyncGenerator<Uint8Array, undefined> {
    const source = Readable.from(counted(), { objectMode: false })
    source.once('error', (error) => decoder.destroy(error))
    source.pipe(decoder)
    let cameOut = 0
    try {
      for await (const chunk of decoder) {
        if (!(chunk instanceof Uint8Array)) continue
        cameOut += chunk.length
        if (cameOut > maxBytes || (cameOut > BOMB_BYTES && cameOut > cameIn * BOMB_RATIO)) {
          throw fault('ERR_PROVIDER_MALFORMED', provider, 'answered with more bytes than are allowed', 'TOO_LARGE')
        }
        yield chunk
      }
    } catch (error) {
      throw codingFault(provider, error)
    } finally {
      source.destroy()
      decoder.destroy()
      body.cancel()
    }
  }
  return {
    whole: async (maxBytes) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of read(maxBytes)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
    [Symbol.asyncIterator]: () => read(Number.POSITIVE_INFINITY),
    cancel: () => {
      body.cancel()
      decoder.destroy()
    },
  }
}

function decoderOf(
  coding: string,
): ReturnType<typeof createGunzip | typeof createInflate | typeof createBrotliDecompress> | null {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  if (coding === 'deflate') return createInflate()
  return coding === 'br' ? createBrotliDecompress() : null
}

function codingFault(provider: string, error: unknown): CustomhouseError {
  if (error instanceof CustomhouseError) return error
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  // zlib's word for "the input ended too early"; a premature close is a cancelled or broken source.
  return code === 'Z_BUF_ERROR' || code === 'ERR_STREAM_PREMATURE_CLOSE'
    ? fault('ERR_PROVIDER_TRUNCATED', provider, 'broke off in the middle of its answer', 'CODING')
    : fault('ERR_PROVIDER_MALFORMED', provider, 'answered in a broken content coding', 'CODING')
}
