import { Stream } from 'openai/core/streaming'
import { describe, expect, it } from 'vitest'
import type { ModelCall, ModelEvent } from '../../src/core/call.ts'
import { CustomhouseError } from '../../src/core/errors.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import {
  call,
  chatRecordings,
  chunk,
  decode,
  encode,
  JSON_TYPE,
  PROVIDERS,
  SSE,
  sse,
  streamCall,
  usageCall,
} from './calls.ts'

const end = chunk({}, { finish_reason: 'stop' })
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

/** Chunks as the SDK's own parser reads them. */
async function chunks(bytes: string | Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const read: unknown[] = []
  for await (const item of Stream.fromSSEResponse(new Response(bytes), new AbortController())) read.push(item)
  return read
}

/** Encodes with the texts of some lanes or pointers replaced. */
function edited(of: ModelCall, events: readonly ModelEvent[], replace: Readonly<Record<string, string>>): unknown[] {
  const encoder = openaiChat.encode(of)
  return events.map((event) => {
    const texts = event.parts.map(({ lane, pointer, text }) => replace[lane] ?? replace[pointer] ?? text)
    const bytes = Buffer.from(encoder.event(event, texts)).toString()
    return bytes === '' ? null : JSON.parse(bytes.replace(/^data: /, ''))
  })
}

describe('a stream, written anew', () => {
  it('is the same to the SDK, but not the bytes of the provider', async () => {
    const given = `: hello\nid: 7\nevent: message\r\ndata: { "choices" : [ ] ,\ndata: "x" : 1.0 , "usage" : {} }\n\n${sse(end)}`
    const written = encode(usageCall, decode(usageCall, given))
    expect(written).toBe(`data: {"choices":[],"x":1.0,"usage":{}}\n\n${sse(end, '[DONE]')}`)
    expect(await chunks(written)).toEqual([{ choices: [], x: 1, usage: {} }, end])
  })

  it('keeps lexemes and unknown members', () => {
    const data = '{"id":"c","choices":[{"index":0,"delta":{"content":"x"},"score":1.0}],"n":9007199254740993,"1":1e400}'
    const given = `data: ${data}\n\n${sse(end, '[DONE]')}`
    expect(encode(usageCall, decode(usageCall, given))).toBe(given)
  })

  it('says what it is', () => {
    expect(openaiChat.encode(streamCall).contentType).toBe('text/event-stream; charset=utf-8')
    expect(openaiChat.encode(call()).contentType).toBe('application/json')
    expect(Buffer.from(openaiChat.encode(streamCall).end()).toString()).toBe('data: [DONE]\n\n')
    expect(openaiChat.encode(call()).end()).toHaveLength(0)
  })

  const streams = chatRecordings(...PROVIDERS)?.filter(({ response }) => response.framing === 'sse')
  it.skipIf(streams === undefined)('every recording is the same to the SDK (skipped without fixtures)', async () => {
    for (const { file, response } of streams ?? []) {
      const original = await chunks(Uint8Array.from(response.bytes))
      const events = decode(usageCall, response.bytes)
      expect(await chunks(encode(usageCall, events)), file).toEqual(original)
      const hidden = original
        .filter((item) => !isUsageChunk(item))
        .map((item) => ({ ...Object(item), usage: undefined }))
      const seen = await chunks(encode(streamCall, events))
      expect(
        seen.map((item) => ({ ...Object(item), usage: undefined })),
        file,
      ).toEqual(hidden)
      // What include_usage adds is gone; a server that tells its usage unasked goes on doing so.
      for (const item of seen) expect(Object(item).usage).not.toBeNull()
    }
  })
})

function isUsageChunk(item: unknown): boolean {
  return Object(item).choices.length === 0 && typeof Object(item).usage === 'object' && Object(item).usage !== null
}

describe('usage that only we asked for', () => {
  const given = sse(
    { choices: [], prompt_filter_results: [] },
    { ...chunk({ content: 'x' }), usage: null },
    { ...end, usage },
    { id: 'c1', choices: [], usage },
    '[DONE]',
  )

  it('is hidden, and the empty chunk that carries it', () => {
    expect(encode(streamCall, decode(streamCall, given))).toBe(
      sse({ choices: [], prompt_filter_results: [] }, chunk({ content: 'x' }), { ...end, usage }, '[DONE]'),
    )
    const refused = call({ stream: true, stream_options: { include_usage: false } })
    expect(encode(refused, decode(refused, given)).match(/usage/g)).toHaveLength(1)
  })

  it('is counted all the same, and shown to who asked', () => {
    expect(decode(streamCall, given).at(-1)?.usage).toEqual({ inputTokens: 3, outputTokens: 2, totalTokens: 5 })
    expect(encode(usageCall, decode(usageCall, given))).toBe(given)
  })

  it('is always shown in a whole answer', () => {
    const body = JSON.stringify({ choices: [], usage })
    expect(encode(call(), decode(call(), body))).toBe(body)
  })
})

describe('edited texts', () => {
  const rich = {
    id: 'c1',
    obfuscation: 'abc',
    choices: [
      {
        index: 0,
        delta: {
          content: 'my card',
          audio: { data: 'AAAA', transcript: 'my card' },
          tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }],
        },
        logprobs: { content: [{ token: 'card', bytes: [99, 97, 114, 100] }] },
        finish_reason: null,
      },
    ],
  }

  it('stand where they stood', () => {
    const events = decode(streamCall, sse(rich, end, '[DONE]'))
    expect(
      edited(streamCall, events, { 'choices/0/content': 'my [x]', 'choices/0/tool_calls/0/function/arguments': '{}' }),
    ).toMatchObject([
      {
        id: 'c1',
        choices: [{ delta: { content: 'my [x]', tool_calls: [{ index: 0, function: { arguments: '{}' } }] } }],
      },
      end,
    ])
  })

  it('take their echoes with them: token probabilities, sound, padding', () => {
    const [first] = edited(streamCall, decode(streamCall, sse(rich, end, '[DONE]')), { 'choices/0/content': '' })
    expect(first).toEqual({
      id: 'c1',
      choices: [
        {
          index: 0,
          delta: {
            content: '',
            audio: { data: '', transcript: 'my card' },
            tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }],
          },
          logprobs: null,
          finish_reason: null,
        },
      ],
    })
  })

  it('that are the same change nothing', () => {
    expect(edited(streamCall, decode(streamCall, sse(rich, end, '[DONE]')), {})).toEqual([rich, end])
  })

  it('keep echoes away that come later', () => {
    const late = chunk({ audio: { data: 'BBBB' } }, { logprobs: { content: [{ token: 'card', bytes: [1] }] } })
    const [, second] = edited(
      streamCall,
      decode(streamCall, sse(chunk({ content: 'card' }), { ...late, obfuscation: 'p' }, end, '[DONE]')),
      { 'choices/0/content': 'x' },
    )
    expect(second).toEqual({ ...chunk({ audio: { data: '' } }, { logprobs: null }), obfuscation: 'p' })
  })

  it('token ids are echoes too (vLLM, SGLang), at once and later', () => {
    const late = chunk({ content: 'y' }, { token_ids: [3], finish_reason: 'stop' })
    const [first, second] = edited(
      streamCall,
      decode(streamCall, sse(chunk({ content: 'card' }, { token_ids: [1, 2] }), late, '[DONE]')),
      { 'choices/0/content': 'x' },
    )
    expect([first, second]).toEqual([chunk({ content: 'x' }), chunk({ content: 'x' }, { finish_reason: 'stop' })])
  })

  it('in whole answers too', () => {
    const message = { role: 'assistant', content: 'card', audio: { id: 'a', data: 'AAAA', transcript: 'card' } }
    const body = { choices: [{ index: 0, message, logprobs: { content: [] }, finish_reason: 'stop' }] }
    const [whole] = edited(call(), decode(call(), JSON.stringify(body)), { '/choices/0/message/content': 'x' })
    expect(whole).toEqual({
      choices: [
        {
          index: 0,
          message: { ...message, content: 'x', audio: { ...message.audio, data: '' } },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
    })
  })

  it('do not change the event: written twice, written the same', () => {
    const events = decode(streamCall, sse(rich, end, '[DONE]'))
    edited(streamCall, events, { 'choices/0/content': 'x' })
    expect(edited(streamCall, events, {})).toEqual([rich, end])
  })

  it.each<[string, (texts: readonly string[]) => readonly string[]]>([
    ['too few', (texts) => texts.slice(1)],
    ['too many', (texts) => [...texts, '']],
    ['a member name', (texts) => texts.map((text) => (text === 'jane' ? 'x' : text))],
  ])('a fault of ours: %s', (_, change) => {
    const [event] = decode(streamCall, sse({ ...chunk({ content: 'x' }), jane: 1 }, end, '[DONE]'))
    if (event === undefined) throw new Error('no event')
    const texts = event.parts.map(({ text }) => text)
    expect(() => openaiChat.encode(streamCall).event(event, change(texts))).toThrow(
      expect.objectContaining({ code: 'ERR_GATEWAY_INTERNAL' }),
    )
  })

  it('of a member whose name ends as member names are marked', () => {
    const events = decode(streamCall, sse(chunk({ 'c#': 'card' }), end, '[DONE]'))
    expect(edited(streamCall, events, { 'choices/0/c#': 'x' })[0]).toMatchObject({
      choices: [{ delta: { 'c#': 'x' } }],
    })
    const both = decode(streamCall, sse(chunk({ c: 'card', 'c#': 'card' }), end, '[DONE]'))
    const [event] = both
    const texts = event?.parts.map(({ lane, text }) => (lane.startsWith('@') && text === 'c' ? 'x' : text))
    expect(() => event && openaiChat.encode(streamCall).event(event, texts)).toThrow(CustomhouseError)
  })

  it('of a foreign frame are a fault of ours', () => {
    const event: ModelEvent = { kind: 'delta', parts: [], frame: { form: 'chunk' } }
    expect(() => openaiChat.encode(streamCall).event(event, undefined)).toThrow(CustomhouseError)
  })
})

describe('faults', () => {
  const error = { message: 'no', type: 'server_error', param: null, code: 'x' }

  it('of a whole answer are JSON, even where a stream was asked for; nothing comes after', () => {
    const events = decode(streamCall, JSON.stringify({ error }), 500, JSON_TYPE)
    const encoder = openaiChat.encode(streamCall)
    const bytes = events.map((event) => Buffer.from(encoder.event(event, undefined)).toString())
    expect(bytes).toEqual([JSON.stringify({ error })])
    expect(encoder.contentType).toBe('application/json')
    expect(encoder.end()).toHaveLength(0)
  })

  it('within a stream make the SDK raise; no [DONE] comes after', async () => {
    const written = encode(streamCall, decode(streamCall, sse(chunk({ content: 'x' }), { error }), 200, SSE))
    expect(written).toBe(sse(chunk({ content: 'x' }), { error }))
    await expect(chunks(written)).rejects.toMatchObject({ code: 'x', type: 'server_error', message: 'no' })
  })

  it('can be edited', () => {
    const events = decode(call(), JSON.stringify({ error: { ...error, message: 'no card' } }), 400, JSON_TYPE)
    expect(edited(call(), events, { '/error/message': 'no [x]' })).toEqual([{ error: { ...error, message: 'no [x]' } }])
  })
})
