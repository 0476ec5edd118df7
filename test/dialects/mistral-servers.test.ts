import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { mistralChat } from '../../src/dialects/mistral-chat/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { chunk, sse } from './calls.ts'
import { answer, end, question, SSE } from './mistral-client.ts'
import { type PassageOptions, passage } from './openai-chat.passage.ts'

describe('a client of Mistral, sent to a server of OpenAI', () => {
  const body = {
    model: 'auto',
    random_seed: 7,
    safe_prompt: false,
    tool_choice: 'any',
    tools: [{ function: { name: 'f' } }],
    messages: [
      {
        role: 'assistant',
        prefix: false,
        content: '',
        tool_calls: [{ id: 'a', function: { name: 'f', arguments: { a: [1.0, 'x'] } } }],
      },
      { role: 'tool', name: 'f', tool_call_id: 'a', content: 'x' },
    ],
  }
  const send = async (kind: PassageOptions['kind'], more: Readonly<Record<string, unknown>> = {}) => {
    const { fetch, passed } = passage({
      codec: mistralChat,
      prefix: '',
      ...(kind === undefined ? {} : { kind }),
      said: { body: answer({}) },
    })
    await fetch('http://g.invalid/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, ...more }),
    })
    return passed[0]?.sent
  }

  it.each(['openai', 'azure'] as const)('%s: what means the same has its name there', async (kind) => {
    expect(await send(kind)).toEqual({
      model: 'model-1',
      seed: 7,
      tool_choice: 'required',
      tools: [{ type: 'function', function: { name: 'f' } }],
      messages: [
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{"a":[1,"x"]}' } }],
        },
        { role: 'tool', name: 'f', tool_call_id: 'a', content: 'x' },
      ],
    })
  })

  it('what it means and OpenAI does not know is sent, and refused there', async () => {
    expect(await send('openai', { safe_prompt: true, prompt_mode: 'reasoning' })).toMatchObject({
      safe_prompt: true,
      prompt_mode: 'reasoning',
    })
  })

  it('to Mistral it goes as it came, but for ids that Mistral refuses', async () => {
    const sent = await send('mistral')
    expect(sent).toMatchObject({ random_seed: 7, safe_prompt: false, tool_choice: 'any' })
    expect(sent).toMatchObject({
      messages: [{ prefix: false, tool_calls: [{ function: { arguments: { a: [1, 'x'] } } }] }, {}],
    })
  })
})

describe('a client of OpenAI, sent to Mistral', () => {
  const ask = async (
    more: Readonly<Record<string, unknown>>,
    said: PassageOptions['said'] = { body: answer({ content: 'x' }) },
  ) => {
    const { fetch, passed } = passage({ codec: openaiChat, prefix: '/openai/v1', kind: 'mistral', said })
    await fetch('http://g.invalid/openai/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...question, ...more }),
    })
    return passed[0]?.sent
  }

  it.each<[string, Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>]>([
    ['nothing', {}, {}],
    ['a stream', { stream: true }, { stream: true }],
    ['usage of a stream', { stream: true, stream_options: { include_usage: true } }, { stream: true }],
    ['a limit', { max_completion_tokens: 5 }, { max_tokens: 5 }],
    ['two limits: the lesser', { max_completion_tokens: 5, max_tokens: 9 }, { max_tokens: 5 }],
    ['two limits, the other way', { max_tokens: 5, max_completion_tokens: 9 }, { max_tokens: 5 }],
    ['a limit of null', { max_completion_tokens: null, max_tokens: 9 }, { max_tokens: 9 }],
    ['a limit over a null', { max_tokens: null, max_completion_tokens: 9 }, { max_tokens: 9 }],
    ['a seed', { seed: 7 }, { random_seed: 7 }],
    ['a seed of each', { seed: 7, random_seed: 8 }, { random_seed: 8 }],
    [
      'what Mistral refuses is for Mistral to refuse',
      { logit_bias: { 1: 2 }, user: 'u' },
      { logit_bias: { 1: 2 }, user: 'u' },
    ],
  ])('%s', async (_, given, expected) => {
    const type = given.stream === true ? SSE : 'application/json'
    const said =
      given.stream === true ? { type, body: sse(chunk({ content: 'x' }), end, '[DONE]') } : { body: answer({}) }
    expect(await ask(given, said)).toEqual({ ...question, model: 'model-1', ...expected })
  })

  it('developers are system, and ids of tool calls are nine letters and digits, alike in call and result', async () => {
    const sent = await ask({
      messages: [
        { role: 'developer', content: 'be brief' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'x' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'abcDEF123', content: 'x' },
      ],
    })
    const text = JSON.stringify(sent)
    expect(text).toContain('"role":"system"')
    expect(text).not.toContain('call_1')
    const ids = [...text.matchAll(/"(?:id|tool_call_id)":"([^"]*)"/g)].map(([, id]) => id)
    expect(ids).toEqual([ids[0], ids[0], 'abcDEF123', 'abcDEF123'])
    expect(ids[0]).toMatch(/^[a-zA-Z0-9]{9}$/)
  })

  it("the SDK gets tool calls as OpenAI's: with index and type, arguments as text", async () => {
    const open = (said: PassageOptions['said']) =>
      new OpenAI({
        apiKey: 'k',
        baseURL: 'http://g.invalid',
        fetch: passage({ codec: openaiChat, prefix: '', kind: 'mistral', said }).fetch,
      })
    const calls = [
      { id: 'QFelWvSLu', function: { name: 'first', arguments: '{"a": 1}' } },
      { id: 'Jc4AR31Hp', function: { name: 'second', arguments: { b: 'two' } } },
    ]
    const expected = [
      { id: 'QFelWvSLu', type: 'function', function: { name: 'first', arguments: '{"a": 1}' } },
      { id: 'Jc4AR31Hp', type: 'function', function: { name: 'second', arguments: '{"b":"two"}' } },
    ]
    const whole = await open({
      body: answer({ content: '', tool_calls: calls }, 'tool_calls'),
    }).chat.completions.create({ ...question })
    expect(whole.choices[0]?.message.tool_calls).toMatchObject(expected)
    for (const chunks of [[chunk({ tool_calls: calls })], calls.map((one) => chunk({ tool_calls: [one] }))]) {
      const body = sse(
        chunk({ role: 'assistant', content: '' }),
        ...chunks,
        chunk({}, { finish_reason: 'tool_calls' }),
        '[DONE]',
      )
      const runner = open({ type: SSE, body }).chat.completions.stream({ ...question })
      expect((await runner.finalMessage()).tool_calls).toMatchObject(expected)
    }
  })
})
