import type { ErrorCode } from '../../core/errors.ts'
import type { Loaded } from './abi.ts'

/** What the thread is given when it starts. */
export type EngineData = Readonly<{ loaded: Loaded; fuel: number }>

/** One evaluation; there is never more than one under way. `json` is the input, `most` the longest answer in bytes. */
export type EngineCall = Readonly<{ entrypoint: string; json: string; now: bigint; seed: string; most: number }>

/** Errors lose their class on the way between threads, so they are told. */
export type EngineMessage =
  | Readonly<{ kind: 'ready' }>
  | Readonly<{ kind: 'answer'; text: string; fuel: number }>
  | Readonly<{ kind: 'failed'; code: ErrorCode; message: string; fuel: number }>
