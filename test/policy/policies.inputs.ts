import type { CallInput, RequestInput, ResponseInput, TargetInput } from '../../src/core/decision.ts'

export const CONTROLS = ['models', 'redaction', 'residency', 'routing']

export const CALL: CallInput = {
  id: '0199b5a0-0000-7000-8000-000000000000',
  dialect: 'openai.chat',
  operation: 'chat',
  model: 'gpt-4o',
  stream: true,
  principal: { subject: 'desk', tenant: 'claims', groups: [], purpose: null, proof: 'key', key: 'ck_1' },
  task: null,
  classes: [],
  estimate: { input_tokens: 400, max_output_tokens: 500 },
  tools: ['lookup'],
  references: [],
  headers: {},
  metadata: {},
}

export function targetIn(
  id: string,
  residency: TargetInput['residency'],
  contract: readonly string[] = [],
): TargetInput {
  return { id, provider: 'p', model: 'm', residency, contract, facts: {} }
}

export const GERMANY = targetIn('eu/a', { endpoint: ['DE'], processing: ['FR', 'DE'], storage: ['IE'] })
export const AMERICA = targetIn('us/a', { endpoint: ['US'], processing: ['US'], storage: ['US'] })
export const ANYWHERE = targetIn('any/a', { endpoint: ['*'], processing: ['*'], storage: ['*'] })
export const UNKNOWN = targetIn('who/a', { endpoint: [], processing: [], storage: [] })

export function asked(
  tenant: string,
  targets: readonly TargetInput[],
  changes: Partial<CallInput> = {},
  controls: readonly string[] = CONTROLS,
): RequestInput {
  const call = { ...CALL, ...changes, principal: { ...CALL.principal, ...changes.principal, tenant } }
  const context = {
    time: '2026-11-24T12:00:00.000Z',
    date: '2026-11-24',
    environment: 'production',
    replay: false,
    controls,
  }
  return { phase: 'request', call, targets, findings: [], context }
}

export function answered(input: RequestInput, target: TargetInput): ResponseInput {
  const { call, findings, context } = input
  const usage = { input_tokens: 400, output_tokens: null }
  return {
    phase: 'response',
    call,
    target,
    findings,
    usage,
    progress: { characters: 10, finished: false },
    evidence: [],
    context,
  }
}
