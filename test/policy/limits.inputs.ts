import { expect } from 'vitest'
import type { RequestInput } from '../../src/core/decision.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { EvaluationLimits } from '../../src/policy/index.ts'
import { asked, GERMANY } from './policies.inputs.ts'

/** A policy whose work grows with the square of the tools. */
export const HEAVY = `package customhouse

verdict := {"effect": "allow", "satisfied": ["models", "redaction", "residency", "routing"], "reasons": [], "obligations": []}

# Every pair is compared, none is found, and no memory is needed for it.
found if {
	some a in input.call.tools
	some b in input.call.tools
	a < b
	b < a
}

compared if not found

decision := {"targets": {target.id: verdict | some target in input.targets}} if {
	input.phase == "request"
	input.call.task != "undefined"
	compared
}

decision := verdict if {
	input.phase == "response"
	compared
}

decision := "conflict" if {
	input.call.task == "conflict"
	compared
}
`

export const USUAL: EvaluationLimits = { inputBytes: 65_536, timeMs: 20_000, share: 100 }
export const tools = (count: number, length = 8): string[] =>
  Array.from({ length: count }, (_, index) => String(index).padEnd(length, 't'))
export const heavy = (count: number, tenant = 'claims', task: string | null = null): RequestInput =>
  asked(tenant, [GERMANY], { tools: tools(count), task })
export const light = (tenant = 'claims'): RequestInput => heavy(0, tenant)
export const code = (expected: ErrorCode, fuel: unknown = expect.any(Number)): unknown =>
  expect.objectContaining({ code: expected, detail: expect.objectContaining({ fuel }) })
