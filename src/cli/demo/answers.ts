import { createHash } from 'node:crypto'

/** A tool call that a simulated model makes. `arguments` is JSON text, as on the wire. */
export type SpokenTool = Readonly<{ id: string; name: string; arguments: string }>

/**
 * What a simulated model says. `texts` holds one text per choice; all choices make the same `tools` calls.
 * Shapes are OpenAI's `chat.completion` and `chat.completion.chunk`.
 */
export type Speech = Readonly<{
  texts: readonly string[]
  model?: string
  /** Told in the text itself (`[eu] ...`), so that a demonstration shows where a call went. */
  region?: string
  refusal?: string
  tools?: readonly SpokenTool[]
  usage?: Readonly<{ input: number; output: number }>
  id?: string
  /** Seconds since 1970. */
  created?: number
  finish?: string
}>

/** How a speech is cut into chunks. `pieces` cuts each text; the default cuts before each word. */
export type Cutting = Readonly<{
  pieces?: (text: string) => readonly string[]
  /** Ends with a chunk without choices that holds the usage, as `stream_options.include_usage` asks for. */
  includeUsage?: boolean
  /** Random padding as OpenAI sends it, to hide the length of tokens. */
  obfuscation?: string
}>

/** A valid `chat.completion` object. */
export function openaiAnswer(speech: Speech): Record<string, unknown> {
  const envelope = envelopeOf(speech)
  return {
    ...envelope,
    object: 'chat.completion',
    choices: speech.texts.map((text, index) => ({
      index,
      message: {
        role: 'assistant',
        content: speech.tools === undefined || text !== '' ? labelled(speech, text) : null,
        refusal: speech.refusal ?? null,
        ...(speech.tools === undefined ? {} : { tool_calls: speech.tools.map(wireTool) }),
        annotations: [],
      },
      logprobs: null,
      finish_reason: finishOf(speech),
    })),
    usage: usageOf(speech),
  }
}

/** The same speech as server-sent events, one string per event, `data: [DONE]` last. Choices are interleaved. */
export function openaiStream(speech: Speech, cutting: Cutting = {}): string[] {
  const envelope = envelopeOf(speech)
  const pieces = cutting.pieces ?? beforeWords
  const events: string[] = []
  const emit = (choices: readonly unknown[], usage: unknown): void => {
    const chunk = {
      ...envelope,
      object: 'chat.completion.chunk',
      choices,
      ...(cutting.includeUsage === true ? { usage } : {}),
      ...(cutting.obfuscation === undefined ? {} : { obfuscation: cutting.obfuscation }),
    }
    events.push(`data: ${JSON.stringify(chunk)}\n\n`)
  }
  const delta = (index: number, content: Record<string, unknown>, finish: string | null = null): void =>
    emit([{ index, delta: content, logprobs: null, finish_reason: finish }], null)

  const lanes = speech.texts.map((text) => (text === '' ? [] : pieces(labelled(speech, text))))
  for (const index of lanes.keys()) delta(index, { role: 'assistant', content: '', refusal: null })
  const longest = Math.max(0, ...lanes.map((lane) => lane.length))
  for (let turn = 0; turn < longest; turn++) {
    for (const [index, lane] of lanes.entries()) {
      const piece = lane[turn]
      if (piece !== undefined) delta(index, { content: piece })
    }
  }
  if (speech.refusal !== undefined) {
    for (const index of lanes.keys()) for (const piece of pieces(speech.refusal)) delta(index, { refusal: piece })
  }
  for (const [position, tool] of (speech.tools ?? []).entries()) {
    for (const index of lanes.keys()) {
      delta(index, { tool_calls: [{ index: position, ...wireTool({ ...tool, arguments: '' }) }] })
      for (const piece of pieces(tool.arguments)) {
        delta(index, { tool_calls: [{ index: position, function: { arguments: piece } }] })
      }
    }
  }
  for (const index of lanes.keys()) delta(index, {}, finishOf(speech))
  if (cutting.includeUsage === true) emit([], usageOf(speech))
  events.push('data: [DONE]\n\n')
  return events
}

/** OpenAI's error body. */
export function openaiError(message: string, type: string, code: string | null = null): Record<string, unknown> {
  return { error: { message, type, param: null, code } }
}

/** Cuts a text before each word, so that the pieces joined are the text. */
export function beforeWords(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}

function envelopeOf(speech: Speech): Record<string, unknown> {
  return {
    id: speech.id ?? `chatcmpl-${createHash('sha256').update(speech.texts.join('\0')).digest('hex').slice(0, 24)}`,
    created: speech.created ?? 1_790_000_000,
    model: speech.model ?? 'gpt-5-mini',
    service_tier: 'default',
    system_fingerprint: 'fp_simulated',
  }
}

/** A text with the place of who says it in front. */
export function labelled(speech: Speech, text: string): string {
  return speech.region === undefined ? text : `[${speech.region}] ${text}`
}

function wireTool(tool: SpokenTool): Record<string, unknown> {
  return { id: tool.id, type: 'function', function: { name: tool.name, arguments: tool.arguments } }
}

function finishOf(speech: Speech): string {
  return speech.finish ?? (speech.tools === undefined ? 'stop' : 'tool_calls')
}

function usageOf(speech: Speech): Record<string, unknown> {
  const words = speech.texts.reduce((sum, text) => sum + beforeWords(text).length, 0)
  const { input, output } = speech.usage ?? { input: 12, output: words }
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
