import { HTTPClient, Mistral } from '@mistralai/mistralai'
import { MistralError } from '@mistralai/mistralai/models/errors'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import { mistralChat } from '../../src/dialects/mistral-chat/index.ts'
import { openaiChat } from '../../src/dialects/openai-chat/index.ts'
import { chatRecordings, chunk, decode, PROVIDERS, sse, streamCall } from './calls.ts'
import { leavesOf } from './leaves.ts'
import { ID, type PassageOptions, passage } from './openai-chat.passage.ts'

const SSE = 'text/event-stream'
const USAGE = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
const answer = (message: Readonly<Record<string, unknown>>, reason = 'stop'): string =>
  JSON.stringify({
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'model-1',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: reason }],
    usage: USAGE,
  })
const end = chunk({}, { finish_reason: 'stop' })
const piece = (given: Readonly<Record<string, unknown>>, index = 0) => ({ index, ...given })

function start(options: Omit<PassageOptions, 'codec' | 'prefix'>) {
  const { fetch, passed } = passage({ codec: mistralChat, prefix: '/mistral', ...options })
  const httpClient = new HTTPClient({ fetcher: (input, init) => fetch(input, init) })
  const client = new Mistral({ apiKey: 'k', serverURL: 'http://gateway.invalid/mistral', httpClient })
  return { passed, chat: client.chat }
}

const question = { model: 'auto', messages: [{ role: 'user' as const, content: 'hello' }] }

async function streamed(options: Omit<PassageOptions, 'codec' | 'prefix'>) {
  const { chat, passed } = start(options)
  const chunks = []
  for await (const { data } of await chat.stream(question)) chunks.push(data)
  const choices = chunks.flatMap((one) => one.choices)
  return {
    passed,
    chunks,
    content: choices
      .map(({ delta }) => delta.content)
      .filter((text) => typeof text === 'string')
      .join(''),
    calls: choices.flatMap(({ delta }) => delta.toolCalls ?? []),
    reasons: choices.map(({ finishReason }) => finishReason).filter((reason) => reason !== null),
    usage: chunks.flatMap(({ usage }) => usage ?? []),
  }
}

describe('the client of Mistral', () => {
  it('whole', async () => {
    const { chat, passed } = start({ kind: 'mistral', said: { body: answer({ content: 'Hello' }) } })
    const got = await chat.complete(question)
    expect(got.choices[0]?.message?.content).toBe('Hello')
    expect(passed[0]).toMatchObject({ path: '/v1/chat/completions', call: { dialect: 'openai.chat', model: 'auto' } })
    expect(passed[0]?.sent).toEqual({ ...question, model: 'model-1', stream: false })
  })

  it.each<[string, PassageOptions['kind'], readonly unknown[]]>([
    [
      "Mistral's stream",
      'mistral',
      [
        chunk({ role: 'assistant', content: '' }),
        chunk({ content: 'Hel' }),
        chunk({ content: 'lo' }),
        { ...chunk({ content: '' }, { finish_reason: 'stop' }), usage: USAGE, p: 'abc' },
      ],
    ],
    [
      "OpenAI's stream, whose usage comes in a chunk of its own and is null before",
      'openai',
      [
        { ...chunk({ role: 'assistant', content: '', refusal: null }), usage: null, obfuscation: 'x' },
        { ...chunk({ content: 'Hel' }), usage: null },
        { ...chunk({ content: 'lo' }), usage: null },
        { ...end, usage: null },
        { ...chunk({}), choices: [], usage: USAGE },
      ],
    ],
    [
      "Azure's stream, which begins without a choice",
      'azure',
      [
        { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [] },
        chunk({ content: 'Hel' }),
        chunk({ content: 'lo' }),
        end,
        { ...chunk({}), choices: [], usage: USAGE },
      ],
    ],
  ])('%s', async (_, kind, chunks) => {
    const got = await streamed({
      ...(kind === undefined ? {} : { kind }),
      said: { type: SSE, body: sse(...chunks, '[DONE]') },
    })
    expect(got).toMatchObject({ content: 'Hello', reasons: ['stop'], usage: [{ promptTokens: 1, totalTokens: 3 }] })
    expect(got.chunks.at(-1)?.usage).toBeDefined()
    for (const { choices } of got.chunks) expect(choices.length).toBeGreaterThan(0)
  })

  it('tools, whose pieces come together: two calls, side by side', async () => {
    const chunks = [
      chunk({ role: 'assistant', content: null }),
      chunk({ tool_calls: [piece({ id: 'call_a', type: 'function', function: { name: 'first', arguments: '' } })] }),
      chunk({ tool_calls: [piece({ function: { arguments: '{"a"' } })] }),
      chunk({
        tool_calls: [piece({ id: 'call_b', type: 'function', function: { name: 'second', arguments: '{}' } }, 1)],
      }),
      chunk({ tool_calls: [piece({ function: { arguments: ':1}' } })] }),
      chunk({}, { finish_reason: 'tool_calls' }),
      { ...chunk({}), choices: [], usage: USAGE },
    ]
    const got = await streamed({ said: { type: SSE, body: sse(...chunks, '[DONE]') } })
    expect(got.calls).toEqual([
      { id: 'call_a', type: 'function', index: 0, function: { name: 'first', arguments: '{"a":1}' } },
      { id: 'call_b', type: 'function', index: 1, function: { name: 'second', arguments: '{}' } },
    ])
    expect(got).toMatchObject({ reasons: ['tool_calls'], usage: [{ totalTokens: 3 }] })
  })

  it('a call of a choice that never finishes is not lost', async () => {
    const call = { tool_calls: [piece({ id: 'c', function: { name: 'f', arguments: '{}' } })] }
    const other = { ...chunk({}), choices: [{ index: 1, delta: { content: 'x' }, finish_reason: 'stop' }] }
    const got = await streamed({ said: { type: SSE, body: sse(chunk(call), other, '[DONE]') } })
    expect(got.calls).toMatchObject([{ id: 'c', function: { name: 'f', arguments: '{}' } }])
  })

  it('content in chunks', async () => {
    const thinking = [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }]
    const { chat } = start({ said: { body: answer({ content: [...thinking, { type: 'text', text: '4' }] }) } })
    expect((await chat.complete(question)).choices[0]?.message?.content).toMatchObject([
      { type: 'thinking', thinking: [{ text: 'hm' }] },
      { type: 'text', text: '4' },
    ])
    const got = await streamed({
      said: { type: SSE, body: sse(chunk({ content: thinking }), chunk({ content: '4' }), end, '[DONE]') },
    })
    expect(got.content).toBe('4')
    expect(got.chunks[0]?.choices[0]?.delta.content).toMatchObject(thinking)
  })

  it('denied: 403, asked once, in its shape', async () => {
    const denied = new CustomhouseError('ERR_POLICY_DENIED', 'not from here')
    const { chat, passed } = start({ denied, said: { body: '' } })
    const raised = await chat.complete(question).catch((error: unknown) => error)
    if (!(raised instanceof MistralError)) throw new Error('nothing of the SDK was raised')
    expect(raised.statusCode).toBe(403)
    expect(JSON.parse(raised.body)).toEqual({
      object: 'error',
      message: 'not from here',
      type: 'policy_denied',
      param: null,
      code: 'policy_denied',
    })
    expect(raised.headers.get('mistral-correlation-id')).toBe(ID)
    expect(passed).toHaveLength(1)
  })

  it.each<[number, string]>([
    [401, 'ERR_IDENTITY_INVALID'],
    [404, 'ERR_CALL_UNKNOWN_MODEL'],
    [429, 'ERR_QUOTA_EXHAUSTED'],
    [503, 'ERR_LEDGER_UNAVAILABLE'],
  ])('refused with %i', async (status, code) => {
    const denied = new CustomhouseError(
      code === 'ERR_IDENTITY_INVALID'
        ? code
        : code === 'ERR_CALL_UNKNOWN_MODEL'
          ? code
          : code === 'ERR_QUOTA_EXHAUSTED'
            ? code
            : 'ERR_LEDGER_UNAVAILABLE',
      'm',
    )
    const { chat, passed } = start({ denied, said: { body: '' } })
    await expect(chat.complete(question)).rejects.toMatchObject({ statusCode: status })
    expect(passed).toHaveLength(1)
  })

  it('cut off: the stream ends with the finish reason error, and says why beside it', async () => {
    const cut = { after: 2, error: new CustomhouseError('ERR_POLICY_DENIED', 'no further') }
    const body = sse(chunk({ content: 'Hel' }), chunk({ content: 'lo' }), chunk({ content: '!' }), end, '[DONE]')
    expect(await streamed({ cut, said: { type: SSE, body } })).toMatchObject({ content: 'Hello', reasons: ['error'] })
    const { fetch } = passage({ codec: mistralChat, prefix: '', cut, said: { type: SSE, body } })
    const written = await fetch('http://g.invalid/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...question, stream: true }),
    })
    const text = await written.text()
    expect(text).not.toContain('[DONE]')
    const last: unknown = JSON.parse(text.trim().split('\n').at(-1)?.slice(6) ?? '')
    expect(last).toMatchObject({
      id: 'c1',
      model: 'model-1',
      choices: [{ index: 0, finish_reason: 'error' }],
      error: { type: 'policy_denied', code: 'policy_denied', message: 'no further' },
    })
  })

  it('cut off behind a finish, or before anything was said: error all the same', async () => {
    const error = new CustomhouseError('ERR_POLICY_DENIED', 'no further')
    const body = sse(
      chunk({ content: 'x' }),
      { ...end, usage: null },
      { ...chunk({}), choices: [], usage: USAGE },
      '[DONE]',
    )
    for (const after of [0, 2]) {
      expect((await streamed({ cut: { after, error }, said: { type: SSE, body } })).reasons).toEqual(['error'])
    }
  })

  it.each<[string, number, unknown, unknown]>([
    [
      'its own',
      400,
      { object: 'error', message: 'no', type: 'invalid_model', param: null, code: '1500' },
      { message: 'no', type: 'invalid_model', code: '1500' },
    ],
    [
      'of OpenAI',
      404,
      { error: { message: 'no', type: 't', param: null, code: 'c' } },
      { message: 'no', type: 't', code: 'c' },
    ],
    ['in words', 500, { error: 'no' }, { message: 'no' }],
  ])("an error of the provider's: %s", async (_, status, said, expected) => {
    const { chat } = start({ said: { status, body: JSON.stringify(said) } })
    const raised = await chat.complete(question).catch((error: unknown) => error)
    if (!(raised instanceof MistralError)) throw new Error('nothing of the SDK was raised')
    expect(raised.statusCode).toBe(status)
    expect(JSON.parse(raised.body)).toMatchObject({ object: 'error', ...Object(expected) })
  })

  it("an error of the provider's within a stream", async () => {
    const said = { object: 'error', message: 'no', type: 't', code: '1' }
    const got = await streamed({ said: { type: SSE, body: sse(chunk({ content: 'x' }), said) } })
    expect(got).toMatchObject({ content: 'x', reasons: ['error'] })
  })

  it('edited text is what its stream holds', async () => {
    const call = mistralChat.read({
      id: ID,
      method: 'POST',
      path: '/v1/chat/completions',
      query: '',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ ...question, stream: true })),
      principal: { subject: 's', tenant: 't', groups: [], keyId: 'k' },
    })
    const decoder = mistralChat.decode(call, 200, { 'content-type': SSE })
    const given = {
      tool_calls: [piece({ id: 'c', type: 'function', function: { name: 'f', arguments: '{"to":"Jane"}' } })],
    }
    const events = decoder.push(Buffer.from(sse({ ...chunk(given), p: 'abcd' }, end)))
    const encoder = mistralChat.encode(call)
    const written = events.map((event) =>
      encoder.event(
        event,
        event.parts.map(({ text }) => text.replace('Jane', 'X')),
      ),
    )
    const text = Buffer.concat([...written, encoder.end()]).toString()
    expect(text).toContain('{\\"to\\":\\"X\\"}')
    expect(text).not.toMatch(/Jane|abcd/)
  })
})

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

const all = chatRecordings(...PROVIDERS)

describe.skipIf(all === null)(
  'recordings, whoever answered, to the client of Mistral (skipped without fixtures)',
  () => {
    const good = all?.filter(({ response }) => response.status === 200) ?? []
    const stream = good.filter(({ response }) => response.framing === 'sse')

    it('every stream: the SDK takes every chunk, and gets the text and the calls that were sent', async () => {
      let tools = 0
      for (const { file, response } of stream) {
        const got = await streamed({ said: { type: SSE, body: response.bytes.toString() } })
        const { content, calls } = said(response.bytes.toString())
        expect(got.content, file).toBe(content)
        expect(
          got.calls.map((call) => [call.function.name, call.function.arguments]),
          file,
        ).toEqual(calls)
        expect(got.reasons.length, file).toBe(1)
        tools += calls.length
      }
      expect(stream.length).toBeGreaterThan(20)
      expect(tools).toBeGreaterThan(5)
    })

    it('every stream: what is written was a part, or the parts of one lane together', () => {
      for (const { file, response } of stream) {
        const events = decode(streamCall, response.bytes, 200, { 'content-type': SSE })
        const lanes = new Map<string, string>()
        for (const { lane, text } of events.flatMap(({ parts }) => parts))
          lanes.set(lane, (lanes.get(lane) ?? '') + text)
        const seen = new Set([...lanes.values(), ...events.flatMap(({ parts }) => parts.map(({ text }) => text))])
        const encoder = mistralChat.encode(streamCall)
        const written = Buffer.concat([
          ...events.map((event) => encoder.event(event, undefined)),
          encoder.end(),
        ]).toString()
        for (const line of written.split('\n')) {
          if (!line.startsWith('data: {')) continue
          for (const { text } of leavesOf(JSON.parse(line.slice(6)))) expect(seen, file).toContain(text)
        }
      }
    })

    it('every whole answer', async () => {
      for (const { file, response } of good) {
        if (response.framing === 'sse') continue
        const { chat } = start({ said: { body: response.bytes.toString() } })
        const got = await chat.complete(question).catch((error: unknown) => error)
        // A 200 that holds an error is one: the SDK raises.
        const failed = response.bytes.includes('"error"')
        expect(got instanceof Error ? got.message : '', file).toBe(failed ? 'Response validation failed' : '')
      }
    })
  },
)

/** Text and calls of a stream, joined without any code of the product. */
function said(body: string): { content: string; calls: readonly (readonly [string, string])[] } {
  let content = ''
  const calls = new Map<unknown, [string, string]>()
  for (const line of body.split(/\r?\n/)) {
    if (!line.startsWith('data: {')) continue
    for (const { delta } of JSON.parse(line.slice(6)).choices) {
      if (typeof delta?.content === 'string') content += delta.content
      for (const call of delta?.tool_calls ?? []) {
        const known = calls.get(call.index) ?? ['', '']
        calls.set(call.index, [known[0] + (call.function?.name ?? ''), known[1] + (call.function?.arguments ?? '')])
      }
    }
  }
  return { content, calls: [...calls.values()] }
}
