import { beforeWords, type Cutting, type Speech } from '../../src/cli/demo/answers.ts'

/** What a simulated Anthropic says, in the shapes of its Messages API. The first of a speech's texts is said; there is one choice only. */

/** A valid `message` object. */
export function anthropicAnswer(speech: Speech): Record<string, unknown> {
  return { ...envelopeOf(speech), content: blocksOf(speech), stop_reason: stopOf(speech), usage: usageOf(speech) }
}

/** The same speech as named server-sent events, one string per event, `message_stop` last. */
export function anthropicStream(speech: Speech, cutting: Pick<Cutting, 'pieces'> = {}): string[] {
  const pieces = cutting.pieces ?? beforeWords
  const events: string[] = []
  const emit = (type: string, more: Record<string, unknown>): void => {
    events.push(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`)
  }
  const { input_tokens, output_tokens, ...cache } = usageOf(speech)
  const message = { ...envelopeOf(speech), content: [], stop_reason: null }
  emit('message_start', { message: { ...message, usage: { input_tokens, ...cache, output_tokens: 1 } } })
  emit('ping', {})
  for (const [index, block] of blocksOf(speech).entries()) {
    const tool = block.type === 'tool_use'
    emit('content_block_start', { index, content_block: tool ? { ...block, input: {} } : { ...block, text: '' } })
    const said = pieces(tool ? JSON.stringify(block.input) : String(block.text))
    for (const piece of said) {
      const delta = tool ? { type: 'input_json_delta', partial_json: piece } : { type: 'text_delta', text: piece }
      emit('content_block_delta', { index, delta })
    }
    emit('content_block_stop', { index })
  }
  emit('message_delta', { delta: { stop_reason: stopOf(speech), stop_sequence: null }, usage: { output_tokens } })
  emit('message_stop', {})
  return events
}

/** Anthropic's error body. */
export function anthropicError(message: string, type: string): Record<string, unknown> {
  return { type: 'error', error: { type, message }, request_id: 'req_simulated' }
}

function envelopeOf(speech: Speech): Record<string, unknown> {
  return {
    id: speech.id ?? 'msg_01simulated',
    type: 'message',
    role: 'assistant',
    model: speech.model ?? 'claude-sonnet-4-5',
    stop_sequence: null,
  }
}

function blocksOf({ texts: [text = ''], tools = [] }: Speech): Record<string, unknown>[] {
  const said = text === '' ? [] : [{ type: 'text', text }]
  return [
    ...said,
    ...tools.map(({ id, name, arguments: input }) => ({ type: 'tool_use', id, name, input: JSON.parse(input) })),
  ]
}

function stopOf({ finish, tools }: Speech): string {
  return finish ?? (tools === undefined ? 'end_turn' : 'tool_use')
}

function usageOf({ usage = { input: 12, output: 34 } }: Speech): Record<string, unknown> {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: usage.output,
  }
}
