import { createHash } from 'node:crypto'
import { CLIENT_GONE } from './ending.ts'
import { record } from './evidence.ts'
import type { Passage, Progress } from './passage.ts'
import { progressOf } from './records.ts'

/**
 * Whether `next` may be released only after a record that tells of it: the last record of the attempt would be too old, or too far behind. What a
 * crash can hide of an answer was released within `progressMs` of its last record, and is `progressBytes` at most. A silent stream writes nothing.
 */
export function isDue({ generation }: Passage, progress: Progress, next: Uint8Array): boolean {
  const { progressMs, progressBytes } = generation.limits
  const unrecorded = progress.bytes + next.length - progress.recordedBytes
  return unrecorded > progressBytes || performance.now() - progress.recordedAt >= progressMs
}

/**
 * `call.progress`, durable. `next` is in it, but not yet among what was released: the client may leave while the disk works.
 *
 * @throws ERR_LEDGER_UNAVAILABLE, or CLIENT_GONE where nobody is there any more to release it to
 */
export async function recordProgress(passage: Passage, progress: Progress, next: Uint8Array): Promise<void> {
  const { visit, intent, attempt } = passage
  const { gone } = visit.client
  if (gone.aborted) throw CLIENT_GONE
  const { events, usage } = progress
  const bytes = progress.bytes + next.length
  const hash = progress.hash?.copy() ?? createHash('sha256')
  const released = hash.update(next).digest('hex')
  // When it is written, not when it is durable: that is the time that the record bears.
  const now = performance.now()
  await record(visit, progressOf(visit.call, intent, attempt, { bytes, events, usage, released }))
  progress.recordedAt = now
  progress.recordedBytes = bytes
  if (gone.aborted) throw CLIENT_GONE
}

/** `next` goes out now. */
export function count(progress: Progress, next: Uint8Array): void {
  progress.bytes += next.length
  progress.hash ??= createHash('sha256')
  progress.hash.update(next)
}
