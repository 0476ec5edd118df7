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

/** What OPA and toolchain/enrich.go add to a fault. */
export type FaultDetail = Readonly<{
  /** The variable, function or target of `with` that the fault is about. */
  name?: string
  /** Names that may have been meant, the best first. */
  near?: readonly string[]
  /** A variable without a value that this one only follows from. */
  follows?: string
  /** Packages whose last part is the name: an import is missing. */
  packages?: readonly string[]
  /** OPA has this built-in; our capabilities leave it out. */
  leftOut?: boolean
  /** Of a wrong reference: its parts, which of them is wrong, and where else in the schema that name stands. */
  ref?: readonly string[]
  pos?: number
  wrong?: string
  parent?: string
  oneOf?: readonly string[]
  elsewhere?: readonly string[]
  /** Types as OPA writes them: of arguments, or of a reference. */
  have?: string | readonly (string | null)[]
  want?: string | readonly string[]
  left?: string
  right?: string
  /** All rules of the path that a conflict is about. */
  places?: readonly Readonly<{
    file: string
    row: number
    col: number
    kind: string
    args: number
    default: boolean
  }>[]
}>

export type Operation =
  | 'version'
  | 'capabilities'
  | 'fmt'
  | 'check'
  | 'test'
  | 'build'
  | 'eval'
  | 'inspect'
  | 'mutants'
  | 'reads'

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
