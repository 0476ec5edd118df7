import type { Json } from '../../core/json.ts'

/**
 * The words between the host and the reactor; toolchain/protocol.go has the other side. The answers come from an artefact
 * whose hash was checked, so their shapes are taken as written here.
 */

/** One error as OPA reports it. Rows and columns count from 1; `width` is in code points of the line. */
export type Fault = Readonly<{
  code: string
  message: string
  file?: string
  row?: number
  col?: number
  width?: number
  detail?: FaultDetail
}>

/** What OPA adds to a type error: which part (`pos`) of which reference is wrong, and what it could have been. */
export type FaultDetail = Readonly<{
  lines?: readonly string[]
  ref?: readonly string[]
  pos?: number
  oneOf?: readonly string[]
  have?: string | readonly (string | null)[]
  want?: string | readonly string[]
}>

export type Operation = 'version' | 'capabilities' | 'fmt' | 'check' | 'test' | 'build' | 'eval' | 'inspect' | 'mutants'

export type Request = Readonly<{ op: Operation }> & Readonly<Record<string, Json | undefined>>

export type Answer = Readonly<{ ok: boolean; result?: unknown; errors?: readonly Fault[] }>

/** Host to worker: one call. `now` freezes the wall clock, in milliseconds since the epoch. */
export type CallMessage = Readonly<{ id: number; request: string; now?: number }>

/** Worker to host. */
export type WorkerMessage =
  | Readonly<{ kind: 'ready' }>
  | Readonly<{ kind: 'answer'; id: number; answer: string; memoryBytes: number }>
  /** `refused`: the message is a whole sentence about an artefact that must not be used. */
  | Readonly<{ kind: 'broken'; message: string; refused: boolean }>
