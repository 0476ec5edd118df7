import type { Json } from '../../../src/core/json.ts'
import type { Span } from '../detect/detector.ts'
import type { Given } from '../find.ts'
import type { Seed } from '../propagate.ts'

/** What a worker is made with. `custom`: the policy's data that {@link ../custom} is read from; null where it adds nothing. */
export type WorkerSetup = Readonly<{ custom: Json; tagger: boolean }>

/**
 * `find`: read texts that nobody knows yet, `seeds` are the values that the known ones hold. `spread`: look for `seeds` in texts whose own spans are known.
 */
export type Job =
  | Readonly<{ kind: 'find'; tenant: string; texts: readonly Given[]; seeds: readonly (readonly [string, Seed])[] }>
  | Readonly<{
      kind: 'spread'
      tenant: string
      texts: readonly Given[]
      own: readonly (readonly Span[])[]
      seeds: readonly (readonly [string, Seed])[]
    }>

/** For each text what it holds by itself, and with what the others hold. */
export type Done = Readonly<{ own: readonly (readonly Span[])[]; all: readonly (readonly Span[])[] }>

export type ToWorker = Readonly<{ id: number; job: Job }>
export type FromWorker =
  | Readonly<{ kind: 'ready' }>
  | Readonly<{ kind: 'done'; id: number; done: Done }>
  | Readonly<{ kind: 'failed'; id: number; name: string }>
