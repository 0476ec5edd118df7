import { createHmac } from 'node:crypto'
import type { Span } from './detect/detector.ts'
import type { Given } from './find.ts'
import type { Seed } from './propagate.ts'

/** What was found in a segment by itself, and, where values of other segments were looked for in it, what there was then. */
export type Known = Readonly<{
  own: readonly Span[]
  /** Digest of the seeds that `all` was made with. */
  seeds: string
  all: readonly Span[]
}>

const ENTRY_BYTES = 256
const SPAN_BYTES = 96

/**
 * What was found in segments that came before: each turn of a chat brings its history again. Least recently used go first. It holds places and types, and
 * no text: keys are HMAC-SHA-256 under a secret of this process, so that they tell nothing of a text either.
 */
export class SegmentCache {
  readonly #secret: Uint8Array
  readonly #most: number
  readonly #known = new Map<string, Known>()
  #bytes = 0

  constructor(secret: Uint8Array, bytes: number) {
    this.#secret = secret
    this.#most = bytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `scope`: tenant and versions, all that decides what is found besides the segment. */
  keyOf(scope: string, { text, hints, json, protocol }: Given): string {
    const head = JSON.stringify([scope, hints.key, hints.role, hints.channel, json, protocol === true])
    return createHmac('sha256', this.#secret).update(`${head.length}:${head}`).update(text).digest('base64')
  }

  /** Of the seeds of a call, in any order: what they are as well, since the same words may be another type in another call. */
  digestOf(seeds: ReadonlyMap<string, Seed>): string {
    if (seeds.size === 0) return ''
    const all = [...seeds].map(([words, { type, score, part }]) => JSON.stringify([words, type, score, part]))
    return createHmac('sha256', this.#secret).update(JSON.stringify(all.sort())).digest('base64')
  }

  get(key: string): Known | undefined {
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    this.#known.delete(key)
    this.#known.set(key, known)
    return known
  }

  set(key: string, known: Known): void {
    const before = this.#known.get(key)
    if (before !== undefined) {
      this.#known.delete(key)
      this.#bytes -= sizeOf(before)
    }
    const size = sizeOf(known)
    if (size > this.#most) return
    this.#known.set(key, known)
    this.#bytes += size
    for (const [oldest, value] of this.#known) {
      if (this.#bytes <= this.#most) break
      this.#known.delete(oldest)
      this.#bytes -= sizeOf(value)
    }
  }
}

function sizeOf({ own, all }: Known): number {
  return ENTRY_BYTES + SPAN_BYTES * (own === all ? own.length : own.length + all.length)
}
