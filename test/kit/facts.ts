import type { CallFacts } from '../../src/core/call.ts'

/** Facts of a call in which nothing is special. */
export const FACTS: CallFacts = {
  id: '0',
  principal: { subject: 's', tenant: 't', groups: [], purpose: null, proof: 'key', keyId: 'k' },
  dialect: 'openai.chat',
  operation: 'chat',
  model: 'm',
  stream: false,
  task: null,
  classes: [],
  estimate: { inputTokens: 1, maxOutputTokens: null },
  tools: [],
  references: [],
  headers: {},
  metadata: {},
}
