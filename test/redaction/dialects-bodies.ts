import {
  DESCRIPTION,
  EARLIER,
  ENCODED,
  GIVEN,
  GIVEN_TEXT,
  LISTED,
  PLACED,
  REPLY,
  RESULT,
  SAID,
  SCHEMA,
  SYSTEM,
  WRITTEN,
} from './dialects-plants.ts'

/** A conversation with something planted in each place that a dialect has, as each dialect writes it. */

export type Asking = Readonly<{
  model: string
  /** What the user says last; default: {@link SAID}. */
  said?: string
  /** With documents, which not every profile lets pass. */
  documents?: boolean
  /** Without anything but what the user says. */
  bare?: boolean
  /** A member of the tools' schema that has this name. */
  named?: string
}>

/** Tools that the model may call; `publish` is on no list of a policy. */
const NAMES = ['send_mail', 'publish', 'lookup'] as const
const ID = 'callA1234'

export function chatBody({ model, said = SAID, documents = false, bare = false, named = 'cc' }: Asking) {
  const user = { role: 'user' as const, content: said }
  if (bare) return { model, messages: [user] }
  const file = `data:text/plain;base64,${ENCODED}`
  return {
    model,
    user: PLACED.user,
    metadata: { owner: PLACED.owner },
    messages: [
      { role: 'system' as const, content: SYSTEM },
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: EARLIER },
          ...(documents ? [{ type: 'file' as const, file: { filename: 'a.txt', file_data: file } }] : []),
        ],
      },
      {
        role: 'assistant' as const,
        content: REPLY,
        tool_calls: [{ id: ID, type: 'function' as const, function: { name: 'send_mail', arguments: GIVEN_TEXT } }],
      },
      { role: 'tool' as const, tool_call_id: ID, content: RESULT },
      { role: 'assistant' as const, content: LISTED },
      user,
    ],
    tools: NAMES.map((name) => ({
      type: 'function' as const,
      function: { name, description: DESCRIPTION, parameters: schemaOf(named) },
    })),
  }
}

export function messagesBody({ model, said = SAID, documents = false, bare = false, named = 'cc' }: Asking) {
  const common = { model, max_tokens: 64 }
  const user = { role: 'user' as const, content: said }
  if (bare) return { ...common, messages: [user] }
  const plain = { type: 'text' as const, media_type: 'text/plain' as const, data: WRITTEN }
  const encoded = { type: 'base64', media_type: 'text/plain', data: ENCODED }
  return {
    ...common,
    system: SYSTEM,
    metadata: { user_id: PLACED.user },
    messages: [
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: EARLIER },
          { type: 'document' as const, title: `For ${PLACED.owner}`, source: plain },
          // The SDK's types have PDF alone here; the API's own error says what it takes.
          ...(documents ? [{ type: 'document' as const, source: encoded as never }] : []),
        ],
      },
      {
        role: 'assistant' as const,
        content: [
          { type: 'text' as const, text: REPLY },
          { type: 'tool_use' as const, id: ID, name: 'send_mail', input: { ...GIVEN, cc: GIVEN_TEXT } },
        ],
      },
      {
        role: 'user' as const,
        content: [
          {
            type: 'tool_result' as const,
            tool_use_id: ID,
            content: [
              { type: 'text' as const, text: RESULT },
              { type: 'text' as const, text: LISTED },
            ],
          },
        ],
      },
      { role: 'assistant' as const, content: 'Very well.' },
      user,
    ],
    tools: NAMES.map((name) => ({ name, description: DESCRIPTION, input_schema: schemaOf(named) })),
  }
}

export function invokeBody(asking: Asking) {
  const { model: _, ...body } = messagesBody(asking)
  return { anthropic_version: 'bedrock-2023-05-31', ...body }
}

export function converseBody({ model: modelId, said = SAID, bare = false, named = 'cc' }: Asking) {
  const user = { role: 'user' as const, content: [{ text: said }] }
  if (bare) return { modelId, messages: [user] }
  return {
    modelId,
    system: [{ text: SYSTEM }],
    requestMetadata: { owner: PLACED.owner, user: PLACED.user },
    messages: [
      { role: 'user' as const, content: [{ text: EARLIER }] },
      {
        role: 'assistant' as const,
        content: [
          { text: REPLY },
          { toolUse: { toolUseId: ID, name: 'send_mail', input: { ...GIVEN, to: [...GIVEN.to], cc: GIVEN_TEXT } } },
        ],
      },
      {
        role: 'user' as const,
        content: [
          {
            toolResult: {
              toolUseId: ID,
              content: [
                { json: { memberId: PLACED.member, work_phone: PLACED.phone } },
                { text: RESULT },
                { text: LISTED },
              ],
            },
          },
        ],
      },
      { role: 'assistant' as const, content: [{ text: 'Very well.' }] },
      user,
    ],
    toolConfig: {
      tools: NAMES.map((name) => ({
        toolSpec: { name, description: DESCRIPTION, inputSchema: { json: schemaOf(named) } },
      })),
    },
  }
}

function schemaOf(named: string) {
  const { to, from } = SCHEMA.properties
  return {
    type: 'object' as const,
    properties: { to: { ...to }, from: { ...from, enum: [...from.enum] }, [named]: { type: 'string' } },
  }
}
