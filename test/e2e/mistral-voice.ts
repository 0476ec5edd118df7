import { type Script, type Speech, shortBody, stream, whole } from '../kit/index.ts'
import { openaiVoice, type Voice } from './voice.ts'

/** Mistral: tool calls come whole and without a type, usage with the end of a stream, unasked, and errors are objects of their own. */

const SIMULATED = 'mistral-large-2512'
const HEAD = { id: 'd3a0f557943648c49fb019bc65a64334', created: 1_790_000_000, model: SIMULATED }

function usageOf({ usage = { input: 12, output: 4 } }: Speech) {
  return { prompt_tokens: usage.input, total_tokens: usage.input + usage.output, completion_tokens: usage.output }
}

function callsOf({ tools = [] }: Speech): Readonly<Record<string, unknown>> {
  if (tools.length === 0) return {}
  const calls = tools.map(({ id, name, arguments: given }, index) => ({
    id,
    index,
    function: { name, arguments: given },
  }))
  return { tool_calls: calls }
}

const finishOf = ({ tools = [] }: Speech): string => (tools.length > 0 ? 'tool_calls' : 'stop')

function answer(speech: Speech): unknown {
  const [content = ''] = speech.texts
  const message = { role: 'assistant', content, ...callsOf(speech) }
  return {
    ...HEAD,
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: finishOf(speech) }],
    usage: usageOf(speech),
  }
}

/** A letter an event, with Mistral's padding `p`. */
function events(speech: Speech): readonly string[] {
  const chunk = (delta: unknown, reason: string | null = null, more: object = {}): string => {
    const choices = [{ index: 0, delta, finish_reason: reason }]
    return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...more, p: 'abcdef' })}\n\n`
  }
  return [
    chunk({ role: 'assistant', content: '' }),
    ...[...(speech.texts[0] ?? '')].map((content) => chunk({ content })),
    chunk({ content: '', ...callsOf(speech) }, finishOf(speech), { usage: usageOf(speech) }),
    'data: [DONE]\n\n',
  ]
}

function error(message: string, type: string, code: string): Readonly<Record<string, unknown>> {
  return { object: 'error', message, type, param: null, code }
}

function speak(speech: Speech, streamed: boolean, slowly = false): Script {
  return streamed ? stream(events(speech), slowly ? { everyMs: 3 } : {}) : whole(answer(speech))
}

export const mistralVoice: Voice = {
  ...openaiVoice,
  provider: { kind: 'mistral' },
  prefix: '/mistral',
  idHeader: 'mistral-correlation-id',
  model: SIMULATED,
  speak,
  broken: (text, streamed, ending) =>
    streamed
      ? stream(events({ texts: [text] }).slice(0, 50), { ending, everyMs: 2 })
      : shortBody(answer({ texts: [text] }), 7, ending === 'reset' ? 'reset' : 'fin'),
  faulty: (text) => {
    const [message, code] = ['Service tier capacity exceeded for this model.', '3505']
    const said = `data: ${JSON.stringify(error(message, 'service_tier_capacity_exceeded', code))}\n\n`
    return { script: stream([...events({ texts: [text] }).slice(0, 50), said], { everyMs: 2 }), message, code }
  },
  failure: (status) => {
    const message = `The simulated provider fails with ${status}.`
    return { script: whole(error(message, 'internal_server_error', '1000'), { status }), message }
  },
  tooMany: (seconds) => {
    const [message, code] = ['Rate limit exceeded', '1300']
    const fields = { 'retry-after': String(seconds) }
    return { script: whole(error(message, 'rate_limited', code), { status: 429, fields }), message, code }
  },
  usage: { input_tokens: 7, output_tokens: 9, total_tokens: 16 },
  // An id that is not nine letters and digits becomes such, alike in the call and in its result.
  returns: ['"id":"dBlv5y5M3"', '"tool_call_id":"dBlv5y5M3"', 'It rains in Bern.', '"{\\"city\\":\\"Bern\\"}"'],
  asks: (streamed) => ({ model: SIMULATED, stream: streamed }),
}
