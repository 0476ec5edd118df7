import type { ModelCall } from '../../src/core/call.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts'

/** A call in Anthropic's dialect for the model of the scene, `more` laid over its body. */
export function messageCall(streamed: boolean, more: object = {}): ModelCall {
  return anthropicMessages.read({
    id: '01930000-0000-7000-8000-000000000000',
    method: 'POST',
    path: '/v1/messages',
    query: '',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: Buffer.from(
      JSON.stringify({
        model: 'gpt-4o',
        max_tokens: 9,
        stream: streamed,
        messages: [{ role: 'user', content: 'hello' }],
        ...more,
      }),
    ),
    principal: { subject: 'test', tenant: 'claims', groups: [], purpose: null, proof: 'key', keyId: 'key' },
  })
}
